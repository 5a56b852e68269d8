"""The fast decoder of a tensor's indexes: the meaning of `plain.quant_tensor` in decode mode, as a machine of nodes (see `machine`).

IvlCurrRange stands in bits 55..63 of a word, IvlOffset in the same bits of another, with payload bits below it. A step codes one bin: it
fetches what follows either bin, runs the engine, and selects; it branches only to the exp-Golomb code. Whatever breaks a rule makes the
decoder give up: the plain kernel then finds out what and where.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX, NEIGHBOURS, ContextLayout
from nnc_conformance.reference.entropy.intrinsics import (
    big_endian,
    choose,
    leading_zeros,
    load,
    opaque,
    signed_shift,
    store,
    store_low,
    subtract,
)
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.entropy.machine import (
    EMIT,
    ESCAPE,
    FALLS_0,
    FALLS_1,
    INITIAL,
    LINK_FIELDS,
    LINKS,
    LPS_ROWS,
    RISES_0,
    RISES_1,
    STAY,
    UNIT,
    Machine,
    Words,
)
from nnc_conformance.reference.entropy.plain import FORCED_RANGE, INDEX, OFFSET, POSITION, RANGE, ScanArea

SCRATCH: Final = 4096
"""Indexes, decoded in coded order, that are put into their places at once: the largest block at least."""

_U64: Final = np.uint64
_0, _1, _2, _3, _8, _24 = (_U64(number) for number in (0, 1, 2, 3, 8, 24))
_BYTE: Final = _U64(255)
_TOP: Final = _U64(55)
_STATE_SUM: Final = _U64(58)
_MOST_PROBABLE: Final = _U64(63)
_RANGE_BITS: Final = _U64(57)
_RANGE_PLACE: Final = _U64(0x38)
_RANGE_MASK: Final = _U64(0xFF << 55)
_FORCED: Final = _U64(FORCED_RANGE << 55)
_UNIT: Final = _U64(UNIT)
_ESCAPE, _STAY, _EMIT = _U64(ESCAPE), _U64(STAY), _U64(EMIT)
_CONTEXT_0_MASK: Final = _U64(0x3FF << LINK_FIELDS["context_0"])
_CONTEXT_1: Final = _U64(LINK_FIELDS["context_1"] - 3)
_CONTEXT: Final = _U64(LINK_FIELDS["context"] - 3)
_CONTEXT_MASK: Final = _U64(0x3FF << 3)
_NODE: Final = _U64(LINK_FIELDS["node"])
_NODE_MASK: Final = _U64(0x7FFF)
_VALUE: Final = _U64(LINK_FIELDS["value"])
_LPS_ROWS, _RISES_1, _RISES_0, _FALLS_1, _FALLS_0, _LINKS = (
    _U64(8 * place) for place in (LPS_ROWS, RISES_1, RISES_0, FALLS_1, FALLS_0, LINKS)
)
"""As byte offsets."""
_FULL: Final = _U64(56)
"""Bits of IvlOffset's word that are valid after a refill, at least; a bin uses up 7 at most, and 9 must be left."""
_PACK: Final = _U64(6)
"""Bins a refill: 56 - 6 * 7 >= 9."""
_SCANT: Final = _U64(9 + 7)
_LINGER: Final = _U64(16)
"""Bytes that may be fetched beyond the payload, as zeros, before the decoder gives up."""
_INT32_MAX: Final = _U64(2**31 - 1)
_POSITIVE, _NEGATIVE = 2, 1

ENGINE_RANGE, ENGINE_OFFSET, ENGINE_COUNT, ENGINE_BYTE, ENGINE_LINK = range(5)
"""The engine between runs: IvlCurrRange's and IvlOffset's words, the valid bits in the latter, the next payload byte, the last link."""
ENGINE: Final = 5


@kernel
def risen(words: Words, context: Any) -> Any:
    """A context's word after a bin 1."""
    return context + load(words, _RISES_1 + (((context >> _8) & _BYTE) << _3)) + load(words, _RISES_0 + (((context >> _24) & _BYTE) << _3))


@kernel
def fallen(words: Words, context: Any) -> Any:
    """A context's word after a bin 0."""
    place = context - _UNIT
    return context - load(words, _FALLS_1 + (((place >> _8) & _BYTE) << _3)) - load(words, _FALLS_0 + (((place >> _24) & _BYTE) << _3))


@kernel
def lps_range(words: Words, context: Any, ivl_range: Any) -> Any:
    """The least probable bin's part of the range."""
    return (load(words, _LPS_ROWS + ((context >> _STATE_SUM) << _3)) << ((ivl_range >> _RANGE_BITS) & _RANGE_PLACE)) & _RANGE_MASK


@kernel
def refilled(payload: npt.NDArray[np.uint8], offset: Any, count: Any, byte: Any) -> tuple[Any, Any, Any]:
    """IvlOffset's word with at least `_FULL` valid bits, their count and the next byte; beyond the payload there are zeros."""
    size = _U64(payload.shape[0])
    if byte + _8 <= size:
        return offset | big_endian(payload, byte) >> count, count | _FULL, byte + ((_MOST_PROBABLE - count) >> _3)
    while count <= _FULL:
        if byte < size:
            offset |= _U64(payload[byte]) << (_FULL - count)
        byte += _1
        count += _8
    return offset, count, byte


