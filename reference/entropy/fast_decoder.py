"""The fast decoder: `plain.quant_tensor` in decode mode, as a state machine (see `machine`).

IvlCurrRange is in bits 55..63 of a word, IvlOffset in the same bits of another, with payload bits
below it. A step decodes one bin: it loads what follows either bin, runs the coding engine, and
selects. It branches only to an exp-Golomb code and to a run of zeros, where a context follows
itself. If the codeword breaks a rule, the decoder gives up, and the plain kernel finds the error.
"""

from typing import Any, Final

import numpy as np

from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX, NEIGHBOURS, NO_LIMIT, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import (
    ONES,
    RANGE_SHIFT,
    Indexes,
    Octets,
    columns_per_pass,
    lps_part,
    reset_contexts,
    row_of,
    scatter_blocks,
    update_context,
    updated_states,
)
from nnc_conformance.reference.entropy.intrinsics import (
    address_of,
    big_endian,
    choose,
    choose_signed,
    leading_zeros,
    load,
    load_16,
    load_32,
    load_signed_16,
    opaque,
    spread,
    store,
    store_32,
    subtract,
    trailing_zeros,
)
from nnc_conformance.reference.entropy.fast_tools import Tools, kind_of_place, part_of
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray
from nnc_conformance.reference.entropy.machine import (
    CONTEXT,
    CONTEXT_0,
    CONTEXT_1,
    EMIT,
    EMITTED,
    ESCAPE,
    LINK_BYTES,
    LINKS,
    NEXT_0,
    NEXT_1,
    STAY,
    VALUE,
    Machine,
    Words,
)
from nnc_conformance.reference.entropy.plain import FORCED_RANGE, INDEX, OFFSET, POSITION, RANGE

ENGINE_RANGE, ENGINE_OFFSET, ENGINE_COUNT, ENGINE_BYTE, ENGINE_LINK = range(5)
"""State of the engine between runs, by place in an array.

The words of IvlCurrRange and IvlOffset, the number of valid bits in the latter, the next payload
byte, and the last link.
"""
ENGINE: Final = 5
"""Size of that array."""

_U64: Final = np.uint64
_0, _1, _2, _3, _4, _8 = (_U64(number) for number in (0, 1, 2, 3, 4, 8))
_BYTE: Final = _U64(255)
_LAST: Final = _U64(63)
_FORCED: Final = _U64(FORCED_RANGE << 55)
_ESCAPE, _STAY, _FLAGS, _EMIT = _U64(ESCAPE), _U64(STAY), _U64(ESCAPE | STAY), _U64(EMIT)
_NEXT_0, _NEXT_1, _CONTEXT_0, _CONTEXT_1, _CONTEXT, _VALUE, _EMITTED = (
    _U64(place) for place in (NEXT_0, NEXT_1, CONTEXT_0, CONTEXT_1, CONTEXT, VALUE, EMITTED)
)
_REFILLED_BITS: Final = _U64(56)
"""Valid bits in the word of IvlOffset after a refill, at least."""
_BINS_PER_REFILL: Final = _U64(6)
"""Bins between two refills: each consumes at most 7 bits, and 9 must remain."""
_LEAST_BITS: Final = _U64(9 + 7)
"""Valid bits below which a single bin needs a refill."""
_OVERREAD: Final = _U64(16)
"""Bytes that may be read beyond the payload, as zeros, before the decoder gives up."""
_INT32_MAX: Final = _U64(2**31 - 1)
_NO_LIMIT: Final = _U64(NO_LIMIT)


@kernel
def refill_by_bytes(payload: Octets, offset: Any, count: Any, byte: Any) -> tuple[Any, Any, Any]:
    """Do the same as `refill` where fewer than eight bytes are left."""
    while count < _REFILLED_BITS:
        if byte < _U64(payload.shape[0]):
            offset |= _U64(payload[byte]) << (_REFILLED_BITS - count)
        byte += _1
        count += _8
    return offset, count, byte


