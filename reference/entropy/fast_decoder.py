"""The fast decoder: `plain.quant_tensor` in decode mode, as a state machine (see `machine`).

IvlCurrRange is in bits 55..63 of a word, and the room in the same bits of another, with inverted
payload bits below it. The room is IvlCurrRange - 1 - IvlOffset: a bin is the least probable one if
the room is below its part of the range, and the room then stays as it is. A step decodes one bin:
it loads what follows either bin, runs the coding engine, and selects. It branches only to an
exp-Golomb code, to a context that follows itself, and to a loop for zeros that are most probable,
which is left before any other bin. If the codeword breaks a rule, the decoder gives up, and the
plain kernel finds the error.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX, NEIGHBOURS, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import (
    ONES,
    PARTS,
    RANGE_SHIFT,
    SCRATCH,
    STATE_SUM_SHIFT,
    Indexes,
    Octets,
    columns_per_pass,
    lps_part,
    parts_of,
    reset_contexts,
    row_of,
    scatter_blocks,
    update_context,
    updated_states,
)
from nnc_conformance.reference.entropy.fast_tools import Tools, add_context_rows, kind_of_place, part_of
from nnc_conformance.reference.entropy.intrinsics import (
    add,
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
    SIGNIFICANCE,
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

Offsets = npt.NDArray[np.uint16]
"""Byte offsets of contexts."""

_U64: Final = np.uint64
_0, _1, _2, _3, _4, _8 = (_U64(number) for number in (0, 1, 2, 3, 4, 8))
_BYTE: Final = _U64(255)
_LAST: Final = _U64(63)
_FORCED: Final = _U64(FORCED_RANGE << 55)
_ESCAPE, _SIGNIFICANCE, _STAY, _EMIT = (_U64(number) for number in (ESCAPE, SIGNIFICANCE, STAY, EMIT))
_NEXT_0, _NEXT_1, _CONTEXT_0, _CONTEXT_1, _CONTEXT, _VALUE, _EMITTED = (
    _U64(place) for place in (NEXT_0, NEXT_1, CONTEXT_0, CONTEXT_1, CONTEXT, VALUE, EMITTED)
)
_REFILLED_BITS: Final = _U64(56)
"""Valid bits in the word of IvlOffset after a refill, at least."""
_BINS_PER_REFILL: Final = _U64(6)
"""Bins between two refills: each consumes at most 7 bits, and 9 must remain."""
_BINS_OF_ONE: Final = _U64(3)
"""Bins of an index of magnitude 1, after which zeros may be likely again."""
_ZEROS_PER_REFILL: Final = _U64(56 - 9)
"""Zeros between two refills, where these are most probable: each consumes at most one bit."""
_LIKELY: Final = _U64(36 << 55)
"""Row of lps_range, for bin 0 as the most probable one, below which the loop of zeros begins."""
_UNLIKELY: Final = _U64(72 << 55)
"""Row of lps_range from which the loop of zeros ends where contexts depend on the place."""
_LEAST_BITS: Final = _U64(9 + 7)
"""Valid bits below which a single bin needs a refill."""
_OVERREAD: Final = _U64(16)
"""Bytes that may be read beyond the payload, as zeros, before the decoder gives up."""
_INT32_MAX: Final = _U64(2**31 - 1)


@kernel
def refill_by_bytes(payload: Octets, room: Any, count: Any, byte: Any) -> tuple[Any, Any, Any]:
    """Refill the word of the room, as `refill`, where fewer than eight bytes are left."""
    while count < _REFILLED_BITS:
        octet = _U64(payload[byte]) if byte < _U64(payload.shape[0]) else _0
        room |= (octet ^ _BYTE) << (_REFILLED_BITS - count)
        byte += _1
        count += _8
    return room, count, byte


@kernel
def refill(payload: Octets, room: Any, count: Any, byte: Any) -> tuple[Any, Any, Any]:
    """Refill the word of the room to at least `_REFILLED_BITS` valid bits.

    The bits below them are zeros.

    The payload's bits are inverted; beyond the payload there are zeros.

    Returns:
        The word, its number of valid bits, and the next byte.
    """
    if byte + _8 > _U64(payload.shape[0]):
        return refill_by_bytes(payload, room, count, byte)
    valid = count | _REFILLED_BITS
    fresh = ((big_endian(payload, address_of(payload) + byte) ^ ONES) >> count) & (ONES << (_U64(64) - valid))
    return room | fresh, valid, byte + ((_LAST - count) >> _3)


@kernel
def complement(ivl_range: Any, offset: Any, count: Any) -> Any:
    """Return IvlCurrRange - 1 - ``offset``: an IvlOffset's room, or a room's IvlOffset.

    Args:
        count: Valid bits, from the top of the word; those below become 0.
    """
    return (ivl_range - _1 - offset) & (ONES << (_U64(64) - count))


@kernel
def decode_step(words: Words, base: Any, indexes: Indexes, at: Any, ivl_range: Any, room: Any, row: Any, link: Any) -> tuple[Any, ...]:
    """Decode one bin at the node that ``link`` leads to.

    Args:
        base: Address of ``words``.
        at: Address where the next index is stored.
        row: Row of lps_range of the node's context.

    Returns:
        ``at``, ``ivl_range``, ``room``, ``row`` and ``link`` for the next bin.
    """
    lps = lps_part(row, ivl_range)
    below, is_lps = subtract(room, lps)
    one_mask = opaque(spread(is_lps)) ^ row
    row_0 = opaque(load(words, base + load_16(words, link + _CONTEXT_0)))
    row_1 = opaque(load(words, base + load_16(words, link + _CONTEXT_1)))
    link_0, link_1 = opaque(load(words, link + _NEXT_0)), opaque(load(words, link + _NEXT_1))
    update_context(words, base, load_16(words, link + _CONTEXT), one_mask ^ ONES)
    row = choose_signed(one_mask, row_1, row_0)
    link = choose_signed(one_mask, link_1, link_0)
    store_32(indexes, at, load_signed_16(words, link + _VALUE))
    ivl_range = choose(is_lps, lps, ivl_range - lps)
    room = choose(is_lps, room, below)
    shift = leading_zeros(ivl_range)
    return at + load(words, link + _EMITTED), ivl_range << shift, room << shift, row, link


@kernel
def keep_most_probable(ivl_range: Any, room: Any, lps: Any) -> tuple[Any, Any]:
    """Take the most probable bin, which consumes one bit at most.

    Args:
        lps: The part of the range that belongs to the other bin; at most ``room``.

    Returns:
        Range and room after renormalization.
    """
    mps_range, below = ivl_range - lps, room - lps
    return choose_signed(mps_range, mps_range, add(mps_range, mps_range)), choose_signed(mps_range, below, add(below, below))


@kernel
def decode_bin(ivl_range: Any, room: Any, count: Any, row: Any) -> tuple[Any, Any, Any, Any]:
    """Decode one bin with branches, as in an escape.

    Args:
        ivl_range: The range, its most significant bit first.
        room: IvlCurrRange - 1 - IvlOffset, shifted likewise, with further payload bits below.
        count: Valid bits of the room.
        row: Row of lps_range of the context, with its most probable bin.

    Returns:
        Range, room, valid bits, and the bin.
    """
    lps = lps_part(row, ivl_range)
    bin_value = row >> _LAST
    if room < lps:
        ivl_range = lps
        bin_value ^= _1
    else:
        ivl_range -= lps
        room -= lps
    shift = leading_zeros(ivl_range)
    return ivl_range << shift, room << shift, count - shift, bin_value


@kernel
def decode_zeros(
    words: Words, payload: Octets, indexes: Indexes, at: Any, end: Any, engine: tuple[Any, Any, Any, Any, Any]
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Decode zeros while these are most probable, up to another index or the end.

    Args:
        engine: Range, room, valid bits, next byte and link to a significance node.

    Returns:
        The address where the next index is stored, range, room, valid bits, next byte and link.
    """
    ivl_range, room, count, byte, link = engine
    base, limit = address_of(words), _U64(payload.shape[0]) + _OVERREAD
    is_zero = True
    while is_zero and at < end:
        room, count, byte = refill(payload, room, count, byte)
        if byte > limit:
            break
        room |= _1 << (_LAST - count)
        stop = at + (min(_ZEROS_PER_REFILL, (end - at) >> _2) << _2)
        while is_zero and at < stop:
            context = base + load_16(words, link + _CONTEXT)
            row, states = load(words, context), load(words, context + _8)
            after = load(words, link + _NEXT_0)
            if row >> _LAST:
                is_zero = False
                break
            if after != link:
                lps = lps_part(row, ivl_range)
                if room < lps:
                    is_zero = False
                    break
                states = updated_states(words, base, states, ONES)
                store(words, context, row_of(words, base, states))
                store(words, context + _8, states)
                link = after
                ivl_range, room = keep_most_probable(ivl_range, room, lps)
                store_32(indexes, at, _0)
                at += _EMIT
                continue
            fast, slow, rest, fast_steps, slow_steps = parts_of(words, base, states)
            while at < stop:
                lps = lps_part(row, ivl_range)
                if room < lps:
                    is_zero = False
                    break
                fast = add(fast, load(words, fast_steps + ((fast >> STATE_SUM_SHIFT) << _3)))
                slow = add(slow, load(words, slow_steps + ((slow >> STATE_SUM_SHIFT) << _3)))
                row = row_of(words, base, fast + slow + PARTS)
                ivl_range, room = keep_most_probable(ivl_range, room, lps)
                store_32(indexes, at, _0)
                at += _EMIT
            store(words, context, row)
            store(words, context + _8, fast + slow + rest)
        count = _LAST - trailing_zeros(room)
        room &= room - _1
    return at, ivl_range, room, count, byte, link