@kernel
def step(
    words: Words, indexes: npt.NDArray[np.int32], at: Any, engine: tuple[Any, Any, Any, Any, Any]
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """One bin. ``engine``: range, offset, count, the context's word and the link to the node; returns these, and where to store next."""
    ivl_range, offset, count, context, link = engine
    lps = lps_range(words, context, ivl_range)
    mps_range = ivl_range - lps
    above, is_mps = subtract(offset, mps_range)

    after_1, after_0 = risen(words, context), fallen(words, context)
    next_0 = load(words, link & _CONTEXT_0_MASK)
    next_1 = opaque(load(words, (link >> _CONTEXT_1) & _CONTEXT_MASK))
    next_0 = opaque(choose((link & _STAY) != _0, after_0, next_0))
    most_probable = context >> _MOST_PROBABLE
    place = (link >> _NODE) & _NODE_MASK | most_probable
    link_mps = opaque(load(words, _LINKS + (place << _3)))
    link_lps = opaque(load(words, _LINKS + ((place ^ _1) << _3)))

    is_1 = most_probable != _0
    store(words, (link >> _CONTEXT) & _CONTEXT_MASK, choose(is_mps, choose(is_1, after_1, after_0), choose(is_1, after_0, after_1)))
    context = choose(is_mps, choose(is_1, next_1, next_0), choose(is_1, next_0, next_1))
    link = choose(is_mps, link_mps, link_lps)
    store_low(indexes, at, signed_shift(link, _VALUE))
    ivl_range = choose(is_mps, mps_range, lps)
    offset = choose(is_mps, offset, above)
    shift = leading_zeros(ivl_range)
    return ivl_range << shift, offset << shift, count - shift, context, link, at + (link & _EMIT)


@kernel
def decode_bin(words: Words, at: Any, ivl_range: Any, offset: Any, count: Any) -> tuple[Any, Any, Any, Any]:
    """One bin with the context at a byte offset, by branches; returns it after range, offset and count."""
    context = load(words, at)
    bin_value = context >> _MOST_PROBABLE
    lps = lps_range(words, context, ivl_range)
    ivl_range -= lps
    if offset >= ivl_range:
        offset -= ivl_range
        ivl_range = lps
        bin_value ^= _1
    store(words, at, risen(words, context) if bin_value else fallen(words, context))
    shift = leading_zeros(ivl_range)
    return ivl_range << shift, offset << shift, count - shift, bin_value


@kernel
def escape(
    words: Words, payload: npt.NDArray[np.uint8], layout: ContextLayout, engine: tuple[Any, Any, Any, Any]
) -> tuple[Any, Any, Any, Any, Any]:
    """abs_level_greater_x2 and abs_remainder. ``engine``: range, offset, count and byte; returns them and the index's magnitude."""
    ivl_range, offset, count, byte = engine
    magnitude = _U64(layout.unary_length) + _1
    rem_bits, bin_value = _0, _1
    while rem_bits < _U64(MAX_PREFIX):
        if count < _SCANT:
            offset, count, byte = refilled(payload, offset, count, byte)
        ivl_range, offset, count, bin_value = decode_bin(words, (_U64(layout.prefix) + rem_bits) << _3, ivl_range, offset, count)
        if not bin_value:
            break
        magnitude += _1 << rem_bits
        rem_bits += _1
    remainder = _0
    for _ in range(rem_bits):
        if count < _SCANT:
            offset, count, byte = refilled(payload, offset, count, byte)
        half = ivl_range >> _1
        remainder <<= _1
        if offset >= half:
            offset -= half
            remainder |= _1
        offset <<= _1
        count -= _1
    return ivl_range, offset, count, byte, magnitude + remainder


@kernel
def run(
    words: Words,
    payload: npt.NDArray[np.uint8],
    layout: ContextLayout,
    engine: Words,
    indexes: npt.NDArray[np.int32],
    area: tuple[Any, Any],
) -> bool:
    """Decodes indexes in coded order into a part of an array, ``area``: byte offsets of its start and end; False to give up."""
    at, end = area
    ivl_range, offset, count, byte = engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE]
    link = engine[ENGINE_LINK]
    context = load(words, (link >> _CONTEXT) & _CONTEXT_MASK)
    limit = _U64(payload.shape[0]) + _LINGER
    while at < end:
        offset, count, byte = refilled(payload, offset, count, byte)
        if byte > limit:
            return False
        for _ in range(min(_PACK, (end - at) >> _2)):
            ivl_range, offset, count, context, link, at = step(words, indexes, at, (ivl_range, offset, count, context, link))
            if link & _ESCAPE:
                break
        if link & _ESCAPE:
            ivl_range, offset, count, byte, magnitude = escape(words, payload, layout, (ivl_range, offset, count, byte))
            is_negative, parity = (link >> _VALUE) & _1, (link >> (_VALUE + _1)) & _1
            value = (magnitude << _1) - parity if layout.dq_flag else magnitude
            if value > _INT32_MAX + is_negative:
                return False
            store_low(indexes, at, subtract(_0, value)[0] if is_negative else value)
            at += _EMIT
            link = load(words, _LINKS + (((link >> _NODE) & _NODE_MASK | magnitude & _1) << _3))
            context = load(words, (link >> _CONTEXT) & _CONTEXT_MASK)
    engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE] = ivl_range, offset, count, byte
    engine[ENGINE_LINK] = link
    return True


