"""Geometry of the report's drawings: plain numbers and path data, coloured by the style sheet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reports.tally import TONES, Tally, Tone

BAR_WIDTH: Final = 100
FIELD_WIDTH: Final = 960

_PITCHES: Final = ((120, 24), (400, 20), (1200, 16), (3000, 12))
_SMALLEST_PITCH: Final = 10


@dataclass(frozen=True)
class Segment:
    """A stretch of a bar, in hundredths of its width."""

    tone: Tone
    start: float
    width: float


def bar(tally: Tally) -> tuple[Segment, ...]:
    """The stretches of a bar that shows a tally's tones in their order."""
    segments, start = [], 0.0
    for tone in TONES:
        if count := tally.of_tone(tone):
            width = BAR_WIDTH * count / tally.total
            segments.append(Segment(tone, round(start, 2), round(width, 2)))
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
"""Each tone's shape, so that none is known by colour alone, and half its width as a part of the pitch."""


@dataclass(frozen=True)
class Field:
    """A picture with one mark a case, in rows of ``columns``: one path for each tone that occurs."""

    columns: int
    pitch: int
    height: int
    paths: tuple[tuple[Tone, str], ...]


def pitch_for(cases: int) -> int:
    """The distance between two marks, so that a picture of this many cases stays calm."""
    return next((pitch for most, pitch in _PITCHES if cases <= most), _SMALLEST_PITCH)


def field(tones: Sequence[Tone], pitch: int) -> Field:
    """The picture of cases with these tones, in their order; ``pitch`` is the distance between the middles of two marks."""
    columns = FIELD_WIDTH // pitch
    paths: dict[Tone, list[str]] = {tone: [] for tone in TONES}
    for place, tone in enumerate(tones):
        row, column = divmod(place, columns)
        shape, half = _SHAPES[tone]
        paths[tone].append(shape((column + 0.5) * pitch, (row + 0.5) * pitch, round(half * pitch, 1)))
    drawn = tuple((tone, "".join(path)) for tone, path in paths.items() if path)
    return Field(columns, pitch, -(-len(tones) // columns) * pitch, drawn)


def mark(tone: Tone, pitch: int) -> str:
    """The path of one mark alone in a square of side ``pitch``, for a legend."""
    return field([tone], pitch).paths[0][1]
