"""Named faults of second-edition code: the vectors of the second edition catch each but those
listed.
"""

from functools import cache

import pytest

from nnc_conformance.faults.mutants.executed_lines import ExecutedLines
from nnc_conformance.faults.mutants.mutable_code import MODULES
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.score.trial_vectors import SCORED_LEVELS, TracedVector, load_trial_vectors
from nnc_conformance.faults.score.trials import MutantResult, try_all

MOST_BYTES = 4000
"""Bytes of the longest session that faults are tried on."""
UNCAUGHT = {
    "history-of-lost-updates": "with a base model a lost update is refused by its depth, and without one there is no session",
    "raw-float-breaks-the-chain": "which depth comes after a RAW_FLOAT is disputed: a decoder may refuse either",
    "seen-without-raw-floats": "which depth comes after a RAW_FLOAT is disputed, and what the fault misreads it refuses",
    "sets-of-temporal-greater-bins-by-the-ordinary-count": "the sets of a small codebook are disputed: a decoder may refuse them",
    "parent-without-node-not-read": "a decoder may refuse a parent without a node id, and what it misreads it refuses",
}
"""Faults that no vector catches, and what is missing for each."""
FAULTS = [mutant for mutant in named_mutants().values() if mutant.edition == 2024]
CAUGHT = [mutant for mutant in FAULTS if mutant.id not in UNCAUGHT]


@cache
def sessions() -> list[TracedVector]:
    """The sessions of all levels as if each executed every line, the shortest first."""
    everywhere = {module: frozenset(range(1, 2000)) for module in MODULES}
    trials = [trial for trial in load_trial_vectors(edition=2024) if sum(map(len, trial.streams)) <= MOST_BYTES]
    trials.sort(key=lambda trial: (trial.level not in SCORED_LEVELS, sum(map(len, trial.streams)), trial.id))
    return [TracedVector(trial, ExecutedLines(everywhere, 100_000)) for trial in trials]


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", CAUGHT, ids=lambda mutant: mutant.id)
def test_a_fault_is_caught(fault: Mutant) -> None:
    verdicts: list[MutantResult] = []
    try_all([fault], sessions(), jobs=1, matrix=False, done=verdicts.append)
    assert verdicts[0].kills


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", UNCAUGHT)
def test_a_fault_that_is_listed_is_not_caught(name: str) -> None:
    verdicts: list[MutantResult] = []
    try_all([named_mutants()[name]], sessions(), jobs=1, matrix=False, done=verdicts.append)
    assert not verdicts[0].kills, "a vector catches it: take it out of the list"


def test_there_are_faults_of_every_kind() -> None:
    assert len(FAULTS) >= 40
    assert len({mutant.element for mutant in FAULTS}) >= 15