@kernel
def decode_escape(
    words: Words, payload: Octets, layout: ContextLayout, engine: tuple[Any, Any, Any, Any], most: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Decode abs_level_greater_x2 and abs_remainder.

    Args:
        engine: Range, room, valid bits and next byte.
        most: Largest magnitude that the prefix bins may reach.

    Returns:
        The engine, and the magnitude of the index.
    """
    ivl_range, room, count, byte = engine
    base = address_of(words)
    magnitude = _U64(layout.unary_length) + _1
    rem_bits, bin_value = _0, _1
    while rem_bits < _U64(MAX_PREFIX) and magnitude + (_1 << rem_bits) <= most:
        if count < _LEAST_BITS:
            room, count, byte = refill(payload, room, count, byte)
        context = (_U64(layout.prefix) + rem_bits) << _4
        ivl_range, room, count, bin_value = decode_bin(ivl_range, room, count, load(words, base + context))
        update_context(words, base, context, _0 if bin_value else ONES)
        if not bin_value:
            break
        magnitude += _1 << rem_bits
        rem_bits += _1
    remainder = _0
    for _ in range(rem_bits):
        if count < _LEAST_BITS:
            room, count, byte = refill(payload, room, count, byte)
        half = ivl_range >> _1
        remainder <<= _1
        if room < half:
            remainder |= _1
        else:
            room -= half
        room <<= _1
        count -= _1
    return ivl_range, room, count, byte, magnitude + remainder


@kernel
def decode_large(
    words: Words, payload: Octets, layout: ContextLayout, engine: tuple[Any, Any, Any, Any], link: Any
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Decode the rest of an index too large for the nodes of the machine.

    Args:
        engine: Range, room, valid bits and next byte.
        link: The link with the escape.

    Returns:
        The engine, the magnitude of the index (0 to give up), and its value.
    """
    sign_and_parity = load_16(words, link + _VALUE)
    is_negative, parity = sign_and_parity & _1, sign_and_parity >> _1
    most = _U64(layout.negative_limit if is_negative else layout.positive_limit)
    ivl_range, room, count, byte, magnitude = decode_escape(words, payload, layout, engine, most)
    value = (magnitude << _1) - parity if layout.dq_flag else magnitude
    if magnitude > most or value > _INT32_MAX + is_negative:
        magnitude = _0
    return ivl_range, room, count, byte, magnitude, subtract(_0, value)[0] if is_negative else value


@kernel
def zeros_begin(row: Any, link: Any) -> bool:
    """Whether a link leads to an index whose zero is most probable, as one condition.

    The processor could not predict whether it leads to an index.
    """
    return bool(opaque(spread(row < _LIKELY)) & link & _SIGNIFICANCE)


@kernel
def decode_run(words: Words, payload: Octets, layout: ContextLayout, engine: Words, indexes: Indexes, size: int) -> bool:
    """Decode ``size`` indexes in coded order to the start of an array.

    Return False to give up.
    """
    at = address_of(indexes)
    end = at + (_U64(size) << _2)
    ivl_range, room, count, byte = engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE]
    link = engine[ENGINE_LINK]
    room = complement(ivl_range, room, count)
    base, limit = address_of(words), _U64(payload.shape[0]) + _OVERREAD
    row = load(words, base + load_16(words, link + _CONTEXT))
    bins = _BINS_PER_REFILL
    while at < end:
        room, count, byte = refill(payload, room, count, byte)
        if byte > limit:
            return False
        # a set bit behind the last valid bit marks how many are left
        room |= _1 << (_LAST - count)
        for _ in range(min(bins, (end - at) >> _2)):
            at, ivl_range, room, row, link = decode_step(words, base, indexes, at, ivl_range, room, row, link)
            if link & _ESCAPE:
                if link & _STAY == _ESCAPE:
                    break
                row = load(words, base + load_16(words, link + _CONTEXT))
                if row < _LIKELY:
                    break
        bins = _BINS_PER_REFILL
        count = _LAST - trailing_zeros(room)
        room &= room - _1
        if zeros_begin(row, link):
            at, ivl_range, room, count, byte, link = decode_zeros(words, payload, indexes, at, end, (ivl_range, room, count, byte, link))
            row = load(words, base + load_16(words, link + _CONTEXT))
            bins = _BINS_OF_ONE
        elif link & _STAY == _ESCAPE:
            ivl_range, room, count, byte, magnitude, value = decode_large(words, payload, layout, (ivl_range, room, count, byte), link)
            if not magnitude:
                return False
            store_32(indexes, at, value)
            at += _EMIT
            link = load(words, link + (_NEXT_1 if magnitude & _1 else _NEXT_0))
            row = load(words, base + load_16(words, link + _CONTEXT))
    engine[ENGINE_RANGE], engine[ENGINE_OFFSET] = ivl_range, complement(ivl_range, room, count)
    engine[ENGINE_COUNT], engine[ENGINE_BYTE] = count, byte
    engine[ENGINE_LINK] = link
    return True