@kernel
def refill(payload: Octets, offset: Any, count: Any, byte: Any) -> tuple[Any, Any, Any]:
    """Refill the word of IvlOffset to at least `_REFILLED_BITS` valid bits, with zeros below them.

    Beyond the payload there are zeros.

    Returns:
        The word, its number of valid bits, and the next byte.
    """
    if byte + _8 > _U64(payload.shape[0]):
        return refill_by_bytes(payload, offset, count, byte)
    valid = count | _REFILLED_BITS
    fresh = (big_endian(payload, address_of(payload) + byte) >> count) & (ONES << (_U64(64) - valid))
    return offset | fresh, valid, byte + ((_LAST - count) >> _3)


@kernel
def decode_step(words: Words, base: Any, indexes: Indexes, at: Any, ivl_range: Any, offset: Any, row: Any, link: Any) -> tuple[Any, ...]:
    """Decode one bin at the node that ``link`` leads to.

    Args:
        base: address of ``words``.
        at: address where the next index is stored.
        row: row of lps_range of the node's context.

    Returns:
        ``at``, ``ivl_range``, ``offset``, ``row`` and ``link`` for the next bin.
    """
    lps = lps_part(row, ivl_range)
    mps_range = ivl_range - lps
    above, is_mps = subtract(offset, mps_range)
    zero_mask = opaque(spread(is_mps)) ^ row
    row_0 = opaque(load(words, base + load_16(words, link + _CONTEXT_0)))
    row_1 = opaque(load(words, base + load_16(words, link + _CONTEXT_1)))
    link_0, link_1 = opaque(load(words, link + _NEXT_0)), opaque(load(words, link + _NEXT_1))
    update_context(words, base, load_16(words, link + _CONTEXT), zero_mask)
    row = choose_signed(zero_mask, row_0, row_1)
    link = choose_signed(zero_mask, link_0, link_1)
    store_32(indexes, at, load_signed_16(words, link + _VALUE))
    ivl_range = choose(is_mps, mps_range, lps)
    offset = choose(is_mps, offset, above)
    shift = leading_zeros(ivl_range)
    return at + load_32(words, link + _EMITTED), ivl_range << shift, offset << shift, row, link


@kernel
def decode_bin(ivl_range: Any, offset: Any, count: Any, row: Any) -> tuple[Any, Any, Any, Any]:
    """Decode one bin with branches.

    Returns:
        Range, offset, valid bits, and the bin.
    """
    lps = lps_part(row, ivl_range)
    ivl_range -= lps
    bin_value = row >> _LAST
    if offset >= ivl_range:
        offset -= ivl_range
        ivl_range = lps
        bin_value ^= _1
    shift = leading_zeros(ivl_range)
    return ivl_range << shift, offset << shift, count - shift, bin_value


