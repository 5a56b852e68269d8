"""A suite of both editions, made of streams of the reference encoder, for tests of the harness.

Core: ``plain`` (first edition), ``session`` (a base and two updates), ``alone`` (one stream of the
second edition); negative: ``bad-last`` (a base, then an update that is cut off).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nnc_conformance.generator.building import BuiltVector, build_from, build_session
from nnc_conformance.generator.recipe import Description
from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.storage.suite_folder import write_manifest, write_vector
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.vector import Level

FIRST: Tensors = {"w": np.linspace(-1, 1, 24, dtype="<f4").reshape(4, 6), "b": np.array([0.5, -0.25, 1], "<f4")}
NEXT: Tensors = {"w": FIRST["w"] + np.float32(0.125), "b": FIRST["b"]}
LAST: Tensors = {"w": NEXT["w"] * np.float32(0.5), "b": FIRST["b"] - np.float32(1)}
WRONG_SECOND = """
from nnc_conformance.reference import BaseModel, decode


def decode_streams(streams):
    base, given = BaseModel(), None
    for stream in [streams] if isinstance(streams, bytes) else streams:
        decoded = decode(stream, base=base)
        base, given = decoded.model, dict(decoded.parameters)
    if isinstance(streams, list) and len(streams) > 1:
        given["w"] = given["w"] + 1
    return given
"""
"""A python decoder that is wrong from the second stream on."""


def streams() -> tuple[bytes, ...]:
    """Return a base stream and two updates."""
    written = [encode(FIRST, options=EncoderOptions(edition=2024))]
    base = decode(written[0], base=BaseModel()).model
    for model in (NEXT, LAST):
        written.append(encode(model, base=base))
        base = decode(written[-1], base=base).model
    return tuple(written)


def described(name: str, level: Level = Level.CORE, rule: str | None = None) -> Description:
    """Describe a vector of these tests."""
    return Description(id=name, title=f"Vector {name}", tests="the harness", catches="nothing", clauses=("6",), level=level, rule=rule)


def vectors() -> Mapping[str, BuiltVector]:
    """Return the vectors by id."""
    base, *updates = streams()
    made = (
        build_from(described("plain"), encode(FIRST)),
        build_session(described("session"), (base, *updates)),
        build_session(described("alone"), (base,)),
        build_session(described("bad-last", Level.NEGATIVE, "unit-size-end"), (base, updates[0][:-3])),
    )
    return {one.vector.id: one for one in made}


def write_sessions(root: Path, *, without: tuple[str, ...] = ()) -> Path:
    """Write the suite folder without some vectors; return it."""
    made = [one for name, one in vectors().items() if name not in without]
    for one in made:
        write_vector(root, one.vector, one.files)
    write_manifest(root, [one.vector for one in made])
    return root


def wrong_decoder(folder: Path) -> Path:
    """Write a decoder.toml of a decoder that is wrong from the second stream on.

    Return its path.
    """
    (folder / "wrong.py").write_text(WRONG_SECOND)
    capabilities = ["float", "int", "raw-float", "dq", "codebook", "second-edition", "row-skip", "updates", "tca", "hdsp"]
    path = folder / "wrong.toml"
    path.write_text(f'name = "wrong"\nkind = "python"\ncommand = "wrong:decode_streams"\ncapabilities = {capabilities}\n')
    return path
