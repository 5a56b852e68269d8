"""Block rows of exactly so many bits: what entry points count, chosen with the coder's own state."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Final

import numpy as np

from nnc_conformance.generator.directed.live import LiveTensor
from nnc_conformance.reference.entropy.coding import TensorCoding

LONGEST_PREFIX: Final = 29
"""Prefix bins of 1 of the indexes that fill a row: as many bypass bits follow."""
SPARE: Final = (2, 3)
"""Numbers of indexes at a row's end that make it exact: a third one where two do not."""
TRIES: Final = 4
"""Numbers of filling indexes that are tried, from the most that leave a bit on."""


def block_rows(coding: TensorCoding, lengths: Sequence[int]) -> list[int]:
    """Indexes in coded order whose block rows take these numbers of bits, the last row whatever it takes.

    ``coding``: block rows as many as lengths and one more, all sets 0. Raises `ValueError` for a length that cannot be had.
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
    """Filling indexes, zeros, and an end that makes the row exact."""
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
    raise ValueError(f"no row of {size} indexes takes {length} bits")


def _taking(live: LiveTensor, quants: Sequence[int]) -> LiveTensor:
    """A fork that has taken some indexes."""
    fork = live.fork()
    if quants:
        fork.take(quants)
    return fork


def columns_for(length: int, side: int) -> int:
    """Columns that let a block row of this side take so many bits."""
    return -(-length // (side * (LONGEST_PREFIX - 1))) + 1


def lengths_with_changes(changes: Sequence[int], base: int) -> list[int]:
    """Lengths of rows whose differences are all the changes, up and down in turn, from a base on."""
    up, down = sorted(change for change in changes if change >= 0), sorted(-change for change in changes if change < 0)
    lengths = [base + (sum(down) - sum(up) if sum(down) > sum(up) else 0)]
    for place in range(max(len(up), len(down))):
        lengths += [lengths[-1] + up[place]] if place < len(up) else []
        lengths += [lengths[-1] - down[place]] if place < len(down) else []
    found = sorted(b - a for a, b in pairwise(lengths))
    if found != sorted(changes):
        raise ValueError(f"{changes} cannot be had from {base}")
    return lengths
