"""What the coverage page says that core's vectors are needed for, checked for some drawn at random:
without any but those it lists as not needed, a goal of coverage is lost, a fault lives, or one is
not named.

NNC_SMALLEST gives the number drawn. The draw is printed; NNC_SMALLEST_SEED repeats it.
"""

import os
import random
from pathlib import Path

from helpers.coverage_page import not_needed

from nnc_conformance.faults.score.needs import needs_of
from nnc_conformance.generator.coverage.streams import cover, vector_streams
from nnc_conformance.storage.vector import Level

VECTORS = Path(__file__).parents[2] / "vectors"
DRAWN = int(os.environ["NNC_SMALLEST"])
"""Number of vectors to draw."""
JOBS = 2


def test_vectors_of_core_are_needed_as_the_page_says() -> None:
    seed = int(os.environ.get("NNC_SMALLEST_SEED") or random.SystemRandom().getrandbits(32))
    streams = vector_streams(VECTORS, Level.CORE, 2022)
    drawn = random.Random(seed).sample(sorted(streams), DRAWN)
    print(f"NNC_SMALLEST_SEED={seed} draws: {' '.join(drawn)}")
    core = cover(streams, jobs=JOBS)
    needs = needs_of(drawn, core, VECTORS, JOBS)
    assert needs.nothing == not_needed().intersection(drawn)
    assert len(needs.goals | needs.bugs | needs.names | needs.nothing) == DRAWN