@kernel
def open_engine(engine: Words, registers: IntArray, payload: npt.NDArray[np.uint8]) -> None:
    """From the registers: IvlOffset, and what is left of the byte at POSITION."""
    byte, bit = _U64(registers[POSITION]) >> _3, _U64(registers[POSITION]) & _U64(7)
    left = _U64(payload[byte]) & (_BYTE >> bit) if byte < _U64(payload.shape[0]) else _0
    engine[ENGINE_RANGE] = _U64(registers[RANGE]) << _TOP
    engine[ENGINE_OFFSET] = _U64(registers[OFFSET]) << _TOP | left << (_U64(47) + bit)
    engine[ENGINE_COUNT] = _U64(17) - bit
    engine[ENGINE_BYTE] = byte + _1


@kernel
def position_of(engine: Words) -> Any:
    """POSITION: the payload bits that came into IvlOffset so far."""
    return np.int64(_8 * engine[ENGINE_BYTE] - engine[ENGINE_COUNT]) + 9


@kernel
def put_in_place(scratch: npt.NDArray[np.int32], indexes: npt.NDArray[np.int32], area: ScanArea, left: int, right: int) -> None:
    """Copies the blocks of a block row between two columns, block after block in ``scratch``, to their places in the row-major array."""
    at = 0
    for first in range(left, right, area.side):
        width = min(area.side, right - first)
        for row in range(area.rows):
            place = row * area.columns + first
            for column in range(width):
                indexes[place + column] = scratch[at + column]
            at += width


@kernel
def decode_block_row(
    words: Words, payload: npt.NDArray[np.uint8], layout: ContextLayout, engine: Words, area: ScanArea, buffers: tuple[Any, Any]
) -> bool:
    """The indexes of one block row, see `plain.quant_block_row`; ``buffers``: its part of the indexes, and scratch; False to give up."""
    indexes, scratch = buffers
    if area.side == 0:
        return run(words, payload, layout, engine, indexes, (_0, _U64(4 * indexes.shape[0])))
    width = max(SCRATCH // (area.rows * area.side), 1) * area.side
    for left in range(0, area.columns, width):
        right = min(left + width, area.columns)
        if not run(words, payload, layout, engine, scratch, (_0, _U64(4 * area.rows * (right - left)))):
            return False
        put_in_place(scratch, indexes, area, left, right)
    return True


@kernel
def decode_tensor(
    machine: Machine,
    coder: tuple[IntArray, npt.NDArray[np.uint8], IntArray],
    layout: ContextLayout,
    area: ScanArea,
    buffers: tuple[npt.NDArray[np.int32], IntArray, npt.NDArray[np.int32], Words],
) -> bool:
    """The indexes of a tensor that has any. False to give up: then the registers are as they were, indexes and entry points spoilt.

    ``machine``: of the layout, its words to be written; ``coder``: registers, payload, parameter sets; ``buffers``: indexes and entry
    points as in `plain.quant_tensor`, int32 (SCRATCH,), uint64 (ENGINE,).
    """
    words, starts = machine.words, machine.starts
    registers, payload, parameter_sets = coder
    indexes, entry_points, scratch, engine = buffers
    open_engine(engine, registers, payload)
    height = area.side if area.side > 0 else area.rows
    state_id = _0
    for first in range(0, area.rows, height):
        after = min(first + height, area.rows)
        for context in range(layout.flag):
            words[context] = words[INITIAL + parameter_sets[context]]
        if area.rows > height:
            engine[ENGINE_RANGE] = _FORCED
            if engine[ENGINE_OFFSET] >= _FORCED:
                return False
        if first > 0:
            entry_point = entry_points[first // height - 1]
            entry_point[0] = np.int64(engine[ENGINE_OFFSET] >> _TOP)
            entry_point[1] = np.int64(state_id)
            entry_point[2] = position_of(engine)
        engine[ENGINE_LINK] = words[LINKS + starts[state_id]]
        block_row = indexes[first * area.columns : after * area.columns]
        if not decode_block_row(words, payload, layout, engine, ScanArea(after - first, area.columns, area.side), (block_row, scratch)):
            return False
        state_id = ((engine[ENGINE_LINK] >> _NODE) & _NODE_MASK) // _U64(2 * NEIGHBOURS)
    if position_of(engine) > 8 * payload.shape[0]:
        return False
    registers[RANGE] = np.int64(engine[ENGINE_RANGE] >> _TOP)
    registers[OFFSET] = np.int64(engine[ENGINE_OFFSET] >> _TOP)
    registers[POSITION] = position_of(engine)
    registers[INDEX] = indexes.shape[0]
    return True
