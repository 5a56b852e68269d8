"""Core has no vector too many: without any of twenty drawn at random, a goal of coverage is lost, a
fault lives, or one is not named.

The draw is printed; the environment variable NNC_SMALLEST_SEED repeats it.
"""

import os
import random
from pathlib import Path

from nnc_conformance.faults.score.needs import needs_of
from nnc_conformance.generator.coverage.streams import cover, find_streams

VECTORS = Path(__file__).parents[2] / "vectors"
DRAWN = 20
JOBS = 2


def test_twenty_vectors_of_core_are_needed() -> None:
    seed = int(os.environ.get("NNC_SMALLEST_SEED") or random.SystemRandom().getrandbits(32))
    drawn = random.Random(seed).sample(sorted(path.name for path in (VECTORS / "core").iterdir()), DRAWN)
    print(f"NNC_SMALLEST_SEED={seed} draws: {' '.join(drawn)}")
    core = cover(find_streams([VECTORS / "core"]), jobs=JOBS)
    needs = needs_of(drawn, core, VECTORS, JOBS)
    assert needs.nothing == frozenset()
    assert len(needs.goals | needs.bugs | needs.names) == DRAWN
