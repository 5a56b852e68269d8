"""Causes ranked by how well what they do fits what was seen of a decoder, over failing and passing cases together.

Causes are sifted by Ochiai's coefficient with degrees: the sum of a cause's likeness to the decoder over failing cases, over the geometric
mean of the number of these and the number of cases that the cause fails, passing ones counted double. The fit of those that are left is
the share of all cases in which they do as the decoder did, each case weighed by how much that tells: little where most of them do.
It is 1 where a cause does exactly what the decoder did in each failing case and passes every passing one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from time import monotonic
from typing import Final

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.evidence import Evidence, Seen
from nnc_conformance.faults.diagnosis.simulation import SymptomCache
from nnc_conformance.faults.diagnosis.symptom import SAME_REFUSAL, likeness
from nnc_conformance.faults.mutants.mutant import MutantKind

FIRST: Final = 2
"""Every cause is tried on so many failing cases,"""
FINALISTS: Final = 160
"""and so many, those that are most like the decoder there, on the whole panel."""
PASSING_WEIGHT: Final = 2.0
"""What a passing case counts that a cause fails, a failing one counting 1: a run has many more of these than are tried."""
TOGETHER: Final = 40
"""So many causes are tried before the clock is looked at."""
LAST: Final = 40
"""So many are at the end tried on further cases, and held against each other."""
LEAST_WEIGHT: Final = 0.5
"""What a case weighs in which all of them do as the decoder did; it gains the logarithm of one over the part of them that do."""
SHARE: Final = 0.6
"""The part of the time in which all causes are tried first."""


@dataclass(frozen=True)
class Ranked:
    """A cause that was tried.

    ``fit`` 0..1; ``same``: in how many of ``failing`` cases it does the same; ``kept``: how many of ``passing`` cases it passes too.
    """

    cause: Cause
    fit: float
    same: int
    failing: int
    kept: int
    passing: int

    @property
    def exact(self) -> bool:
        """Whether nothing that was tried tells it from the decoder."""
        return self.same == self.failing and self.kept == self.passing


@dataclass(frozen=True)
class Ranking:
    """The causes that were tried, the best first; ``left`` could not be tried within the budget."""

    causes: tuple[Ranked, ...]
    tried: int
    left: int

    def places(self, count: int) -> list[Ranked]:
        """The best cause of each of the ``count`` best places in the decoder."""
        found: dict[tuple[object, ...], Ranked] = {}
        for one in self.causes:
            found.setdefault(one.cause.place, one)
        return list(found.values())[:count]


def candidates(causes: Iterable[Cause], panel: Evidence) -> list[Cause]:
    """The causes that may show in every failing case: tables, which run compiled; named faults; those first that few passing cases meet."""
    possible = [cause for cause in causes if all(probe.reach.meets(cause.mutant) for probe in panel.all_failing)]
    meeting = {cause.id: sum(probe.reach.meets(cause.mutant) for probe in panel.all_passing) for cause in possible}
    return sorted(
        possible,
        key=lambda cause: (cause.turn is not MutantKind.TABLE, not cause.named, not cause.mutant.lines, meeting[cause.id], cause.id),
    )


def rank(
    causes: Sequence[Cause],
    panel: Evidence,
    memory: SymptomCache,
    *,
    seconds: float,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Ranking:
    """Tries causes in order until ``seconds`` are over (what ``memory`` knows costs nothing), the best on the whole panel; ranks these."""
    start = monotonic()
    first = panel.failing[:FIRST]
    probes = [probe for probe, _ in first]
    whole = [probe for probe, _ in (*panel.failing, *panel.passing)]
    alike: list[tuple[float, Cause]] = []
    left = 0
    for some in _batches(causes):
        if monotonic() >= start + SHARE * seconds and not all(memory.knows(cause, probe) for cause in some for probe in probes):
            left += len(some)
            continue
        memory.learn(some, probes)
        alike += [(sum(likes(cause, first, memory)), cause) for cause in some]
        told(len(alike), len(causes))
    finalists = [cause for fit, cause in sorted(alike, key=lambda one: -one[0])[:FINALISTS] if fit > 0]
    ranked: list[Ranked] = []
    for some in _batches(finalists):
        if ranked and monotonic() >= start + seconds:
            left += len(some)
            continue
        memory.learn(some, whole)
        ranked += [_fit(cause, (*panel.failing, *panel.passing), memory) for cause in some]
    ordered = _ordered(ranked)
    last = [one.cause for one in ordered[:LAST]]
    further = panel.further if monotonic() < start + seconds else ()
    memory.learn(last, [probe for probe, _ in further])
    return Ranking(
        (*_ordered(_weighed(last, (*panel.failing, *panel.passing, *further), memory)), *ordered[LAST:]), len(causes) - left, left
    )


def likes(cause: Cause, cases: Sequence[Seen], memory: SymptomCache) -> list[float]:
    """How alike a cause and the decoder are in each case."""
    made = memory.of(cause, [probe for probe, _ in cases])
    return [likeness(seen, own) for (_, seen), own in zip(cases, made, strict=True)]


def _weighed(causes: Sequence[Cause], cases: Sequence[Seen], memory: SymptomCache) -> list[Ranked]:
    """The causes with their shares of cases in which they do as the decoder did, each weighed by how few of them do."""
    alike = {cause: likes(cause, cases, memory) for cause in causes}
    doing = [sum(own[case] >= SAME_REFUSAL for own in alike.values()) for case in range(len(cases))]
    weights = [LEAST_WEIGHT - log((count + 1) / (len(causes) + 2)) for count in doing]
    found = []
    for cause, own in alike.items():
        share = sum(weight * like for weight, like in zip(weights, own, strict=True)) / sum(weights)
        found.append(replace(_fit(cause, cases, memory), fit=share))
    return found


def _ordered(ranked: Sequence[Ranked]) -> list[Ranked]:
    """By fit; of equals named faults first, and then those of functions, and of places in them, that have the most as good as they are.

    Where seeded bugs are all as likely, so likely is a function to have the one. Of those that are still equal the least far-fetched.
    """
    functions, places = (Counter((key(one), round(one.fit, 2)) for one in ranked) for key in (_function, _place))

    def order(one: Ranked) -> tuple[float, bool, int, int, int, int, str]:
        fit = round(one.fit, 2)
        as_good = -functions[_function(one), fit], -places[_place(one), fit]
        return -fit, not one.cause.named, *as_good, -one.same, one.cause.farfetched, one.cause.id

    return sorted(ranked, key=order)


def _function(one: Ranked) -> object:
    return one.cause.function


def _place(one: Ranked) -> object:
    return one.cause.place


def _batches(causes: Sequence[Cause]) -> Iterator[Sequence[Cause]]:
    return (causes[start : start + TOGETHER] for start in range(0, len(causes), TOGETHER))


def _fit(cause: Cause, cases: Sequence[Seen], memory: SymptomCache) -> Ranked:
    made = memory.of(cause, [probe for probe, _ in cases])
    likes = [likeness(seen, own) for (_, seen), own in zip(cases, made, strict=True) if seen.wrong]
    passing = [own for (_, seen), own in zip(cases, made, strict=True) if not seen.wrong]
    kept = sum(not own.wrong for own in passing)
    failed = sum(own.wrong for own in made) + (PASSING_WEIGHT - 1) * (len(passing) - kept)
    fit = sum(likes) / sqrt(len(likes) * failed) if failed else 0.0
    return Ranked(cause, fit, sum(like >= SAME_REFUSAL for like in likes), len(likes), kept, len(passing))
