"""Steers the arithmetic decoder.

It reaches every entry of the range table, and every position of the stop bit.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.directed.live import LiveTensor
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.entropy.kernel_tables import IntArray

TableEntry = tuple[int, int, int]
"""A row and a column of lps_range_table, and 1 for the least probable bin, else 0."""

TABLE_ENTRIES: Final = frozenset(product(range(8), range(32), range(2)))
"""Every entry, with both bins."""
LONGEST_APPROACH: Final = 12
"""Length limit of a run that a continuation starts with."""
MOST_STEPS: Final = 20000
"""Steps after which the search gives up."""


def entries_used(events: IntArray) -> set[TableEntry]:
    """Return the entries of lps_range_table that context-coded bins use."""
    coded = events[events[:, 0] == 0]
    lps = (coded[:, 2] == 1) != (coded[:, 5] >= 0)
    return set(zip(((coded[:, 3] & 0xE0) >> 5).tolist(), np.abs(coded[:, 5] >> 7).tolist(), lps.astype(int).tolist(), strict=True))


def meet_entries(coding: TensorCoding, sets: npt.NDArray[np.int64], wanted: set[TableEntry]) -> list[int]:
    """Search for the indexes of one tensor whose bins use all wanted entries.

    Each step takes the continuation that uses most new entries per index. If none uses any, a fixed
    run of zeros or ones moves the states on. Raises `ValueError` if entries are left after
    `MOST_STEPS` steps.
    """
    live, left = LiveTensor(coding, sets), set(wanted)
    taken: list[int] = []
    approaches = _approaches()
    for step in range(MOST_STEPS):
        if not left:
            return taken
        best, found = _best(live, approaches, left)
        if not found:
            best = _DRIVES[step % len(_DRIVES)]
        left -= entries_used(live.take(best))
        taken += best
    raise ValueError(f"{MOST_STEPS} steps do not reach {sorted(left)}")


_DRIVES: Final = ([0] * 40, [0] * 90, [1] * 30, [0] * 300, [1] * 90, [-1] * 40, [0, 1] * 30)
"""Runs that move the states on where no continuation uses a new entry."""


def _approaches() -> list[list[int]]:
    runs = [[first] * count for first in (0, 1) for count in range(LONGEST_APPROACH)]
    return [run + end for run in runs for end in ([0], [1], [-1], [2])]


def _best(live: LiveTensor, approaches: Sequence[list[int]], left: set[TableEntry]) -> tuple[list[int], int]:
    scored = [(len(entries_used(live.fork().take(quants)) & left), quants) for quants in approaches]
    found, best = max(scored, key=lambda pair: (pair[0] / len(pair[1]), -len(pair[1])))
    return best, found


def end_at(coding: TensorCoding, sets: npt.NDArray[np.int64], place: int) -> Iterator[list[int]]:
    """Yield the indexes of tensors whose codeword ends at a certain bit.

    Small values are tried, ``coding.count`` at a time.

    Args:
        coding: The coding of the tensor.
        sets: The parameter set of each context.
        place: The bit of the last byte at which the codeword's stop bit lies, 0 for the first.
    """
    for quants in product((1, -1, 2, 0, -2, 3, -3, 5), repeat=coding.count):
        live = LiveTensor(coding, sets)
        live.take(quants)
        if (live.position - 1) & 7 == place:
            yield list(quants)
