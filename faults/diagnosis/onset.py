"""The onset of a failure: the first symbol that the decoder decoded wrongly.

Also what is around it in the stream.
"""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.driver import RecordedCodeword, Watcher, record
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.quantization.scan import in_scan_order
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_RAW_FLOAT, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit, unit_type_name
from nnc_conformance.reference.tracer import TraceLine, trace
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.suites.judging.compare import compare_tensor, value_text
from nnc_conformance.suites.results.differences import DifferenceKind, TensorDifference
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult

AROUND: Final = 2
"""Symbols before and after the first wrong one whose bins are shown."""


@dataclass(frozen=True)
class Onset:
    """Where a failing case goes wrong.

    Args:
        unit: Number of the unit.
        unit_type: Its type.
        byte: Byte of the stream.
        bit: Bit in this byte.
        element: The element.
        clause: Its clause and structure.
        reading: What is seen there, in words.
        tensor: Id of the tensor, if values differ.
        index: Index of the first wrong element in it.
        coded_index: Number of its symbol in coded order.
        expected: The value it must have.
        actual: The value it has.
        exact: Whether no earlier symbol can be at fault; without the decoder's output only the
            first difference in row order is known.
        lines: The bins, or the elements, around it.
        step: Number of the stream in a session of several; None for a single stream.
    """

    unit: int
    unit_type: str
    byte: int
    bit: int
    element: str
    clause: str
    reading: str
    tensor: str = ""
    index: tuple[int, ...] = ()
    coded_index: int | None = None
    expected: str = ""
    actual: str = ""
    exact: bool = True
    lines: tuple[TraceLine, ...] = field(default=())
    step: int | None = None


@dataclass(frozen=True)
class _Coded:
    """One tensor as coded.

    It has its unit and header, its number in the codeword, its id, and the codeword.
    """

    unit: Unit
    header: DataUnitHeader
    number: int
    id: str
    codeword: RecordedCodeword | None

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of each element in coded order, int64 (elements,)."""
        assert self.codeword is not None
        coding = self.codeword.codings[self.number]
        return self.in_coded_order(np.arange(coding.count) // max(coding.columns, 1))

    def in_coded_order(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sort values (elements,), given in row-major order, into the order in which they are
        coded.
        """
        if self.codeword is None or self.header.mapping is not None:
            return values
        return in_scan_order(values, self.codeword.codings[self.number].area)


class _DataUnits(Watcher):
    """Keeps the tensors of all data units."""

    def __init__(self) -> None:
        self.coded: list[_Coded] = []

    def data_unit(self, unit: Unit, header: DataUnitHeader, codeword: RecordedCodeword | None) -> None:
        """Keep the unit's tensors in coded order."""
        ids = [part.id for part in codeword.parts] if codeword is not None and header.mapping is None else list(header.ids)
        self.coded += [_Coded(unit, header, number, name, codeword) for number, name in enumerate(ids)]


def onset(
    case: CaseResult, stream: bytes, expected: Tensors | None, actual: Mapping[str, NDArray[Any]] | None, base: BaseModel | None = None
) -> Onset | None:
    """Find the onset of a failing case.

    Return None if nothing shows a place, as for a crash or a wrong topology.

    Args:
        case: The case.
        stream: Its stream; of a session, that of the failing step.
        expected: The tensors that the stream codes.
        actual: The decoder's tensors by name; None if they are not known.
        base: The model before the stream, in a session.
    """
    if case.outcome is Outcome.WRONGLY_ACCEPTED:
        return _unenforced(stream, base)
    if case.outcome is Outcome.REFUSED:
        return _refused(case, stream, base)
    if expected is None or not (case.differences or actual is not None):
        return None
    if actual is not None:
        found = {name: compare_tensor(name, expected[name], actual[name]) for name in expected.keys() & actual.keys()}
        differences = {name: one for name, one in found.items() if one is not None}
    else:
        differences = {one.tensor: one for one in case.differences}
    units = _DataUnits()
    record(stream, units, base=base)
    for coded in units.coded:
        if actual is not None and coded.id in expected and coded.id not in actual:
            return _at_unit(coded, "topology_elem_id", f"tensor {coded.id!r} is missing from the output")
        if coded.id in differences:
            own = actual[coded.id] if actual is not None else None
            return _of_tensor(coded, differences[coded.id], (stream, base), expected[coded.id], own)
    return None


def _unenforced(stream: bytes, base: BaseModel | None) -> Onset | None:
    """Return the place at which the reference refuses a bad stream; None if it decodes."""
    try:
        decode(stream, base=base)
    except StreamError as error:
        place = error.place
        reading = f"the rule {error.rule} is not enforced: {error.detail}"
        name = place.element
        lines = _before(stream, place.byte, base)
        return Onset(place.unit, place.unit_type, place.byte, place.bit, name, place.clause, reading, lines=lines)
    return None


