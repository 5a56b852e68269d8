"""A toy suite for the harness's own tests.

Its streams are GOOD followed by the tensor file that they decode to, or start with BAD! and must be
refused.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import Suite, load_suite, stored_file, write_manifest, write_vector
from nnc_conformance.storage.vector import AnyVector, DisputedChoice, Edition, Level, NegativeSpec, SessionVector, Step, StoredFile, Vector
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.load import load_decoder

HERE = Path(__file__).parent
GOOD, BAD = b"GOOD", b"BAD!"
TENSORS = {"a/weight": np.arange(12, dtype="<f4").reshape(3, 4), "b": np.array([1, -2, 3], "<i4")}
LENIENT = {"c": np.array([0.5], "<f4")}


def command(script: str, *, python: str = sys.executable) -> str:
    return f"command:{python} -S {HERE / script} {{stream}} {{output}} {{topology}}"


def worker(folder: Path, script: str, **more: str) -> str:
    """Write a decoder.toml for a worker script and return its path."""
    return decoder_toml(folder, script, "worker", f"{sys.executable} -S {HERE / script}", **more)


def decoder_toml(folder: Path, name: str, kind: str, command_text: str, **more: str) -> str:
    path = folder / f"{name}.toml"
    lines = [f'name = "{name}"', f'kind = "{kind}"', f"command = '{command_text}'", *(f"{key} = {value}" for key, value in more.items())]
    path.write_text("\n".join(lines))
    return str(path)


def decoders(*arguments: str) -> tuple[DecoderSpec, ...]:
    return tuple(map(load_decoder, arguments))


def make_vector(
    vector_id: str,
    stream: bytes,
    expected: bytes | None,
    *,
    level: Level = Level.CORE,
    negative: NegativeSpec | None = None,
    flags: tuple[str, ...] = ("float",),
    topology: bytes | None = None,
    choices: dict[str, bytes | None] | None = None,
    provenance: Provenance = Provenance.VERIFIED,
    clause: str = "6",
) -> tuple[Vector, dict[str, bytes]]:
    files = {"stream.nnr": stream}
    if expected is not None:
        files["expected.safetensors"] = expected
    if topology is not None:
        files["topology.bin"] = topology
    made = []
    for choice, data in (choices or {}).items():
        name = f"choice-dq-{choice}.safetensors"
        if data is not None:
            files[name] = data
        made.append(DisputedChoice(switch="dq", choice=choice, expected=None if data is None else stored_file(name, data)))
    vector = Vector(
        id=vector_id,
        revision=1,
        level=level,
        title=vector_id,
        tests="the harness",
        catches="nothing",
        clauses=(clause,),
        flags=flags,
        elements=("dq_flag",),
        provenance=provenance,
        stream=stored_file("stream.nnr", stream),
        expected=None if expected is None else stored_file("expected.safetensors", expected),
        topology=None if topology is None else stored_file("topology.bin", topology),
        negative=negative,
        choices=tuple(made),
    )
    return vector, files


def make_session(
    vector_id: str,
    *steps: tuple[bytes, bytes | None],
    models: dict[int, bytes] | None = None,
    edition: Edition = 2024,
    flags: tuple[str, ...] = ("float", "second-edition", "updates"),
    level: Level = Level.CORE,
    negative: NegativeSpec | None = None,
) -> tuple[SessionVector, dict[str, bytes]]:
    """Make a vector of steps, each a stream and the tensor file that it codes.

    ``models`` are the models after each step.
    """
    files: dict[str, bytes] = {}

    def keep(name: str, data: bytes | None) -> StoredFile | None:
        if data is None:
            return None
        files[name] = data
        return stored_file(name, data)

    made = []
    for number, (stream, expected) in enumerate(steps):
        files[f"step-{number}.nnr"] = stream
        made.append(
            Step(
                stream=stored_file(f"step-{number}.nnr", stream),
                expected=keep(f"step-{number}-expected.safetensors", expected),
                model=keep(f"step-{number}-model.safetensors", (models or {}).get(number)),
            )
        )
    common = make_vector(vector_id, b"", None, flags=flags, level=level, negative=negative)[0]
    fields = common.model_dump(exclude={"format", "stream", "expected", "topology"})
    return SessionVector(**fields, edition=edition, steps=tuple(made)), files


def write_suite(root: Path, vectors: Sequence[tuple[AnyVector, dict[str, bytes]]]) -> Suite:
    for vector, files in vectors:
        write_vector(root, vector, files)
    write_manifest(root, [vector for vector, _ in vectors])
    return load_suite(root)


def good_vectors(count: int) -> list[tuple[Vector, dict[str, bytes]]]:
    made = []
    for number in range(count):
        data = dump_safetensors({**TENSORS, "n": np.array([number], "<i4")})
        made.append(make_vector(f"good-{number:03}", GOOD + data, data))
    return made


def bad_vectors() -> list[tuple[Vector, dict[str, bytes]]]:
    must = NegativeSpec(rule="unit-type", policy=Policy.MUST, category=Category.RESERVED)
    may = NegativeSpec(rule="profile", policy=Policy.MAY, category=Category.UNSUPPORTED)
    return [
        make_vector("bad-must", BAD + b"must", None, level=Level.NEGATIVE, negative=must),
        make_vector("bad-may", BAD + b"may", dump_safetensors(LENIENT), level=Level.NEGATIVE, negative=may),
    ]
