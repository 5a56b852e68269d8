"""Frontiers of rate and distortion, ours and the independent codec's; a part of size.py.

A frontier holds the streams of a codec that no other of its streams beats in both size and error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from size_page import HEIGHT, LEFT, TOP, WIDTH, Point, line, panel, stroke

HEADING: Final = "## Frontiers"
"""Heading of the section."""
PEER_QPS: Final = range(-34, -3, 2)
"""qp of the peer's streams."""
PEER_LAMBDAS: Final = (0.0, 0.03, 0.1, 0.3, 1.0)
"""lambda_scale of the peer's streams."""
QPS: Final = range(-37, -3)
"""qp of our streams."""
RDOS: Final = (0.0, 1.0, 3.0, 5.0, 8.0, 20.0)
"""rdo of our streams."""
MOST_RDO: Final = 24.0
"""Greatest rdo of a stream sought for an error of the peer's."""
BISECTIONS: Final = 9
"""Steps of the search for its rdo."""
SOUGHT_QPS: Final = 8
"""Values of qp that it is sought at, the coarsest that can have the error."""
BITS: Final = (0.05, 6.0)
"""Bits per weight between which frontiers are compared."""
SHOWN_AT: Final = (0.1, 0.3, 0.5, 1.0, 2.0, 4.0)
"""Bits per weight of the peer in the table; the point of its frontier closest to each is shown."""
SHARES: Final = (-40, 5)
"""Range of the plot, per cent."""

Encoded = Callable[[int, float], Point]


@dataclass(frozen=True)
class Compared:
    """A tensor or network with and without dependent quantization.

    Args:
        points: For each point of the peer's frontier its bits per weight, and how much larger our
            stream is at the same error, in per cent.
        difference: The Bjontegaard difference of the rates, in per cent: the mean of their
            logarithms over the logarithm of the error.
    """

    name: str
    dq: bool
    points: Sequence[tuple[float, float]]
    difference: float


def frontier(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats, from the smallest stream to the largest."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.bits, point.absolute_error)):
        if not found or point.absolute_error < found[-1].absolute_error:
            found.append(point)
    return found


def bits_at(points: Sequence[Point], errors: Any) -> Any:
    """Interpolate the bits per weight of a frontier at mean squared errors, between logarithms."""
    known = sorted((np.log(point.absolute_error), np.log(point.bits)) for point in points)
    logarithms, bits = np.array(known).T
    return np.exp(np.interp(np.log(errors), logarithms, bits))


def sought(encoded: Encoded, error: float, nearest: Mapping[int, Point]) -> Iterator[Point]:
    """Yield streams whose error is at most that of a point, just below it.

    Args:
        nearest: Our streams at rdo 0 by qp.
    """
    able = [qp for qp, point in nearest.items() if point.absolute_error <= error]
    for qp in sorted(able)[-SOUGHT_QPS:]:
        low, high = 0.0, MOST_RDO
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            tried = encoded(qp, middle)
            if tried.absolute_error <= error:
                low = middle
                yield tried
            else:
                high = middle


def compare(name: str, dq: bool, ours: Encoded, theirs: Encoded) -> Compared:
    """Measure both frontiers.

    Seek more of our streams where the grid has none below the peer's.
    """
    their = frontier([theirs(qp, weight) for qp in PEER_QPS for weight in PEER_LAMBDAS])
    their = [point for point in their if BITS[0] <= point.bits <= BITS[1]]
    streams = {(qp, rdo): ours(qp, rdo) for qp in QPS for rdo in RDOS}
    points, nearest = list(streams.values()), {qp: point for (qp, rdo), point in streams.items() if rdo == 0}
    for point in their:
        if bits_at(frontier(points), point.absolute_error) > point.bits:
            points += sought(ours, point.absolute_error, nearest)
    our = frontier(points)
    changes = [(point.bits, 100 * float(bits_at(our, point.absolute_error) / point.bits - 1)) for point in their]
    errors = np.geomspace(their[-1].absolute_error, their[0].absolute_error, 400)
    mean = float(np.mean(np.log(bits_at(our, errors) / bits_at(their, errors))))
    return Compared(name, dq, changes, 100 * (np.exp(mean) - 1))


def section(compared: Sequence[Compared]) -> list[str]:
    """Write the section of the page."""
    shown = " | ".join(f"{bits:g} bits" for bits in SHOWN_AT)
    weights, rdos = (", ".join(f"{each:g}" for each in choices) for choices in (PEER_LAMBDAS, RDOS))
    return [
        HEADING,
        "",
        f"The smallest streams of both codecs for their error. The peer has lambda_scale {weights} and qp {PEER_QPS[0]} to",
        f"{PEER_QPS[-1]} in steps of 2; ours has rdo {rdos} and qp {QPS[0]} to {QPS[-1]}, and, where none of these is",
        "below a point of the peer's, the rdo that gives its error. Of networks, only the weights. A figure is how much larger",
        "ours is at the same mean squared error; *mean* is the Bjontegaard difference of the rates from",
        f"{BITS[0]:g} to {BITS[1]:g} bits, *most* the worst point of the peer's frontier.",
        "",
        "At high rates both codecs choose nearly the same indexes, and code them with the same contexts: only parameter sets and, with",
        "dependent quantization, the trellis are left to gain from. This is what limits the mean without dependent quantization.",
        "",
        f"| tensor or network | dq | mean | most | at | {shown} |",
        f"|---|---|---:|---:|---:|{'---:|' * len(SHOWN_AT)}",
        *(_row(each) for each in compared),
        "",
        "![Our rate at the errors of the peer's frontier](frontier.svg)",
        "",
    ]


def _row(each: Compared) -> str:
    """Write a row of the table."""
    bits, most = max(each.points, key=lambda point: point[1])
    cells = [each.name, "on" if each.dq else "off", f"{each.difference:+.2f} %", f"{most:+.2f} %", f"{bits:.2f} bits"]
    for wanted in SHOWN_AT:
        found, change = min(each.points, key=lambda point: abs(np.log(point[0] / wanted)))
        cells.append(f"{change:+.2f} %" if abs(np.log(found / wanted)) < np.log(1.5) else "-")
    return f"| {' | '.join(cells)} |"


def plot(compared: Sequence[Compared]) -> str:
    """Plot our rate against the peer's at the points of its frontier, in SVG."""
    bottom = HEIGHT - 130
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#111827">',
        "<title>Our bits per weight at the errors of the independent codec's frontier</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *panel("how much larger ours is at the same error, per cent", TOP, bottom, SHARES, 5),
    ]
    for number, each in enumerate(compared):
        clipped = [(bits, max(change, SHARES[0])) for bits, change in each.points]
        parts += line(clipped, TOP, bottom, SHARES, each.name, int(each.dq))
        x, y = LEFT + 10 + 350 * each.dq, bottom + 40 + 12 * (number // 2)
        parts.append(stroke(f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}"', each.name, int(each.dq)))
        parts.append(f'<text x="{x + 30}" y="{y + 4}">{each.name}, dq {"on" if each.dq else "off"}</text>')
    return "\n".join([*parts, "</svg>", ""])
