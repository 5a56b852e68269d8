"""The fast encoder and cost estimate: `plain.quant_tensor` in these two modes.

Indexes first become a list of bins, some thousands at a time; all but large indexes by copying a
template. Then the bins are coded, or their costs summed, in a loop without branches on their
values.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX, MAX_UNARY_LENGTH, NEIGHBOURS, NO_LIMIT, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import (
    ONES,
    RANGE_SHIFT,
    STATE_SUM_SHIFT,
    Indexes,
    Octets,
    columns_per_pass,
    gather_blocks,
    lps_part,
    reset_contexts,
    update_context,
    updated_states,
)
from nnc_conformance.reference.entropy.fast_tools import BASE_ABOVE_ONE, SEEN, SKIPPED, SKIPPED_FIRST, Tools, gather_guides, part_of
from nnc_conformance.reference.entropy.intrinsics import address_of, choose, leading_zeros, load, opaque, store
from nnc_conformance.reference.entropy.kernel_tables import SETS, STATES, IntArray
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
"""A list of bins: 2 * context + value for one with a context, `BYPASS` + value for one without."""
BYPASS: Final = 1 << 15
"""Number added to a bin without a context."""
BINS: Final = 8192
"""Size of a list of bins."""
MOST_BINS: Final = 2 + MAX_UNARY_LENGTH + 2 * MAX_PREFIX
"""Most bins of one index."""
TEMPLATE_BINS: Final = 16
"""Room for the bins of a template."""
TEMPLATE_MAGNITUDE: Final = TEMPLATE_BINS - 2
"""Largest magnitude that has a template."""

LANES: Final = (0, 3, 4, 7, 8, 5, 1, 2, 6)
"""Parameter sets in the order of an estimate's lanes.

The last lanes have shifts that earlier ones also have: their states become equal to those of
earlier lanes within some thousand bins.
"""
LEADERS: Final = 6
"""Number of lanes that must go on then."""

STATE_ID, PREVIOUS, PLACE, IN_SKIPPED = range(4)
"""Where listing bins was interrupted.

StateId, class of the previous index, places done, and how many of all places were in skipped rows.
"""
CURSOR: Final = 4
"""Size of an array with these."""
ENGINE_RANGE, ENGINE_LOW, ENGINE_PENDING, ENGINE_BYTE = range(4)
"""State of the engine between runs, by place in an array.