@kernel
def decode_zeros(
    words: Words, payload: Octets, indexes: Indexes, at: Any, end: Any, engine: tuple[Any, Any, Any, Any, Any]
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Decode a run of zeros in one context, up to another index or the end.

    Args:
        engine: range, offset, valid bits, next byte and link.

    Returns:
        The address where the next index is stored, and the engine.
    """
    ivl_range, offset, count, byte, link = engine
    base, limit = address_of(words), _U64(payload.shape[0]) + _OVERREAD
    context = base + load_16(words, link + _CONTEXT)
    row, states = load(words, context), load(words, context + _8)
    bin_value = _0
    while at < end:
        if count < _LEAST_BITS:
            offset, count, byte = refill(payload, offset, count, byte)
            if byte > limit:
                break
        ivl_range, offset, count, bin_value = decode_bin(ivl_range, offset, count, row)
        if bin_value:
            states = updated_states(words, base, states, _0)
            row = row_of(words, base, states)
            link = load(words, link + _NEXT_1)
            break
        states = updated_states(words, base, states, ONES)
        row = row_of(words, base, states)
        store_32(indexes, at, _0)
        at += _EMIT
    store(words, context, row)
    store(words, context + _8, states)
    return at, ivl_range, offset, count, byte, link


@kernel
def decode_escape(
    words: Words, payload: Octets, layout: ContextLayout, engine: tuple[Any, Any, Any, Any], most: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Decode abs_level_greater_x2 and abs_remainder.

    Args:
        engine: range, offset, valid bits and next byte.
        most: largest magnitude that the prefix bins may reach.

    Returns:
        The engine, and the magnitude of the index.
    """
    ivl_range, offset, count, byte = engine
    base = address_of(words)
    magnitude = _U64(layout.unary_length) + _1
    rem_bits, bin_value = _0, _1
    while rem_bits < _U64(MAX_PREFIX) and magnitude + (_1 << rem_bits) <= most:
        if count < _LEAST_BITS:
            offset, count, byte = refill(payload, offset, count, byte)
        context = (_U64(layout.prefix) + rem_bits) << _4
        ivl_range, offset, count, bin_value = decode_bin(ivl_range, offset, count, load(words, base + context))
        update_context(words, base, context, _0 if bin_value else ONES)
        if not bin_value:
            break
        magnitude += _1 << rem_bits
        rem_bits += _1
    remainder = _0
    for _ in range(rem_bits):
        if count < _LEAST_BITS:
            offset, count, byte = refill(payload, offset, count, byte)
        half = ivl_range >> _1
        remainder <<= _1
        if offset >= half:
            offset -= half
            remainder |= _1
        offset <<= _1
        count -= _1
    return ivl_range, offset, count, byte, magnitude + remainder


@kernel
def decode_run(words: Words, payload: Octets, layout: ContextLayout, engine: Words, indexes: Indexes, size: int) -> bool:
    """Decode ``size`` indexes in coded order to the start of an array; False to give up."""
    at = address_of(indexes)
    end = at + (_U64(size) << _2)
    ivl_range, offset, count, byte = engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE]
    link = engine[ENGINE_LINK]
    base, limit = address_of(words), _U64(payload.shape[0]) + _OVERREAD
    row = load(words, base + load_16(words, link + _CONTEXT))
    while at < end:
        offset, count, byte = refill(payload, offset, count, byte)
        if byte > limit:
            return False
        # a set bit behind the last valid bit marks how many are left
        offset |= _1 << (_LAST - count)
        for _ in range(min(_BINS_PER_REFILL, (end - at) >> _2)):
            at, ivl_range, offset, row, link = decode_step(words, base, indexes, at, ivl_range, offset, row, link)
            if link & _FLAGS:
                break
        count = _LAST - trailing_zeros(offset)
        offset &= offset - _1
        if link & _STAY:
            at, ivl_range, offset, count, byte, link = decode_zeros(
                words, payload, indexes, at, end, (ivl_range, offset, count, byte, link)
            )
            row = load(words, base + load_16(words, link + _CONTEXT))
        elif link & _ESCAPE:
            ivl_range, offset, count, byte, magnitude = decode_escape(
                words, payload, layout, (ivl_range, offset, count, byte), _NO_LIMIT
            )
            sign_and_parity = load_16(words, link + _VALUE)
            is_negative, parity = sign_and_parity & _1, sign_and_parity >> _1
            value = (magnitude << _1) - parity if layout.dq_flag else magnitude
            if value > _INT32_MAX + is_negative:
                return False
            store_32(indexes, at, subtract(_0, value)[0] if is_negative else value)
            at += _EMIT
            link = load(words, link + (_NEXT_1 if magnitude & _1 else _NEXT_0))
            row = load(words, base + load_16(words, link + _CONTEXT))
    engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE] = ivl_range, offset, count, byte
    engine[ENGINE_LINK] = link
    return True


@kernel
def open_engine(engine: Words, registers: IntArray, payload: Octets) -> None:
    """Start from the registers: IvlOffset, and the rest of the payload byte at POSITION."""
    byte, bit = _U64(registers[POSITION]) >> _3, _U64(registers[POSITION]) & _U64(7)
    left = _U64(payload[byte]) & (_BYTE >> bit) if byte < _U64(payload.shape[0]) else _0
    engine[ENGINE_RANGE] = _U64(registers[RANGE]) << RANGE_SHIFT
    engine[ENGINE_OFFSET] = _U64(registers[OFFSET]) << RANGE_SHIFT | left << (_U64(47) + bit)
    engine[ENGINE_COUNT] = _U64(17) - bit
    engine[ENGINE_BYTE] = byte + _1


@kernel
def position_of(engine: Words) -> Any:
    """Compute POSITION: the payload bits that IvlOffset has consumed."""
    return np.int64(_8 * engine[ENGINE_BYTE] - engine[ENGINE_COUNT]) + 9