def _before(stream: bytes, byte: int, base: BaseModel | None) -> tuple[TraceLine, ...]:
    """Return the last elements and bins that the reference reads up to a byte."""
    lines: deque[TraceLine] = deque(maxlen=2 * AROUND + 1)
    with suppress(StreamError):
        lines.extend(line for line in takewhile(lambda line: line.byte <= byte, trace(stream, bins=True, base=base)))
    return tuple(lines)


def _refused(case: CaseResult, stream: bytes, base: BaseModel | None) -> Onset | None:
    """Return the element at the place where the decoder reports to have refused.

    The stream is a good one. The result is None if the decoder reports no place.
    """
    if case.byte is None:
        return None
    lines = _before(stream, case.byte, base)
    if not lines:
        return None
    last = lines[-1]
    reading = f"refused{f' as {case.category_seen}' if case.category_seen else ''} here, although the stream is good and continues"
    return Onset(last.unit, last.unit_type, last.byte, last.bit, last.element, last.clause, reading, lines=lines)


def _at_unit(coded: _Coded, element: str, reading: str) -> Onset:
    unit = coded.unit
    name = unit_type_name(unit.unit_type)
    return Onset(unit.number, name, unit.offset, 0, element, clause_of(element), reading, tensor=coded.id)


def _of_tensor(
    coded: _Coded, difference: TensorDifference, read: tuple[bytes, BaseModel | None], expected: NDArray[Any], actual: NDArray[Any] | None
) -> Onset:
    """Find the first wrong symbol in coded order of a tensor, and what was misread.

    A wrong type or shape is placed at the element of the header that decides it.

    Args:
        coded: The tensor as coded.
        difference: How the decoder's tensor differs.
        read: The stream, and the model before it.
        expected: The right values.
        actual: The decoder's values; None if they are not known.
    """
    if difference.kind is DifferenceKind.DTYPE:
        reading = f"the type is {difference.actual}, not {difference.expected}"
        return _at_unit(coded, "nnr_compressed_data_unit_payload_type", reading)
    if difference.kind is not DifferenceKind.VALUE or difference.index is None:
        return _at_unit(coded, "tensor_dimensions", f"the dimensions are {difference.actual}, not {difference.expected}")
    if actual is not None:
        bits = np.dtype(f"u{expected.dtype.itemsize}")
        flags = np.ascontiguousarray(expected).view(bits).reshape(-1) != np.ascontiguousarray(actual).view(bits).reshape(-1)
    else:
        flags = np.zeros(prod(expected.shape), np.bool_)
        flags[int(np.ravel_multi_index(difference.index, expected.shape)) if expected.shape else 0] = True
    coded_index = int(np.flatnonzero(coded.in_coded_order(flags))[0])
    places = coded.in_coded_order(np.arange(flags.size))
    flat = int(places[coded_index])
    index = tuple(int(i) for i in np.unravel_index(flat, expected.shape)) if expected.shape else ()
    found = _symbol(coded, coded_index, *read)
    wanted = str(expected.reshape(-1)[flat])
    given = str(actual.reshape(-1)[flat]) if actual is not None else (difference.actual or "")
    if actual is not None and wanted == given:  # NaNs that differ in their bits
        wanted, given = (value_text(array, flat) for array in (expected, actual))
    base = read[1]
    parent = base.parameters.get(coded.id) if base is not None else None
    element, reading = _reading(coded, found, expected, actual, flat, coded_index, parent)
    return replace(
        found,
        element=element,
        clause=clause_of(element),
        reading=reading,
        tensor=coded.id,
        index=index,
        coded_index=coded_index,
        expected=wanted,
        actual=given,
        exact=actual is not None or coded.header.scan_order == 0,
    )


def _symbol(coded: _Coded, coded_index: int, stream: bytes, base: BaseModel | None) -> Onset:
    """Find the place of a symbol in the stream, with the bins around it.

    Args:
        coded: The tensor as coded.
        coded_index: Number of the symbol in coded order.
        stream: The stream.
        base: The model before the stream, in a session.
    """
    unit, name = coded.unit, unit_type_name(coded.unit.unit_type)
    if coded.header.payload_type == NNR_PT_RAW_FLOAT or coded.codeword is None:
        at = unit.stream_bit(32 * coded_index)
        element = "raw_float32_parameter"
        return Onset(unit.number, name, at >> 3, at & 7, element, clause_of(element), "")
    path = (f"tensor[{coded.number}]",)
    own = [line for line in trace(stream, bins=True, base=base) if line.bin is not None and line.unit == unit.number and line.path == path]
    skips = [line for line in own if line.element == "row_skip_list"]
    skipped = _skipped_symbols(coded, [bool(line.value) for line in skips])
    if skipped[coded_index]:
        row = int(coded.rows[coded_index])
        here = skips[row]
        return Onset(unit.number, name, here.byte, here.bit, here.element, here.clause, "", lines=tuple(skips[: row + 1][-2 * AROUND :]))
    number = coded_index - int(skipped[:coded_index].sum())
    near = [line for line in own if line.bin is not None and abs(line.bin.index - number) <= AROUND and line.bin.index >= 0]
    here = next(line for line in near if line.bin is not None and line.bin.index == number)
    return Onset(unit.number, name, here.byte, here.bit, here.element, here.clause, "", lines=tuple(near))


