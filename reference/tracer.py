"""Lists every element of a stream with its place, descriptor, value and clause.

On request it also lists every bin of the arithmetic coder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from nnc_conformance.reference.driver import Driver, RecordedCodeword, Watcher
from nnc_conformance.reference.entropy.coding import EVENT_FIELDS, BinTrace
from nnc_conformance.reference.entropy.contexts import context_name, element_name
from nnc_conformance.reference.entropy.plain import BYPASS_BIN, CONTEXT_BIN
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.syntax.elements import ELEMENTS, clause_of
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import UNKNOWN_TYPE, Unit, unit_type_name
from nnc_conformance.reference.syntax.walker import Element
from nnc_conformance.reference.updates.base_model import BaseModel

LONGEST_VALUE: Final = 48
"""Characters of a value before it is cut."""


@dataclass(frozen=True)
class BinState:
    """One bin of the arithmetic coder, with the coder's state before it.

    Attributes:
        kind: ``ae(v)``, ``bypass`` or ``terminate``.
        context: Name of its context; empty for a bin without one.
        ivl_curr_range: IvlCurrRange.
        ivl_offset: IvlOffset.
        state: Probability state sum of the context, 16 * S0 + S1; 0 without a context.
        renormalisation: Bits shifted in after it.
        index: Number of the index in coded order; -1 in the tensor's head.
    """

    kind: str
    context: str
    ivl_curr_range: int
    ivl_offset: int
    state: int
    renormalisation: int
    index: int


@dataclass(frozen=True)
class TraceLine:
    """One element as read.

    Attributes:
        unit: Number of its unit in the stream.
        unit_type: Name of the unit's type.
        byte: First byte in the stream.
        bit: First bit in that byte, 0 the most significant.
        path: Names of the structures around it.
        element: Name, with its index if it is an array element.
        descriptor: Descriptor, such as ``u(8)``; ``ae(v)``, ``bypass`` or ``terminate`` for a bin.
        value: Value as read.
        length: Length in bits.
        clause: Clause and structure.
        provenance: V verified, P published, I inferred.
        bin: The coder's state, for a bin of an arithmetic codeword.
    """

    unit: int
    unit_type: str
    byte: int
    bit: int
    path: tuple[str, ...]
    element: str
    descriptor: str
    value: Any
    length: int
    clause: str
    provenance: str
    bin: BinState | None = None


def trace(
    stream: bytes,
    *,
    bins: bool = False,
    limits: DecodeLimits | None = None,
    interpretation: Interpretation | None = None,
    lenient: bool = False,
    base: BaseModel | None = None,
    unit: int | None = None,
    most_bins: int | None = None,
    left_out: dict[int, int] | None = None,
) -> Iterator[TraceLine]:
    """Yield the elements of a stream in order.

    Those of an arithmetic codeword follow their unit.

    Args:
        stream: The bitstream.
        bins: Yield a line for each bin of the codewords too.
        limits: Bounds on the decode; the defaults of `DecodeLimits` if None.
        interpretation: One choice for each disputed point; the defaults of `Interpretation` if
            None.
        lenient: Forgive broken rules of policy ``may``.
        base: The model before the stream, as for `decode` (second edition).
        unit: Number of the only unit to yield; None for all.
        most_bins: Most bins to keep and yield, 72 bytes each; None for all.
        left_out: Filled with the number of bins left out of each unit that has more.

    Raises:
        NoUnitError: The stream does not have ``unit``.
        StreamError: The stream breaks a rule; the lines before that place have been yielded.
    """
    options = DecoderOptions(interpretation or Interpretation(), lenient, limits or DecodeLimits(), kernel="plain", base=base)
    watcher = _Lines(bins=bins, unit=unit, most_bins=most_bins, left_out={} if left_out is None else left_out)
    yield from _of_unit((line for lines in Driver(stream, watcher, options).noted(watcher.lines) for line in lines), unit)


class NoUnitError(NNCError):
    """A unit that is to be traced, and that the stream does not have."""


def _of_unit(lines: Iterable[TraceLine], unit: int | None) -> Iterator[TraceLine]:
    """Yield the lines of one unit, or all for None.

    Raise `NoUnitError` at the end of a stream that lacks it.
    """
    last, found = -1, unit is None
    for line in lines:
        last = max(last, line.unit)
        if unit is None or line.unit == unit:
            found = True
            yield line
    if not found:
        raise NoUnitError(f"there is no unit {unit}; the units of the stream are 0 to {last}")


def value_text(value: Any) -> str:
    """Format the value of an element in at most `LONGEST_VALUE` characters."""
    if isinstance(value, bytes):
        return value.hex(" ") if len(value) <= 12 else f"{value[:10].hex(' ')} ... {len(value)} bytes"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


class _Lines(Watcher):
    """Keeps lines until they are yielded.

    Those of a codeword are made one at a time.
    """

    def __init__(self, *, bins: bool, unit: int | None, most_bins: int | None, left_out: dict[int, int]) -> None:
        self.bins, self.only = bins, unit
        self.room, self.left_out = most_bins, left_out
        self.lines: list[Iterable[TraceLine]] = []
        self._untyped: list[list[TraceLine]] = []

    def element(self, element: Element) -> None:
        """Keep the line of an element, and complete earlier lines of its unit.

        The unit's type becomes known only after its first elements.
        """
        row = ELEMENTS[element.name]
        line = TraceLine(
            element.unit, element.unit_type, element.bit >> 3, element.bit & 7, element.path, element.label, element.descriptor,
            element.value, element.end_bit - element.bit, clause_of(element.name), row.provenance.value,
        )  # fmt: skip
        own = [line]
        self.lines.append(own)
        if element.unit_type == UNKNOWN_TYPE:
            self._untyped.append(own)
            return
        for before in self._untyped:
            if before[0].unit == line.unit:
                before[0] = replace(before[0], unit_type=line.unit_type)
        self._untyped.clear()

    def bin_trace(self, unit: Unit) -> BinTrace:
        """Return a record for the bins that are asked for.

        It keeps as many bins as there is still room for.
        """
        asked = self.only in (None, unit.number)
        return BinTrace(self.room if asked else 0, heads_only=not self.bins or not asked)

    def data_unit(self, unit: Unit, header: DataUnitHeader, codeword: RecordedCodeword | None) -> None:
        """Keep the bins of a unit's codeword, if they are asked for, as lines."""
        if codeword is None or self.only not in (None, unit.number):
            return
        self.lines.append(_bin_lines(unit, codeword.trace, bins=self.bins))
        if self.room is not None:
            self.room -= len(codeword.trace.events)
        if codeword.trace.left_out:
            self.left_out[unit.number] = codeword.trace.left_out


