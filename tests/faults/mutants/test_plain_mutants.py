"""Mutants of the plain decoder: how they are made and judged, on a sample.

`nox -s plain-mutants` tries all of them.
"""

from hashlib import sha256

import plain_decoder
import pytest
from helpers.plain_mutants import LEVELS, SCORED_LEVELS, Fate, PlainMutant, Trial, arguments, judge_mutant, plain_mutants, trials

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
    for argument in arguments():
        named = {name for names in (*argument.left_out.values(), argument.survived) for name in names}
        assert named <= mutants.keys(), "an argument names no mutant"


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
