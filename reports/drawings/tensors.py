"""Drawings of a tensor difference: where elements differ (heat map), and by how much (histogram)."""

from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Final

from nnc_conformance.suites.results.differences import DifferencePicture

_CELL: Final = 8
"""Side of a heat map cell."""
_SHARES: Final = 9
"""Steps in which the share of differing elements of a cell is shown."""
_FEWEST_BARS: Final = 16
"""Bars that a histogram has room for at least."""
_BITS_BETWEEN_TICKS: Final = 8


@dataclass(frozen=True)
class HeatMap:
    """A heat map: its size, and the path of cells of each share.

    Shares are 1 to 9 ninths; only those that occur have a path.
    """

    width: int
    height: int
    paths: tuple[tuple[int, str], ...]


def heat_map(picture: DifferencePicture) -> HeatMap:
    """Draw the grid of a difference.

    Adjacent cells of the same share in a row become one rectangle.
    """
    paths: dict[int, list[str]] = {share: [] for share in range(1, _SHARES + 1)}
    for row, line in enumerate(picture.grid):
        column = 0
        for digit, run in groupby(line):
            length = len(list(run))
            if digit != "0":
                paths[int(digit)].append(f"M{column * _CELL} {row * _CELL}h{length * _CELL}v{_CELL}h-{length * _CELL}z")
            column += length
    drawn = tuple((share, "".join(path)) for share, path in paths.items() if path)
    return HeatMap(len(picture.grid[0]) * _CELL, len(picture.grid) * _CELL, drawn)


@dataclass(frozen=True)
class HistogramBar:
    """A bar of a histogram: position, height, number of elements, and the distances it counts."""

    x: int
    height: float
    count: int
    label: str


@dataclass(frozen=True)
class Histogram:
    """Elements by bit length of their distance, from 1 ULP.

    ``ticks`` are pairs of position and the power of two that begins there; ``most`` is the count of
    the highest bar.
    """

    BAR_HEIGHT: ClassVar[int] = 72
    BAR_PITCH: ClassVar[int] = 9

    width: int
    bars: tuple[HistogramBar, ...]
    ticks: tuple[tuple[int, int], ...]
    most: int


def histogram(picture: DifferencePicture) -> Histogram:
    """Draw the distances of a difference.

    A bar that counts anything is at least 1 high.
    """
    counts = picture.distances[1:]
    bins = max(_FEWEST_BARS, len(counts))
    most = max(counts, default=0)
    bars = tuple(
        HistogramBar(bits * Histogram.BAR_PITCH, round(max(1.0, Histogram.BAR_HEIGHT * count / most), 1), count, _distance_label(bits))
        for bits, count in enumerate(counts)
        if count
    )
    ticks = tuple((bits * Histogram.BAR_PITCH, bits) for bits in range(0, bins + 1, _BITS_BETWEEN_TICKS))
    return Histogram(bins * Histogram.BAR_PITCH, bars, ticks, most)


def _distance_label(bits: int) -> str:
    """Name the distances from 2^bits to 2^(bits + 1) - 1."""
    low, high = 1 << bits, (2 << bits) - 1
    return f"{low:,} ulp" if low == high else f"{low:,} to {high:,} ulp"