def _skipped_symbols(coded: _Coded, rows: list[bool]) -> NDArray[np.bool_]:
    """Return which symbols of a tensor are not coded, bool (elements,), in coded order.

    ``rows``: row_skip_list; empty if there is none.
    """
    return np.asarray(rows)[coded.rows] if rows else np.zeros(coded.rows.size, np.bool_)


def _reading(
    coded: _Coded,
    found: Onset,
    expected: NDArray[Any],
    actual: NDArray[Any] | None,
    flat: int,
    coded_index: int,
    parent: NDArray[Any] | None,
) -> tuple[str, str]:
    """Guess which element the decoder read wrongly; return it, and the reason in words.

    Args:
        coded: The tensor as coded.
        found: The place of its first wrong symbol.
        expected: The right values.
        actual: The decoder's values; None if they are not known.
        flat: Place of the first wrong value in row-major order.
        coded_index: Its place in coded order.
        parent: The tensor in the model before the stream; None without one.
    """
    header = coded.header
    if actual is not None and parent is not None and header.parent_id is not None and _is_sum(parent, expected, actual):
        return "parent_node_id_present_flag", "the values are those of the model after the stream, not the differences that it codes"
    if header.payload_type == NNR_PT_RAW_FLOAT:
        return "raw_float32_parameter", f"number {coded_index} of the payload is wrong"
    if actual is None:
        return found.element, f"symbol {coded_index} of the tensor is the first one known to be wrong"
    ratio = _common_ratio(expected, actual)
    if ratio is not None:
        element = "mps_quantization_parameter" if header.quantization is not None else "nnr_compressed_data_unit_payload_type"
        return element, f"every value is {ratio:g} times the right one: the codeword is read correctly, the step size is wrong"
    if expected.size > 1 and np.array_equal(np.sort(expected, axis=None), np.sort(actual, axis=None)):
        element = "scan_order" if header.scan_order else "tensor_dimensions"
        return element, "the values are right but at other places: the codeword is read correctly, their order is wrong"
    was, is_ = float(expected.reshape(-1)[flat]), float(actual.reshape(-1)[flat])
    if found.element == "row_skip_list":
        return found.element, f"the first {coded_index} symbols of the tensor are right; this one is in a skipped row"
    if (was == 0) != (is_ == 0):
        element = "sig_flag"
    elif was * is_ < 0:
        element = "sign_flag"
    else:
        magnitude = [line for line in found.lines if line.bin is not None and line.bin.index == coded_index]
        element = magnitude[-1].element.partition("[")[0] if magnitude else found.element
    before = f"the first {coded_index} symbols of the tensor are right; " if coded_index else ""
    return element, f"{before}this is the first wrong one"


def _is_sum(parent: NDArray[Any], expected: NDArray[Any], actual: NDArray[Any]) -> bool:
    """Return whether values are the right differences added to a parent.

    A parent of another type or shape has no such sum.
    """
    if (parent.dtype, parent.shape) != (expected.dtype, expected.shape):
        return False
    with np.errstate(all="ignore"):
        return np.array_equal(parent + expected, actual, equal_nan=True)


def _common_ratio(expected: NDArray[Any], actual: NDArray[Any]) -> float | None:
    """Return the factor by which all values are wrong; None if there is none.

    It must be the same for at least two values other than 0, and neither 0 nor 1.
    """
    if expected.dtype.kind not in "iuf" or actual.dtype.kind not in "iuf":
        return None
    was, is_ = expected.reshape(-1).astype(np.float64), actual.reshape(-1).astype(np.float64)
    some = was != 0
    if np.count_nonzero(some) < 2 or not np.isfinite(was).all() or not np.isfinite(is_).all() or np.any(is_[~some]):
        return None
    ratios = is_[some] / was[some]
    return float(ratios[0]) if ratios[0] not in (0, 1) and np.allclose(ratios, ratios[0], rtol=1e-6) else None
