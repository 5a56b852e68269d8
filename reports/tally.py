"""Counting cases: the one place where figures of a report come from."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult


class Standing(StrEnum):
    """What kind of fact a case rests on; each has figures with a denominator of its own."""

    CONFORMANCE = "conformance"
    INFERRED = "inferred"
    DISPUTED = "disputed"
    OWN = "own"


STANDINGS: Final[dict[Standing, str]] = {
    Standing.CONFORMANCE: "facts verified with an independent decoder (V) or published (P): the only ones that count as conformance",
    Standing.INFERRED: "facts that this project inferred (I): shown, never counted as conformance",
    Standing.DISPUTED: "points on which published codecs and the text differ: the choice is shown, none is wrong",
    Standing.OWN: "policies of this project, such as limits: shown, never counted as conformance",
}
"""Each standing with what it means."""


def standing(level: Level, provenance: Provenance) -> Standing:
    """The standing of a case of this level and provenance."""
    if level is Level.DISPUTED:
        return Standing.DISPUTED
    if level is Level.INFERRED or provenance is Provenance.INFERRED:
        return Standing.INFERRED
    return Standing.OWN if provenance is Provenance.OWN else Standing.CONFORMANCE


class Tone(StrEnum):
    """How outcomes are grouped for the eye."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"
    CHOICE = "choice"
    MISSING = "missing"


TONES: Final[dict[Tone, tuple[str, str]]] = {
    Tone.PASS: ("passed", "✓"),
    Tone.FAIL: ("wrong", "✕"),
    Tone.ERROR: ("in error", "!"),
    Tone.CHOICE: ("disputed", "◆"),
    Tone.SKIPPED: ("unsupported", "–"),
    Tone.MISSING: ("not run", "○"),
}
"""Each tone with its word and its glyph, in the order in which they are drawn."""

_TONE_OF_JUNIT: Final = {"": Tone.PASS, "failure": Tone.FAIL, "error": Tone.ERROR, "skipped": Tone.SKIPPED, "property": Tone.CHOICE}


def tone(outcome: Outcome) -> Tone:
    """The tone of an outcome, after the closed table of outcomes."""
    meaning = OUTCOMES[outcome]
    return Tone.MISSING if meaning.incomplete else _TONE_OF_JUNIT[meaning.junit]


@dataclass(frozen=True)
class Tally:
    """How many cases had each outcome."""

    counts: Mapping[Outcome, int]

    @property
    def total(self) -> int:
        """All cases."""
        return sum(self.counts.values())

    @property
    def passed(self) -> int:
        """Cases with outcome pass."""
        return self.counts.get(Outcome.PASS, 0)

    @property
    def failed(self) -> int:
        """Cases that fail a run."""
        return sum(count for outcome, count in self.counts.items() if OUTCOMES[outcome].fails)

    @property
    def missing(self) -> int:
        """Cases planned and not executed."""
        return sum(count for outcome, count in self.counts.items() if OUTCOMES[outcome].incomplete)

    @property
    def judged(self) -> int:
        """The denominator: passed, failed and missing; the unsupported and the choices are in none."""
        return self.passed + self.failed + self.missing

    @property
    def percent(self) -> str:
        """Passed over judged in per cent, rounded down to a tenth so that only all is 100 %; a dash where nothing is judged."""
        if not self.judged:
            return "–"
        tenths = self.passed * 1000 // self.judged
        return "100 %" if tenths == 1000 else f"{tenths / 10:.1f} %"

    def plus(self, outcome: Outcome, count: int) -> "Tally":
        """This tally with ``count`` more of an outcome."""
        return Tally({**self.counts, outcome: self.counts.get(outcome, 0) + count}) if count else self

    def of_tone(self, wanted: Tone) -> int:
        """How many cases have an outcome of this tone."""
        return sum(count for outcome, count in self.counts.items() if tone(outcome) is wanted)


def tally(cases: Iterable[CaseResult]) -> Tally:
    """Counts the cases by outcome, in the order of the table of outcomes."""
    counts = Counter(case.outcome for case in cases)
    return Tally({outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]})
