"""What vectors of core are needed for: a goal of coverage, a seeded bug, or an element to be named."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnc_conformance.faults.diagnosis import named_elements
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.mutants.named_mutants import named_mutants
from nnc_conformance.faults.score.cases import SCORED_LEVELS, Kill, load_trial_vectors
from nnc_conformance.faults.score.trials import MutantResult, TracedVector, traced, try_all
from nnc_conformance.generator.coverage.measure import Coverage
from nnc_conformance.generator.coverage.selection import core_goals
from nnc_conformance.generator.planner import needless
from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import Level


@dataclass(frozen=True)
class Needs:
    """Vectors by the first reason that was found for each.

    ``goals``: it alone meets a goal; ``bugs``: it alone catches a named fault that it states, and no vector of level negative does;
    ``names``: without it a report names the element of fewer published faults; ``nothing``: others do all that it does.
    """

    goals: frozenset[str]
    bugs: frozenset[str]
    names: frozenset[str]
    nothing: frozenset[str]


def needs_of(ids: Collection[str], core: Coverage, root: Path, jobs: int) -> Needs:
    """What some vectors of core, whose coverage is given with that of all the others, are needed for in the suite at ``root``."""
    goals = frozenset(ids).difference(needless(core_goals(core)))
    others = frozenset(ids) - goals
    bugs = _alone_catching(others, root, jobs)
    names = _telling(others - bugs, root)
    return Needs(goals, bugs, names, others - bugs - names)


def _alone_catching(ids: frozenset[str], root: Path, jobs: int) -> frozenset[str]:
    """Those which alone catch one of the named faults that they state."""
    stating = {name: mutant.fault.vectors for name, mutant in named_mutants().items() if mutant.fault and ids & set(mutant.fault.vectors)}
    catching = _catching([named_mutants()[name] for name in stating], traced(load_trial_vectors(SCORED_LEVELS, root), jobs), jobs)
    return frozenset(vector for name, vectors in stating.items() for vector in ids.intersection(vectors) if catching[name] == {vector})


def _catching(mutants: Sequence[Mutant], cases: Sequence[TracedVector], jobs: int) -> dict[str, set[str]]:
    """The vectors that catch each mutant, whatever a decoder says of why it refuses."""
    verdicts: list[MutantResult] = []
    try_all(mutants, cases, jobs=jobs, matrix=True, done=verdicts.append)
    vectors = {item.case.id: item.case.vector.id for item in cases}
    return {one.mutant: {vectors[case] for case, kill in one.kills if kill is not Kill.CATEGORY} for one in verdicts}


def _telling(ids: frozenset[str], root: Path) -> frozenset[str]:
    """Those without which a report on core names the element of fewer published faults."""
    if not ids:
        return ids
    vectors = {stored.vector.id: stored for stored in load_suite(root, levels={Level.CORE}, verify=False).vectors}
    made = named_elements.runs(vectors)
    names = named_elements.named(made, vectors)
    return frozenset(name for name in ids if named_elements.named(made, vectors, without=name) < names)
