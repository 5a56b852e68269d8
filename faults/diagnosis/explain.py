"""From a failing case to what must be wrong: the causes that do what the decoder does, and the elements that they concern."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from numpy.typing import NDArray

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.evidence import evidence_of, longer
from nnc_conformance.faults.diagnosis.onset import Onset, onset
from nnc_conformance.faults.diagnosis.ranking import Ranked, Ranking, candidates, rank
from nnc_conformance.faults.diagnosis.simulation import SymptomCache
from nnc_conformance.faults.diagnosis.wrong_entries import wrong_entries
from nnc_conformance.reference.syntax.elements import ELEMENTS, clause_of
from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.suites.judging.expected_output import read_expected_output
from nnc_conformance.suites.locating.locate import locate_faults
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.result import CaseResult

SHOWN: Final = 3
"""So many causes and elements are named."""
HEARD: Final = 8
"""So many places in the decoder have a say in which element it is."""
SHARP: Final = 20
"""The power of its fit, over that of the best, with which a cause speaks for its element."""
BY_HAND: Final = 3.0
"""So many times the say of a mutant has a named fault, whose element is told by hand; a mutant's is told by the words of its code."""
BESIDE: Final = 0.35
"""The part of its say that a cause has for the second element that it concerns; for the third half of that, and so on."""
SUSPECTED: Final = 0.3
UNSURE: Final = 0.45
"""What the suspects of the whole run have to say at least, the best cause counting its fit, and how much more the worse that fit is."""
AT_ONSET: Final = 0.1
UNSURE_AT_ONSET: Final = 0.3
"""The same of the element at which the case that is asked about goes wrong."""
VAGUELY: Final = 0.2
"""The part of its say that a cause keeps for its own element where its code is about none in particular; the suspects get the rest."""


@dataclass(frozen=True)
class Blamed:
    """An element that is likely to be what the decoder gets wrong, with its weight among those named, 0..1."""

    element: str
    clause: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """What was found out of ``case``.

    ``onset``: where it goes wrong; ``causes``: the likeliest; ``elements`` to look at, the likeliest first; ``suspects`` by the whole
    run; ``ranking``: all that was tried.
    """

    case: CaseResult
    onset: Onset | None
    causes: tuple[Ranked, ...]
    elements: tuple[Blamed, ...]
    suspects: FaultLocation | None
    ranking: Ranking

    @property
    def named(self) -> tuple[Blamed, ...]:
        """The elements that are named: the first `SHOWN`."""
        return self.elements[:SHOWN]


def explain(
    cases: Sequence[CaseResult],
    vectors: Mapping[str, StoredVector],
    asked: CaseResult,
    *,
    output: Mapping[str, NDArray[Any]] | None = None,
    causes: Sequence[Cause],
    memory: SymptomCache,
    seconds: float,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Explanation:
    """Explains the failing case ``asked`` from all ``cases`` of its decoder; ``vectors`` by id, ``seconds`` to try ``causes`` in.

    Single entries of the coder's tables are tried beside them. ``output``: what the decoder gave for it, where that is at hand. Raises
    `SuiteError` or `ModelError` where a vector cannot be read.
    """
    own = [case for case in cases if case.decoder == asked.decoder and case.vector in vectors]
    chosen = evidence_of(own, vectors, asked.vector)
    entries = wrong_entries(chosen, (*chosen.further, *longer(own, vectors)), memory)
    ranking = rank(candidates([*causes, *entries], chosen), chosen, memory, seconds=seconds, told=told)
    suspects = next(iter(locate_faults(own, vectors)), None)
    best = tuple(ranking.places(SHOWN))
    stored = vectors[asked.vector]
    found = onset(asked, stored.read(stored.vector.stream), read_expected_output(stored).tensors, output)
    return Explanation(asked, found, best, blamed(ranking.places(HEARD), suspects, found), suspects, ranking)


def blamed(places: Sequence[Ranked], suspects: FaultLocation | None, found: Onset | None) -> tuple[Blamed, ...]:
    """The elements that causes speak for, each by its fit, the suspects of the whole run, and that of the onset; the likeliest first."""
    weights: dict[str, float] = defaultdict(float)
    best = max((one.fit for one in places), default=0.0)
    for_suspects = SUSPECTED + UNSURE * (1.0 - best)
    at_onset = found.element.partition("[")[0] if found is not None else ""
    if at_onset in ELEMENTS:
        weights[at_onset] += AT_ONSET + UNSURE_AT_ONSET * (1.0 - best)
    named = [suspect for suspect in (suspects.named if suspects is not None else ()) if suspect.element in ELEMENTS]
    for one in places if best else ():
        say = best * (one.fit / best) ** SHARP * (BY_HAND if one.cause.named else 1.0)
        own = VAGUELY if one.cause.vague and named else 1.0
        for place, element in enumerate(one.cause.mutant.elements):
            weights[element] += own * say * (BESIDE / place if place else 1.0)
        for_suspects += (1.0 - own) * say
    for suspect in named:
        weights[suspect.element] += for_suspects * suspect.score / sqrt(len(named))
    total = sum(weights.values())
    ordered = sorted(weights.items(), key=lambda one: -one[1])
    return tuple(Blamed(name, clause_of(name), round(weight / total, 3)) for name, weight in ordered if total)