@kernel
def decode_block_row(
    words: Words, payload: Octets, layout: ContextLayout, engine: Words, area: ScanArea, indexes: Indexes, scratch: Indexes
) -> bool:
    """Decode the indexes of one block row, as `plain.quant_block_row` does; False to give up."""
    if area.side == 0:
        return decode_run(words, payload, layout, engine, indexes, indexes.shape[0])
    width = columns_per_pass(area)
    for left in range(0, area.columns, width):
        right = min(left + width, area.columns)
        if not decode_run(words, payload, layout, engine, scratch, area.rows * (right - left)):
            return False
        scatter_blocks(scratch, indexes, area, left, right)
    return True


@kernel
def decode_context_bin(words: Words, payload: Octets, context: Any, engine: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any, Any]:
    """Decode one bin in a context without branches on its value.

    Args:
        context: byte offset of the context.
        engine: range, offset, valid bits and next byte.

    Returns:
        The engine, and the bin.
    """
    ivl_range, offset, count, byte = engine
    base = address_of(words)
    if count < _LEAST_BITS:
        offset, count, byte = refill(payload, offset, count, byte)
    row = load(words, base + context)
    lps = lps_part(row, ivl_range)
    mps_range = ivl_range - lps
    above, is_mps = subtract(offset, mps_range)
    zero_mask = opaque(spread(is_mps)) ^ row
    update_context(words, base, context, zero_mask)
    ivl_range = choose(is_mps, mps_range, lps)
    offset = choose(is_mps, offset, above)
    shift = leading_zeros(ivl_range)
    return ivl_range << shift, offset << shift, count - shift, byte, (zero_mask >> _LAST) ^ _1


@kernel
def decode_block_row_with_tools(
    words: Words, payload: Octets, layout: ContextLayout, engine: Words, area: ScanArea, indexes: Indexes, tools: Tools, state_id: int
) -> int:
    """Decode a block row with tools of the second edition, as `plain.quant_block_row` does.

    Args:
        tools: those of this block row.
        state_id: stateId at the start.

    Returns:
        The stateId after the block row, or -1 to give up.
    """
    ivl_range, offset, count, byte = engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE]
    limit = _U64(payload.shape[0]) + _OVERREAD
    lowest, highest = _U64(layout.negative_limit), _U64(layout.positive_limit)
    one_sided = lowest == _0 or highest == _0
    width = area.side if area.side > 0 else area.columns
    previous, state = _0, _U64(state_id)
    for left in range(0, area.columns, width):
        right = min(left + width, area.columns)
        for row in range(area.rows):
            if tools.skipped.shape[0] > 0 and tools.skipped[row]:
                state = _U64(tools.states_after_skipped[0 if right - left == width else 1, state])
                continue
            for place in range(_U64(row * area.columns + left), _U64(row * area.columns + right)):
                kind, base = kind_of_place(tools, place)
                context = tools.significance[(kind * _U64(STATES) + state) * _U64(NEIGHBOURS) + previous]
                ivl_range, offset, count, byte, bin_value = decode_context_bin(words, payload, context, (ivl_range, offset, count, byte))
                if byte > limit:
                    return -1
                if not bin_value:
                    indexes[place] = 0
                    previous = _0
                    if layout.dq_flag:
                        state = _U64(tools.state_trans[state, 0])
                    continue
                sign_flag = _0 if lowest == _0 else _1
                if not one_sided:
                    context = _U64(layout.sign) + previous if base == 0 else _U64(layout.sign_tca) + _U64(base > 0)
                    engine_before = (ivl_range, offset, count, byte)
                    ivl_range, offset, count, byte, sign_flag = decode_context_bin(words, payload, context << _4, engine_before)
                most = lowest if sign_flag else highest
                first, reached = _U64(layout.greater) + sign_flag, _NO_LIMIT
                if base != 0:
                    first, reached = _U64(layout.greater_tca), _U64(abs(base))
                bins = min(_U64(layout.unary_length), most - _1)
                j = _0
                while j < bins:
                    context = first + (j << _1) + _U64(j > reached)
                    engine_before = (ivl_range, offset, count, byte)
                    ivl_range, offset, count, byte, bin_value = decode_context_bin(words, payload, context << _4, engine_before)
                    if not bin_value:
                        break
                    j += _1
                magnitude = j + _1
                if j == _U64(layout.unary_length):
                    engine_before = (ivl_range, offset, count, byte)
                    ivl_range, offset, count, byte, magnitude = decode_escape(words, payload, layout, engine_before, most)
                    if magnitude > most:
                        return -1
                value = (magnitude << _1) - (state & _1) if layout.dq_flag else magnitude
                if value > _INT32_MAX + sign_flag:
                    return -1
                indexes[place] = np.int32(-np.int64(value) if sign_flag else np.int64(value))
                previous = _2 - sign_flag
                if layout.dq_flag:
                    state = _U64(tools.state_trans[state, magnitude & _1])
    engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE] = ivl_range, offset, count, byte
    return np.int64(state)


