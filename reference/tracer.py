"""The trace: every element of a stream with its place, descriptor, value and clause, down to the coder's bins on request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnc_conformance.reference.decoder import Decoding
from nnc_conformance.reference.entropy.coding import EVENT_FIELDS, BinTrace
from nnc_conformance.reference.entropy.contexts import context_name, element_name
from nnc_conformance.reference.entropy.plain import BYPASS_BIN, CONTEXT_BIN
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.payload import DataUnitDecoder
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import Unit
from nnc_conformance.reference.syntax.elements import ELEMENTS, clause_of
from nnc_conformance.reference.syntax.structures.unit import NNR_NDU, unit_type_name
from nnc_conformance.reference.syntax.walker import Element


@dataclass(frozen=True)
class BinState:
    """One bin of the arithmetic coder: how it was coded, its context (a name, empty for none), and the coder before it."""

    kind: str
    context: str
    ivl_curr_range: int
    ivl_offset: int
    state: int
    renormalisation: int
    index: int


@dataclass(frozen=True)
class TraceLine:
    """One element as met: number and type of its unit, byte and bit offset in the stream, the structures around it, its length in bits."""

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
) -> Iterator[TraceLine]:
    """Yields the elements of a stream in order, those of an arithmetic codeword after their unit.

    With ``bins`` each bin of the codewords is a line too. Raises `StreamError` where decoding would, after the lines before that place.
    """
    interpretation = interpretation or Interpretation()
    payloads = DataUnitDecoder(interpretation, lenient, 1, [], "plain")
    decoding = Decoding(limits or DecodeLimits(), payloads)
    lines: list[TraceLine] = []
    units = read_units(
        stream,
        decoding.context(),
        interpretation=interpretation,
        lenient=lenient,
        observer=lambda element: lines.append(_line(element)),
        reports=payloads.reports,
    )
    while True:
        try:
            unit = next(units, None)
        finally:
            yield from lines
            lines.clear()
        if unit is None:
            return
        yield from _codewords(unit, decoding, bins=bins)


def _line(element: Element) -> TraceLine:
    """The line of a high-level element."""
    row = ELEMENTS[element.name]
    return TraceLine(
        element.unit, element.unit_type, element.bit >> 3, element.bit & 7, element.path, element.label, element.descriptor,
        element.value, element.end_bit - element.bit, clause_of(element.name), row.provenance.value,
    )  # fmt: skip


def _codewords(unit: Unit, decoding: Decoding, *, bins: bool) -> Iterator[TraceLine]:
    """The lines of the arithmetic codeword of an NDU, or of those in an aggregate."""
    for inner in unit.units:
        yield from _codewords(inner, decoding, bins=bins)
    if unit.unit_type != NNR_NDU or not unit.complete:
        return
    record = BinTrace()
    try:
        decoding.take_data(unit, unit.facts, record)
    finally:
        yield from _bin_lines(unit, record, bins=bins)


def _bin_lines(unit: Unit, record: BinTrace, *, bins: bool) -> Iterator[TraceLine]:
    """Each bin as a line, or each run of bins of a tensor's head and the count of its indexes."""
    starts = [*record.first_events, len(record.events)]
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
