"""The needs that keep a vector in core.

A need is a goal of coverage, a seeded bug, or an element to be named.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnc_conformance.faults.diagnosis.named_elements import faults_named, run_faults
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.score.trial_vectors import OF_TELLING_DECODERS, SCORED_LEVELS, TracedTrial, load_trial_vectors, traced_trials
from nnc_conformance.faults.score.trials import MutantResult, in_trial_order, try_all
from nnc_conformance.generator.coverage.measure import Coverage
from nnc_conformance.generator.planner import needless
from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import Level


@dataclass(frozen=True)
class Needs:
    """Vectors by the first reason found for each.

    Args:
        goals: It alone meets a goal.
        bugs: It alone catches a named fault that it states, and no vector of level negative does.
        names: Without it a report names the element of fewer published faults.
        nothing: Others do all that it does.
    """

    goals: frozenset[str]
    bugs: frozenset[str]
    names: frozenset[str]
    nothing: frozenset[str]


def needs_of(ids: Collection[str], core: Coverage, root: Path, jobs: int) -> Needs:
    """Find what vectors of core are needed for.

    Args:
        ids: The vectors.
        core: The coverage of all vectors of core.
        root: The suite folder.
        jobs: Vectors or mutants to try in parallel.
    """
    goals = frozenset(ids).difference(needless(core.core_goals()))
    others = frozenset(ids) - goals
    bugs = _alone_catching(others, root, jobs)
    names = _naming(others - bugs, root)
    return Needs(goals, bugs, names, others - bugs - names)


def _alone_catching(ids: frozenset[str], root: Path, jobs: int) -> frozenset[str]:
    """Return the vectors that alone catch a named fault that names them.

    Args:
        ids: The vectors in question.
        root: The suite folder.
        jobs: Vectors or mutants to try in parallel.
    """
    stating = {name: mutant.fault.vectors for name, mutant in named_mutants().items() if mutant.fault and ids & set(mutant.fault.vectors)}
    vectors = in_trial_order(traced_trials(load_trial_vectors(SCORED_LEVELS, root), jobs))
    catching = _catching([named_mutants()[name] for name in stating], vectors, jobs)
    return frozenset(vector for name, stated in stating.items() for vector in ids.intersection(stated) if catching[name] == {vector})


def _catching(mutants: Sequence[Mutant], vectors: Sequence[TracedTrial], jobs: int) -> dict[str, set[str]]:
    """Return the ids of the vectors that catch each mutant.

    A kill that only the category of a refusal or the model shows does not count.
    """
    results: list[MutantResult] = []
    try_all(mutants, vectors, jobs=jobs, matrix=True, done=results.append)
    ids = {one.trial.id: one.trial.vector_id for one in vectors}
    return {result.mutant: {ids[trial] for trial, kill in result.kills if kill not in OF_TELLING_DECODERS} for result in results}


def _naming(ids: frozenset[str], root: Path) -> frozenset[str]:
    """Return the vectors without which fewer named faults are located.

    A named fault is located if an element of it is among the suspects.
    """
    if not ids:
        return ids
    vectors = {stored.vector.id: stored for stored in load_suite(root, levels={Level.CORE}, verify=False).vectors}
    results = run_faults(vectors)
    named = faults_named(results, vectors)
    return frozenset(name for name in ids if faults_named(results, vectors, without=name) < named)
