"""Core has no vector too many: without any of twenty drawn at random, a goal of coverage is lost, a fault lives, or one is not named."""

import random
from functools import cache
from pathlib import Path

import pytest

from nnc_conformance.generator.coverage.selection import core_goals
from nnc_conformance.generator.coverage.streams import cover, find_streams
from nnc_conformance.generator.mutants.named import named_mutants
from nnc_conformance.generator.planner import needless
from nnc_conformance.storage.suite_folder import StoredVector, load_suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.diagnosis import told
from nnc_conformance.suites.mutation.cases import CERTIFIED, load_cases
from nnc_conformance.suites.mutation.needs import caught_in_core
from nnc_conformance.suites.mutation.trying import Measured, measured

VECTORS = Path(__file__).parents[2] / "vectors"
DRAWN = 20
JOBS = 2


def drawn() -> list[str]:
    """Others each time."""
    return sorted(random.SystemRandom().sample([path.name for path in (VECTORS / "core").iterdir()], DRAWN))


@cache
def with_goals() -> set[str]:
    """The vectors of core each of which alone meets a goal."""
    goals = core_goals(cover(find_streams([VECTORS / "core"]), jobs=JOBS))
    return set(goals) - set(needless(goals))


@cache
def runs() -> tuple[dict[str, StoredVector], told.Runs, set[str]]:
    """Core, what runs on it say of the published faults, and of which of these the element is named."""
    vectors = {stored.vector.id: stored for stored in load_suite(VECTORS, levels={Level.CORE}, verify=False).vectors}
    made = told.runs(vectors)
    return vectors, made, told.named(made, vectors)


def tells(vector: str) -> bool:
    """Whether without it the element of a published fault is no longer named."""
    vectors, made, names = runs()
    return told.named(made, vectors, without=vector) < names


@cache
def cases() -> list[Measured]:
    return measured(load_cases(CERTIFIED, VECTORS), JOBS)


@pytest.mark.parametrize("vector", drawn())
def test_a_vector_of_core_is_needed(vector: str) -> None:
    if vector not in with_goals() and not tells(vector):
        stated = [mutant for mutant in named_mutants().values() if mutant.fault is not None and vector in mutant.fault.vectors]
        caught = caught_in_core(stated, cases(), JOBS)
        assert set().union(*caught.values()) - set().union(*(bugs for other, bugs in caught.items() if other != vector)), stated
