"""The published vectors, as test parameters."""

from pathlib import Path

from nnc_conformance.storage.suite_folder import load_suite

VECTORS = load_suite(Path(__file__).parents[2] / "vectors", verify=False).vectors
GOOD = tuple(stored for stored in VECTORS if stored.vector.negative is None and stored.vector.choices == ())
