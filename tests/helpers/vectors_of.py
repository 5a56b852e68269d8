"""The published vectors of the first edition, as test parameters."""

from pathlib import Path

from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import Vector

SUITE = load_suite(Path(__file__).parents[2] / "vectors", verify=False)
VECTORS = tuple(stored for stored in SUITE.vectors if isinstance(stored.vector, Vector))
GOOD = tuple(stored for stored in VECTORS if stored.vector.negative is None and stored.vector.choices == ())
