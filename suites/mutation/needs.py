"""What core's vectors are needed for, beside goals of coverage: the seeded bugs that would live without them."""

from collections.abc import Collection, Iterable, Sequence

from nnc_conformance.generator.mutants.mutant import Mutant
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.mutation.cases import Kill
from nnc_conformance.suites.mutation.trying import Measured, Verdict, try_all


def caught_in_core(chosen: Sequence[Mutant], cases: Sequence[Measured], jobs: int) -> dict[str, set[str]]:
    """For each vector of core the ids of the mutants that it catches, of those that no vector of level negative does."""
    verdicts: list[Verdict] = []
    try_all(chosen, cases, jobs=jobs, matrix=True, done=verdicts.append)
    levels = {item.case.id: (item.case.vector.id, item.case.vector.level) for item in cases}
    return caught_by((verdict.mutant, [levels[case] for case, kill in verdict.kills if kill is not Kill.CATEGORY]) for verdict in verdicts)


def caught_by(killers: Iterable[tuple[str, Collection[tuple[str, Level]]]]) -> dict[str, set[str]]:
    """The same from mutants with the vectors, each with its level, that kill them."""
    found: dict[str, set[str]] = {}
    for mutant, vectors in killers:
        if all(level is Level.CORE for _, level in vectors):
            for name, _ in vectors:
                found.setdefault(name, set()).add(mutant)
    return found
