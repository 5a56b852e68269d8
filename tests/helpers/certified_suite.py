"""A small suite of real streams, a decoder that is right and one that is not, for the tests of
certificates.
"""

from pathlib import Path

from nnc_conformance.generator.building import build
from nnc_conformance.generator.randomness import DEFAULT_SEED
from nnc_conformance.generator.stress import stress_recipe
from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy as NegativePolicy
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.storage.suite_folder import Suite, load_suite, stored_file, write_manifest, write_vector
from nnc_conformance.storage.vector import Level, NegativeSpec, Vector

GOOD = 8
BROKEN = Path(__file__).parents[1] / "one_wrong_entry" / "decoder.toml"
"""A decoder with one wrong entry in its table of LPS ranges."""


def write_suite(root: Path) -> Suite:
    """Eight good vectors of level core, a stream that must be refused, and one that rests on an
    inferred fact and nobody passes.
    """
    vectors: list[Vector] = []
    for number in range(GOOD):
        made = build(stress_recipe(number, frozenset({"float", "int", "dq"})), DEFAULT_SEED)
        vector = made.vector.model_copy(update={"id": f"good-{number}", "level": Level.CORE})
        write_vector(root, vector, made.files)
        vectors.append(vector)
    stream = b"\x00\x04\xff\xff"
    bad = vectors[0].model_copy(
        update={
            "id": "bad-type",
            "level": Level.NEGATIVE,
            "flags": (),
            "stream": stored_file("stream.nnr", stream),
            "expected": None,
            "negative": NegativeSpec(rule="unit-type", policy=NegativePolicy.MUST, category=Category.RESERVED),
        }
    )
    write_vector(root, bad, {"stream.nnr": stream})
    expected = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "
    files = {"stream.nnr": made.files["stream.nnr"], "expected.safetensors": expected}
    inferred = vectors[-1].model_copy(
        update={"id": "inferred", "provenance": Provenance.INFERRED, "expected": stored_file("expected.safetensors", expected)}
    )
    write_vector(root, inferred, files)
    write_manifest(root, [*vectors, bad, inferred])
    return load_suite(root)
