"""On which cases causes are tried: the failing ones that are quickest to decode, and passing ones that tell the causes apart."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.faults.diagnosis.simulation import Probe
from nnc_conformance.faults.diagnosis.symptom import Symptom, symptom_of
from nnc_conformance.faults.mutants.executed_lines import ExecutedLines, executed_lines_of
from nnc_conformance.faults.score.cases import TrialVector
from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.suites.judging.expected_output import read_expected_output
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult

MOST_BYTES: Final = 1000
"""Longer streams are looked at only where no shorter one fails."""
MOST_OUTPUT: Final = 1 << 15
MOST_LINES: Final = 50_000
"""A case for which the reference runs more lines is not tried on causes where there are cheaper ones."""
MOST_LOOKED_AT: Final = 320
FAILING: Final = 6
PASSING: Final = 14
FURTHER: Final = 30
"""So many more of each kind at the end."""
MOST_LONGER_BYTES: Final = 1 << 16
LONGER: Final = 12
"""So many cases of each kind, of up to so many bytes, are tried on tables alone, which run compiled."""
FAMILY: Final = 2
"""Of passing vectors whose ids differ in numbers alone, so many at most."""


Seen = tuple[Probe, Symptom]
"""A case, and what the decoder did with it."""


@dataclass(frozen=True)
class Evidence:
    """The cases of one decoder with what was seen of it: ``failing`` and ``passing`` ones to try causes on, and all of them.

    ``further``: more of both kinds, for the causes that are left at the end.
    """

    failing: tuple[Seen, ...]
    passing: tuple[Seen, ...]
    further: tuple[Seen, ...]
    all_failing: tuple[Probe, ...]
    all_passing: tuple[Probe, ...]


def looked_at(cases: Sequence[CaseResult], vectors: Mapping[str, StoredVector], asked: str) -> list[CaseResult]:
    """The cases of one decoder that are looked at: small ones that pass or fail, and the one that is asked for."""

    def small(case: CaseResult) -> bool:
        vector = vectors[case.vector].vector
        return vector.stream.size <= MOST_BYTES and (vector.expected is None or vector.expected.size <= MOST_OUTPUT)

    judged = [case for case in cases if OUTCOMES[case.outcome].fails or case.outcome is Outcome.PASS]
    judged.sort(key=lambda case: (vectors[case.vector].vector.stream.size, case.vector))
    failing = [case for case in judged if OUTCOMES[case.outcome].fails]
    wanted = [case for case in failing if small(case)] or failing[:1]
    families: dict[str, int] = {}
    for case in judged:
        if not OUTCOMES[case.outcome].fails and small(case):
            family = re.sub(r"\d+", "N", case.vector)
            families[family] = families.get(family, 0) + 1
            if families[family] <= FAMILY:
                wanted.append(case)
    wanted = wanted[:MOST_LOOKED_AT]
    if all(case.vector != asked for case in wanted):
        wanted += [case for case in judged if case.vector == asked]
    return wanted


def evidence_of(cases: Sequence[CaseResult], vectors: Mapping[str, StoredVector], asked: str) -> Evidence:
    """Chooses the panel from the cases of one decoder; the case that is asked for is of it unless it is too costly."""
    wanted = looked_at(cases, vectors, asked)
    made = [
        TrialVector(vectors[case.vector].vector, _stream(vectors[case.vector]), read_expected_output(vectors[case.vector]), False)
        for case in wanted
    ]
    found = executed_lines_of([(case.stream, False) for case in made])
    probes = [(Probe(case, reach), symptom_of(result)) for case, reach, result in zip(made, found, wanted, strict=True)]
    probes.sort(key=lambda pair: (pair[0].reach.cost, pair[0].case.id))
    failing = [pair for pair in probes if pair[1].wrong]
    cheap = _affordable(failing, FAILING // 2)
    first = [pair for pair in cheap if pair[0].case.id == asked]
    passing = _affordable([pair for pair in probes if not pair[1].wrong], PASSING // 2)
    shared = shared_lines([probe for probe, _ in failing])
    chosen = (*first, *_telling([pair for pair in cheap if pair not in first], FAILING - len(first)))
    kept = tuple(_covering(passing, shared))
    others = [_spread([pair for pair in pairs if pair not in (*chosen, *kept)]) for pairs in (cheap, passing)]
    return Evidence(chosen, kept, (*others[0], *others[1]), tuple(probe for probe, _ in failing), tuple(probe for probe, _ in passing))


def longer(cases: Sequence[CaseResult], vectors: Mapping[str, StoredVector]) -> list[Seen]:
    """Some cases of one decoder that are too long for the panel, as many failing as passing ones, the shortest first; for tables only."""
    found: list[Seen] = []
    for wrong in (True, False):
        own = [case for case in cases if (OUTCOMES[case.outcome].fails if wrong else case.outcome is Outcome.PASS)]
        sized = sorted(((vectors[case.vector].vector.stream.size, case.vector, case) for case in own), key=lambda one: one[:2])
        for _, name, case in [one for one in sized if MOST_BYTES < one[0] <= MOST_LONGER_BYTES][:LONGER]:
            stored = vectors[name]
            found.append(
                (
                    Probe(TrialVector(stored.vector, _stream(stored), read_expected_output(stored), False), ExecutedLines({}, 0)),
                    symptom_of(case),
                )
            )
    return found


def _spread(pairs: Sequence[Seen]) -> Sequence[Seen]:
    """Some of the cases, from the cheapest to the dearest."""
    step = -(-len(pairs) // FURTHER)
    return pairs[:: max(step, 1)]


def _stream(stored: StoredVector) -> bytes:
    return stored.read(stored.vector.stream)


def _affordable(pairs: Sequence[Seen], least: int) -> list[Seen]:
    """The cases that are not too costly, the cheapest first; ``least`` at any cost."""
    within = sum(probe.reach.cost <= MOST_LINES for probe, _ in pairs)
    return list(pairs[: max(within, least)])


def _telling(pairs: Sequence[Seen], count: int) -> list[Seen]:
    """The cheapest with a wrong output, which tells more than a refusal; for the rest those with the fewest lines in common with these."""
    chosen = [pair for pair in pairs if pair[1].outcome is Outcome.FAIL][: (count + 1) // 2]
    rest = [pair for pair in pairs if pair not in chosen]
    while rest and len(chosen) < count:
        common = shared_lines([probe for probe, _ in chosen])
        best = min(rest, key=lambda pair: len(common & pair[0].lines))
        chosen.append(best)
        rest.remove(best)
    return chosen


def _covering(pairs: Sequence[Seen], wanted: Collection[tuple[str, int]]) -> list[Seen]:
    """Some cases that together run many of the lines ``wanted``; for the rest, whatever is asked, those that run much at little cost."""
    chosen = _greedy(pairs, set(wanted), PASSING // 2)
    everything = frozenset[tuple[str, int]]().union(*(probe.lines for probe, _ in pairs))
    others = _greedy(pairs, set(everything), PASSING)
    return [*chosen, *(pair for pair in others if pair not in chosen)][:PASSING]


def _greedy(pairs: Sequence[Seen], wanted: set[tuple[str, int]], count: int) -> list[Seen]:
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


def shared_lines(probes: Sequence[Probe]) -> frozenset[tuple[str, int]]:
    """The lines that every one of some cases runs."""
    return frozenset.intersection(*(probe.lines for probe in probes)) if probes else frozenset()
