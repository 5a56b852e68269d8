"""Drawing of the arithmetic decoder over time.

It shows range, offset, and the states of the most used contexts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from nnc_conformance.reference.tracer import BinState, TraceLine

_RANGE_END: Final = 512
"""Upper end of the scale of IvlCurrRange and IvlOffset, which are below it."""
_STATE_END: Final = 1 << 12
"""Ends of the scale of the state sum s, which lies between this and its negative."""
_CONTEXTS: Final = 6
"""Contexts that get a line, those with the most bins."""


@dataclass(frozen=True)
class ContextLine:
    """The state sum of one context over the bins.

    It has the context's name, the number of its bins, and the points of a polyline.
    """

    name: str
    bins: int
    points: str


@dataclass(frozen=True)
class CoderPlot:
    """The plots of one codeword.

    It has the number of bins, polylines of range and offset, contexts, and x at which each further
    tensor begins.
    """

    WIDTH: ClassVar[int] = 720
    HEIGHT: ClassVar[int] = 180
    BIN_PITCH: ClassVar[int] = 3
    """Units per bin where the plot scrolls."""
    MOST_BINS: ClassVar[int] = 300
    """Bins up to which the plot takes the available width instead of scrolling."""

    bins: int
    range_points: str
    offset_points: str
    contexts: tuple[ContextLine, ...]
    tensors: tuple[float, ...]


def coder_plot(lines: Sequence[TraceLine]) -> CoderPlot:
    """Draw range, offset and the states of the most used contexts over a codeword's bins."""
    bins = [line.bin for line in lines if line.bin is not None]
    used = Counter(state.context for state in bins if state.context)
    starts = [number for number, line in enumerate(lines) if number and line.path != lines[number - 1].path]
    return CoderPlot(
        len(bins),
        _points([(number, state.ivl_curr_range / _RANGE_END) for number, state in enumerate(bins)], len(bins)),
        _points([(number, state.ivl_offset / _RANGE_END) for number, state in enumerate(bins)], len(bins)),
        tuple(ContextLine(name, count, _state_points(bins, name)) for name, count in used.most_common(_CONTEXTS)),
        tuple(_x(start, len(bins)) for start in starts),
    )


def _state_points(bins: Sequence[BinState], context: str) -> str:
    own = [(number, state.state) for number, state in enumerate(bins) if state.context == context]
    return _points([(number, 0.5 + state / (2 * _STATE_END)) for number, state in own], len(bins))


def _x(number: int, count: int) -> float:
    return round(number * CoderPlot.WIDTH / max(count - 1, 1), 1)


def _points(values: Sequence[tuple[int, float]], count: int) -> str:
    """Format the points of a polyline.

    Bin numbers go from left to right, values from 0 (bottom) to 1 (top).
    """
    height = CoderPlot.HEIGHT
    return " ".join(f"{_x(number, count)},{round(height * (1 - min(max(value, 0.0), 1.0)), 1)}" for number, value in values)
