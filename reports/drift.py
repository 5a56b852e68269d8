"""What decoded parameters do to a network's layers: relative errors as text, and their picture from the first layer to the last."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reports.report import Layer, Measured
from nnc_conformance.suites.results.answers import AccuracyRow, Distance, LayerDrift

DRIFT_LEFT: Final = 64
DRIFT_WIDTH: Final = 400
DRIFT_TOP: Final = 22
DRIFT_BOTTOM: Final = 118
DRIFT_ZERO: Final = DRIFT_BOTTOM + 16
"""The logarithmic scale lies between top and bottom; an error of 0 stands below it, one that is not finite above."""
_NOT_FINITE: Final = DRIFT_TOP - 14
_MOST_TICKS: Final = 5
_LONGEST_POWER: Final = 4
"""A power of ten with more digits is written with its exponent."""


@dataclass(frozen=True)
class DriftLine:
    """The errors of one set of parameters: its number among those drawn, the path, its points, and x of the first drift (or None)."""

    number: int
    path: str
    points: tuple[tuple[float, float], ...]
    first: float | None


@dataclass(frozen=True)
class DriftPlot:
    """Relative errors of layers, left to right: the reference's line, each decoder's (None where it is the reference's), and the heights
    that are labelled.
    """

    reference: DriftLine
    decoded: tuple[DriftLine | None, ...]
    ticks: tuple[tuple[float, str], ...]


def relative(found: Distance | AccuracyRow | None) -> str:
    """The relative error as text; a dash where none was measured, as in results without layers."""
    if found is None or (found.relative_error is None and isinstance(found, AccuracyRow) and not found.layers):
        return "–"
    return "not finite" if found.relative_error is None else f"{found.relative_error:.3g}"


def worst_layer(row: AccuracyRow) -> LayerDrift | None:
    """The layer with the largest relative error, the first of equal ones; what is not finite is larger than all. None without layers."""
    return max(row.layers, key=lambda layer: _size(layer.distance), default=None)


def first_drift(row: AccuracyRow) -> str:
    """The first layer that is not the reference's, with its operator where that is known; empty where all are the reference's."""
    operator = next((layer.operator for layer in row.layers if layer.output == row.first_drift), "")
    return f"{row.first_drift or ''} ({operator})" if operator else row.first_drift or ""


def drift_plot(measured: Measured) -> DriftPlot | None:
    """The picture of a network's layers; None where no layer was measured."""
    layers = measured.layers
    if not layers:
        return None
    firsts = [row.first_drift if row is not None else None for row in measured.decoded]
    reference = [layer.reference for layer in layers]
    drifting = {at: [layer.decoded[at] for layer in layers] for at, first in enumerate(firsts) if first is not None}
    place, ticks = _scale([_size(found) for line in (reference, *drifting.values()) for found in line if found is not None])
    numbers = {drawn: number for number, drawn in enumerate(drifting)}
    lines = (_line(layers, drifting[at], place, numbers[at], first) if at in drifting else None for at, first in enumerate(firsts))
    return DriftPlot(_line(layers, reference, place, 0, None), tuple(lines), ticks)


def _size(distance: Distance) -> float:
    return math.inf if distance.relative_error is None else distance.relative_error


def _line(
    layers: Sequence[Layer], distances: Sequence[Distance | None], place: Callable[[float], float], number: int, first: str | None
) -> DriftLine:
    steps = max(len(layers) - 1, 1)
    across = [round(DRIFT_LEFT + DRIFT_WIDTH * step / steps, 1) for step in range(len(layers))]
    points: list[tuple[float, float]] = []
    path = ""
    joined = False
    for x, distance in zip(across, distances, strict=True):
        if distance is not None:
            points.append((x, place(_size(distance))))
            path += f"{'L' if joined else 'M'}{x:g} {points[-1][1]:g}"
        joined = distance is not None
    return DriftLine(number, path, tuple(points), next((x for x, layer in zip(across, layers, strict=True) if layer.output == first), None))


def _scale(sizes: Sequence[float]) -> tuple[Callable[[float], float], tuple[tuple[float, str], ...]]:
    """Where an error stands, and the labelled heights: powers of ten, and what lies outside of them where it occurs."""
    inside = [math.log10(size) for size in sizes if 0 < size < math.inf]
    low = math.floor(min(inside, default=0))
    high = max(math.ceil(max(inside, default=0)), low + 1)

    def height(exponent: float) -> float:
        return round(DRIFT_BOTTOM - (DRIFT_BOTTOM - DRIFT_TOP) * (exponent - low) / (high - low), 1)

    def place(size: float) -> float:
        if size == math.inf:
            return _NOT_FINITE
        return height(math.log10(size)) if size else DRIFT_ZERO

    every = -(-(high - low) // (_MOST_TICKS - 1))
    powers = [(height(power), f"1e{power}" if abs(power) > _LONGEST_POWER else f"{10.0**power:g}") for power in range(low, high + 1, every)]
    above = [(place(math.inf), "not finite")] if math.inf in sizes else []
    below = [(place(0), "0")] if 0 in sizes else []
    return place, (*above, *(powers if inside else []), *below)
