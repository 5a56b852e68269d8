"""What vectors say that they catch: each named fault that a vector states is caught by that vector."""

import pytest
from helpers.sampling import sampled

from nnc_conformance.faults.mutants.executed_lines import MOST_UNCOMPILED_LINES, ExecutedLines
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.score.trial_vectors import TracedVector, load_trial_vectors
from nnc_conformance.faults.score.trials import MutantResult, try_all
from nnc_conformance.storage.vector import EDITIONS, Level

CASES = {case.id: case for edition in EDITIONS for case in load_trial_vectors([Level.CORE, Level.FULL], edition=edition)}
STATED = [(mutant, vector) for mutant in named_mutants().values() if mutant.fault is not None for vector in mutant.fault.vectors]

SAMPLED = 6
"""One stated bug of this many is tried in every run of the tests."""
CHOSEN = sampled([(f"{mutant.id}-{vector}", (mutant, vector)) for mutant, vector in STATED], SAMPLED)


@pytest.mark.parametrize(("mutant", "vector"), CHOSEN)
def test_a_vector_catches_the_bug_that_it_states(mutant: Mutant, vector: str) -> None:
    everywhere = {module: frozenset(range(first, last + 1)) for module, first, last in mutant.lines}
    verdicts: list[MutantResult] = []
    try_all(
        [mutant], [TracedVector(CASES[vector], ExecutedLines(everywhere, MOST_UNCOMPILED_LINES))], jobs=1, matrix=True, done=verdicts.append
    )
    assert [vector for vector, _ in verdicts[0].kills] == [vector]
