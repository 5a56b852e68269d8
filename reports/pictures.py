"""Geometry of the drawings beside figures: where a tensor differs and how far, and what networks answer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from nnc_conformance.reports.report import Measured
from nnc_conformance.suites.results.differences import DifferencePicture

CELL: Final = 8
SHARES: Final = 9
"""A cell's share of differing elements is told in so many steps."""


@dataclass(frozen=True)
class Heat:
    """A heat map: size, and for each share that occurs (1..9 ninths) the path of its cells."""

    width: int
    height: int
    paths: tuple[tuple[int, str], ...]


def heat(picture: DifferencePicture) -> Heat:
    """The heat map of a difference's grid; cells of one share that stand side by side are one stretch."""
    paths: dict[int, list[str]] = {share: [] for share in range(1, SHARES + 1)}
    for row, line in enumerate(picture.grid):
        column = 0
        for digit, run in groupby(line):
            length = len(list(run))
            if digit != "0":
                paths[int(digit)].append(f"M{column * CELL} {row * CELL}h{length * CELL}v{CELL}h-{length * CELL}z")
            column += length
    drawn = tuple((share, "".join(path)) for share, path in paths.items() if path)
    return Heat(len(picture.grid[0]) * CELL, len(picture.grid) * CELL, drawn)


BAR_HEIGHT: Final = 72
BAR_PITCH: Final = 9
_FEWEST_BARS: Final = 16
_BITS_BETWEEN_TICKS: Final = 8


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram: place, height, and what it counts."""

    x: int
    height: float
    count: int
    label: str


@dataclass(frozen=True)
class Histogram:
    """Bars by the length of the distance in bits, from 1; ``ticks`` are places with the power of two that begins there."""

    width: int
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[int, int], ...]
    most: int


def histogram(picture: DifferencePicture) -> Histogram:
    """The histogram of a difference's distances; its highest bar is `BAR_HEIGHT`, and none that counts is lower than 1."""
    counts = picture.distances[1:]
    bins = max(_FEWEST_BARS, len(counts))
    most = max(counts, default=0)
    bars = tuple(
        Bar(place * BAR_PITCH, round(max(1.0, BAR_HEIGHT * count / most), 1), count, distance_label(place))
        for place, count in enumerate(counts)
        if count
    )
    ticks = tuple((place * BAR_PITCH, place) for place in range(0, bins + 1, _BITS_BETWEEN_TICKS))
    return Histogram(bins * BAR_PITCH, bars, ticks, most)


def distance_label(bits: int) -> str:
    """The distances from 2^bits to 2^(bits + 1) - 1, in words."""
    low, high = 1 << bits, (2 << bits) - 1
    return f"{low:,} ulp" if low == high else f"{low:,} to {high:,} ulp"


PLOT_LEFT: Final = 250
PLOT_WIDTH: Final = 480
PLOT_RIGHT: Final = PLOT_LEFT + PLOT_WIDTH + 80
ROW_HEIGHT: Final = 24
_STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
_MOST_TICKS: Final = 6


@dataclass(frozen=True)
class Dot:
    """A point of the accuracy plot: whose parameters, its place, the value as text, and whether it is the reference's own value."""

    label: str
    kind: str
    x: float
    y: float
    text: str
    agrees: bool


@dataclass(frozen=True)
class NetworkRow:
    """A network's rows in the plot: its name, with the vector's where several carry it, where they begin, and the points."""

    name: str
    y: float
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class AccuracyPlot:
    """Top-1 accuracies on one scale: networks below each other, one line for each set of parameters."""

    height: float
    rows: tuple[NetworkRow, ...]
    ticks: tuple[tuple[float, str], ...]


def accuracy_plot(measured: Sequence[Measured], decoders: Sequence[str]) -> AccuracyPlot:
    """The plot of what networks answer with the original's, the reference's and each decoder's parameters."""
    values = [own.top1 for network in measured for own in (network.original, network.reference, *network.decoded) if own is not None]
    low, step = _scale(min(values, default=1.0))
    times = Counter(network.network for network in measured)
    rows, y = [], float(ROW_HEIGHT)
    for network in measured:
        sets = [("original", "original", network.original), ("reference", "reference", network.reference)]
        sets += [(name, "decoded", own) for name, own in zip(decoders, network.decoded, strict=True)]
        dots: list[Dot] = []
        for label, kind, own in sets:
            if own is not None:
                agrees = network.reference is None or own.top1 == network.reference.top1
                below = y + ROW_HEIGHT * (len(dots) + 1)
                dots.append(Dot(label, kind, _place(own.top1, low), below, f"{own.top1:.2%}", agrees))
        name = network.network if times[network.network] == 1 else f"{network.network}, {network.vector}"
        rows.append(NetworkRow(name, y, tuple(dots)))
        y += ROW_HEIGHT * (len(dots) + 1.5)
    marks = [low + step * number for number in range(round((1 - low) / step) + 1)]
    return AccuracyPlot(y, tuple(rows), tuple((_place(mark, low), f"{mark:.1%}") for mark in marks))


def _place(top1: float, low: float) -> float:
    return round(PLOT_LEFT + PLOT_WIDTH * (top1 - low) / (1 - low), 1)


def _scale(lowest: float) -> tuple[float, float]:
    """Where the scale begins, and its step: round numbers, up to 1, that leave a little room below ``lowest``."""
    for step in _STEPS:
        steps = int((1 - lowest) / step) + 1
        if steps <= _MOST_TICKS:
            return max(0.0, round(1 - steps * step, 6)), step
    return 0.0, _STEPS[-1]
