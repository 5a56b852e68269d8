"""What a decoder resets, keeps or carries over of its entropy state.

It does so at the start of block rows, of the parts of a BLOCK, and of data units.

Pairs and triples of tools do not see these: parameter sets are no element of a header, and one
block row has nothing to reset.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.coverage.contexts import BIN, ELEMENT, EXTREMES, INDEX, KIND, STATE, StillBins, signalled_sets, turned
from nnc_conformance.generator.coverage.events import FLAGS, UNARY_CLASSES, unary_class
from nnc_conformance.generator.coverage.goals import GoalKind, Key
from nnc_conformance.reference.driver import RecordedCodeword
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER, TensorCoding
from nnc_conformance.reference.entropy.contexts import INITIAL_S, NEIGHBOURS
from nnc_conformance.reference.entropy.kernel_tables import SETS, STATES, IntArray
from nnc_conformance.reference.entropy.plain import CONTEXT_BIN
from nnc_conformance.reference.entropy.tables import CONTEXT_PARAMETER_SETS
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    LS,
    NNR_PT_BLOCK,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    PAYLOAD_TYPE_NAMES,
    DataUnitHeader,
)
from nnc_conformance.reference.syntax.structures.unit import NNR_LPS, NNR_QNT, NNR_TPL, Unit
from nnc_conformance.reference.syntax.walker import Element

PARTS: Final = ("tensor alone", "weight of a BLOCK", "G", "H")
SIGNALLED: Final = ("set 0", "other sets")
ROWS: Final = ("2 block rows", "3 or more")
QUANTIZED: Final = ("NNR_PT_FLOAT", "NNR_PT_BLOCK")
SOURCES: Final = ("of the MPS", "of an LPS in place of the MPS's", "of an LPS alone")
ID_FORMS: Final = ("strings", "indexes")
BETWEEN: Final = ("NNR_TPL", "NNR_QNT", "NNR_PT_INT", "NNR_PT_RAW_FLOAT")
VECTORS: Final = {"LS": LS, "BN": BN, "BI": BI}
NEIGHBOUR_CLASSES: Final = ("0", "negative", "positive")
BINS_TO_SHOW: Final = 3
"""Number of bins of a context in a block row that show its rates of adaptation, whatever its
initial state.
"""


def state(subject: str, case: str) -> Key:
    """Return the key of a goal about state."""
    return Key(GoalKind.STATE, subject, case)


def rows_key(part: str, coding: TensorCoding, *, signalled: bool) -> Key:
    """Return the goal that a tensor with several block rows meets.

    Args:
        part: Which of `PARTS` the tensor is.
        coding: Its coding.
        signalled: Whether it has parameter sets other than 0.
    """
    subject = f"block rows, scan {coding.scan_order}, {part}"
    rows = ROWS[coding.block_rows > 2]
    case = f"{SIGNALLED[signalled]}, {rows}, dq_flag {int(coding.dq_flag)}, unary length {unary_class(coding.unary_length)}"
    return state(subject, case)


def state_keys() -> Iterator[Key]:
    """Yield every goal on state that a decoder keeps or resets.

    Such state crosses data units, their parts, or block rows.
    """
    for scan_order, part in product(range(1, HIGHEST_SCAN_ORDER + 1), PARTS):
        for sets, rows, dq_flag, (low, _) in product(SIGNALLED, ROWS, range(2), UNARY_CLASSES):
            yield state(f"block rows, scan {scan_order}, {part}", f"{sets}, {rows}, dq_flag {dq_flag}, unary length {unary_class(low)}")
    for flag, dq_flag, chosen in product(FLAGS, range(2), range(SETS)):
        yield state(f"reset at a block row, {flag}", f"set {chosen}, dq_flag {dq_flag}")
    for dq_flag, before, first in product(range(2), NEIGHBOUR_CLASSES, NEIGHBOUR_CLASSES):
        yield state(f"block row start, dq_flag {dq_flag}", f"{first} after {before}")
        yield state(f"part start, dq_flag {dq_flag}", f"{first} after {before}")
    yield from (state("block row start, stateId", str(state_id)) for state_id in range(STATES))
    yield from (
        state(f"from one extreme to the other, set {chosen}", f"to {extreme}") for chosen, extreme in product(range(SETS), EXTREMES)
    )
    yield from (state(f"qp in force, {kind}", f"{source}, {form}") for kind, source, form in product(QUANTIZED, SOURCES, ID_FORMS))
    yield from (state("between an NNR_LPS and what it holds for", between) for between in BETWEEN)
    for matrices, dq_flag, vector in product((1, 2), range(2), VECTORS):
        yield state(f"{vector} in a unit of {matrices} codebooks", f"dq_flag {dq_flag}")
    for place in ("part", "data unit"):
        yield from (state(f"{place} start, sets", f"{own} after {before}") for own, before in product(SIGNALLED, repeat=2))
        yield from (state(f"{place} start, block rows", f"{own} after {before}") for own, before in product(("1", "several"), repeat=2))
    yield from (state("data unit start, dq_flag", f"{own} after {before}") for own, before in product(range(2), repeat=2))
    classes = [unary_class(low) for low, _ in UNARY_CLASSES]
    yield from (state("data unit start, unary length", f"{own} after {before}") for own, before in product(classes, repeat=2))


class TensorState(NamedTuple):
    """What a tensor leaves to a decoder that resets too little.

    Args:
        coding: its coding.
        signalled: whether a parameter set other than 0 is signalled.
        last: class of its last index, a place in `NEIGHBOUR_CLASSES`.
    """

    coding: TensorCoding
    signalled: bool
    last: int


def part_names(header: DataUnitHeader, codeword: RecordedCodeword) -> list[str]:
    """Return which of `PARTS` each tensor of a codeword is.

    Vectors get an empty name, as they have one block row.
    """
    names = iter(PARTS[:1] if header.payload_type != NNR_PT_BLOCK else PARTS[2:] if len(header.matrices) > 1 else PARTS[1:2])
    return [next(names) if part.is_weight else "" for part in codeword.parts]


def index_classes(body: IntArray, coding: TensorCoding) -> npt.NDArray[np.int64]:
    """Return the class of each index in coded order, a place in `NEIGHBOUR_CLASSES`: int64
    (count,).
    """
    classes = np.zeros(coding.count, np.int64)
    signs = body[(body[:, ELEMENT] >= coding.layout.sign) & (body[:, ELEMENT] < coding.layout.greater)]
    classes[signs[:, INDEX]] = 2 - signs[:, BIN]
    return classes


class StateCounter:
    """Counts the goals met in one stream, in its order."""

    def __init__(self) -> None:
        self._unit: TensorState | None = None
        self._indexed = False
        self._quantizations: set[str] = set()
        self._since_lps: set[str] | None = None

    def element(self, element: Element) -> None:
        """Note which parameter sets have a qp, and whether ids are coded as indexes."""
        if element.name in ("mps_quantization_parameter", "lps_quantization_parameter"):
            self._quantizations.add(element.name)
        elif element.name == "mps_topology_indexed_reference_flag":
            self._indexed = bool(element.value)

    def unit(self, unit: Unit) -> None:
        """Note topologies and quantization data between an NNR_LPS and later data units."""
        if unit.unit_type == NNR_LPS:
            self._since_lps = set()
        elif self._since_lps is not None and unit.unit_type in (NNR_TPL, NNR_QNT):
            self._since_lps.add(BETWEEN[unit.unit_type == NNR_QNT])

    def header(self, header: DataUnitHeader) -> Iterator[Key]:
        """Yield the goals met by a data unit's header.

        They are about the qp in force, and codebooks in units with vectors. Units without a qp are
        only noted as standing after the NNR_LPS.
        """
        kind = PAYLOAD_TYPE_NAMES[header.payload_type]
        if header.payload_type in (NNR_PT_INT, NNR_PT_RAW_FLOAT):
            if self._since_lps is not None:
                self._since_lps.add(kind)
            return
        if self._since_lps is not None:
            yield from (state("between an NNR_LPS and what it holds for", between) for between in sorted(self._since_lps))
        by_lps = "lps_quantization_parameter" in self._quantizations
        source = SOURCES[by_lps + (by_lps and "mps_quantization_parameter" not in self._quantizations)]
        yield state(f"qp in force, {kind}", f"{source}, {ID_FORMS[self._indexed]}")
        if header.payload_type == NNR_PT_BLOCK and header.codebook is not None:
            for vector, flag in VECTORS.items():
                if header.parameter_types & flag:
                    yield state(f"{vector} in a unit of {len(header.matrices)} codebooks", f"dq_flag {int(header.dq_flag)}")

    def codeword(self, header: DataUnitHeader, codeword: RecordedCodeword, still: Sequence[StillBins]) -> Iterator[Key]:
        """Yield the goals met in a codeword that decodes whole.

        Args:
            header: The header of the data unit.
            codeword: The codeword.
            still: The `still_bins` of each tensor.
        """
        if not codeword.decoded:
            return
        bins, starts = codeword.trace.events, codeword.trace.first_events
        before = None
        for number, (name, coding) in enumerate(zip(part_names(header, codeword), codeword.codings, strict=True)):
            own = bins[starts[number] : starts[number + 1] if number + 1 < len(starts) else len(bins)]
            body = own[own[:, INDEX] >= 0]
            sets = signalled_sets(own[own[:, INDEX] < 0], coding.layout)
            classes = index_classes(body, coding)
            left = TensorState(coding, bool(sets.any()), int(classes[-1]) if len(classes) else 0)
            if before is not None:
                yield from _between("part", before, left)
                if len(classes):
                    case = f"{NEIGHBOUR_CLASSES[classes[0]]} after {NEIGHBOUR_CLASSES[before.last]}"
                    yield state(f"part start, dq_flag {int(coding.dq_flag)}", case)
            elif self._unit is not None:
                yield from _between("data unit", self._unit, left)
                unary = unary_class(coding.unary_length), unary_class(self._unit.coding.unary_length)
                yield state("data unit start, unary length", f"{unary[0]} after {unary[1]}")
                yield state("data unit start, dq_flag", f"{int(coding.dq_flag)} after {int(self._unit.coding.dq_flag)}")
            before = left
            yield from (
                state(f"from one extreme to the other, set {chosen}", f"to {extreme}") for chosen, extreme in turned(sets, still[number])
            )
            if coding.block_rows > 1:
                yield from _block_rows(name, coding, body, sets, classes)
        self._unit = before


def _between(place: str, before: TensorState, own: TensorState) -> Iterator[Key]:
    """Yield the goals that a tensor meets by the tensor coded before it.

    Args:
        place: ``part`` within a unit, ``data unit`` for the first tensor of a unit.
        before: The tensor before.
        own: The tensor.
    """
    yield state(f"{place} start, sets", f"{SIGNALLED[own.signalled]} after {SIGNALLED[before.signalled]}")
    rows = ["several" if each.coding.block_rows > 1 else "1" for each in (own, before)]
    yield state(f"{place} start, block rows", f"{rows[0]} after {rows[1]}")


def _block_rows(part: str, coding: TensorCoding, body: IntArray, sets: IntArray, classes: npt.NDArray[np.int64]) -> Iterator[Key]:
    """Yield the goals that a tensor meets by having several block rows.

    Args:
        part: Which of `PARTS` the tensor is.
        coding: Its coding.
        body: The bins of its indexes, as recorded, a row each.
        sets: The parameter set of each context.
        classes: The `index_classes` of its indexes.
    """
    size = coding.area.side * coding.columns
    flags = list(_reset_flags(coding, body, sets))
    yield from (state(f"reset at a block row, {flag}", f"set {chosen}, dq_flag {int(coding.dq_flag)}") for flag, chosen in flags)
    if any(chosen for _, chosen in flags) or not sets.any():
        yield rows_key(part, coding, signalled=bool(sets.any()))
    first = np.flatnonzero(np.diff(body[:, INDEX], prepend=-1) > 0)
    for row in range(1, coding.block_rows):
        place = row * size
        case = f"{NEIGHBOUR_CLASSES[classes[place]]} after {NEIGHBOUR_CLASSES[classes[place - 1]]}"
        yield state(f"block row start, dq_flag {int(coding.dq_flag)}", case)
        if coding.dq_flag:
            yield state("block row start, stateId", str(int(body[first[place], ELEMENT]) // NEIGHBOURS))


def _reset_flags(coding: TensorCoding, body: IntArray, sets: IntArray) -> Iterator[tuple[str, int]]:
    """Yield (flag, set) of each context whose reset at a block row can be seen.

    It must be used in an earlier block row, start from its initial state in a later one, and have
    `BINS_TO_SHOW` bins there.

    Args:
        coding: The tensor's coding.
        body: The recorded bins of its indexes, a row each.
        sets: The parameter set of each context.

    Returns:
        The syntax element that the context belongs to, such as sig_flag, and its parameter set.
    """
    layout = coding.layout
    bins = body[body[:, KIND] == CONTEXT_BIN]
    row = bins[:, INDEX] // (coding.area.side * coding.columns)
    groups, first, counts = np.unique(bins[:, ELEMENT] * coding.block_rows + row, return_index=True, return_counts=True)
    bounds = (layout.sign, layout.greater, layout.prefix, layout.flag)
    met: set[int] = set()
    for group, place, count in zip(groups.tolist(), first.tolist(), counts.tolist(), strict=True):
        context = group // coding.block_rows
        chosen = int(sets[context])
        fresh = bins[place, STATE] == CONTEXT_PARAMETER_SETS[chosen][INITIAL_S]
        if context in met and fresh and count >= BINS_TO_SHOW:
            yield FLAGS[next(number for number, bound in enumerate(bounds) if context < bound)], chosen
        met.add(context)
