"""What the fast decoder and encoder share: the engine's arithmetic on words (see `machine`), and the blocks of a scan.

IvlCurrRange stands in bits 55..63 of a word.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.intrinsics import add, address_of, choose_signed, load, store
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.entropy.machine import INITIAL, LPS_ROWS, ONE, STEPS_0, STEPS_1, UNIT, Words

Octets = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int32]

SCRATCH: Final = 4096
"""Indexes that are moved between their coded and their row-major order at once: the largest block at least."""
TOP: Final = np.uint64(55)
"""The lowest bit of IvlCurrRange in its word."""
STATE_SUM: Final = np.uint64(58)
"""The lowest bit of what chooses a context's row."""
ONES: Final = np.uint64(2**64 - 1)

_U64: Final = np.uint64
_2, _3, _8, _24 = (_U64(number) for number in (2, 3, 8, 24))
_BYTE: Final = _U64(255)
_RANGE_BITS: Final = _U64(57)
_RANGE_PLACE: Final = _U64(0x38)
_RANGE_MASK: Final = _U64(0xFF << 55)
_UNIT, _ONE = _U64(UNIT), _U64(ONE)
_LPS_ROWS, _STEPS_1, _STEPS_0 = (_U64(8 * place) for place in (LPS_ROWS, STEPS_1, STEPS_0))


@kernel
def least_probable(row: Any, ivl_range: Any) -> Any:
    """The least probable bin's part of the range."""
    return (row << ((ivl_range >> _RANGE_BITS) & _RANGE_PLACE)) & _RANGE_MASK


@kernel
def moved(words: Words, base: Any, states: Any, falls: Any) -> Any:
    """A context's word after a bin: 0 where bit 63 of ``falls`` is set, else 1."""
    place = choose_signed(falls, states - _UNIT, states + _ONE)
    step_1 = load(words, base + _STEPS_1 + (((place >> _8) & _BYTE) << _3))
    return add(add(states, step_1), load(words, base + _STEPS_0 + (((place >> _24) & _BYTE) << _3)))


@kernel
def row_of(words: Words, base: Any, states: Any) -> Any:
    """The row of lps_range for a context's word."""
    return load(words, base + _LPS_ROWS + ((states >> STATE_SUM) << _3))


@kernel
def count_bin(words: Words, base: Any, context: Any, falls: Any) -> None:
    """Moves a context towards the bin, as `moved`."""
    states = moved(words, base, load(words, base + context + _8), falls)
    store(words, base + context + _8, states)
    store(words, base + context, row_of(words, base, states))


@kernel
def reset_contexts(words: Words, layout: ContextLayout, parameter_sets: IntArray) -> None:
    """Puts every context at the start of its set."""
    for context in range(layout.flag):
        states = words[INITIAL + parameter_sets[context]]
        words[2 * context] = words[LPS_ROWS + (states >> STATE_SUM)]
        words[2 * context + 1] = states


@kernel
def copy(source: Indexes, first: int, target: Indexes, place: int, size: int) -> None:
    """Copies some indexes, two at once."""
    one, other = address_of(source) + (_U64(first) << _2), address_of(target) + (_U64(place) << _2)
    for pair in range(size >> 1):
        store(target, other + (_U64(pair) << _3), load(source, one + (_U64(pair) << _3)))
    if size & 1:
        target[place + size - 1] = source[first + size - 1]


@kernel
def put_in_place(scratch: Indexes, indexes: Indexes, area: ScanArea, left: int, right: int) -> None:
    """Copies the blocks of a block row between two columns, block after block in ``scratch``, to their places in the row-major array."""
    at = 0
    for first in range(left, right, area.side):
        width = min(area.side, right - first)
        for row in range(area.rows):
            copy(scratch, at, indexes, row * area.columns + first, width)
            at += width


@kernel
def take_from_place(indexes: Indexes, scratch: Indexes, area: ScanArea, left: int, right: int) -> None:
    """The reverse of `put_in_place`."""
    at = 0
    for first in range(left, right, area.side):
        width = min(area.side, right - first)
        for row in range(area.rows):
            copy(indexes, row * area.columns + first, scratch, at, width)
            at += width


@kernel
def columns_at_once(area: ScanArea) -> int:
    """How many columns of a block row, whole blocks, fit the scratch."""
    return max(SCRATCH // (area.rows * area.side), 1) * area.side
