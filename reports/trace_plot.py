"""The arithmetic coder over time: range, offset and the states of the busiest contexts, as the points of an SVG picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.tracer import BinState, TraceLine

WIDTH: Final = 720
HEIGHT: Final = 180
BIN_PITCH: Final = 3
MOST_BINS: Final = 300
"""Of more bins the interval is drawn this many units a bin, and scrolled; of fewer it takes the width there is."""
LARGEST_RANGE: Final = 512
"""IvlCurrRange and IvlOffset are below it."""
LARGEST_STATE: Final = 1 << 12
"""The state sum s lies between this and its negative."""
CONTEXTS: Final = 6
"""So many contexts have a line, those with the most bins."""


@dataclass(frozen=True)
class ContextLine:
    """The state sum of one context over the bins: its name, how many bins it coded, the points of a polyline."""

    name: str
    bins: int
    points: str


@dataclass(frozen=True)
class CodewordPlot:
    """The plots of one codeword: how many bins, polylines of range and offset, the contexts, and where tensors begin (x)."""

    bins: int
    range_points: str
    offset_points: str
    contexts: tuple[ContextLine, ...]
    tensors: tuple[float, ...]


def plot_of(lines: Sequence[TraceLine]) -> CodewordPlot:
    """The plots of the bins of a codeword, in their order."""
    bins = [line.bin for line in lines if line.bin is not None]
    used = Counter(one.context for one in bins if one.context)
    starts = [number for number, line in enumerate(lines) if number and line.path != lines[number - 1].path]
    return CodewordPlot(
        len(bins),
        _points([(number, one.ivl_curr_range / LARGEST_RANGE) for number, one in enumerate(bins)], len(bins)),
        _points([(number, one.ivl_offset / LARGEST_RANGE) for number, one in enumerate(bins)], len(bins)),
        tuple(ContextLine(name, count, _states(bins, name)) for name, count in used.most_common(CONTEXTS)),
        tuple(_x(start, len(bins)) for start in starts),
    )


def _states(bins: Sequence[BinState], context: str) -> str:
    own = [(number, one.state) for number, one in enumerate(bins) if one.context == context]
    return _points([(number, 0.5 + state / (2 * LARGEST_STATE)) for number, state in own], len(bins))


def _x(number: int, count: int) -> float:
    return round(number * WIDTH / max(count - 1, 1), 1)


def _points(values: Sequence[tuple[int, float]], count: int) -> str:
    """The points of a polyline: bin numbers from left to right, values 0..1 from the bottom to the top."""
    return " ".join(f"{_x(number, count)},{round(HEIGHT * (1 - min(max(value, 0.0), 1.0)), 1)}" for number, value in values)
