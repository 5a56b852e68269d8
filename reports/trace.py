"""The trace of one stream as a page: bytes beside units and elements, and the arithmetic coder over time. One self-contained file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from markupsafe import Markup

from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.tracer import TraceLine, trace
from nnc_conformance.reports.html import environment, resource, style_digest
from nnc_conformance.reports.trace_plot import BIN_PITCH, HEIGHT, MOST_BINS, WIDTH, CodewordPlot, plot_of

TEMPLATE: Final = "trace.html.jinja"
BYTES_SHOWN: Final = 1 << 14
LINES_SHOWN: Final = 6000
"""A page holds the first so many bytes, and elements and bins; it says what it leaves out."""
ROW: Final = 16
LONGEST_VALUE: Final = 60


@dataclass(frozen=True)
class Row:
    """An element or bin as the page shows it: where its bits are (``first`` to ``last``, in the stream; none where ``last`` is less)."""

    name: str
    value: str
    descriptor: str
    clause: str
    state: str
    first: int
    last: int


@dataclass(frozen=True)
class UnitRows:
    """The rows of one unit, with those of its codeword apart, and the plot of its coder (None without a codeword)."""

    number: int
    unit_type: str
    first: int
    elements: tuple[Row, ...]
    bins: tuple[Row, ...]
    plot: CodewordPlot | None


@dataclass(frozen=True)
class TracePage:
    """All that the page shows; ``error`` is what the stream ends with, empty for a good one."""

    name: str
    size: int
    data: bytes
    units: tuple[UnitRows, ...]
    error: str = ""
    left_out: int = 0
    lines: int = 0

    @property
    def rows(self) -> Iterator[tuple[int, bytes]]:
        """The bytes shown, in rows of `ROW` with the offset of each."""
        return ((start, self.data[start : start + ROW]) for start in range(0, len(self.data), ROW))


def build_trace(name: str, stream: bytes, *, interpretation: Interpretation | None = None, lenient: bool = False) -> TracePage:
    """Traces a stream, bins and all, up to its end or its first error."""
    lines: list[TraceLine] = []
    error = ""
    try:
        for line in trace(stream, bins=True, interpretation=interpretation, lenient=lenient):
            lines.append(line)
    except StreamError as broken:
        error = str(broken)
    units = tuple(_unit(number, list(own)) for number, own in groupby(_by_unit(lines[:LINES_SHOWN]), key=lambda line: line.unit))
    left_out = max(0, len(lines) - LINES_SHOWN)
    return TracePage(name, len(stream), stream[:BYTES_SHOWN], units, error, left_out, len(lines))


def render_trace(page: TracePage) -> str:
    """The page as one HTML document without a single reference to anything outside it."""
    style, script = resource("report.css") + resource("trace.css"), resource("trace.js")
    policy = (
        f"default-src 'none'; style-src '{style_digest(style)}'; script-src '{style_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    drawing = {"plot_width": WIDTH, "plot_height": HEIGHT, "most_bins": MOST_BINS, "bin_pitch": BIN_PITCH}
    return environment().get_template(TEMPLATE).render(page=page, style=Markup(style), script=Markup(script), policy=policy, **drawing)


def _by_unit(lines: Iterable[TraceLine]) -> Sequence[TraceLine]:
    """The lines with those of each unit together, units in the order in which they begin."""
    return sorted(lines, key=lambda line: line.unit)


def _unit(number: int, lines: list[TraceLine]) -> UnitRows:
    elements = [line for line in lines if line.bin is None]
    bins = [line for line in lines if line.bin is not None]
    known = next((line.unit_type for line in reversed(elements) if line.unit_type != "unknown"), lines[0].unit_type)
    return UnitRows(
        number,
        known,
        8 * lines[0].byte + lines[0].bit,
        tuple(map(_row, elements)),
        tuple(map(_row, bins)),
        plot_of(bins) if bins else None,
    )


def _row(line: TraceLine) -> Row:
    first = 8 * line.byte + line.bit
    name = "/".join((*line.path[1:], line.element)) if line.bin is None else line.element
    state = ""
    if line.bin is not None:
        symbol = f"symbol {line.bin.index}" if line.bin.index >= 0 else "head"
        state = f"{symbol}, range {line.bin.ivl_curr_range}, offset {line.bin.ivl_offset}"
        if line.bin.context:
            state += f", {line.bin.context}, s {line.bin.state}"
    return Row(name, _shown(line.value), line.descriptor, line.clause, state, first, first + line.length - 1)


def _shown(value: Any) -> str:
    text = value.hex(" ") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
