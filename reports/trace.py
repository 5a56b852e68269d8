"""The trace of one stream as a self-contained HTML page.

It shows bytes next to elements, and the arithmetic decoder over time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.structures.unit import UNKNOWN_TYPE
from nnc_conformance.reference.tracer import TraceLine, trace
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.reports.drawings.coder import CoderPlot, coder_plot
from nnc_conformance.reports.html import render_page, resource

BYTES_SHOWN: Final = 1 << 14
"""Bytes of the stream that a page shows; it says how many it leaves out."""
LINES_SHOWN: Final = 6000
"""Elements and bins that a page shows; it says how many it leaves out."""
ROW: Final = 16
"""Bytes per row."""
LONGEST_VALUE: Final = 60
"""Characters of a value before it is cut."""


@dataclass(frozen=True)
class TraceRow:
    """An element or bin as shown.

    Its bits in the stream are ``first`` to ``last`` (none if ``last`` is less).
    """

    name: str
    value: str
    descriptor: str
    clause: str
    state: str
    first: int
    last: int


@dataclass(frozen=True)
class UnitRows:
    """The rows of one unit.

    It has the bins of its codeword apart, and the plot of its arithmetic decoder (None without a
    codeword). ``stream`` names its stream where the page shows several.
    """

    number: int
    unit_type: str
    first: int
    elements: tuple[TraceRow, ...]
    bins: tuple[TraceRow, ...]
    plot: CoderPlot | None
    stream: str = ""


@dataclass(frozen=True)
class TracePage:
    """The content of the page.

    ``error`` is the error that ends the stream, empty for a valid one.
    """

    name: str
    size: int
    data: bytes
    units: tuple[UnitRows, ...]
    error: str = ""
    left_out: int = 0
    lines: int = 0

    @property
    def rows(self) -> Iterator[tuple[int, bytes]]:
        """The bytes shown, in rows of `ROW`, each with its offset."""
        return ((start, self.data[start : start + ROW]) for start in range(0, len(self.data), ROW))


def build_trace(
    name: str,
    stream: bytes,
    *,
    interpretation: Interpretation | None = None,
    lenient: bool = False,
    base: BaseModel | None = None,
    unit: int | None = None,
    most: int = LINES_SHOWN,
) -> TracePage:
    """Trace a stream with its bins, up to its end or its first error.

    Args:
        name: Its name on the page.
        stream: The bitstream.
        interpretation: One choice for each disputed point.
        lenient: Forgive broken rules of policy ``may``.
        base: The model before it.
        unit: Number of the only unit to show; None for all.
        most: Most elements and bins to show.

    Raises `NoUnitError`.
    """
    lines: list[TraceLine] = []
    error, count = "", 0
    unrecorded: dict[int, int] = {}
    lines_met = trace(
        stream,
        bins=True,
        interpretation=interpretation,
        lenient=lenient,
        base=base,
        unit=unit,
        most_bins=most,
        left_out=unrecorded,
    )
    try:
        for line in lines_met:
            count += 1
            if count <= most:
                lines.append(line)
    except StreamError as broken:
        error = str(broken)
    count += sum(unrecorded.values())
    units = tuple(_unit(number, list(own)) for number, own in groupby(_by_unit(lines), key=lambda line: line.unit))
    return TracePage(name, len(stream), stream[:BYTES_SHOWN], units, error, count - len(lines), count)


def build_session_trace(
    steps: Iterable[tuple[str, bytes, BaseModel | None]],
    *,
    interpretation: Interpretation | None = None,
    lenient: bool = False,
    unit: int | None = None,
) -> TracePage:
    """Trace the streams of a session up to the end or the first error.

    They are traced as if they stood one after the other in one file.

    Args:
        steps: Name, bytes and model before each stream (see `storage.sessions.steps_of`).
        interpretation: One choice for each disputed point; the defaults if None.
        lenient: Forgive broken rules of policy ``may``.
        unit: Number of the only unit of each stream to show; None for all.

    Raises `NoUnitError`.
    """
    pages: list[TracePage] = []
    data, units = b"", list[UnitRows]()
    for name, stream, base in steps:
        most = max(LINES_SHOWN - sum(one.lines - one.left_out for one in pages), 0)
        page = build_trace(name, stream, interpretation=interpretation, lenient=lenient, base=base, unit=unit, most=most)
        units += [_moved(rows, 8 * len(data), name) for rows in page.units]
        data += stream
        pages.append(page)
        if page.error:
            break
    if len(pages) == 1:
        return pages[0]
    names = ", ".join(page.name for page in pages)
    error = f"{pages[-1].name}: {pages[-1].error}" if pages[-1].error else ""
    left_out, lines = (sum(counts) for counts in zip(*((page.left_out, page.lines) for page in pages), strict=True))
    return TracePage(names, len(data), data[:BYTES_SHOWN], tuple(units), error, left_out, lines)


def _moved(unit: UnitRows, bits: int, stream: str) -> UnitRows:
    """Move a unit's bits by those of the streams before."""

    def moved(rows: tuple[TraceRow, ...]) -> tuple[TraceRow, ...]:
        return tuple(replace(row, first=row.first + bits, last=row.last + bits) for row in rows)

    return replace(unit, first=unit.first + bits, elements=moved(unit.elements), bins=moved(unit.bins), stream=stream)


def render_trace(page: TracePage) -> str:
    """Render the page as one HTML document that refers to nothing outside itself."""
    style = resource("report.css") + resource("trace.css")
    return render_page("trace.html.jinja", style=style, script=resource("trace.js"), page=page)


def _by_unit(lines: Iterable[TraceLine]) -> Sequence[TraceLine]:
    """Bring the lines of each unit together; units keep their order."""
    return sorted(lines, key=lambda line: line.unit)


def _unit(number: int, lines: list[TraceLine]) -> UnitRows:
    """Make the rows of one unit: elements, bins, and a plot of the coder.

    Args:
        number: Number of the unit.
        lines: Its lines of the trace, at least one.
    """
    elements = [line for line in lines if line.bin is None]
    bins = [line for line in lines if line.bin is not None]
    known = next((line.unit_type for line in reversed(elements) if line.unit_type != UNKNOWN_TYPE), lines[0].unit_type)
    return UnitRows(
        number,
        known,
        8 * lines[0].byte + lines[0].bit,
        tuple(map(_row, elements)),
        tuple(map(_row, bins)),
        coder_plot(bins) if bins else None,
    )


def _row(line: TraceLine) -> TraceRow:
    """Turn a line of a trace into a row of the page.

    The row of a bin also has symbol, range, offset and context.
    """
    first = 8 * line.byte + line.bit
    name = "/".join((*line.path[1:], line.element)) if line.bin is None else line.element
    state = ""
    if line.bin is not None:
        symbol = f"symbol {line.bin.index}" if line.bin.index >= 0 else "head"
        state = f"{symbol}, range {line.bin.ivl_curr_range}, offset {line.bin.ivl_offset}"
        if line.bin.context:
            state += f", {line.bin.context}, s {line.bin.state}"
    return TraceRow(name, _shown(line.value), line.descriptor, line.clause, state, first, first + line.length - 1)


def _shown(value: Any) -> str:
    text = value.hex(" ") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