def _bin_lines(unit: Unit, record: BinTrace, *, bins: bool) -> Iterator[TraceLine]:
    """Yield a line for each bin of a codeword.

    Without ``bins``, only for those in the heads of tensors.
    """
    starts = [min(first, len(record.events)) for first in (*record.first_events, len(record.events))]
    for tensor, layout in enumerate(record.layouts):
        for number in range(starts[tensor], starts[tensor + 1]):
            event = dict(zip(EVENT_FIELDS, record.events[number].tolist(), strict=True))
            if not bins and event["index"] >= 0:
                break
            name, context = element_name(layout, event["element"]), event["element"]
            kind = {CONTEXT_BIN: "ae(v)", BYPASS_BIN: "bypass"}.get(event["kind"], "terminate")
            state = BinState(
                kind, context_name(layout, context) if kind == "ae(v)" else "", event["range"], event["offset"], event["state"],
                event["renormalisation"], event["index"],
            )  # fmt: skip
            at = unit.stream_bit(event["position"])
            row = ELEMENTS[name.partition("[")[0]]
            yield TraceLine(
                unit.number, unit_type_name(unit.unit_type), at >> 3, at & 7, (f"tensor[{tensor}]",), name, kind,
                event["bin"], event["renormalisation"], clause_of(name), row.provenance.value, state,
            )  # fmt: skip
