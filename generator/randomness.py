"""Random integers that are the same on every machine.

They come from SHAKE-256 of seed, recipe id and label.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

DEFAULT_SEED: Final = 15938
"""The seed of the published vectors."""
_WORD: Final = 1 << 32


@dataclass(frozen=True)
class Numbers:
    """A source of draws that depend only on ``seed``, ``recipe`` and their own label.

    It has no state.
    """

    seed: int
    recipe: str

    def data(self, label: str, size: int) -> bytes:
        """Return ``size`` random bytes."""
        return hashlib.shake_256(f"{self.seed}/{self.recipe}/{label}".encode()).digest(size)

    def words(self, label: str, count: int) -> npt.NDArray[np.uint32]:
        """Return ``count`` numbers below 2 ** 32: uint32 of shape (count,)."""
        return np.frombuffer(self.data(label, 4 * count), dtype="<u4").astype(np.uint32)

    def integers(self, label: str, count: int, low: int, high: int) -> npt.NDArray[np.int64]:
        """Return ``count`` numbers from ``low`` to ``high``, both included.

        They are int64 of shape (count,), and the same whenever seed, recipe and ``label`` are.
        ``high - low`` must be below 2 ** 32, which is not checked.
        """
        return low + (self.words(label, count).astype(np.uint64) * np.uint64(high - low + 1) >> np.uint64(32)).astype(np.int64)

    def quants(self, label: str, count: int, persistence: int) -> npt.NDArray[np.int64]:
        """Return ``count`` indexes with a two-sided geometric distribution.

        They are int64 of shape (count,), and the same whenever seed, recipe and ``label`` are.
        ``persistence`` / 256 is the probability that a magnitude grows by one more: 128 gives half
        zeros, 250 gives magnitudes of about 40.
        """
        thresholds = [_WORD]
        while thresholds[-1] * persistence >> 8:
            thresholds.append(thresholds[-1] * persistence >> 8)
        rising = np.array(thresholds[:0:-1], dtype=np.int64)
        magnitudes = rising.size - np.searchsorted(rising, self.words(f"{label}/magnitude", count).astype(np.int64), side="right")
        signs = 1 - 2 * self.integers(f"{label}/sign", count, 0, 1)
        return magnitudes * signs
