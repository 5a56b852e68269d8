"""Events of arithmetic decoder, binarisation, trellis and scan: goals, and those that a codeword
meets.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from nnc_conformance.generator.coverage.contexts import (
    BIN,
    ELEMENT,
    INDEX,
    KIND,
    OFFSET,
    POSITION,
    RANGE,
    RENORMALISATION,
    STATE,
    signalled_sets,
)
from nnc_conformance.generator.coverage.goals import GoalKind, Key
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.entropy.contexts import ABS_REMAINDER, MAX_PREFIX, NEIGHBOURS, QP_DELTA, ContextLayout
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray
from nnc_conformance.reference.entropy.plain import BYPASS_BIN, CONTEXT_BIN, TERMINATE_BIN
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB
from nnc_conformance.reference.syntax.structures.data_unit import DEFAULT_UNARY_LENGTH

PATHS: Final = ("MPS", "LPS")
MOST_SHIFTS: Final = 8
"""Most bits of a renormalisation: the range is above 0 and below 2^9."""
RANGE_ROWS, RANGE_COLUMNS = 8, 32
SIDE_CLASSES: Final = ("below a block", "one block", "whole blocks", "blocks and a part")
PLAIN_SIDES: Final = ("1", "several")
UNARY_CLASSES: Final = ((1, 1), (2, 9), (10, 10), (11, 255), (256, 256))
ENTRY_COUNTS: Final = ("0", "1", "several")


def event(subject: str, case: str) -> Key:
    """Return the key of an event."""
    return Key(GoalKind.EVENT, subject, case)


def bits(count: int) -> str:
    """Return a count of bits in words, such as ``1 bit`` or ``2 bits``."""
    return f"{count} bit" if count == 1 else f"{count} bits"


def unary_class(unary_length: int) -> str:
    """Return the class of a cabac_unary_length."""
    low, high = next(bounds for bounds in UNARY_CLASSES if bounds[0] <= unary_length <= bounds[1])
    return str(low) if low == high else f"{low}..{high}"


def event_keys() -> Iterator[Key]:
    """Yield every event of coder, trellis and scans, even those that cannot be met."""
    for path in PATHS:
        yield from (event(f"renormalisation, {path}", bits(n)) for n in range(MOST_SHIFTS + 1))
    for n in range(1, MOST_SHIFTS + 1):
        yield from (event("byte fetch, renormalisation", f"{bits(n)}, after {k}") for k in range(n))
    yield event("byte fetch, bypass", bits(1))
    for row in range(RANGE_ROWS):
        for column in range(RANGE_COLUMNS):
            yield from (event(f"lps_range_table row {row}", f"column {column}, {path}") for path in PATHS)
    yield from (event("terminate, stop bit", f"bit {place} of a byte") for place in range(8))
    yield from (event("terminate, IvlCurrRange", case) for case in TERMINATE_RANGES)
    yield from (event("greater-than run, length 10", str(n)) for n in range(DEFAULT_UNARY_LENGTH + 1))
    yield from (event("greater-than run, all ones", f"length {unary_class(low)}") for low, _ in UNARY_CLASSES)
    yield from (event("prefix run", str(n)) for n in range(MAX_PREFIX + 1))
    yield from (event("bypass run", str(n)) for n in range(1, MAX_PREFIX + 1))
    for state in range(STATES):
        yield from (event(f"trellis, stateId {state}", PARITY[parity]) for parity in range(2))
    yield from scan_keys()


TERMINATE_RANGES: Final = ("below 258", "258 or more")
"""Classes of IvlCurrRange at a terminate bin."""
PARITY: Final = ("even", "odd")
"""Names of the parities of an index, at the places 0 and 1."""


def scan_keys() -> Iterator[Key]:
    """Yield scan orders by how rows and columns fill blocks, and numbers of entry points."""
    for rows in PLAIN_SIDES:
        yield from (event("scan 0", f"rows {rows}, columns {columns}") for columns in PLAIN_SIDES)
    for scan_order in range(1, 5):
        for rows in SIDE_CLASSES:
            yield from (event(f"scan {scan_order}", f"rows {rows}, columns {columns}") for columns in SIDE_CLASSES)
        for dq_flag in range(2):
            yield from (event(f"entry points, scan {scan_order}", f"{count}, dq_flag {dq_flag}") for count in ENTRY_COUNTS)
    for first in ENTRY_COUNTS:
        yield from (event("entry points of G and H", f"{first} of G, {second} of H") for second in ENTRY_COUNTS)


def side_class(size: int, side: int) -> str:
    """Return in words how ``size`` rows or columns fill blocks of ``side``: part, one, several."""
    if size <= side:
        return SIDE_CLASSES[size == side]
    return SIDE_CLASSES[3 if size % side else 2]


def scan_events(codings: tuple[TensorCoding, ...], weights: tuple[bool, ...]) -> Counter[Key]:
    """Count the coverage goals that the scans of a unit's tensors meet.

    They are about how rows and columns fill blocks, and numbers of entry points.

    Args:
        codings: The coding of each tensor.
        weights: Whether each is the weight (or G, H), not a vector; vectors are never scanned in
        blocks.
    """
    found: Counter[Key] = Counter()
    for coding in codings:
        side = coding.area.side
        if side:
            case = f"rows {side_class(coding.rows, side)}, columns {side_class(coding.columns, side)}"
        else:
            case = f"rows {PLAIN_SIDES[coding.rows > 1]}, columns {PLAIN_SIDES[coding.columns > 1]}"
        found[event(f"scan {coding.scan_order}", case)] += 1
    scanned = [coding for coding, weight in zip(codings, weights, strict=True) if weight]
    counts = [ENTRY_COUNTS[min(coding.block_rows - 1, 2)] for coding in scanned]
    if scanned and scanned[0].scan_order:
        total = ENTRY_COUNTS[min(sum(coding.block_rows - 1 for coding in scanned), 2)]
        found[event(f"entry points, scan {scanned[0].scan_order}", f"{total}, dq_flag {int(scanned[0].dq_flag)}")] += 1
        if len(scanned) > 1:
            found[event("entry points of G and H", f"{counts[0]} of G, {counts[1]} of H")] += 1
    return found


def engine_events(events: IntArray) -> Counter[Key]:
    """Count events of the arithmetic decoder in the recorded bins of a whole codeword.

    They are renormalisations, entries of lps_range_table, fetched bytes and the end of the
    codeword.

    Args:
        events: The bins, a row each.
    """
    found: Counter[Key] = Counter()
    coded = np.flatnonzero(events[:, KIND] == CONTEXT_BIN)
    states, shifts = events[coded, STATE], events[coded, RENORMALISATION]
    lps = (events[coded, BIN] == 1) != (states >= 0)
    for place, count in _counted(shifts * 2 + lps):
        found[event(f"renormalisation, {PATHS[place & 1]}", bits(place >> 1))] += count
    cells = (((events[coded, RANGE] & 0xE0) >> 5) * RANGE_COLUMNS + np.abs(states >> 7)) * 2 + lps
    for place, count in _counted(cells):
        row, column = divmod(place >> 1, RANGE_COLUMNS)
        found[event(f"lps_range_table row {row}", f"column {column}, {PATHS[place & 1]}")] += count
    before = -events[coded, POSITION] & 7
    for place, count in _counted((shifts * 8 + before)[before < shifts]):
        found[event("byte fetch, renormalisation", f"{bits(place >> 3)}, after {place & 7}")] += count
    bypass = events[events[:, KIND] == BYPASS_BIN, POSITION]
    if fetches := int((bypass & 7 == 0).sum()):
        found[event("byte fetch, bypass", bits(1))] += fetches
    for position, ivl_curr_range in events[events[:, KIND] == TERMINATE_BIN][:, (POSITION, RANGE)].tolist():
        found[event("terminate, stop bit", f"bit {(position - 1) & 7} of a byte")] += 1
        found[event("terminate, IvlCurrRange", TERMINATE_RANGES[ivl_curr_range >= 258])] += 1
    return found


def _counted(places: IntArray) -> Iterator[tuple[int, int]]:
    """Yield each number that occurs, and how often it does."""
    return ((place, count) for place, count in enumerate(np.bincount(places).tolist()) if count)


def index_events(events: IntArray, coding: TensorCoding) -> Counter[Key]:
    """Count runs of bins in the binarisation of a tensor's indexes, and trellis transitions.

    Args:
        events: The recorded bins of this tensor alone, a row each.
        coding: Its coding.
    """
    found: Counter[Key] = Counter()
    layout = coding.layout
    body = np.flatnonzero(events[:, INDEX] >= 0)
    element, index, ones = events[body, ELEMENT], events[body, INDEX], events[body, BIN] == 1
    length = int(index.max()) + 1 if index.size else 0
    greater = (element >= layout.greater) & (element < layout.prefix)
    prefix = (element >= layout.prefix) & (element < layout.flag)
    for mask, most in ((greater, layout.unary_length), (prefix, MAX_PREFIX)):
        runs = np.bincount(index[mask & ones], minlength=length)[np.bincount(index[mask], minlength=length) > 0]
        for run, count in _counted(runs):
            if mask is prefix:
                found[event("prefix run", str(run))] += count
            elif layout.unary_length == DEFAULT_UNARY_LENGTH:
                found[event("greater-than run, length 10", str(run))] += count
            if mask is greater and run == most:
                found[event("greater-than run, all ones", f"length {unary_class(most)}")] += count
    for run, count in _counted(np.bincount(index[element == ABS_REMAINDER], minlength=length)):
        if run:
            found[event("bypass run", str(run))] += count
    if layout.dq_flag:
        states = element[(element >= 0) & (element < layout.sign) & (events[body, KIND] == CONTEXT_BIN)] // NEIGHBOURS
        for place, count in _counted(states[:-1] * STATES + states[1:]):
            state, after = divmod(place, STATES)
            found[event(f"trellis, stateId {state}", PARITY[STATE_TRANS_TAB[state].index(after)])] += count
    return found


FLAGS: Final = ("sig_flag", "sign_flag", "abs_level_greater_x", "abs_level_greater_x2")
"""The kinds of context-coded flags of an index, in the order of their contexts."""


def entropy_values(events: IntArray, coding: TensorCoding, *, first: bool) -> Iterator[tuple[str, str, int, int]]:
    """Yield the values that one tensor's bins give to the elements of clause 10.

    An item is (element, descriptor, value, how often).

    Args:
        events: The recorded bins of this tensor alone, a row each.
        coding: Its coding.
        first: Whether the tensor begins the codeword, which starts with IvlOffset.
    """
    layout = coding.layout
    if first:
        yield "IvlOffset", "u(9)", int(events[0, OFFSET]), 1
    if coding.block_rows > 1:
        yield "IvlCurrRange", "256", 256, coding.block_rows
    head = events[events[:, INDEX] < 0]
    delta = head[head[:, ELEMENT] == QP_DELTA][:, BIN].tolist()
    if delta:
        number = int("".join(map(str, delta)), 2)
        yield "qp_delta", f"iae_v({len(delta)})", number - (delta[0] << len(delta)), 1
    for value, count in _counted(signalled_sets(head, layout)[: layout.flag]):
        yield "shift_parameter_ids", "ae(v)", value, count
    elements, bins = events[:, ELEMENT].copy(), events[:, BIN].copy()
    for name, low, high in _flag_bounds(layout):
        values = bins[(elements >= low) & (elements < high)]
        yield from ((name, "ae(v)", value, count) for value, count in _counted(values))
    ends = events[events[:, KIND] == TERMINATE_BIN]
    if len(ends):
        yield "end_of_codeword", "ae(v)", int(ends[0, BIN]), 1
    yield from _remainders(events[elements == ABS_REMAINDER])


def _flag_bounds(layout: ContextLayout) -> Iterator[tuple[str, int, int]]:
    bounds = (0, layout.sign, layout.greater, layout.prefix, layout.flag)
    return zip(FLAGS, bounds[:-1], bounds[1:], strict=True)


def _remainders(bins: IntArray) -> Iterator[tuple[str, str, int, int]]:
    """Yield the values of abs_remainder in bypass bins, as `entropy_values` does."""
    if not len(bins):
        return
    starts = np.flatnonzero(np.diff(bins[:, INDEX], prepend=-1))
    sizes = np.diff(starts, append=len(bins))
    places = sizes.repeat(sizes) - 1 - (np.arange(len(bins)) - starts.repeat(sizes))
    values = np.add.reduceat(bins[:, BIN] << places, starts)
    pairs, counts = np.unique(np.stack([sizes, values], axis=1), axis=0, return_counts=True)
    for (size, value), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        yield "abs_remainder", f"uae_v({size})", value, count
