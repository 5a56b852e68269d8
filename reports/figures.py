"""Geometry of the report's drawings: plain numbers and path data, coloured by the style sheet."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Field:
    """A picture with one square a case, in rows of ``columns``: one path for each tone that occurs."""

    columns: int
    pitch: int
    width: int
    height: int
    paths: tuple[tuple[Tone, str], ...]


def pitch_for(cases: int) -> int:
    """The distance between two squares, so that a picture of this many cases stays calm."""
    return next((pitch for most, pitch in _PITCHES if cases <= most), _SMALLEST_PITCH)


def field(tones: Sequence[Tone], pitch: int) -> Field:
    """The picture of cases with these tones, in their order."""
    columns = FIELD_WIDTH // pitch
    rows = -(-len(tones) // columns)
    side = pitch - max(2, pitch // 6)
    paths: dict[Tone, list[str]] = {tone: [] for tone in TONES}
    for place, tone in enumerate(tones):
        row, column = divmod(place, columns)
        paths[tone].append(f"M{column * pitch} {row * pitch}h{side}v{side}h-{side}z")
    drawn = tuple((tone, "".join(path)) for tone, path in paths.items() if path)
    return Field(columns, pitch, columns * pitch, rows * pitch, drawn)
