"""Explains a failing case.

It finds the causes that do what the decoder does, and the elements that they concern.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from nnc_conformance.faults.diagnosis.cause import Cause, common_causes, other_causes
from nnc_conformance.faults.diagnosis.evidence import Evidence, Seen, evidence_of, long_cases
from nnc_conformance.faults.diagnosis.onset import Onset, onset
from nnc_conformance.faults.diagnosis.ranking import Ranked, Ranking, candidates, rank, rank_common
from nnc_conformance.faults.diagnosis.shrink import opened_sessions
from nnc_conformance.faults.diagnosis.simulation import SymptomCache
from nnc_conformance.faults.diagnosis.stages import StageCallback, no_stages, within
from nnc_conformance.faults.diagnosis.symptom import failing_step
from nnc_conformance.faults.diagnosis.weights import EFFORT, WEIGHTS
from nnc_conformance.faults.diagnosis.wrong_entries import wrong_entries
from nnc_conformance.faults.mutants.mutated_decoder import prepare
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.entropy.compiled import compiled_here
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.options import ProgressCallback
from nnc_conformance.reference.syntax.elements import ELEMENTS, FIRST_EDITION, clause_of
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.inputs import read_bytes
from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import AnyVector, Level
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.judging.expected_output import read_expected_steps
from nnc_conformance.suites.locating.locate import locate_faults
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.fresh_ids import fresh_count, is_fresh
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import CaseResult, Results
from nnc_conformance.suites.results.run_document import RunDocument
from nnc_conformance.suites.running.selection import select
from nnc_conformance.suites.sandbox.limits import Limits


@dataclass(frozen=True)
class Hearing:
    """Callbacks that hear what is known before the search ends.

    Args:
        vector: Gets the case and its vector before anything is searched.
        onset: Gets where the case goes wrong, None if that is not known.
    """

    vector: Callable[[CaseResult, AnyVector], None] = lambda case, vector: None
    onset: Callable[[Onset | None], None] = lambda found: None


class FailingCaseError(NNCError):
    """The case to explain does not exist, did not fail, or is ambiguous."""


@dataclass(frozen=True)
class Blamed:
    """An element that the decoder is likely to get wrong.

    Its weight among all is 0..1.
    """

    element: str
    clause: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """The findings about a failing case.

    Args:
        case: The case.
        vector: Its vector.
        onset: Where it goes wrong.
        causes: The likeliest causes.
        elements: The elements to look at, the likeliest first.
        suspects: Elements that the failing cases of the whole run have in common.
        ranking: All causes that were tried.
    """

    case: CaseResult
    vector: AnyVector
    onset: Onset | None
    causes: tuple[Ranked, ...]
    elements: tuple[Blamed, ...]
    suspects: FaultLocation | None
    ranking: Ranking

    @property
    def likely(self) -> tuple[Ranked, ...]:
        """The causes that reproduce at least one failure, which are shown."""
        return tuple(one for one in self.causes if one.same)

    @property
    def named(self) -> tuple[Blamed, ...]:
        """The first elements, which are named."""
        return self.elements[: EFFORT.shown]


@dataclass(frozen=True)
class OutputSource:
    """Where the decoder's output for the case comes from, in this order.

    If neither is given, it is what the run kept.

    Args:
        file: A tensor file.
        decoder: A decoder, as ``--decoder`` names one, which is run again.
    """

    file: Path | None = None
    decoder: str | None = None

    def tensors(self, case: CaseResult, run: RunDocument | None, streams: Sequence[bytes]) -> Tensors | None:
        """Return the decoder's tensors for a case of a run.

        They are what the last of the case's streams gives.

        Return None if there are none.
        """
        if self.file is not None:
            return load_tensors(read_bytes(self.file))
        if self.decoder is not None:
            with opened_sessions(load_decoder(self.decoder), Limits()) as decode_session:
                return decode_session(streams)[-1].tensors
        kept = run.logs[case.id].kept_output if run is not None and case.id in run.logs else None
        return load_tensors(kept) if kept is not None else None


def failing_case(results: Results, name: str) -> CaseResult:
    """Return the failing case with an id, or on a vector.

    Raise `FailingCaseError` if that is not exactly one.
    """
    meant = [case for case in results.cases if name in (case.id, case.vector)]
    failing = [case for case in meant if OUTCOMES[case.outcome].fails]
    if len(failing) == 1:
        return failing[0]
    if failing:
        raise FailingCaseError(f"several decoders fail {name}; choose one of {', '.join(case.id for case in failing)}")
    problem = f"{name} did not fail" if meant else f"there is no case {name!r}"
    others = [case.id for case in results.cases if OUTCOMES[case.outcome].fails]
    raise FailingCaseError(f"{problem}; {f'{len(others)} cases failed, first {others[0]}' if others else 'no case failed'}")


def explain_run(
    results: Results,
    run: RunDocument | None,
    name: str,
    *,
    suite: Path | None = None,
    output: OutputSource | None = None,
    symptoms: SymptomCache,
    seconds: float,
    progress: StageCallback = no_stages,
    heard: Hearing | None = None,
) -> Explanation:
    """Explain a failing case of a run.

    Args:
        results: The results of the run.
        run: Its run document, which names the suite and holds small outputs; None if there is none.
        name: The failing case, by its id or its vector.
        suite: The suite; that of the run if None.
        output: Where the decoder's output comes from; from the run if None.
        symptoms: What causes are known to do.
        seconds: The time for all of it, but for compiling kernels that are not kept on disk yet.
            Beyond it only the first wrong symbol is still found.
        progress: The progress callback, by stages.
        heard: Hears what is known before the search ends.

    Raises:
        FailingCaseError: ``name`` is not exactly one failing case of a vector of the suite.
        SuiteError: The suite cannot be read.
        ModelError: A vector or the output cannot be read.
    """
    deadline = monotonic() + seconds
    case = failing_case(results, name)
    of_run = Path(run.suite) if run is not None and run.suite else None
    drawn = fresh_count(one.vector for one in results.cases) if is_fresh(case.vector) else 0
    progress("reading the suite", 0, 0)
    whole = select(suite or of_run, tuple(Level), verify=False, fresh_for=results.decoders, fresh=drawn)
    vectors = {stored.vector.id: stored for stored in whole.vectors}
    if case.vector not in vectors:
        raise FailingCaseError(f"the suite does not have {case.vector}; name the suite of the run with --suite")
    heard = heard or Hearing()
    stored = vectors[case.vector]
    heard.vector(case, stored.vector)
    deadline += _compiling()
    tensors = (output or OutputSource()).tensors(case, run, stored.streams()[: failing_step(case) + 1])
    edition = max(vectors[one.vector].vector.edition for one in results.cases if one.vector in vectors)
    return explain(
        results.cases,
        vectors,
        case,
        output=tensors,
        common=common_causes(edition),
        others=other_causes(edition),
        located=None if results.closing is None else results.located,
        symptoms=symptoms,
        seconds=deadline - monotonic(),
        progress=progress,
        heard=heard,
    )


def _compiling() -> float:
    """Load what causes are tried with; return the seconds it took if kernels had to be compiled."""
    start, before = monotonic(), compiled_here()
    prepare()
    return monotonic() - start if compiled_here() > before else 0.0


def explain(
    cases: Sequence[CaseResult],
    vectors: Mapping[str, StoredVector],
    asked: CaseResult,
    *,
    output: Mapping[str, NDArray[Any]] | None = None,
    common: Sequence[Cause],
    others: Iterable[Cause] = (),
    located: Sequence[FaultLocation] | None = None,
    symptoms: SymptomCache,
    seconds: float,
    progress: StageCallback = no_stages,
    heard: Hearing | None = None,
) -> Explanation:
    """Explain a failing case by all cases of its decoder.

    A fault stated by hand that fits every case ends the search. Otherwise all causes are tried, and
    in addition single entries of the coder's tables.

    Args:
        cases: The cases of the run.
        vectors: The vectors by id.
        asked: The failing case.
        output: The decoder's tensors for it by name; None if they are not known.
        common: The causes to try first, stated by hand.
        others: The others, made one by one if no common one fits.
        located: What the failing cases of each decoder have in common; None to find it here.
        symptoms: What causes are known to do.
        seconds: The time for all of it. Beyond it only the first wrong symbol is still found.
        progress: The progress callback, by stages.
        heard: Hears where the case goes wrong before the search ends.

    Raises:
        SuiteError: A vector cannot be read.
        ModelError: A vector's expected output cannot be read.
    """
    clock = _Clock(monotonic(), seconds)
    own = [case for case in cases if case.decoder == asked.decoder and case.vector in vectors]
    stored = vectors[asked.vector]
    step = failing_step(asked)
    found = onset(asked, stored.streams()[step], read_expected_steps(stored)[step].tensors, output, _base_before(stored, step))
    if found is not None and len(stored.vector.steps) > 1:
        found = replace(found, step=step)
    (heard or Hearing()).onset(found)
    if located is None:
        located = locate_faults(own, vectors, deadline=clock.after(EFFORT.located_share))
    suspects = next((one for one in located if one.decoder == asked.decoder), None)
    tracing = clock.after(EFFORT.traced_share)
    evidence = evidence_of(own, vectors, asked.vector, jobs=symptoms.jobs, deadline=tracing, progress=within(progress, "cases traced"))
    ranking = _ranked(common, others, evidence, long_cases(own, vectors), symptoms, clock, progress)
    best = tuple(ranking.best_places(EFFORT.shown))
    return Explanation(asked, stored.vector, found, best, blamed(ranking.best_places(EFFORT.places), suspects, found), suspects, ranking)


@dataclass(frozen=True)
class _Clock:
    """The time of an explanation: when it began, as `monotonic` counts, and how long it may take."""

    start: float
    seconds: float

    def after(self, share: float) -> float:
        """Return the time when a share of the whole, 0 to 1, has passed."""
        return self.start + share * self.seconds

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(0.0, self.after(1) - monotonic())


def _ranked(
    common: Sequence[Cause],
    others: Iterable[Cause],
    evidence: Evidence,
    long: Sequence[Seen],
    symptoms: SymptomCache,
    clock: _Clock,
    progress: StageCallback,
) -> Ranking:
    """Rank the causes on the evidence until the time is over.

    Args:
        common: The causes to try first, stated by hand.
        others: The others.
        evidence: The cases that causes are tried on.
        long: Longer cases, for entries of tables.
        symptoms: What causes are known to do.
        clock: The time that is left.
        progress: The progress callback, by stages.
    """
    if not evidence.failing:
        return Ranking((), 0, len(common), out_of_time=True)
    possible = candidates(common, evidence)
    settled = rank_common(possible, evidence, symptoms, seconds=clock.left, progress=within(progress, "common faults tried"))
    if settled is not None:
        return settled
    made, complete = _made(others, clock.after(EFFORT.made_share), within(progress, "further causes made"))
    possible = candidates([*possible, *made], evidence)
    entries_until = monotonic() + EFFORT.entries_share * clock.left
    progress("entries of tables tried", 0, 0)
    entries = wrong_entries(evidence, (*evidence.further, *long), symptoms, deadline=entries_until)
    ranking = rank(candidates([*possible, *entries], evidence), evidence, symptoms, seconds=clock.left, progress=progress)
    return ranking if complete else replace(ranking, out_of_time=True)


def _made(causes: Iterable[Cause], deadline: float, progress: ProgressCallback) -> tuple[list[Cause], bool]:
    """Return the causes that are made until a deadline, and whether these are all."""
    made: list[Cause] = []
    rest = iter(causes)
    while monotonic() < deadline:
        cause = next(rest, None)
        if cause is None:
            return made, True
        made.append(cause)
        progress(len(made), 0)
    return made, next(rest, None) is None


def _base_before(stored: StoredVector, step: int) -> BaseModel | None:
    """Return the model before a step.

    Return None for a stream of the first edition, which keeps no model.
    """
    if stored.vector.edition == FIRST_EDITION:
        return None
    base = BaseModel()
    for stream in stored.streams()[:step]:
        base = decode(stream, base=base).model or base
    return base


def blamed(places: Sequence[Ranked], suspects: FaultLocation | None, found: Onset | None) -> tuple[Blamed, ...]:
    """Rank the elements that the decoder may get wrong, the likeliest first.

    `Weights` has the formula.

    Args:
        places: The best cause of each of the best places in the decoder.
        suspects: What failing vectors have in common; None if nothing.
        found: Where the failing case goes wrong; None if unknown.
    """
    weights: dict[str, float] = defaultdict(float)
    best = max((one.fit for one in places), default=0.0)
    for_suspects = WEIGHTS.suspects + WEIGHTS.suspects_unsure * (1.0 - best)
    at_onset = found.element.partition("[")[0] if found is not None else ""
    if at_onset in ELEMENTS:
        weights[at_onset] += WEIGHTS.onset + WEIGHTS.onset_unsure * (1.0 - best)
    named = [suspect for suspect in (suspects.named if suspects is not None else ()) if suspect.element in ELEMENTS]
    for one in places if best else ():
        says = best * (one.fit / best) ** WEIGHTS.sharpness * (WEIGHTS.by_hand if one.cause.named else 1.0)
        own = WEIGHTS.vague if one.cause.vague and named else 1.0
        for place, element in enumerate(one.cause.mutant.elements):
            weights[element] += own * says * (WEIGHTS.further_element / place if place else 1.0)
        for_suspects += (1.0 - own) * says
    for suspect in named:
        weights[suspect.element] += for_suspects * suspect.score / sqrt(len(named))
    total = sum(weights.values())
    ordered = sorted(weights.items(), key=lambda one: -one[1])
    return tuple(Blamed(name, clause_of(name), round(weight / total, 3)) for name, weight in ordered if total)
