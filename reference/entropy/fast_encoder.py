"""The fast encoder of a tensor's indexes, and the estimate of their cost: the meaning of `plain.quant_tensor` in these two modes.

The indexes become a list of bins first, some thousands at a time: all but large ones by copying a template. Then the bins are coded, or
their costs added up, in a loop that does not branch on them.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX, MAX_UNARY_LENGTH, NEIGHBOURS, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import (
    ONES,
    STATE_SUM,
    TOP,
    Indexes,
    Octets,
    columns_at_once,
    count_bin,
    least_probable,
    moved,
    reset_contexts,
    take_from_place,
)
from nnc_conformance.reference.entropy.intrinsics import address_of, choose, leading_zeros, load, opaque, store
from nnc_conformance.reference.entropy.kernel_tables import SETS, IntArray
from nnc_conformance.reference.entropy.machine import INITIAL, Words
from nnc_conformance.reference.entropy.plain import (
    ESTIMATE,
    FORCED_RANGE,
    INDEX,
    MODE,
    OFFSET,
    POSITION,
    RANGE,
    STATUS,
    UNREACHABLE,
    WINDOW_BITS,
    WINDOW_MASK,
)

Bins = npt.NDArray[np.uint16]
"""A bin with a context is 2 * context + its value; one without is `BYPASS` + its value."""
BYPASS: Final = 1 << 15
BINS: Final = 8192
"""Room of a list of bins."""
MOST_BINS: Final = 2 + MAX_UNARY_LENGTH + 2 * MAX_PREFIX
"""Bins of one index, at most."""
TEMPLATE_BINS: Final = 16
TEMPLATE_MAGNITUDE: Final = TEMPLATE_BINS - 2
"""Largest magnitude that has a template."""

LANES: Final = (0, 3, 4, 7, 8, 5, 1, 2, 6)
"""The parameter sets in the order of an estimate's lanes: the last ones have shifts that others before them have too, and their states
come to agree within some thousand bins."""
LEADERS: Final = 6
"""The lanes that go on then."""

STATE_ID, PREVIOUS, PLACE = range(3)
"""Where the list of bins was interrupted: stateId, class of the previous index, number of indexes done."""
CURSOR: Final = 3
ENGINE_RANGE, ENGINE_LOW, ENGINE_PENDING, ENGINE_BYTE = range(4)
"""The engine between runs: IvlCurrRange's word; the window of `plain`'s IvlOffset with ``pending`` bits and a carry above it; the number of
these bits; the number of bytes written."""
ENGINE: Final = 4

_U64: Final = np.uint64
_0, _1, _3, _8 = (_U64(number) for number in (0, 1, 3, 8))
_LAST: Final = _U64(63)
_FLUSH: Final = _U64(32)
_WINDOW: Final = _U64(WINDOW_BITS)
_WINDOW_MASK: Final = _U64(WINDOW_MASK)
_FORCED: Final = _U64(FORCED_RANGE << 55)


@lru_cache(maxsize=32)
def templates(layout: ContextLayout) -> Bins:
    """The bins of small indexes, uint16 (2 * TEMPLATE_MAGNITUDE + 1, 32), by the index + TEMPLATE_MAGNITUDE; their number follows them.

    The first two, significance and sign, are to be overwritten.
    """
    table = np.zeros((2 * TEMPLATE_MAGNITUDE + 1, 2 * TEMPLATE_BINS), np.uint16)
    most = min(TEMPLATE_MAGNITUDE, layout.unary_length)
    for magnitude in range(1, most + 1):
        for sign in (0, 1):
            more = [2 * (layout.greater + 2 * j + sign) + (magnitude > j + 1) for j in range(magnitude)]
            row = table[TEMPLATE_MAGNITUDE - magnitude if sign else TEMPLATE_MAGNITUDE + magnitude]
            row[2 : 2 + magnitude] = more
            row[TEMPLATE_BINS] = 2 + magnitude
    table[TEMPLATE_MAGNITUDE, TEMPLATE_BINS] = 1
    return table


def costs_by_row(bit_costs: IntArray) -> IntArray:
    """``bit_costs`` (32, 2) of `plain.Coder` as (128,): of a bin 0, then of a bin 1, by row of lps_range."""
    by_row = bit_costs[abs(np.arange(64) - 32).clip(max=31)]
    most_probable_is_1 = np.arange(64) >= 32
    return np.concatenate([np.where(most_probable_is_1 == (bin_value == 1), by_row[:, 0], by_row[:, 1]) for bin_value in (0, 1)])


@kernel
def list_bins(indexes: Indexes, bins: Bins, small: Bins, layout: ContextLayout, state_trans: IntArray, cursor: IntArray) -> Any:
    """Lists the bins of indexes, in coded order, from the cursor on, as far as there is room; returns the number of bins.

    It stops before a value that the trellis cannot give.
    """
    most = min(TEMPLATE_MAGNITUDE, layout.unary_length)
    state_id, previous, place = cursor[STATE_ID], cursor[PREVIOUS], cursor[PLACE]
    size: Any = 0
    while place < indexes.shape[0] and size <= BINS - MOST_BINS:
        value: Any = np.int64(indexes[place])
        sign: Any = np.int64(value < 0)
        magnitude = abs(value)
        if layout.dq_flag:
            parity = state_id & 1
            coded = (magnitude + parity) >> 1
            if 2 * coded - (parity if coded else 0) != magnitude:
                break
            magnitude = coded
        if magnitude <= most:
            row = TEMPLATE_MAGNITUDE + (-magnitude if sign else magnitude)
            source, target = address_of(small) + (_U64(row) << _U64(6)), address_of(bins) + (_U64(size) << _1)
            for eight in range(4):
                store(bins, target + (_U64(eight) << _3), load(small, source + (_U64(eight) << _3)))
            following: Any = size + np.int64(small[row, TEMPLATE_BINS])
        else:
            following = list_large(bins, size + 2, layout, magnitude, sign)
        bins[size] = 2 * (NEIGHBOURS * state_id + previous) + (magnitude > 0)
        bins[size + 1] = 2 * (layout.sign + previous) + sign
        size = following
        previous = 2 - sign if magnitude else 0
        if layout.dq_flag:
            state_id = state_trans[state_id, magnitude & 1]
        place += 1
    cursor[STATE_ID], cursor[PREVIOUS], cursor[PLACE] = state_id, previous, place
    return size


@kernel
def list_large(bins: Bins, size: int, layout: ContextLayout, magnitude: int, sign: int) -> int:
    """Lists the bins of a magnitude after significance and sign, as `plain.quant_param` codes them; returns where they end."""
    reached = 1
    for j in range(layout.unary_length):
        bins[size] = 2 * (layout.greater + 2 * j + sign) + (magnitude > reached)
        size += 1
        if magnitude == reached:
            return size
        reached += 1
    rem_bits = 0
    while rem_bits < MAX_PREFIX:
        more = magnitude - reached >= 1 << rem_bits
        bins[size] = 2 * (layout.prefix + rem_bits) + more
        size += 1
        if not more:
            break
        reached += 1 << rem_bits
        rem_bits += 1
    for bit in range(rem_bits - 1, -1, -1):
        bins[size] = BYPASS + (((magnitude - reached) >> bit) & 1)
        size += 1
    return size


@kernel
def flushed(payload: Octets, low: Any, pending: Any, byte: Any, least: Any) -> tuple[Any, Any, Any]:
    """Settles the carry and writes whole bytes while there are ``least`` pending bits or more, as far as the payload reaches."""
    size = _U64(payload.shape[0])
    if low >> (pending + _WINDOW):
        low &= (_1 << (pending + _WINDOW)) - _1
        place = byte
        while place > _0 and place <= size:
            place -= _1
            payload[place] = np.uint8((_U64(payload[place]) + _1) & _U64(255))
            if payload[place]:
                break
    while pending >= least:
        pending -= _8
        if byte < size:
            payload[byte] = np.uint8(low >> (pending + _WINDOW))
        low &= (_1 << (pending + _WINDOW)) - _1
        byte += _1
    return low, pending, byte


@kernel
def encode_bins(words: Words, payload: Octets, bins: Bins, size: int, engine: Words) -> None:
    """Writes listed bins."""
    base = address_of(words)
    ivl_range, low, pending, byte = engine[ENGINE_RANGE], engine[ENGINE_LOW], engine[ENGINE_PENDING], engine[ENGINE_BYTE]
    for place in range(_U64(size)):
        code = _U64(bins[place])
        bin_value = code & _1
        if code >= _U64(BYPASS):
            low = (low << _1) + (ivl_range >> TOP if bin_value else _0)
            pending += _1
        else:
            context = (code >> _1) << _U64(4)
            row = load(words, base + context)
            lps = least_probable(row, ivl_range)
            mps_range = ivl_range - lps
            is_mps = bin_value == row >> _LAST
            count_bin(words, base, context, bin_value - _1 if bin_value else ONES)
            low += choose(is_mps, _0, mps_range >> TOP)
            ivl_range = choose(is_mps, mps_range, lps)
            shift = leading_zeros(ivl_range)
            ivl_range <<= shift
            low <<= shift
            pending += shift
        if pending >= _FLUSH:
            low, pending, byte = flushed(payload, low, pending, byte, _8)
    engine[ENGINE_RANGE], engine[ENGINE_LOW], engine[ENGINE_PENDING], engine[ENGINE_BYTE] = ivl_range, low, pending, byte


@kernel
def add_costs(words: Words, bins: Bins, size: int, bin_costs: IntArray, lanes: Words, costs: IntArray, partners: IntArray) -> None:
    """Adds the costs of listed bins in each lane. ``bin_costs`` (128,): by bin and row; the others: see `encode_tensor`."""
    base = address_of(words)
    for place in range(_U64(size)):
        code = _U64(bins[place])
        if code < _U64(BYPASS):
            bin_value = code & _1
            falls = bin_value - _1 if bin_value else ONES
            first, column = (code >> _1) * _U64(SETS), opaque(bin_value << _U64(6))
            if partners[first] < 0:
                for lane in range(_U64(SETS)):
                    states = lanes[first + lane]
                    costs[first + lane] += bin_costs[column + (states >> STATE_SUM)]
                    lanes[first + lane] = moved(words, base, states, falls)
            else:
                for lane in range(_U64(LEADERS)):
                    states = lanes[first + lane]
                    costs[first + lane] += bin_costs[column + (states >> STATE_SUM)]
                    lanes[first + lane] = moved(words, base, states, falls)


@kernel
def merge(lanes: Words, costs: IntArray, partners: IntArray) -> None:
    """Finds contexts whose last lanes came to the states of others: from now on they cost the same, and are left out."""
    for first in range(0, lanes.shape[0], SETS):
        if partners[first] >= 0:
            continue
        found = 0
        for lane in range(first + LEADERS, first + SETS):
            for leader in range(first, first + LEADERS):
                if lanes[lane] == lanes[leader]:
                    partners[lane] = leader
                    found += 1
                    break
        if found == SETS - LEADERS:
            partners[first] = first
            for lane in range(first + LEADERS, first + SETS):
                costs[lane] -= costs[partners[lane]]


@kernel
def separate(costs: IntArray, partners: IntArray) -> None:
    """Ends what `merge` began: every lane has its own costs again."""
    for first in range(0, costs.shape[0], SETS):
        if partners[first] >= 0:
            for lane in range(first + LEADERS, first + SETS):
                costs[lane] += costs[partners[lane]]
            partners[first] = -1


@kernel
def open_engine(engine: Words, registers: IntArray, payload: Octets) -> None:
    """From the registers: the bits of a byte begun are pending."""
    byte, pending = _U64(registers[POSITION]) >> _3, _U64(registers[POSITION]) & _U64(7)
    begun = _U64(payload[byte]) >> (_8 - pending) if byte < _U64(payload.shape[0]) else _0
    engine[ENGINE_RANGE] = _U64(registers[RANGE]) << TOP
    engine[ENGINE_LOW] = begun << _WINDOW | _U64(registers[OFFSET])
    engine[ENGINE_PENDING] = pending
    engine[ENGINE_BYTE] = byte


@kernel
def close_engine(engine: Words, registers: IntArray, payload: Octets) -> None:
    """To the registers; the bits of a byte begun are written with zeros behind them."""
    low, pending, byte = flushed(payload, engine[ENGINE_LOW], engine[ENGINE_PENDING], engine[ENGINE_BYTE], _8)
    if pending and byte < _U64(payload.shape[0]):
        payload[byte] = np.uint8(((low >> _WINDOW) << (_8 - pending)) & _U64(255))
    registers[RANGE] = np.int64(engine[ENGINE_RANGE] >> TOP)
    registers[OFFSET] = np.int64(low & _WINDOW_MASK)
    registers[POSITION] = np.int64(_8 * byte + pending)


@kernel
def encode_tensor(
    words: Words,
    coder: tuple[IntArray, Octets, IntArray],
    layout: ContextLayout,
    area: ScanArea,
    tables: tuple[IntArray, Bins, IntArray],
    buffers: tuple[Indexes, IntArray, Indexes, Bins, IntArray, Words],
    estimate: tuple[Words, IntArray, IntArray],
) -> None:
    """The indexes of a tensor that has any, written or estimated.

    ``words``: of its machine, for this call alone; ``coder``: registers, payload, parameter sets (lanes, contexts);
    ``tables``: state_trans, `templates`, costs by bin and row (128,); ``buffers``: indexes and entry points as in `plain.quant_tensor`,
    int32 (SCRATCH,), uint16 (BINS,), int64 (CURSOR,), uint64 (ENGINE,); ``estimate``: arrays (contexts * SETS,), of
    each lane the context's word, the sum of the costs, and the lane that it follows (-1 in the first for none, see `merge`).
    """
    registers, payload, parameter_sets = coder
    state_trans, small, bin_costs = tables
    indexes, entry_points, scratch, bins, cursor, engine = buffers
    lanes, costs, partners = estimate
    estimating = registers[MODE] == ESTIMATE
    height = area.side if area.side > 0 else area.rows
    registers[INDEX] = 0
    if not estimating:
        open_engine(engine, registers, payload)
    for first in range(0, area.rows, height):
        block_row = ScanArea(min(height, area.rows - first), area.columns, area.side)
        cursor[PREVIOUS] = 0
        if estimating:
            separate(costs, partners)
            for place in range(lanes.shape[0]):
                lanes[place] = words[INITIAL + parameter_sets[place % SETS, place // SETS]]
        else:
            reset_contexts(words, layout, parameter_sets[0])
            if area.rows > height:
                engine[ENGINE_RANGE] = _FORCED
            if first > 0:
                entry_point = entry_points[first // height - 1]
                entry_point[0] = np.int64(engine[ENGINE_LOW] & _WINDOW_MASK)
                entry_point[1] = cursor[STATE_ID]
                entry_point[2] = np.int64(_8 * engine[ENGINE_BYTE] + engine[ENGINE_PENDING])
        part = indexes[first * area.columns : (first + block_row.rows) * area.columns]
        width = columns_at_once(block_row) if area.side > 0 else area.columns
        for left in range(0, area.columns, width):
            right = min(left + width, area.columns)
            coded = part
            if area.side > 0:
                coded = scratch[: block_row.rows * (right - left)]
                take_from_place(part, coded, block_row, left, right)
            cursor[PLACE] = 0
            while cursor[PLACE] < coded.shape[0]:
                before = cursor[PLACE]
                size = list_bins(coded, bins, small, layout, state_trans, cursor)
                if estimating:
                    add_costs(words, bins, size, bin_costs, lanes, costs, partners)
                    merge(lanes, costs, partners)
                else:
                    encode_bins(words, payload, bins, size, engine)
                if cursor[PLACE] == before:
                    registers[STATUS] = UNREACHABLE
                    registers[INDEX] += before
                    return
            registers[INDEX] += coded.shape[0]
    if estimating:
        separate(costs, partners)
    else:
        close_engine(engine, registers, payload)
