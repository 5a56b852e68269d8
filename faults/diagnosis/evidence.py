"""Evidence: the cases that causes are tried on.

They are chosen to be quick to decode and to distinguish causes.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import inf

from nnc_conformance.faults.diagnosis.symptom import Symptom, symptom_of
from nnc_conformance.faults.diagnosis.weights import EFFORT
from nnc_conformance.faults.mutants.executed_lines import ExecutedLines
from nnc_conformance.faults.score.trial_vectors import TracedVector, TrialVector, traced_until
from nnc_conformance.reference.options import ProgressCallback, no_progress
from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult

Seen = tuple[TracedVector, Symptom]
"""A vector, and what the decoder under test did with it."""


@dataclass(frozen=True)
class Evidence:
    """The cases of one decoder, with what it did.

    Args:
        failing: Failing cases that causes are tried on.
        passing: Passing cases that causes are tried on.
        further: More of both kinds, for the last causes.
        all_failing: Every failing case that was looked at.
        all_passing: Every passing case that was looked at.
    """

    failing: tuple[Seen, ...]
    passing: tuple[Seen, ...]
    further: tuple[Seen, ...]
    all_failing: tuple[TracedVector, ...]
    all_passing: tuple[TracedVector, ...]


def is_small(stored: StoredVector) -> bool:
    """Return whether an uncompiled decoder with a bug decodes a vector quickly enough."""
    output = sum(step.expected.size for step in stored.vector.steps if step.expected is not None)
    return stored.stream_bytes <= EFFORT.stream_bytes and output <= EFFORT.output_bytes


def cases_looked_at(cases: Sequence[CaseResult], vectors: Mapping[str, StoredVector], asked: str) -> list[CaseResult]:
    """Choose the cases that are worth tracing: small ones that fail or pass.

    Of vectors whose ids differ in numbers only, few passing ones are taken. The case on ``asked``
    is always among them.

    Args:
        cases: The cases of one decoder.
        vectors: The vectors of the suite by id.
        asked: Id of the vector whose failure is to be explained.
    """
    judged = [case for case in cases if OUTCOMES[case.outcome].fails or case.outcome is Outcome.PASS]
    judged.sort(key=lambda case: (vectors[case.vector].stream_bytes, case.vector))
    failing = [case for case in judged if OUTCOMES[case.outcome].fails]
    wanted = [case for case in failing if is_small(vectors[case.vector])] or failing[:1]
    families: dict[str, int] = {}
    for case in judged:
        if not OUTCOMES[case.outcome].fails and is_small(vectors[case.vector]):
            family = re.sub(r"\d+", "N", case.vector)
            families[family] = families.get(family, 0) + 1
            if families[family] <= EFFORT.family:
                wanted.append(case)
    wanted = wanted[: EFFORT.cases]
    if all(case.vector != asked for case in wanted):
        wanted += [case for case in judged if case.vector == asked]
    return wanted


def evidence_of(
    cases: Sequence[CaseResult],
    vectors: Mapping[str, StoredVector],
    asked: str,
    *,
    jobs: int = 1,
    deadline: float = inf,
    progress: ProgressCallback = no_progress,
) -> Evidence:
    """Choose the cases of one decoder on which causes are tried.

    Args:
        cases: The cases of the decoder.
        vectors: The vectors of the suite by id.
        asked: Id of the vector whose failure is to be explained; included unless too costly.
        jobs: Cases to trace in parallel.
        deadline: The time to stop tracing, as `time.monotonic` counts.
        progress: The progress callback, over the cases that are traced.
    """
    wanted = _alternating(cases_looked_at(cases, vectors, asked), asked)
    trials = traced_until(deadline, [TrialVector.of(vectors[case.vector]) for case in wanted], jobs, progress)
    pairs = [(trial, symptom_of(wanted[number])) for number, trial in trials.items()]
    pairs.sort(key=lambda pair: (pair[0].executed.count, pair[0].trial.id))
    failing = [pair for pair in pairs if pair[1].wrong]
    cheap = _affordable(failing, EFFORT.failing // 2)
    first = [pair for pair in cheap if pair[0].trial.id == asked]
    passing = _affordable([pair for pair in pairs if not pair[1].wrong], EFFORT.passing // 2)
    shared = shared_lines([trial for trial, _ in failing])
    chosen = (*first, *_distinctive([pair for pair in cheap if pair not in first], EFFORT.failing - len(first)))
    kept = tuple(_covering(passing, shared))
    others = [_spread([pair for pair in found if pair not in (*chosen, *kept)]) for found in (cheap, passing)]
    return Evidence(chosen, kept, (*others[0], *others[1]), tuple(trial for trial, _ in failing), tuple(trial for trial, _ in passing))


def _alternating(cases: Sequence[CaseResult], asked: str) -> list[CaseResult]:
    """Order cases so that the first of them say most: the one asked for, then failing and passing in turn."""
    first = [case for case in cases if case.vector == asked]
    failing = [case for case in cases if OUTCOMES[case.outcome].fails and case.vector != asked]
    passing = [case for case in cases if not OUTCOMES[case.outcome].fails]
    return first + [case for pair in zip_longest(failing, passing) for case in pair if case is not None]


def long_cases(cases: Sequence[CaseResult], vectors: Mapping[str, StoredVector]) -> list[Seen]:
    """Choose cases too long for the evidence, as many failing as passing, the shortest first.

    Only mutants of tables, which run compiled, are tried on them.
    """
    found: list[Seen] = []
    for wrong in (True, False):
        own = [case for case in cases if (OUTCOMES[case.outcome].fails if wrong else case.outcome is Outcome.PASS)]
        sized = sorted(((vectors[case.vector].stream_bytes, case.vector, case) for case in own), key=lambda one: one[:2])
        long = [one for one in sized if EFFORT.stream_bytes < one[0] <= EFFORT.long_stream_bytes]
        for _, name, case in long[: EFFORT.long_cases]:
            found.append((TracedVector(TrialVector.of(vectors[name]), ExecutedLines({}, 0)), symptom_of(case)))
    return found


def shared_lines(trials: Sequence[TracedVector]) -> frozenset[tuple[str, int]]:
    """Return the lines of the decoder that all of some vectors execute."""
    return frozenset.intersection(*(trial.lines for trial in trials)) if trials else frozenset()


def _spread(pairs: Sequence[Seen]) -> Sequence[Seen]:
    """Take evenly spaced cases from a sorted list, about `EFFORT.further` of them."""
    step = -(-len(pairs) // EFFORT.further)
    return pairs[:: max(step, 1)]


def _affordable(pairs: Sequence[Seen], least: int) -> list[Seen]:
    """Return the cases that execute few enough lines, but at least some number of cases.

    Args:
        pairs: The cases, the cheapest first.
        least: Number of cases to return at any cost.
    """
    within = sum(trial.executed.count <= EFFORT.lines for trial, _ in pairs)
    return list(pairs[: max(within, least)])


def _distinctive(pairs: Sequence[Seen], count: int) -> list[Seen]:
    """Choose failing cases that tell causes apart.

    Half are the cheapest ones with a wrong output, which says more than a refusal. The others share
    as few executed lines as possible with those chosen so far.

    Args:
        pairs: The failing cases, the cheapest first.
        count: Number of cases to choose.
    """
    chosen = [pair for pair in pairs if pair[1].outcome is Outcome.FAIL][: (count + 1) // 2]
    rest = [pair for pair in pairs if pair not in chosen]
    while rest and len(chosen) < count:
        common = shared_lines([trial for trial, _ in chosen])
        best = min(rest, key=lambda pair: len(common & pair[0].lines))
        chosen.append(best)
        rest.remove(best)
    return chosen


def _covering(pairs: Sequence[Seen], wanted: Collection[tuple[str, int]]) -> list[Seen]:
    """Choose passing cases that execute many of the given lines, then of any lines.

    Args:
        pairs: The passing cases, the cheapest first.
        wanted: The lines that all failing cases execute.
    """
    chosen = _greedy(pairs, set(wanted), EFFORT.passing // 2)
    everything = frozenset[tuple[str, int]]().union(*(trial.lines for trial, _ in pairs))
    others = _greedy(pairs, set(everything), EFFORT.passing)
    return [*chosen, *(pair for pair in others if pair not in chosen)][: EFFORT.passing]


def _greedy(pairs: Sequence[Seen], wanted: set[tuple[str, int]], count: int) -> list[Seen]:
    """Choose up to ``count`` pairs that together execute most of the wanted lines.

    Each time the pair with most lines that are still wanted is taken; lines covered are removed
    from ``wanted`` in place. It stops early once no pair covers another.

    Args:
        pairs: The cases to choose from, each with the lines that it executes.
        wanted: Lines of the decoder, as (module, line number).
        count: The most to choose.
    """
    chosen: list[Seen] = []
    rest = list(pairs)
    while rest and len(chosen) < count:
        best = max(rest, key=lambda pair: len(wanted & pair[0].lines))
        if not wanted & best[0].lines:
            break
        wanted -= best[0].lines
        chosen.append(best)
        rest.remove(best)
    return chosen
