"""Counting cases by outcome: the one place where the figures of a report come from."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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

    ``of_broken``: how many of them are on broken streams.
    """

    counts: Mapping[Outcome, int]
    of_broken: Mapping[Outcome, int] = field(default_factory=dict)

    @property
    def good(self) -> "OutcomeTally":
        """The cases on good streams."""
        left = {outcome: count - self.of_broken.get(outcome, 0) for outcome, count in self.counts.items()}
        return OutcomeTally({outcome: count for outcome, count in left.items() if count})

    @property
    def broken(self) -> "OutcomeTally":
        """The cases on streams that break a rule."""
        return OutcomeTally(self.of_broken, self.of_broken)

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
        """Good streams passed over those judged, in percent, rounded down to a tenth.

        A dash if none was judged: a decoder that decodes nothing refuses broken streams, too, which
        proves nothing.
        """
        good = self.good
        if not good.judged:
            return "–"
        tenths = good.passed * 1000 // good.judged
        return "100 %" if tenths == 1000 else f"{tenths / 10:.1f} %"

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Passed of judged cases in words, with the percentage: of good, then of broken streams.

        A kind without judged cases is left out; broken streams have no percentage.
        """
        both = (("good", self.good, self.percent), ("broken", self.broken, ""))
        return tuple((f"{word} {part.passed:,} of {part.judged:,}", percent) for word, part, percent in both if part.judged)

    @property
    def figures(self) -> str:
        """The parts in one line, or "".

        Such as ``good 5 of 5 (100 %), broken 3 of 4``.
        """
        return ", ".join(f"{text} ({percent})" if percent else text for text, percent in self.parts)

    @property
    def refusals_only(self) -> bool:
        """Whether cases were judged, all of them on broken streams."""
        return self.judged > 0 and not self.good.judged

    def plus(self, outcome: Outcome, count: int) -> "OutcomeTally":
        """Return this tally with ``count`` more cases of an outcome, on good streams."""
        return OutcomeTally({**self.counts, outcome: self.counts.get(outcome, 0) + count}, self.of_broken) if count else self

    def of_tone(self, wanted: Tone) -> int:
        """Return the number of cases whose outcome has this tone."""
        return sum(count for outcome, count in self.counts.items() if tone(outcome) is wanted)


def tally(cases: Iterable[CaseResult]) -> OutcomeTally:
    """Count cases by outcome, those on broken streams also apart."""
    counts: Counter[Outcome] = Counter()
    broken: Counter[Outcome] = Counter()
    for case in cases:
        counts[case.outcome] += 1
        broken[case.outcome] += case.policy is not None
    return OutcomeTally(*({outcome: some[outcome] for outcome in OUTCOMES if some[outcome]} for some in (counts, broken)))
