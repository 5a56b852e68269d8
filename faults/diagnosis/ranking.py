"""Ranks causes by how closely they behave like the decoder under test.

Failing and passing cases count together.

All causes are sifted on a few cases, the finalists ranked on more, and the last of these weighed
against each other; `Weights` has the formulas. A fit of 1 means: the same output or refusal in each
failing case, and every passing case passes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from time import monotonic

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.evidence import Evidence, Seen
from nnc_conformance.faults.diagnosis.simulation import SymptomCache
from nnc_conformance.faults.diagnosis.stages import StageCallback, no_stages, within
from nnc_conformance.faults.diagnosis.symptom import likeness
from nnc_conformance.faults.diagnosis.weights import EFFORT, WEIGHTS
from nnc_conformance.faults.mutants.mutant import MutantKind
from nnc_conformance.faults.score.trial_vectors import TracedVector
from nnc_conformance.reference.options import ProgressCallback, no_progress


@dataclass(frozen=True)
class Ranked:
    """A cause that was tried.

    Args:
        cause: The cause.
        fit: 0..1.
        same: Number of failing cases in which it does the same.
        failing: Number of failing cases.
        kept: Number of passing cases that it passes too.
        passing: Number of passing cases.
    """

    cause: Cause
    fit: float
    same: int
    failing: int
    kept: int
    passing: int

    @property
    def exact(self) -> bool:
        """Whether nothing that was tried distinguishes it from the decoder."""
        return self.same == self.failing and self.kept == self.passing


@dataclass(frozen=True)
class Ranking:
    """The causes that were tried, the best first.

    Args:
        causes: The causes.
        tried: Number of causes that were tried.
        left: Number of causes at hand that were not tried.
        settled: Whether no other was tried because a common fault fits every case.
        out_of_time: Whether the budget ran out before every cause was made and tried.
    """

    causes: tuple[Ranked, ...]
    tried: int
    left: int
    settled: bool = False
    out_of_time: bool = False

    def best_places(self, count: int) -> list[Ranked]:
        """Return the best cause of each place in the decoder, for the ``count`` best places."""
        found: dict[tuple[object, ...], Ranked] = {}
        for one in self.causes:
            found.setdefault(one.cause.place, one)
        return list(found.values())[:count]


def candidates(causes: Iterable[Cause], evidence: Evidence) -> list[Cause]:
    """Return the causes whose lines every failing case executes, in the order to try them.

    First come tables, which run compiled, then named faults, then the causes whose lines the fewest
    passing cases execute.
    """
    possible = [cause for cause in causes if all(trial.executed.include(cause.mutant) for trial in evidence.all_failing)]
    meeting = {cause.id: sum(trial.executed.include(cause.mutant) for trial in evidence.all_passing) for cause in possible}

    def order(cause: Cause) -> tuple[bool, bool, bool, int, str]:
        return cause.turn is not MutantKind.TABLE, not cause.named, not cause.mutant.lines, meeting[cause.id], cause.id

    return sorted(possible, key=order)


def rank_common(
    causes: Sequence[Cause],
    evidence: Evidence,
    symptoms: SymptomCache,
    *,
    seconds: float,
    progress: ProgressCallback = no_progress,
) -> Ranking | None:
    """Rank the faults stated by hand, if one of them fits every case; else return None.

    Such a fault has the best fit that there is, so no other cause needs to be tried. Refusals
    without a place fit many faults: a wrong output or a place must be the same in some case too.

    Args:
        causes: The faults stated by hand, in the order to try them.
        evidence: The cases.
        symptoms: What causes are known to do; new symptoms are added.
        seconds: The time to try causes in.
        progress: The progress callback, over the causes.
    """
    start = monotonic()
    tried = learned(
        causes, [trial for trial, _ in evidence.failing[: EFFORT.first_cases]], symptoms, start + EFFORT.first_share * seconds, progress
    )
    fitting, seen = tried, (*evidence.failing, *evidence.passing, *evidence.further)
    for cases in (evidence.failing[: EFFORT.first_cases], evidence.failing, seen):
        known = learned(fitting, [trial for trial, _ in cases], symptoms, start + seconds)
        fitting = [cause for cause in known if _fits(cause, cases, symptoms)]
    ordered = _ordered(_fitted(fitting, seen, symptoms)) if fitting else []
    if not ordered or not ordered[0].exact:
        return None
    return Ranking(tuple(ordered), len(tried), len(causes) - len(tried), settled=True)


def _fits(cause: Cause, cases: Sequence[Seen], symptoms: SymptomCache) -> bool:
    """Return whether a cause fits every case, and gives the same in a failing one."""
    alike = list(zip(cases, likenesses(cause, cases, symptoms), strict=True))
    same = max((like for (_, seen), like in alike if seen.wrong), default=0.0)
    return min(like for _, like in alike) >= WEIGHTS.same_refusal and same == WEIGHTS.same_output


def rank(
    causes: Sequence[Cause],
    evidence: Evidence,
    symptoms: SymptomCache,
    *,
    seconds: float,
    progress: StageCallback = no_stages,
) -> Ranking:
    """Try causes on the evidence and rank them.

    Args:
        causes: The causes, in the order to try them.
        evidence: The cases.
        symptoms: What causes are known to do, which costs no time.
        seconds: The time to try causes in.
        progress: The progress callback of a stage, over its causes or cases.
    """
    deadline = monotonic() + seconds
    first = evidence.failing[: EFFORT.first_cases]
    whole = (*evidence.failing, *evidence.passing)
    sifting = monotonic() + EFFORT.first_share * seconds
    tried = learned(causes, [trial for trial, _ in first], symptoms, sifting, within(progress, "causes tried"))
    alike = [(sum(likenesses(cause, first, symptoms)), cause) for cause in tried]
    finalists = [cause for fit, cause in sorted(alike, key=lambda one: -one[0])[: EFFORT.finalists] if fit > 0]
    compared = learned(finalists, [trial for trial, _ in whole], symptoms, deadline, within(progress, "likely causes compared"))
    known = whole if compared else first
    ordered = _ordered([_sifted(cause, known, symptoms) for cause in compared or finalists])
    last = [one.cause for one in ordered[: EFFORT.last]]
    further = []
    for number, seen in enumerate(evidence.further if compared else ()):
        if len(learned(last, [seen[0]], symptoms, deadline)) == len(last):
            further.append(seen)
        progress("further cases compared", number + 1, len(evidence.further))
    best = _ordered(_fitted(last, (*known, *further), symptoms))
    left = len(causes) - len(tried) + len(finalists) - len(compared)
    return Ranking((*best, *ordered[EFFORT.last :]), len(causes) - left, left, out_of_time=left > 0)


def learned(
    causes: Sequence[Cause],
    trials: Sequence[TracedVector],
    symptoms: SymptomCache,
    deadline: float,
    progress: ProgressCallback = no_progress,
) -> list[Cause]:
    """Try causes in batches until a deadline; return those whose symptoms are known.

    Args:
        causes: The causes, in the order to try them.
        trials: The vectors to try them on.
        symptoms: The symptoms known so far; new ones are added.
        deadline: The time to stop, as `monotonic` counts.
        progress: The progress callback, over the causes.
    """
    tried: list[Cause] = []
    for batch in _batches(causes):
        if monotonic() < deadline:
            symptoms.learn(batch, trials, deadline)
            progress(len(tried) + len(batch), len(causes))
        tried += [cause for cause in batch if all(symptoms.knows(cause, trial) for trial in trials)]
    return tried


def likenesses(cause: Cause, cases: Sequence[Seen], symptoms: SymptomCache) -> list[float]:
    """Return how alike a cause and the decoder are in each case, 0..1.

    Args:
        cause: The cause.
        cases: Vectors with the symptoms of the decoder.
        symptoms: Gives the symptoms of the cause; it tries what it does not know yet.
    """
    made = symptoms.of(cause, [trial for trial, _ in cases])
    return [likeness(seen, own) for (_, seen), own in zip(cases, made, strict=True)]


def _fitted(causes: Sequence[Cause], cases: Sequence[Seen], symptoms: SymptomCache) -> list[Ranked]:
    """Rank causes by their likeness to the decoder, summed over weighted cases.

    A case weighs more the fewer of the causes do the same in it.
    """
    alike = {cause: likenesses(cause, cases, symptoms) for cause in causes}
    doing = [sum(own[case] >= WEIGHTS.same_refusal for own in alike.values()) for case in range(len(cases))]
    weights = [WEIGHTS.least_case - log((count + 1) / (len(causes) + 2)) for count in doing]
    found = []
    for cause, own in alike.items():
        share = sum(weight * like for weight, like in zip(weights, own, strict=True)) / sum(weights)
        found.append(replace(_sifted(cause, cases, symptoms), fit=share))
    return found


def _ordered(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Sort by fit.

    On a tie named faults come first, then causes whose function, and whose place, has more causes
    that fit as well.

    If bugs are equally likely everywhere, a function with more of the causes that fit is more
    likely to have the bug.
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
    return (causes[start : start + EFFORT.batch] for start in range(0, len(causes), EFFORT.batch))


def _sifted(cause: Cause, cases: Sequence[Seen], symptoms: SymptomCache) -> Ranked:
    """Rank a cause by how well its symptoms match the failing cases, by Ochiai's coefficient.

    The coefficient counts a failing case by its `likeness` to the symptom, not as 0 or 1.
    """
    made = symptoms.of(cause, [trial for trial, _ in cases])
    likes = [likeness(seen, own) for (_, seen), own in zip(cases, made, strict=True) if seen.wrong]
    passing = [own for (_, seen), own in zip(cases, made, strict=True) if not seen.wrong]
    kept = sum(not own.wrong for own in passing)
    failed = sum(own.wrong for own in made) + (WEIGHTS.passing_case - 1) * (len(passing) - kept)
    fit = sum(likes) / sqrt(len(likes) * failed) if failed else 0.0
    return Ranked(cause, fit, sum(like >= WEIGHTS.same_refusal for like in likes), len(likes), kept, len(passing))
