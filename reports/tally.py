"""Counting cases by outcome: the one place where the figures of a report come from."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult


class Tone(StrEnum):
    """Groups of outcomes that share a colour and a mark."""

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
"""The word and the glyph of each tone, in drawing order."""

_TONE_OF_JUNIT: Final = {"": Tone.PASS, "failure": Tone.FAIL, "error": Tone.ERROR, "skipped": Tone.SKIPPED, "property": Tone.CHOICE}


def tone(outcome: Outcome) -> Tone:
    """Return the tone of an outcome, according to the table `OUTCOMES`."""
    meaning = OUTCOMES[outcome]
    return Tone.MISSING if meaning.incomplete else _TONE_OF_JUNIT[meaning.junit]


@dataclass(frozen=True)
class OutcomeTally:
    """Numbers of cases by outcome.

    ``broken`` is how many of the judged ones are on broken streams.
    """

    counts: Mapping[Outcome, int]
    broken: int = 0

    @property
    def total(self) -> int:
        """The number of cases."""
        return sum(self.counts.values())

    @property
    def passed(self) -> int:
        """The number of cases with outcome pass."""
        return self.counts.get(Outcome.PASS, 0)

    @property
    def failed(self) -> int:
        """The number of cases that fail a run."""
        return sum(count for outcome, count in self.counts.items() if OUTCOMES[outcome].fails)

    @property
    def missing(self) -> int:
        """The number of cases that were planned and not executed."""
        return sum(count for outcome, count in self.counts.items() if OUTCOMES[outcome].incomplete)

    @property
    def judged(self) -> int:
        """The denominator: passed, failed and missing cases.

        Unsupported ones and choices are not part of it.
        """
        return self.passed + self.failed + self.missing

    @property
    def percent(self) -> str:
        """Passed over judged in percent, rounded down to a tenth.

        So 100 % means all.

        A dash if nothing was judged.
        """
        if not self.judged:
            return "–"
        tenths = self.passed * 1000 // self.judged
        return "100 %" if tenths == 1000 else f"{tenths / 10:.1f} %"

    @property
    def refusals_only(self) -> bool:
        """Whether cases were judged, all of them on broken streams."""
        return 0 < self.judged == self.broken

    @property
    def percent_of_feature(self) -> str:
        """`percent`, or a dash if no good stream was judged.

        A decoder that decodes nothing refuses broken streams, too, which proves nothing.
        """
        return "–" if self.refusals_only else self.percent

    def plus(self, outcome: Outcome, count: int) -> "OutcomeTally":
        """Return this tally with ``count`` more cases of an outcome, on good streams."""
        return OutcomeTally({**self.counts, outcome: self.counts.get(outcome, 0) + count}, self.broken) if count else self

    def of_tone(self, wanted: Tone) -> int:
        """Return the number of cases whose outcome has this tone."""
        return sum(count for outcome, count in self.counts.items() if tone(outcome) is wanted)


def tally(cases: Iterable[CaseResult]) -> OutcomeTally:
    """Count cases by outcome, and those of broken streams that were judged."""
    counts: Counter[Outcome] = Counter()
    broken: Counter[Outcome] = Counter()
    for case in cases:
        counts[case.outcome] += 1
        broken[case.outcome] += case.policy is not None
    return OutcomeTally({outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]}, OutcomeTally(broken).judged)
