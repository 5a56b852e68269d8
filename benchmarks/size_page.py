"""The page and the plot of size.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

THEIR_UNIFORM, THEIR_DEPENDENT = "independent codec", "independent codec, dq"
OUR_UNIFORM, OUR_DEPENDENT = "RDO", "dq, RDO"
CODECS: Mapping[str, Mapping[str, Any]] = {
    THEIR_UNIFORM: {"use_dq": False},
    THEIR_DEPENDENT: {"use_dq": True},
    "nearest, parameter sets 0": {"dq": False, "rdo": 0.0, "parameter_sets": "default"},
    "nearest": {"dq": False, "rdo": 0.0},
    OUR_UNIFORM: {"dq": False, "rdo": 1.0},
    "RDO, rdo 5": {"dq": False, "rdo": 5.0},
    "dq": {"dq": True, "rdo": 0.0},
    OUR_DEPENDENT: {"dq": True, "rdo": 1.0},
    "dq, RDO, rdo 5": {"dq": True, "rdo": 5.0},
}
"""The codecs that the curves compare, with the options of their encoder.

Parameter sets are searched for unless the options say otherwise.
"""
STEPS = (
    ("search of parameter sets", "nearest, parameter sets 0", "nearest"),
    ("RDO, rdo 1", "nearest", OUR_UNIFORM),
    ("RDO, rdo 5", "nearest", "RDO, rdo 5"),
    ("8-state Viterbi", "nearest", "dq"),
    ("8-state Viterbi with RDO, rdo 1", "nearest", OUR_DEPENDENT),
    ("8-state Viterbi with RDO, rdo 5", "nearest", "dq, RDO, rdo 5"),
)
"""Rows of the table of savings: what is added, the codec without it, the codec with it."""
SAVINGS_AT = (0.5, 1.0, 2.0, 4.0)
"""Bits per weight of nearest indexes with searched parameter sets; savings are at their error."""
COLOURS = {
    "laplacian": "#1d4ed8",
    "gaussian": "#b45309",
    "sparse": "#047857",
    "digits-cnn": "#be123c",
    "digits-depthwise": "#7c3aed",
    "digits-mlp": "#0e7490",
    "digits-transformer": "#4d7c0f",
}
"""Colours of sources and networks."""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 640, 60, 20, 40, 50
"""Pixels of the plot."""
MOST_BITS, LEAST_SHARE = 6.0, 85.0
"""Range of the plot: bits per weight, per cent of their bytes."""


@dataclass(frozen=True)
class Point:
    """A stream.

    Args:
        size: Bytes of the whole stream.
        weights: Weights in it.
        error: Mean squared error in squared steps.
    """

    qp: int
    size: int
    weights: int
    error: float

    @property
    def bits(self) -> float:
        """Bits per weight."""
        return 8 * self.size / self.weights

    @property
    def absolute_error(self) -> float:
        """Mean squared error at density 2."""
        return self.error * ((4 + self.qp % 4) * 2.0 ** (self.qp // 4 - 2)) ** 2


Curves = Mapping[str, Sequence[Point]]


@dataclass(frozen=True)
class Row:
    """A tensor or network.

    Args:
        theirs: The peer's stream.
        ours: Our stream with rdo 1.
        matched: Our stream with the rdo that gives their error.
    """

    name: str
    dq: bool
    theirs: Point
    ours: Point
    matched: Point


def at_error(curve: Sequence[Point], error: float) -> float:
    """Interpolate the bits per weight at a mean squared error, between logarithms."""
    points = sorted((point.absolute_error, point.bits) for point in curve)
    errors, bits = zip(*points, strict=True)
    return float(np.exp(np.interp(np.log(error), np.log(errors), np.log(bits))))


def change(ours: float, theirs: float) -> str:
    """Write how much larger ours is."""
    return f"{100 * (ours / theirs - 1):+.2f} %"


def page(table: Sequence[Row], figures: Mapping[str, Curves], weights: int, frontiers: Sequence[str]) -> str:
    """Write the page in Markdown.

    Args:
        frontiers: The lines of the section written by `frontier.section`.
    """
    lines = [
        "# Size",
        "",
        "Written by `benchmarks/size.py`. Total bytes of our streams and the independent codec's, with its rate-distortion optimisation on",
        "(lambda_scale 0.1), at the same step size. Both have unary length 10 and search for parameter sets; ours has rdo 1. Errors are",
        f"mean squared errors in squared steps; tensors have {weights} weights. *At the same error*: ours with the rdo that gives their",
        "error or slightly less.",
        "",
        "| tensor or network | dq | qp | bits per weight | their bytes | ours | | their error | ours | | ours at the same error | |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(row) for row in table),
        "",
        "## What each step saves",
        "",
        "Bytes at the same mean squared error (step sizes differ) compared with nearest indexes and searched parameter sets;",
        "the search itself is compared with parameter sets 0. The error is that of nearest indexes at these bits per weight.",
        "",
        f"| source | added | {' | '.join(f'{bits:g} bits' for bits in SAVINGS_AT)} |",
        f"|---|---|{'---:|' * len(SAVINGS_AT)}",
        *(_saving(source, curves, *step) for source, curves in figures.items() for step in STEPS),
        "",
        "![Rate and distortion](size.svg)",
        "",
        *frontiers,
    ]
    return "\n".join(lines)


def _row(row: Row) -> str:
    """Write a row of the first table."""
    cells = (
        row.name,
        "on" if row.dq else "off",
        row.theirs.qp,
        f"{row.theirs.bits:.2f}",
        row.theirs.size,
        row.ours.size,
        change(row.ours.size, row.theirs.size),
        f"{row.theirs.error:.5f}",
        f"{row.ours.error:.5f}",
        change(row.ours.error, row.theirs.error),
        row.matched.size,
        change(row.matched.size, row.theirs.size),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _saving(source: str, curves: Curves, step: str, without: str, added: str) -> str:
    """Write a row of the table of savings."""
    nearest = sorted((point.bits, point.absolute_error) for point in curves["nearest"])
    bits, errors = zip(*nearest, strict=True)
    cells = []
    for wanted in SAVINGS_AT:
        error = float(np.exp(np.interp(wanted, bits, np.log(errors))))
        inside = wanted <= bits[-1]
        cells.append(change(at_error(curves[added], error), at_error(curves[without], error)) if inside else "-")
    return f"| {source} | {step} | {' | '.join(cells)} |"


def plot(figures: Mapping[str, Curves]) -> str:
    """Plot distortion against rate, and our rate over theirs at the same distortion, in SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#111827">',
        "<title>Rate and distortion of our streams and of the independent codec's</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    middle = HEIGHT // 2
    parts += panel("mean squared error in decibels, ours", TOP, middle - BOTTOM, (-60, -20), 10)
    parts += panel("our bytes over theirs at the same error, per cent", middle + TOP, HEIGHT - BOTTOM, (LEAST_SHARE, 101), 5)
    for number, (source, curves) in enumerate(figures.items()):
        for dq, (our, their) in enumerate(((OUR_UNIFORM, THEIR_UNIFORM), (OUR_DEPENDENT, THEIR_DEPENDENT))):
            decibels = [(point.bits, 10 * np.log10(point.absolute_error)) for point in curves[our]]
            coarsest = max(point.absolute_error for point in curves[their])
            shares = [
                (point.bits, 100 * point.bits / at_error(curves[their], point.absolute_error))
                for point in curves[our]
                if point.absolute_error <= coarsest
            ]
            parts += line(decibels, TOP, middle - BOTTOM, (-60, -20), source, dq)
            parts += line(shares, middle + TOP, HEIGHT - BOTTOM, (LEAST_SHARE, 101), source, dq)
            x, y = LEFT + 10 + 190 * number, HEIGHT - 22 + 14 * dq
            parts.append(stroke(f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}"', source, dq))
            parts.append(f'<text x="{x + 30}" y="{y + 4}">{source}, dq {"on" if dq else "off"}</text>')
    return "\n".join([*parts, "</svg>", ""])


def stroke(start: str, source: str, dq: int) -> str:
    """Complete an SVG element with its stroke."""
    dash = ' stroke-dasharray="5 3"' if dq else ""
    return f'{start} fill="none" stroke="{COLOURS[source]}" stroke-width="2"{dash}/>'


def _x(bits: float) -> float:
    """Convert bits per weight to a pixel."""
    return LEFT + (WIDTH - LEFT - RIGHT) * bits / MOST_BITS


def _y(value: float, top: int, bottom: int, span: tuple[float, float]) -> float:
    """Convert a value to a pixel."""
    return bottom - (bottom - top) * (value - span[0]) / (span[1] - span[0])


def line(points: Sequence[tuple[float, float]], top: int, bottom: int, span: tuple[float, float], source: str, dq: int) -> list[str]:
    """Draw a curve."""
    shown = sorted((bits, value) for bits, value in points if bits <= MOST_BITS and span[0] <= value <= span[1])
    return [
        stroke(
            f'<line x1="{_x(a):.1f}" y1="{_y(v, top, bottom, span):.1f}" x2="{_x(b):.1f}" y2="{_y(w, top, bottom, span):.1f}"', source, dq
        )
        for (a, v), (b, w) in pairwise(shown)
    ]


def panel(title: str, top: int, bottom: int, span: tuple[float, float], spacing: int) -> list[str]:
    """Draw a panel with its grid."""
    parts = [f'<text x="{LEFT}" y="{top - 10}" font-weight="bold">{title}</text>']
    for bits in range(int(MOST_BITS) + 1):
        x = _x(bits)
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{bits}</text>')
    for value in range(int(span[0]), int(span[1]) + 1, spacing):
        y = _y(value, top, bottom, span)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{top - 10}" text-anchor="end">bits per weight</text>')
    return parts