@kernel
def relocate_links(machine: Machine) -> None:
    """Turn the offsets in links into addresses."""
    words, base = machine.words, address_of(machine.words)
    for place in machine.links:
        link = base + _U64(place)
        store(words, link + _NEXT_0, load(words, link + _NEXT_0) + base)
        store(words, link + _NEXT_1, load(words, link + _NEXT_1) + base)


@kernel
def decode_block_rows(
    machine: Machine,
    coder: tuple[IntArray, Octets, IntArray],
    layout: ContextLayout,
    area: ScanArea,
    buffers: tuple[Indexes, IntArray, Indexes, Words],
    start: tuple[int, bool, int],
    tools: Tools,
) -> int:
    """Decode a tensor that has indexes, or some of its block rows.

    Args:
        machine: tables of the layout; this call overwrites them.
        coder: registers, payload and parameter sets.
        area: rows and columns of these block rows.
        buffers: indexes and entry points as in `plain.quant_tensor`, int32 (SCRATCH,), and
            uint64 (ENGINE,).
        start: stateId at the start, whether the tensor has several block rows, and the tensor's
            row with which these begin.
        tools: tools of the second edition for the tensor.

    Returns:
        The stateId at the end, or -1 to give up; then registers are unchanged, and the buffers
            invalid.
    """
    words = machine.words
    registers, payload, parameter_sets = coder
    indexes, entry_points, scratch, engine = buffers
    relocate_links(machine)
    open_engine(engine, registers, payload)
    height = area.side if area.side > 0 else area.rows
    state_id, several, first_row = start
    for first in range(0, area.rows, height):
        after = min(first + height, area.rows)
        reset_contexts(words, layout, parameter_sets)
        if several:
            engine[ENGINE_RANGE] = _FORCED
            if engine[ENGINE_OFFSET] >= _FORCED:
                return -1
        if first > 0:
            entry_point = entry_points[first // height - 1]
            entry_point[0] = np.int64(engine[ENGINE_OFFSET] >> RANGE_SHIFT)
            entry_point[1] = state_id
            entry_point[2] = position_of(engine)
        block_row = indexes[first * area.columns : after * area.columns]
        part = ScanArea(after - first, area.columns, area.side)
        if tools.on:
            row_tools = part_of(tools, first_row + first, first_row + after, area.columns)
            state_id = decode_block_row_with_tools(words, payload, layout, engine, part, block_row, row_tools, state_id)
            if state_id < 0:
                return -1
            continue
        engine[ENGINE_LINK] = address_of(words) + _U64(machine.starts[state_id])
        if not decode_block_row(words, payload, layout, engine, part, block_row, scratch):
            return -1
        state_id = state_after(words, engine[ENGINE_LINK])
    if position_of(engine) > 8 * payload.shape[0]:
        return -1
    registers[RANGE] = np.int64(engine[ENGINE_RANGE] >> RANGE_SHIFT)
    registers[OFFSET] = np.int64(engine[ENGINE_OFFSET] >> RANGE_SHIFT)
    registers[POSITION] = position_of(engine)
    registers[INDEX] = indexes.shape[0]
    return state_id


@kernel
def state_after(words: Words, link: Any) -> Any:
    """Compute the stateId at a link to a significance node.

    These nodes come first, and the first link of a node has no flag except `STAY`.
    """
    node = (load(words, link + _NEXT_0) - address_of(words) - _U64(8 * LINKS)) // _U64(2 * LINK_BYTES)
    return np.int64(node) // NEIGHBOURS