The word of IvlCurrRange; the window of `plain`'s IvlOffset with pending bits and a carry above it;
the number of pending bits; the number of bytes written.
"""
ENGINE: Final = 4
"""Size of that array."""

_U64: Final = np.uint64
_0, _1, _3, _4, _8 = (_U64(number) for number in (0, 1, 3, 4, 8))
_LAST: Final = _U64(63)
_FLUSH: Final = _U64(32)
"""Pending bits at which whole bytes are written."""
_WINDOW: Final = _U64(WINDOW_BITS)
_WINDOW_MASK: Final = _U64(WINDOW_MASK)
_FORCED: Final = _U64(FORCED_RANGE << 55)


@lru_cache(maxsize=32)
def templates(layout: ContextLayout) -> Bins:
    """Make the bins of small indexes, uint16 (2 * TEMPLATE_MAGNITUDE + 1, 32).

    Rows are selected by index + TEMPLATE_MAGNITUDE. The number of bins follows them at
    TEMPLATE_BINS. The first two bins, significance and sign, must be overwritten.
    """
    table = np.zeros((2 * TEMPLATE_MAGNITUDE + 1, 2 * TEMPLATE_BINS), np.uint16)
    most = min(TEMPLATE_MAGNITUDE, layout.unary_length)
    for magnitude in range(1, most + 1):
        for sign, limit in enumerate((layout.positive_limit, layout.negative_limit)):
            more = [2 * (layout.greater + 2 * j + sign) + (magnitude > j + 1) for j in range(min(magnitude, limit - 1))]
            row = table[TEMPLATE_MAGNITUDE - magnitude if sign else TEMPLATE_MAGNITUDE + magnitude]
            row[2 : 2 + len(more)] = more
            row[TEMPLATE_BINS] = 2 + len(more)
    table[TEMPLATE_MAGNITUDE, TEMPLATE_BINS] = 1
    return table


def costs_by_row(bit_costs: IntArray) -> IntArray:
    """Reorder ``bit_costs`` (32, 2) of `plain.Coder` to (128,): by bin, then by lps_range row."""
    by_row = bit_costs[abs(np.arange(64) - 32).clip(max=31)]
    most_probable_is_1 = np.arange(64) >= 32
    return np.concatenate([np.where(most_probable_is_1 == (bin_value == 1), by_row[:, 0], by_row[:, 1]) for bin_value in (0, 1)])


def uses_guides(layout: ContextLayout, tools: Tools) -> bool:
    """Return whether tools or a codebook may change the bins of an index.

    The kernel then needs a guide for each index; without guides another, faster one is compiled.
    """
    return tools.on or min(layout.negative_limit, layout.positive_limit) < NO_LIMIT


@kernel
def list_bins(
    indexes: Indexes,
    bins: Bins,
    small: Bins,
    layout: ContextLayout,
    state_trans: IntArray,
    cursor: IntArray,
    tools: Tools,
    guides: Indexes | None,
) -> Any:
    """List the bins of indexes in coded order, from the cursor on.

    It stops when there is no more room, and before a value that cannot be coded: by dependent
    quantization in its state, in a skipped row, or outside the codebook.

    Args:
        small: `templates`.
        tools: Tools of the second edition.
        guides: Guide of each index (see `gather_guides`); None unless `uses_guides`.

    Returns:
        The number of bins.
    """
    most = min(TEMPLATE_MAGNITUDE, layout.unary_length)
    state_id, previous, place = cursor[STATE_ID], cursor[PREVIOUS], cursor[PLACE]
    size: Any = 0
    while place < indexes.shape[0] and size <= BINS - MOST_BINS:
        value: Any = np.int64(indexes[place])
        sign: Any = np.int64(value < 0)
        magnitude = abs(value)
        limit: Any = np.int64(NO_LIMIT)
        if guides is not None:
            limit = np.int64(layout.negative_limit if sign else layout.positive_limit)
            if guides[place] >= SKIPPED:
                if magnitude:
                    break
                if guides[place] >= SKIPPED_FIRST:
                    state_id = tools.states_after_skipped[guides[place] - SKIPPED_FIRST, state_id]
                cursor[IN_SKIPPED] += 1
                place += 1
                continue
        if layout.dq_flag:
            parity = state_id & 1
            coded = (magnitude + parity) >> 1
            if 2 * coded - (parity if coded else 0) != magnitude:
                break
            magnitude = coded
        if guides is not None and magnitude > limit:
            break
        if magnitude <= most:
            row = TEMPLATE_MAGNITUDE + (-magnitude if sign else magnitude)
            source, target = address_of(small) + (_U64(row) << _U64(6)), address_of(bins) + (_U64(size) << _1)
            for eight in range(4):
                store(bins, target + (_U64(eight) << _3), load(small, source + (_U64(eight) << _3)))
            next_size: Any = size + np.int64(small[row, TEMPLATE_BINS])
        else:
            next_size = list_large(bins, size + 2, layout, magnitude, sign, limit)
        bins[size] = 2 * (NEIGHBOURS * state_id + previous) + (magnitude > 0)
        bins[size + 1] = 2 * (layout.sign + previous) + sign
        if guides is not None:
            next_size = apply_tools(bins, size, next_size, layout, tools, guides[place], NEIGHBOURS * state_id + previous)
        size = next_size
        previous = 2 - sign if magnitude else 0
        if layout.dq_flag:
            state_id = state_trans[state_id, magnitude & 1]
        place += 1
    cursor[STATE_ID], cursor[PREVIOUS], cursor[PLACE] = state_id, previous, place
    return size


@kernel
def apply_tools(bins: Bins, first: int, after: int, layout: ContextLayout, tools: Tools, guide: int, ordinary: int) -> int:
    """Give the listed bins of one index the contexts of its place.

    A sign that the codebook implies is removed.

    Args:
        first: Number of the index's first bin.
        after: Number of its last bin + 1.
        guide: Guide of its place.
        ordinary: Its ordinary significance context.

    Returns:
        The new size of the list.
    """
    base = guide >> 1
    reached = abs(base)
    kind = SEEN if guide & 1 else min(reached, BASE_ABOVE_ONE)
    bins[first] = 2 * np.int64(tools.significance[NEIGHBOURS * STATES * kind + ordinary] >> _4) + (bins[first] & 1)
    if after == first + 1:
        return after
    if base != 0:
        bins[first + 1] = 2 * (layout.sign_tca + (base > 0)) + (bins[first + 1] & 1)
        for place in range(first + 2, min(after, first + 2 + layout.unary_length)):
            j = place - first - 2
            bins[place] = 2 * (layout.greater_tca + 2 * j + (j > reached)) + (bins[place] & 1)
    if layout.negative_limit == 0 or layout.positive_limit == 0:
        for place in range(first + 1, after - 1):
            bins[place] = bins[place + 1]
        return after - 1
    return after


@kernel
def list_large(bins: Bins, size: int, layout: ContextLayout, magnitude: int, sign: int, limit: int) -> int:
    """List the bins of a large magnitude after significance and sign; return the new size.

    Args:
        limit: Largest magnitude of this sign.
    """
    reached = 1
    for j in range(layout.unary_length):
        if reached == limit:
            return size
        bins[size] = 2 * (layout.greater + 2 * j + sign) + (magnitude > reached)
        size += 1
        if magnitude == reached:
            return size
        reached += 1
    rem_bits = 0
    while rem_bits < MAX_PREFIX and reached + (1 << rem_bits) <= limit:
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
def flush(payload: Octets, low: Any, pending: Any, byte: Any, least: Any) -> tuple[Any, Any, Any]:
    """Apply the carry, and write whole bytes while at least ``least`` bits are pending.

    Bytes beyond the payload are only counted.
    """
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
    """Encode a list of bins.

    Args:
        words: The tables of `machine.Machine`; the contexts are updated.
        payload: Receives whole bytes.
        bins: A context times 2 plus the bin, or from `BYPASS` on a bypass bin.
        size: Number of bins in the list.
        engine: The state of the encoder, updated.
    """
    base = address_of(words)
    ivl_range, low, pending, byte = engine[ENGINE_RANGE], engine[ENGINE_LOW], engine[ENGINE_PENDING], engine[ENGINE_BYTE]
    for place in range(_U64(size)):
        code = _U64(bins[place])
        bin_value = code & _1
        if code >= _U64(BYPASS):
            low = (low << _1) + (ivl_range >> RANGE_SHIFT if bin_value else _0)
            pending += _1
        else:
            context = (code >> _1) << _U64(4)
            row = load(words, base + context)
            lps = lps_part(row, ivl_range)
            mps_range = ivl_range - lps
            is_mps = bin_value == row >> _LAST
            update_context(words, base, context, bin_value - _1 if bin_value else ONES)
            low += choose(is_mps, _0, mps_range >> RANGE_SHIFT)
            ivl_range = choose(is_mps, mps_range, lps)
            shift = leading_zeros(ivl_range)
            ivl_range <<= shift
            low <<= shift
            pending += shift
        if pending >= _FLUSH:
            low, pending, byte = flush(payload, low, pending, byte, _8)
    engine[ENGINE_RANGE], engine[ENGINE_LOW], engine[ENGINE_PENDING], engine[ENGINE_BYTE] = ivl_range, low, pending, byte


@kernel
def add_costs(words: Words, bins: Bins, size: int, bin_costs: IntArray, lanes: Words, costs: IntArray, partners: IntArray) -> None:
    """Add the costs of listed bins in each lane.

    Args:
        bin_costs: int64 (128,), costs by bin and row.
        lanes: See `encode_tensor`.
        costs: See `encode_tensor`.
        partners: See `encode_tensor`.
    """
    base = address_of(words)
    for place in range(_U64(size)):
        code = _U64(bins[place])
        if code < _U64(BYPASS):
            bin_value = code & _1
            zero_mask = bin_value - _1 if bin_value else ONES
            first, column = (code >> _1) * _U64(SETS), opaque(bin_value << _U64(6))
            if partners[first] < 0:
                for lane in range(_U64(SETS)):
                    states = lanes[first + lane]
                    costs[first + lane] += bin_costs[column + (states >> STATE_SUM_SHIFT)]
                    lanes[first + lane] = updated_states(words, base, states, zero_mask)
            else:
                for lane in range(_U64(LEADERS)):
                    states = lanes[first + lane]
                    costs[first + lane] += bin_costs[column + (states >> STATE_SUM_SHIFT)]
                    lanes[first + lane] = updated_states(words, base, states, zero_mask)


@kernel
def pair_lanes(lanes: Words, costs: IntArray, partners: IntArray) -> None:
    """Pair each context's last lanes with earlier lanes that have the same state.

    Paired lanes have equal costs from here on, so only the earlier ones are counted. The last lanes
    keep their differences until `unpair_lanes`.

    Args:
        lanes: Context words by context and parameter set.
        costs: Costs so far of each lane.
        partners: Filled with the earlier lane of each paired one.
    """
    for first in range(0, lanes.shape[0], SETS):
        if partners[first] >= 0:
            continue
        paired = 0
        for lane in range(first + LEADERS, first + SETS):
            for leader in range(first, first + LEADERS):
                if lanes[lane] == lanes[leader]:
                    partners[lane] = leader
                    paired += 1
                    break
        if paired == SETS - LEADERS:
            partners[first] = first
            for lane in range(first + LEADERS, first + SETS):
                costs[lane] -= costs[partners[lane]]


@kernel
def unpair_lanes(costs: IntArray, partners: IntArray) -> None:
    """Give paired lanes their own costs again; the inverse of `pair_lanes`."""
    for first in range(0, costs.shape[0], SETS):
        if partners[first] >= 0:
            for lane in range(first + LEADERS, first + SETS):
                costs[lane] += costs[partners[lane]]
            partners[first] = -1


@kernel
def open_engine(engine: Words, registers: IntArray, payload: Octets) -> None:
    """Start the engine from the state in the coder's registers.

    If the position is within a byte, the bits of that byte that are written become pending.

    Args:
        engine: Filled with range, low, pending bits and byte position.
        registers: RANGE, OFFSET and POSITION are read.
        payload: The bytes written so far.
    """
    byte, pending = _U64(registers[POSITION]) >> _3, _U64(registers[POSITION]) & _U64(7)
    begun = _U64(payload[byte]) >> (_8 - pending) if byte < _U64(payload.shape[0]) else _0
    engine[ENGINE_RANGE] = _U64(registers[RANGE]) << RANGE_SHIFT
    engine[ENGINE_LOW] = begun << _WINDOW | _U64(registers[OFFSET])
    engine[ENGINE_PENDING] = pending
    engine[ENGINE_BYTE] = byte


@kernel
def close_engine(engine: Words, registers: IntArray, payload: Octets) -> None:
    """Write the engine's pending bits, and store its state in the coder's registers.

    Whole bytes are flushed; an unfinished byte is filled up with zeros. The interval is not ended.

    Args:
        engine: Range, low, pending bits and byte position, as `open_engine` made them.
        registers: RANGE, OFFSET and POSITION are set.
        payload: The bytes written so far; what exceeds its size is only counted.
    """
    low, pending, byte = flush(payload, engine[ENGINE_LOW], engine[ENGINE_PENDING], engine[ENGINE_BYTE], _8)
    if pending and byte < _U64(payload.shape[0]):
        payload[byte] = np.uint8(((low >> _WINDOW) << (_8 - pending)) & _U64(255))
    registers[RANGE] = np.int64(engine[ENGINE_RANGE] >> RANGE_SHIFT)
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
    tools: Tools,
    guides: Indexes | None,
) -> None:
    """Encode or estimate the indexes of a tensor that has any.

    Args:
        words: Tables of the layout; this call overwrites them.
        coder: Registers, payload, and parameter sets (lanes, contexts).
        tables: state_trans, `templates`, and costs by bin and row (128,).
        buffers: Indexes and entry points as in `plain.quant_tensor`, int32 (SCRATCH,), uint16
            (BINS,), int64 (CURSOR,), and uint64 (ENGINE,).
        estimate: Arrays (contexts * SETS,): the context's word, the sum of costs, and the lane
            that each lane follows (-1 for none; see `pair_lanes`).
        tools: Tools of the second edition.
        guides: int32, room for the guides of all indexes coded at once (SCRATCH with blocks); None
            unless `uses_guides`.
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
            unpair_lanes(costs, partners)
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
        width = columns_per_pass(block_row) if area.side > 0 else area.columns
        for left in range(0, area.columns, width):
            right = min(left + width, area.columns)
            coded = part
            if area.side > 0:
                coded = scratch[: block_row.rows * (right - left)]
                gather_blocks(part, coded, block_row, left, right)
            if guides is not None:
                gather_guides(part_of(tools, first, first + block_row.rows, area.columns), block_row, left, right, guides)
            cursor[PLACE] = 0
            while cursor[PLACE] < coded.shape[0]:
                before = cursor[PLACE]
                size = list_bins(coded, bins, small, layout, state_trans, cursor, tools, guides)
                if estimating:
                    add_costs(words, bins, size, bin_costs, lanes, costs, partners)
                    pair_lanes(lanes, costs, partners)
                else:
                    encode_bins(words, payload, bins, size, engine)
                if cursor[PLACE] == before:
                    registers[STATUS] = UNREACHABLE
                    registers[INDEX] += before - cursor[IN_SKIPPED]
                    return
            registers[INDEX] += coded.shape[0]
    registers[INDEX] -= cursor[IN_SKIPPED]
    if estimating:
        unpair_lanes(costs, partners)
    else:
        close_engine(engine, registers, payload)
