"""Mutants of the plain decoder: how they are made and judged, on a sample.

`nox -s plain-mutants` tries all of them.
"""

from hashlib import sha256

import plain_decoder
import pytest
from helpers.plain_mutants import (
    LEVELS,
    SCORED_LEVELS,
    Fate,
    PlainMutant,
    PlainResult,
    Trial,
    arguments,
    fates,
    judge_mutant,
    names_of,
    plain_mutants,
    trials,
)

from nnc_conformance.faults.score.trial_vectors import Kill
from nnc_conformance.storage.vector import Level

LARGEST = 60
"""Bytes of the streams of the sample."""
SAMPLED = 40
ALIVE = 12
"""Mutants of the sample that may survive: about the second edition, a disputed point, or what only
longer streams have.

Mutants of a switch's own condition are not among them: no vector of core or negative depends on a
switch.
"""


@pytest.fixture(scope="module")
def mutants() -> dict[str, PlainMutant]:
    return {mutant.id: mutant for mutant in plain_mutants()}


@pytest.fixture(scope="module")
def small() -> list[Trial]:
    return trials(
        [level for level in LEVELS if level in SCORED_LEVELS],
        takes=lambda vector: sum(step.stream.size for step in vector.steps) <= LARGEST,
    )


@pytest.mark.slow
def test_mutants_are_many_and_arguments_name_them(mutants: dict[str, PlainMutant]) -> None:
    assert len(mutants) > 2000
    known = {name for mutant in mutants for name in names_of(mutant)}
    named = [name for argument in arguments() for names in argument.by_fate.values() for name in names]
    assert set(named) <= known, "an argument names no mutant, statement or function"
    assert len(set(named)) == len(named), "two arguments have the same name"


def test_an_argument_about_a_statement_holds_for_its_survivors_alone(mutants: dict[str, PlainMutant]) -> None:
    aggregates = [mutant for name, mutant in mutants.items() if name.startswith("stream._StreamDecoder.aggregate_header: ")]
    alive, dead, inferred, category = aggregates[:4]
    results = [
        PlainResult(mutant=alive.id),
        PlainResult(mutant=dead.id, vector="v", level=Level.CORE, kill=Kill.OUTPUT),
        PlainResult(mutant=inferred.id, vector="v", level=Level.INFERRED, kill=Kill.OUTPUT),
        PlainResult(mutant=category.id, vector="v", level=Level.NEGATIVE, kill=Kill.CATEGORY),
    ]
    found = fates(aggregates, {result.mutant: result for result in results})
    assert [found[result.mutant][0] for result in results] == [Fate.UNCOUNTED, Fate.KILLED, Fate.UNCERTIFIED, Fate.UNCOUNTED]
    shown = PlainResult(mutant=alive.id, vector="v", level=Level.FULL, kill=Kill.OUTPUT)
    with pytest.raises(AssertionError, match="the argument is wrong"):
        fates(aggregates, {alive.id: shown})


@pytest.mark.slow
def test_a_sample_dies(mutants: dict[str, PlainMutant], small: list[Trial]) -> None:
    met = [mutant for mutant in mutants.values() if any(trial.meets(mutant) for trial in small)]
    sample = sorted(met, key=lambda mutant: sha256(mutant.id.encode()).digest())[:SAMPLED]
    alive = [mutant.id for mutant in sample if judge_mutant(mutant, small).fate is Fate.SURVIVED]
    counted = [name for name in alive if "bits.switches[" not in name]
    assert len(counted) <= ALIVE, counted


def test_a_mutant_stays_in_its_process(mutants: dict[str, PlainMutant], small: list[Trial]) -> None:
    mutant = next(one for name, one in mutants.items() if name.startswith("bits.Bits.u: "))
    result = judge_mutant(mutant, small)
    assert result.level in (Level.CORE, Level.NEGATIVE)
    assert plain_decoder.decode(b"\x00\x04\x00\x00").parameters == {}, "this process has its decoder as it was"
    assert all(trial.kill() is None for trial in small[:5])
