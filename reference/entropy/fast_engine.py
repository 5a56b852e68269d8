"""Parts that the fast decoder and encoder share: arithmetic on words (see `machine`), and scans.

IvlCurrRange is in bits 55..63 of a word.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.intrinsics import add, address_of, choose_signed, load, store
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.entropy.machine import INITIAL, LPS_ROWS, OFFSET_0, OFFSET_1, STEPS_0, STEPS_1, Words

Octets = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int32]

SCRATCH: Final = 4096
"""Indexes moved between coded and row-major order at a time; at least the largest block."""
RANGE_SHIFT: Final = np.uint64(55)
"""Lowest bit of IvlCurrRange in its word."""
STATE_SUM_SHIFT: Final = np.uint64(58)
"""Lowest bit of the part of a context's word that selects its row of lps_range."""
ONES: Final = np.uint64(2**64 - 1)
"""A word with all bits set."""

_U64: Final = np.uint64
_2, _3, _8, _24 = (_U64(number) for number in (2, 3, 8, 24))
_BYTE: Final = _U64(255)
_RANGE_BITS: Final = _U64(57)
_RANGE_PLACE: Final = _U64(0x38)
_RANGE_MASK: Final = _U64(0xFF << 55)
_OFFSET_0, _OFFSET_1 = _U64(OFFSET_0), _U64(OFFSET_1)
_PLACE_0, _PLACE_1, _CODE_0, _CODE_1 = (_U64(number) for number in (21, 1, 21, 5))
_TWELVE_BITS, _CODES = _U64(0xFFF), _U64(3 << 9)
_UNIT_0, _UNIT_1 = _U64(1 << 55 | 1 << 21), _U64(1 << 51 | 1 << 1)
PARTS: Final = _U64((1 << 55 | 1 << 21) + (1 << 51 | 1 << 1))
"""Number that makes the sum s of both results of `parts_of`."""
_LPS_ROWS, _STEPS_1, _STEPS_0 = (_U64(8 * place) for place in (LPS_ROWS, STEPS_1, STEPS_0))


@kernel
def lps_part(row: Any, ivl_range: Any) -> Any:
    """Compute the least probable bin's part of the range."""
    return (row << ((ivl_range >> _RANGE_BITS) & _RANGE_PLACE)) & _RANGE_MASK


@kernel
def updated_states(words: Words, base: Any, states: Any, zero_mask: Any) -> Any:
    """Return a context's word after a bin.

    Args:
        base: Address of ``words``.
        states: The word before the bin.
        zero_mask: Bit 63 is set for a bin 0, clear for a bin 1.
    """
    place = choose_signed(zero_mask, states - _OFFSET_0, states + _OFFSET_1)
    step_1 = load(words, base + _STEPS_1 + (((place >> _8) & _BYTE) << _3))
    return add(add(states, step_1), load(words, base + _STEPS_0 + (((place >> _24) & _BYTE) << _3)))


@kernel
def parts_of(words: Words, base: Any, states: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Split a context's word for a run of zeros.

    Each zero then takes only a look-up and an addition.

    Returns:
        The parts of S0 and S1, less what `OFFSET_0` subtracts, the rest, and for either part the
            address of the changes that a zero makes, by bits 58..63.
    """
    before = states - _OFFSET_0
    fast = ((before >> _PLACE_0) & _BYTE) * _UNIT_0
    slow = ((before >> _PLACE_1) & _TWELVE_BITS) * _UNIT_1
    steps_0 = base + _STEPS_0 + ((states >> _CODE_0) & _CODES)
    steps_1 = base + _STEPS_1 + ((states >> _CODE_1) & _CODES)
    return fast, slow, states - fast - slow, steps_0, steps_1


@kernel
def row_of(words: Words, base: Any, states: Any) -> Any:
    """Load the row of lps_range for a context's word."""
    return load(words, base + _LPS_ROWS + ((states >> STATE_SUM_SHIFT) << _3))


@kernel
def update_context(words: Words, base: Any, context: Any, zero_mask: Any) -> None:
    """Update a context for a bin; see `updated_states`.

    Args:
        context: Byte offset of the context.
    """
    states = updated_states(words, base, load(words, base + context + _8), zero_mask)
    store(words, base + context + _8, states)
    store(words, base + context, row_of(words, base, states))


@kernel
def reset_contexts(words: Words, layout: ContextLayout, parameter_sets: IntArray) -> None:
    """Set all contexts to the initial states of their sets, in place.

    Args:
        words: The tables, which begin with the contexts' words.
        layout: The tensor's contexts.
        parameter_sets: The set of each context.
    """
    for context in range(layout.flag):
        states = words[INITIAL + parameter_sets[context]]
        words[2 * context] = words[LPS_ROWS + (states >> STATE_SUM_SHIFT)]
        words[2 * context + 1] = states


@kernel
def copy(source: Indexes, first: int, target: Indexes, place: int, size: int) -> None:
    """Copy ``size`` indexes from place ``first`` of one array to ``place`` of another."""
    source_address, target_address = address_of(source) + (_U64(first) << _2), address_of(target) + (_U64(place) << _2)
    for pair in range(size >> 1):
        store(target, target_address + (_U64(pair) << _3), load(source, source_address + (_U64(pair) << _3)))
    if size & 1:
        target[place + size - 1] = source[first + size - 1]


@kernel
def scatter_blocks(scratch: Indexes, indexes: Indexes, area: ScanArea, left: int, right: int) -> None:
    """Copy blocks of a block row from coded order into a row-major array.

    Args:
        scratch: The blocks from column ``left`` to ``right``, one after the other.
    """
    position = 0
    for first in range(left, right, area.side):
        width = min(area.side, right - first)
        for row in range(area.rows):
            copy(scratch, position, indexes, row * area.columns + first, width)
            position += width


@kernel
def gather_blocks(indexes: Indexes, scratch: Indexes, area: ScanArea, left: int, right: int) -> None:
    """Copy blocks of a block row from a row-major array into coded order.

    Args:
        indexes: The block row, row-major.
        scratch: Filled with the blocks from column ``left`` to ``right``, one after the other.
        area: Rows and columns of the block row, and the side of its blocks.
        left: First column.
        right: Column after the last.
    """
    position = 0
    for first in range(left, right, area.side):
        width = min(area.side, right - first)
        for row in range(area.rows):
            copy(indexes, row * area.columns + first, scratch, position, width)
            position += width


@kernel
def columns_per_pass(area: ScanArea) -> int:
    """Compute how many columns of a block row, in whole blocks, fit the scratch buffer."""
    return max(SCRATCH // (area.rows * area.side), 1) * area.side
