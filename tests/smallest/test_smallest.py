"""Core has no vector too many: without any of twenty drawn at random, a goal of coverage is lost, a fault lives, or one is not named."""

import random
from pathlib import Path

from nnc_conformance.faults.score.needs import needs_of
from nnc_conformance.generator.coverage.streams import cover, find_streams

VECTORS = Path(__file__).parents[2] / "vectors"
DRAWN = 20
JOBS = 2


def test_twenty_vectors_of_core_are_needed() -> None:
    drawn = random.SystemRandom().sample([path.name for path in (VECTORS / "core").iterdir()], DRAWN)
    core = cover(find_streams([VECTORS / "core"]), jobs=JOBS)
    needs = needs_of(drawn, core, VECTORS, JOBS)
    assert needs.nothing == frozenset()
    assert len(needs.goals | needs.bugs | needs.names) == DRAWN
