"""Drawings of cases: one bar per tally, one mark per case."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Final

from nnc_conformance.reports.report import DecoderSummary, Report
from nnc_conformance.reports.tally import TONES, OutcomeTally, Tone, tally, tone

_PITCHES: Final = ((120, 24), (400, 20), (1200, 16), (3000, 12))
"""(cases, pitch): the distance between marks for up to that number of cases."""
_SMALLEST_PITCH: Final = 10
"""Distance between marks for more cases than `_PITCHES` lists."""


@dataclass(frozen=True)
class BarSegment:
    """One tone's part of a bar, in percent of its length."""

    tone: Tone
    start: float
    width: float


def tally_bar(counts: OutcomeTally) -> tuple[BarSegment, ...]:
    """Divide a bar among the tones of a tally, in the order of `TONES`."""
    segments, start = [], 0.0
    for kind in TONES:
        if count := counts.of_tone(kind):
            width = 100 * count / counts.total
            segments.append(BarSegment(kind, round(start, 2), round(width, 2)))
            start += width
    return tuple(segments)


def _square(x: float, y: float, half: float) -> str:
    return f"M{x - half:g} {y - half:g}h{2 * half:g}v{2 * half:g}h-{2 * half:g}z"


def _diamond(x: float, y: float, half: float) -> str:
    return f"M{x:g} {y - half:g}l{half:g} {half:g}-{half:g} {half:g}-{half:g}-{half:g}z"


def _disc(x: float, y: float, half: float) -> str:
    return f"M{x - half:g} {y:g}a{half:g} {half:g} 0 1 1 {2 * half:g} 0a{half:g} {half:g} 0 1 1-{2 * half:g} 0z"


_SHAPES: Final[dict[Tone, tuple[Callable[[float, float, float], str], float]]] = {
    Tone.PASS: (_square, 0.41),
    Tone.FAIL: (_square, 0.46),
    Tone.ERROR: (_diamond, 0.56),
    Tone.CHOICE: (_disc, 0.41),
    Tone.SKIPPED: (_square, 0.2),
    Tone.MISSING: (_square, 0.36),
}
"""Each tone's shape and half its width as a share of the pitch: no tone is recognized by colour
alone.
"""


@dataclass(frozen=True)
class CaseMarks:
    """Marks of cases, row by row.

    There are ``columns`` marks per row, ``pitch`` apart, and one SVG path per tone that occurs.
    """

    WIDTH: ClassVar[int] = 960

    columns: int
    pitch: int
    height: int
    paths: tuple[tuple[Tone, str], ...]


def case_marks(tones: Sequence[Tone], pitch: int) -> CaseMarks:
    """Draw one mark per case in the given order, ``pitch`` between the centres of neighbours."""
    columns = CaseMarks.WIDTH // pitch
    paths: dict[Tone, list[str]] = {kind: [] for kind in TONES}
    for place, kind in enumerate(tones):
        row, column = divmod(place, columns)
        shape, half = _SHAPES[kind]
        paths[kind].append(shape((column + 0.5) * pitch, (row + 0.5) * pitch, round(half * pitch, 1)))
    drawn = tuple((kind, "".join(path)) for kind, path in paths.items() if path)
    return CaseMarks(columns, pitch, -(-len(tones) // columns) * pitch, drawn)


def mark_path(kind: Tone, pitch: int) -> str:
    """Return the path of one mark in a square of side ``pitch``, for a legend."""
    return case_marks([kind], pitch).paths[0][1]


def level_strips(report: Report, decoder: DecoderSummary) -> list[tuple[str, OutcomeTally, CaseMarks]]:
    """Draw a decoder's cases, one strip per level: level name, tally and marks."""
    most_cases = max((len(report.of(summary.info.name)) for summary in report.decoders), default=0)
    pitch = next((pitch for most, pitch in _PITCHES if most_cases <= most), _SMALLEST_PITCH)
    strips = []
    for level, members in groupby(report.of(decoder.info.name), key=lambda case: case.result.level):
        results = [case.result for case in members]
        strips.append((level.value, tally(results), case_marks([tone(result.outcome) for result in results], pitch)))
    return strips
