"""Drawings of networks run with decoded parameters: top-1 accuracies, and the relative errors of
layers.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from nnc_conformance.reports.report import LayerErrors, MeasuredNetwork
from nnc_conformance.suites.results.answers import Distance

_ROW_HEIGHT: Final = 24
_ACCURACY_STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
"""Distances between ticks of the accuracy scale, the finest first."""
_MOST_ACCURACY_TICKS: Final = 6
_MOST_ERROR_TICKS: Final = 5
_LONGEST_POWER: Final = 4
"""Exponent up to which a power of ten is written out."""


@dataclass(frozen=True)
class AccuracyDot:
    """A point of the accuracy plot.

    ``kind`` is original, reference or decoded; ``agrees`` says that the accuracy equals the
    reference's.
    """

    label: str
    kind: str
    x: float
    y: float
    text: str
    agrees: bool


@dataclass(frozen=True)
class NetworkRow:
    """One network in the accuracy plot.

    It has its name (and its vector, if several carry it), the top of its rows, and the points.
    """

    name: str
    y: float
    dots: tuple[AccuracyDot, ...]


@dataclass(frozen=True)
class AccuracyPlot:
    """Top-1 accuracies on one scale: networks below each other, one line per set of parameters."""

    LEFT: ClassVar[int] = 250
    WIDTH: ClassVar[int] = 480
    RIGHT: ClassVar[int] = LEFT + WIDTH + 80

    height: float
    rows: tuple[NetworkRow, ...]
    ticks: tuple[tuple[float, str], ...]


def accuracy_plot(measured: Sequence[MeasuredNetwork], decoders: Sequence[str]) -> AccuracyPlot:
    """Draw the accuracy of networks with the original parameters, the reference's and each
    decoder's.
    """
    values = [row.top1 for network in measured for row in (network.original, network.reference, *network.decoded) if row is not None]
    low, step = _accuracy_scale(min(values, default=1.0))
    times = Counter(network.network for network in measured)
    rows, y = [], float(_ROW_HEIGHT)
    for network in measured:
        sets = [("original", "original", network.original), ("reference", "reference", network.reference)]
        sets += [(name, "decoded", row) for name, row in zip(decoders, network.decoded, strict=True)]
        dots: list[AccuracyDot] = []
        for label, kind, row in sets:
            if row is not None:
                agrees = network.reference is None or row.top1 == network.reference.top1
                below = y + _ROW_HEIGHT * (len(dots) + 1)
                dots.append(AccuracyDot(label, kind, _accuracy_x(row.top1, low), below, f"{row.top1:.2%}", agrees))
        name = network.network if times[network.network] == 1 else f"{network.network}, {network.vector}"
        rows.append(NetworkRow(name, y, tuple(dots)))
        y += _ROW_HEIGHT * (len(dots) + 1.5)
    marks = [low + step * number for number in range(round((1 - low) / step) + 1)]
    return AccuracyPlot(y, tuple(rows), tuple((_accuracy_x(mark, low), f"{mark:.1%}") for mark in marks))


def _accuracy_x(top1: float, low: float) -> float:
    return round(AccuracyPlot.LEFT + AccuracyPlot.WIDTH * (top1 - low) / (1 - low), 1)


def _accuracy_scale(lowest: float) -> tuple[float, float]:
    """Choose the start and the step of a scale up to 1.

    They are round numbers, with some room below ``lowest``. Returns (start, step).
    """
    for step in _ACCURACY_STEPS:
        steps = int((1 - lowest) / step) + 1
        if steps <= _MOST_ACCURACY_TICKS:
            return max(0.0, round(1 - steps * step, 6)), step
    return 0.0, _ACCURACY_STEPS[-1]


@dataclass(frozen=True)
class DriftLine:
    """The layer errors of one set of parameters.

    ``number`` chooses its colour, ``first`` is the x of the first layer that differs from the
    reference (or None).
    """

    number: int
    path: str
    points: tuple[tuple[float, float], ...]
    first: float | None


@dataclass(frozen=True)
class DriftPlot:
    """Relative errors of a network's layers from left to right, on a logarithmic scale.

    ``decoded`` holds None for a decoder whose line is the reference's. ``ticks`` are pairs of
    height and label.
    """

    LEFT: ClassVar[int] = 64
    WIDTH: ClassVar[int] = 400
    TOP: ClassVar[int] = 22
    BOTTOM: ClassVar[int] = 118
    ZERO: ClassVar[int] = BOTTOM + 16
    """Height of errors that are 0, below the scale."""
    NOT_FINITE: ClassVar[int] = TOP - 14
    """Height of errors that are not finite, above the scale."""

    reference: DriftLine
    decoded: tuple[DriftLine | None, ...]
    ticks: tuple[tuple[float, str], ...]


def drift_plot(measured: MeasuredNetwork) -> DriftPlot | None:
    """Draw the layer errors of a network; return None if no layer was measured."""
    layers = measured.layers
    if not layers:
        return None
    firsts = [row.first_drift if row is not None else None for row in measured.decoded]
    reference = [layer.reference for layer in layers]
    drifting = {at: [layer.decoded[at] for layer in layers] for at, first in enumerate(firsts) if first is not None}
    height, ticks = _error_scale([_size(error) for line in (reference, *drifting.values()) for error in line if error is not None])
    numbers = {drawn: number for number, drawn in enumerate(drifting)}
    lines = (_drift_line(layers, drifting[at], height, numbers[at], first) if at in drifting else None for at, first in enumerate(firsts))
    return DriftPlot(_drift_line(layers, reference, height, 0, None), tuple(lines), ticks)


def _size(distance: Distance) -> float:
    return math.inf if distance.relative_error is None else distance.relative_error


def _drift_line(
    layers: Sequence[LayerErrors],
    distances: Sequence[Distance | None],
    height: Callable[[float], float],
    number: int,
    first: str | None,
) -> DriftLine:
    """Place a decoder's line in the plot of errors by layer.

    Args:
        layers: The layers of the network, from left to right.
        distances: The decoder's error after each layer; None leaves a gap.
        height: The vertical position of an error.
        number: Number of the line, which decides its colour.
        first: Output name of the layer to mark on the line; None for no mark.
    """
    steps = max(len(layers) - 1, 1)
    across = [round(DriftPlot.LEFT + DriftPlot.WIDTH * step / steps, 1) for step in range(len(layers))]
    points: list[tuple[float, float]] = []
    path = ""
    joined = False
    for x, distance in zip(across, distances, strict=True):
        if distance is not None:
            points.append((x, height(_size(distance))))
            path += f"{'L' if joined else 'M'}{x:g} {points[-1][1]:g}"
        joined = distance is not None
    return DriftLine(number, path, tuple(points), next((x for x, layer in zip(across, layers, strict=True) if layer.output == first), None))


def _error_scale(sizes: Sequence[float]) -> tuple[Callable[[float], float], tuple[tuple[float, str], ...]]:
    """Choose a logarithmic scale for errors, which may be 0 or infinite.

    Returns:
        A function from an error to its height in the drawing, and the ticks as (height, label).
        They are powers of ten, with 0 and "not finite" if errors are such.
    """
    inside = [math.log10(size) for size in sizes if 0 < size < math.inf]
    low = math.floor(min(inside, default=0))
    high = max(math.ceil(max(inside, default=0)), low + 1)

    def height_of_power(exponent: float) -> float:
        return round(DriftPlot.BOTTOM - (DriftPlot.BOTTOM - DriftPlot.TOP) * (exponent - low) / (high - low), 1)

    def height(size: float) -> float:
        if size == math.inf:
            return DriftPlot.NOT_FINITE
        return height_of_power(math.log10(size)) if size else DriftPlot.ZERO

    every = -(-(high - low) // (_MOST_ERROR_TICKS - 1))
    powers = [
        (height_of_power(power), f"1e{power}" if abs(power) > _LONGEST_POWER else f"{10.0**power:g}")
        for power in range(low, high + 1, every)
    ]
    above = [(height(math.inf), "not finite")] if math.inf in sizes else []
    below = [(height(0), "0")] if 0 in sizes else []
    return height, (*above, *(powers if inside else []), *below)
