"""Block rows of an exact number of bits, which entry points count.

Found with the coder's own state.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Final

import numpy as np

from nnc_conformance.generator.directed.live import LiveTensor
from nnc_conformance.reference.entropy.coding import TensorCoding

LONGEST_PREFIX: Final = 29
"""Number of prefix bins of 1, and of bypass bits, in the indexes that fill a row."""
SPARE: Final = (2, 3)
"""Number of indexes at a row's end that make its length exact: two, or three if two do not suffice.
"""
TRIES: Final = 4
"""Number of different amounts of filling that are tried, from the largest."""


def block_rows(coding: TensorCoding, lengths: Sequence[int]) -> list[int]:
    """Return indexes in coded order whose block rows take the given numbers of bits.

    Args:
        coding: A tensor with one block row more than ``lengths``; all parameter sets are 0.
        lengths: Bits of each block row but the last, whose length is free.

    Raises:
        ValueError: A length is impossible.
    """
    live = LiveTensor(coding, np.zeros(coding.layout.flag, np.int64))
    size = coding.area.side * coding.columns
    taken: list[int] = []
    for length in lengths:
        live.enter_block_row()
        row = _row(live, coding, size, length)
        live.take(row)
        taken += row
    return taken + [1] * (coding.count - len(taken))


def _row(live: LiveTensor, coding: TensorCoding, size: int, length: int) -> list[int]:
    """Find indexes of one block row that take exactly the given number of bits.

    They are large magnitudes, then zeros, then two or three indexes that make the length exact.

    Args:
        live: The tensor, coded up to the block row.
        coding: Its coding.
        size: Number of indexes of the block row.
        length: Bits of the block row.

    Raises:
        ValueError: No indexes that are tried take this length.
    """
    stop = live.position + length
    ends = [coding.unary_length + (1 << ones) for ones in range(LONGEST_PREFIX + 1)]

    def body(fillers: int, spare: int) -> list[int]:
        return [ends[-1]] * fillers + [0] * (size - spare - fillers)

    for spare in SPARE:
        most = bisect_left(range(size - spare + 1), stop, key=lambda fillers: _taking(live, body(fillers, spare)).position)
        for fillers in range(most - 1, max(most - TRIES, 0) - 1, -1):
            trial = _taking(live, body(fillers, spare))
            for tail in product((0, 1, 2, *ends), repeat=spare):
                if _taking(trial, tail).position == stop:
                    return [*body(fillers, spare), *tail]
    raise ValueError(f"a row of {size} indexes cannot take exactly {length} bits")


def _taking(live: LiveTensor, quants: Sequence[int]) -> LiveTensor:
    """Return a copy of a tensor with some more indexes encoded; the tensor stays."""
    fork = live.fork()
    if quants:
        fork.take(quants)
    return fork


def columns_for(length: int, side: int) -> int:
    """Return the number of columns for a block row of ``length`` bits.

    The block row has the given side.
    """
    return -(-length // (side * (LONGEST_PREFIX - 1))) + 1


def lengths_with_changes(changes: Sequence[int], base: int) -> list[int]:
    """Return lengths of rows whose differences are the given changes, alternating up and down.

    Raises `ValueError` if the changes are impossible from ``base``.
    """
    up, down = sorted(change for change in changes if change >= 0), sorted(-change for change in changes if change < 0)
    lengths = [base + (sum(down) - sum(up) if sum(down) > sum(up) else 0)]
    for place in range(max(len(up), len(down))):
        lengths += [lengths[-1] + up[place]] if place < len(up) else []
        lengths += [lengths[-1] - down[place]] if place < len(down) else []
    if sorted(b - a for a, b in pairwise(lengths)) != sorted(changes):
        raise ValueError(f"no row lengths from {base} on differ by {changes}")
    return lengths