@kernel
def decode_step_by_place(
    words: Words, contexts: Offsets, indexes: Indexes, rows: Indexes, bases: tuple[Any, Any, Any], step: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Do the same as `decode_step` where contexts depend on the place.

    Args:
        contexts: Rows of contexts (see `contexts_by_place`).
        rows: The row of each place, as a byte offset.
        bases: Addresses of ``words`` and ``contexts``, and the distance from an index to its row.
        step: See the result.

    Returns:
        The same as `decode_step`, followed by the byte offset of the node's context, and the
            address of the row of contexts at the place of the index.
    """
    base, contexts_base, to_row = bases
    at, ivl_range, room, row, link, context, here = step
    lps = lps_part(row, ivl_range)
    below, is_lps = subtract(room, lps)
    one_mask = opaque(spread(is_lps)) ^ row
    context_0 = opaque(load_16(contexts, here + load_16(words, link + _CONTEXT_0)))
    context_1 = opaque(load_16(contexts, here + load_16(words, link + _CONTEXT_1)))
    row_0, row_1 = opaque(load(words, base + context_0)), opaque(load(words, base + context_1))
    link_0, link_1 = opaque(load(words, link + _NEXT_0)), opaque(load(words, link + _NEXT_1))
    update_context(words, base, context, one_mask ^ ONES)
    row = choose_signed(one_mask, row_1, row_0)
    context = choose_signed(one_mask, context_1, context_0)
    link = choose_signed(one_mask, link_1, link_0)
    store_32(indexes, at, load_signed_16(words, link + _VALUE))
    ivl_range = choose(is_lps, lps, ivl_range - lps)
    room = choose(is_lps, room, below)
    shift = leading_zeros(ivl_range)
    at += load(words, link + _EMITTED)
    here = contexts_base + load_32(rows, at + to_row)
    return at, ivl_range << shift, room << shift, row, link, context, here


@kernel
def decode_zeros_by_place(
    words: Words,
    payload: Octets,
    tables: tuple[Offsets, Indexes, Indexes],
    bases: tuple[Any, Any, Any],
    at: Any,
    end: Any,
    state: tuple[Any, ...],
) -> tuple[Any, ...]:
    """Do the same as `decode_zeros` where contexts depend on the place.

    Args:
        tables: Contexts, indexes and rows of `decode_step_by_place`.
        bases: Those of `decode_step_by_place`.
        state: Range, room, valid bits, next byte, link, context, and row of contexts.

    Returns:
        The address where the next index is stored, and the state.
    """
    contexts, indexes, rows = tables
    base, contexts_base, to_row = bases
    ivl_range, room, count, byte, link, context, here = state
    limit = _U64(payload.shape[0]) + _OVERREAD
    is_zero = True
    while is_zero and at < end:
        room, count, byte = refill(payload, room, count, byte)
        if byte > limit:
            break
        room |= _1 << (_LAST - count)
        stop = at + (min(_ZEROS_PER_REFILL, (end - at) >> _2) << _2)
        while is_zero and at < stop:
            row, states = load(words, base + context), load(words, base + context + _8)
            if row >= _UNLIKELY:
                is_zero = False
                break
            following = load_16(contexts, here + load_16(words, link + _CONTEXT_0))
            if following != context:
                lps = lps_part(row, ivl_range)
                if room < lps:
                    is_zero = False
                    break
                states = updated_states(words, base, states, ONES)
                store(words, base + context, row_of(words, base, states))
                store(words, base + context + _8, states)
                link, context = load(words, link + _NEXT_0), following
                ivl_range, room = keep_most_probable(ivl_range, room, lps)
                store_32(indexes, at, _0)
                at += _EMIT
                here = contexts_base + load_32(rows, at + to_row)
                continue
            fast, slow, rest, fast_steps, slow_steps = parts_of(words, base, states)
            while following == context and at < stop:
                lps = lps_part(row, ivl_range)
                if room < lps:
                    is_zero = False
                    break
                fast = add(fast, load(words, fast_steps + ((fast >> STATE_SUM_SHIFT) << _3)))
                slow = add(slow, load(words, slow_steps + ((slow >> STATE_SUM_SHIFT) << _3)))
                row = row_of(words, base, fast + slow + PARTS)
                ivl_range, room = keep_most_probable(ivl_range, room, lps)
                store_32(indexes, at, _0)
                at += _EMIT
                here = contexts_base + load_32(rows, at + to_row)
                link = load(words, link + _NEXT_0)
                following = load_16(contexts, here + load_16(words, link + _CONTEXT_0))
            store(words, base + context, row)
            store(words, base + context + _8, fast + slow + rest)
        count = _LAST - trailing_zeros(room)
        room &= room - _1
    return at, ivl_range, room, count, byte, link, context, here


@kernel
def decode_run_by_place(
    words: Words, payload: Octets, layout: ContextLayout, engine: Words, indexes: Indexes, size: int, tools: Tools, rows: Indexes, kind: int
) -> bool:
    """Do the same as `decode_run` where contexts depend on the place.

    Args:
        rows: The row of contexts of each place, as a byte offset, and one more.
        kind: Kind of the first place.
    """
    contexts = tools.contexts
    at = address_of(indexes)
    end = at + (_U64(size) << _2)
    ivl_range, room, count, byte = engine[ENGINE_RANGE], engine[ENGINE_OFFSET], engine[ENGINE_COUNT], engine[ENGINE_BYTE]
    link = engine[ENGINE_LINK]
    room = complement(ivl_range, room, count)
    bases = address_of(words), address_of(contexts), address_of(rows) - at
    base, limit = address_of(words), _U64(payload.shape[0]) + _OVERREAD
    context = tools.significance[kind * STATES * NEIGHBOURS + significance_node(words, link)]
    here = bases[1] + load_32(rows, at + bases[2])
    row = load(words, base + context)
    bins = _BINS_PER_REFILL
    while at < end:
        room, count, byte = refill(payload, room, count, byte)
        if byte > limit:
            return False
        room |= _1 << (_LAST - count)
        for _ in range(min(bins, (end - at) >> _2)):
            before = context
            at, ivl_range, room, row, link, context, here = decode_step_by_place(
                words, contexts, indexes, rows, bases, (at, ivl_range, room, row, link, context, here)
            )
            if context == before:
                row = load(words, base + context)
                if row < _LIKELY:
                    break
            if link & _STAY == _ESCAPE:
                break
        bins = _BINS_PER_REFILL
        count = _LAST - trailing_zeros(room)
        room &= room - _1
        if zeros_begin(row, link):
            at, ivl_range, room, count, byte, link, context, here = decode_zeros_by_place(
                words, payload, (contexts, indexes, rows), bases, at, end, (ivl_range, room, count, byte, link, context, here)
            )
            row = load(words, base + context)
            bins = _BINS_OF_ONE
        elif link & _STAY == _ESCAPE:
            ivl_range, room, count, byte, magnitude, value = decode_large(words, payload, layout, (ivl_range, room, count, byte), link)
            if not magnitude:
                return False
            store_32(indexes, at, value)
            at += _EMIT
            link = load(words, link + (_NEXT_1 if magnitude & _1 else _NEXT_0))
            context = load_16(contexts, here + load_16(words, link + _CONTEXT))
            here = bases[1] + load_32(rows, at + bases[2])
            row = load(words, base + context)
    engine[ENGINE_RANGE], engine[ENGINE_OFFSET] = ivl_range, complement(ivl_range, room, count)
    engine[ENGINE_COUNT], engine[ENGINE_BYTE] = count, byte
    engine[ENGINE_LINK] = link
    return True


@kernel
def open_engine(engine: Words, registers: IntArray, payload: Octets) -> None:
    """Set the engine from the coder's registers and the rest of its payload byte.

    Args:
        engine: Filled with range, room, valid bits and the next byte.
        registers: RANGE, OFFSET and POSITION are read.
        payload: The payload.
    """
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
def decode_rows_with_tools(
    machine: Machine,
    payload: Octets,
    layout: ContextLayout,
    engine: Words,
    area: ScanArea,
    buffers: tuple[Indexes, Indexes, Indexes],
    tools: Tools,
) -> bool:
    """Decode a block row with tools of the second edition; False to give up.

    Args:
        buffers: Indexes of the block row, int32 (SCRATCH,), and int32 (SCRATCH + 1,).
        tools: Those of the block row.
    """
    side = area.side if area.side > 0 else area.columns
    width = columns_per_pass(area) if area.side > 0 and not has_skipped(tools) else side
    for left in range(0, area.columns, width):
        right = min(left + width, area.columns)
        row = 0
        while row < area.rows:
            if has_skipped(tools) and tools.skipped[row]:
                if layout.dq_flag:
                    node = significance_node(machine.words, engine[ENGINE_LINK])
                    state_id = tools.states_after_skipped[0 if right - left == side else 1, node // NEIGHBOURS]
                    start = machine.starts[NEIGHBOURS * state_id + node % NEIGHBOURS]
                    engine[ENGINE_LINK] = address_of(machine.words) + _U64(start)
                row += 1
                continue
            after = row + 1
            while after < area.rows and not (has_skipped(tools) and tools.skipped[after]):
                after += 1
            part = ScanArea(after - row, area.columns, area.side)
            if not decode_rows_in_full(machine.words, payload, layout, engine, part, buffers, tools, (row, left, right)):
                return False
            row = after
    return True


@kernel
def has_skipped(tools: Tools) -> bool:
    """Whether a row may be skipped."""
    return bool(tools.skipped.shape[0] > 0)


@kernel
def decode_rows_in_full(
    words: Words,
    payload: Octets,
    layout: ContextLayout,
    engine: Words,
    area: ScanArea,
    buffers: tuple[Indexes, Indexes, Indexes],
    tools: Tools,
    part: tuple[int, int, int],
) -> bool:
    """Decode some rows of a block row between two columns, none of them skipped.

    Return False to give up.

    Args:
        area: These rows.
        buffers: Those of `decode_rows_with_tools`.
        part: First row, first column, and last column + 1.
    """
    indexes, scratch, context_rows = buffers
    row, left, right = part
    begin, end = row * area.columns, (row + area.rows) * area.columns
    if area.side == 0:
        if not tools.by_place:
            return decode_run(words, payload, layout, engine, indexes[begin:end], end - begin)
        for first in range(begin, end, SCRATCH):
            after = min(first + SCRATCH, end)
            size = add_context_rows(tools, first, after, context_rows, 0)
            context_rows[size] = 0
            kind, _ = kind_of_place(tools, first)
            if not decode_run_by_place(words, payload, layout, engine, indexes[first:after], size, tools, context_rows, kind):
                return False
        return True
    size = area.rows * (right - left)
    if tools.by_place:
        position = 0
        for first in range(left, right, area.side):
            after = min(first + area.side, right)
            for place in range(begin, end, area.columns):
                position = add_context_rows(tools, place + first, place + after, context_rows, position)
        context_rows[size] = 0
        kind, _ = kind_of_place(tools, begin + left)
        if not decode_run_by_place(words, payload, layout, engine, scratch, size, tools, context_rows, kind):
            return False
    elif not decode_run(words, payload, layout, engine, scratch, size):
        return False
    scatter_blocks(scratch, indexes[begin:end], area, left, right)
    return True


@kernel
def relocate_links(machine: Machine) -> None:
    """Turn the byte offsets in a machine's links into addresses, in place."""
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
    buffers: tuple[Indexes, IntArray, Indexes, Words, Indexes],
    start: tuple[int, bool, int],
    tools: Tools,
) -> int:
    """Decode a tensor that has indexes, or some of its block rows.

    Args:
        machine: Tables of the layout; this call overwrites them.
        coder: Registers, payload and parameter sets.
        area: Rows and columns of these block rows.
        buffers: Indexes and entry points as in `plain.quant_tensor`, int32 (SCRATCH,), uint64
            (ENGINE,), and int32 (SCRATCH + 1,).
        start: StateId at the start, whether the tensor has several block rows, and the tensor's
            row with which these begin.
        tools: Tools of the second edition for the tensor.

    Returns:
        The stateId at the end, or -1 to give up; then registers are unchanged, and the buffers
            invalid.
    """
    words = machine.words
    registers, payload, parameter_sets = coder
    indexes, entry_points, scratch, engine, context_rows = buffers
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
        engine[ENGINE_LINK] = address_of(words) + _U64(machine.starts[NEIGHBOURS * state_id])
        if tools.on:
            row_tools = part_of(tools, first_row + first, first_row + after, area.columns)
            if not decode_rows_with_tools(machine, payload, layout, engine, part, (block_row, scratch, context_rows), row_tools):
                return -1
        elif not decode_block_row(words, payload, layout, engine, part, block_row, scratch):
            return -1
        state_id = significance_node(words, engine[ENGINE_LINK]) // NEIGHBOURS
    if position_of(engine) > 8 * payload.shape[0]:
        return -1
    registers[RANGE] = np.int64(engine[ENGINE_RANGE] >> RANGE_SHIFT)
    registers[OFFSET] = np.int64(engine[ENGINE_OFFSET] >> RANGE_SHIFT)
    registers[POSITION] = position_of(engine)
    registers[INDEX] = indexes.shape[0]
    return state_id


@kernel
def significance_node(words: Words, link: Any) -> Any:
    """Compute NEIGHBOURS * stateId + class of the previous index for a link.

    The link leads to a significance node.

    These nodes come first, and the first link of a node has no flag except `STAY`.
    """
    return np.int64((load(words, link + _NEXT_0) - address_of(words) - _U64(8 * LINKS)) // _U64(2 * LINK_BYTES))
