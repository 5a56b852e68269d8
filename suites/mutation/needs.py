"""What core's vectors are needed for, beside goals of coverage: the seeded bugs that would live without them."""

from collections.abc import Sequence

from nnc_conformance.generator.mutants.mutant import Mutant
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.mutation.cases import Kill
from nnc_conformance.suites.mutation.trying import Measured, Verdict, try_all


def caught_in_core(chosen: Sequence[Mutant], cases: Sequence[Measured], jobs: int) -> dict[str, set[str]]:
    """For each vector of core the ids of the mutants that it catches, of those that no vector of level negative does."""
    verdicts: list[Verdict] = []
    try_all(chosen, cases, jobs=jobs, matrix=True, done=verdicts.append)
    vectors = {item.case.id: item.case.vector for item in cases}
    found: dict[str, set[str]] = {}
    for verdict in verdicts:
        killers = [vectors[case] for case, kill in verdict.kills if kill is not Kill.CATEGORY]
        if all(vector.level is Level.CORE for vector in killers):
            for vector in killers:
                found.setdefault(vector.id, set()).add(verdict.mutant)
    return found
