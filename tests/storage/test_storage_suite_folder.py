"""Suite folders: what is written loads again, and any change on disk is found."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import SuiteError, load_suite, read_vector, stored_file, write_manifest, write_vector
from nnc_conformance.storage.vector import Level, SessionVector, Step, StoredFile, Vector


def sample(vector_id: str, level: Level = Level.CORE, stream: bytes = b"stream") -> tuple[Vector, dict[str, bytes]]:
    files = {"stream.nnr": stream, "expected.safetensors": dump_safetensors({"w": np.arange(4, dtype="<f4")})}
    vector = Vector(
        id=vector_id,
        revision=1,
        level=level,
        title=vector_id,
        tests="a test of the suite folder",
        catches="nothing",
        clauses=("6",),
        flags=(),
        elements=(),
        provenance=Provenance.VERIFIED,
        stream=stored_file("stream.nnr", stream),
        expected=stored_file("expected.safetensors", files["expected.safetensors"]),
    )
    return vector, files


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    vectors = []
    for vector_id, level in (("b-two", Level.CORE), ("a-one", Level.CORE), ("c-three", Level.FULL)):
        vector, files = sample(vector_id, level)
        write_vector(tmp_path, vector, files)
        vectors.append(vector)
    write_manifest(tmp_path, vectors, retired=("z-old",))
    return tmp_path


def test_what_is_written_loads_again(suite: Path) -> None:
    loaded = load_suite(suite)
    assert [stored.vector.id for stored in loaded.vectors] == ["a-one", "b-two", "c-three"]
    assert loaded.vectors[0].vector == sample("a-one")[0]
    assert loaded.vectors[0].read(loaded.vectors[0].vector.stream) == b"stream"
    assert [stored.vector.id for stored in load_suite(suite, levels={Level.FULL}).vectors] == ["c-three"]
    assert loaded.manifest.retired == ("z-old",)


def test_a_vector_is_replaced_whole(suite: Path) -> None:
    vector, files = sample("a-one", stream=b"other")
    (suite / "core/a-one/left-over").touch()
    write_vector(suite, vector, files)
    assert sorted(path.name for path in (suite / "core/a-one").iterdir()) == ["expected.safetensors", "stream.nnr", "vector.json"]
    assert sorted(path.name for path in (suite / "core").iterdir()) == ["a-one", "b-two"]


def _edit_vector(suite: Path) -> None:
    path = suite / "core/a-one/vector.json"
    path.write_text(path.read_text().replace("nothing", "anything"))


def _double_id(suite: Path) -> None:
    manifest = json.loads((suite / "manifest.json").read_text())
    manifest["vectors"].append(manifest["vectors"][0])
    (suite / "manifest.json").write_text(json.dumps(manifest))


def _revision(suite: Path) -> None:
    path = suite / "manifest.json"
    path.write_text(path.read_text().replace('"revision": 1', '"revision": 2'))


def _link(suite: Path) -> None:
    stream = suite / "core/a-one/stream.nnr"
    stream.rename(suite / "elsewhere")
    stream.symlink_to(suite / "elsewhere")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a byte of a stream": lambda suite: (suite / "core/a-one/stream.nnr").write_bytes(b"streaM"),
    "a longer stream": lambda suite: (suite / "core/a-one/stream.nnr").write_bytes(b"stream!"),
    "a missing file": lambda suite: (suite / "core/a-one/expected.safetensors").unlink(),
    "a vector.json": _edit_vector,
    "no manifest": lambda suite: (suite / "manifest.json").unlink(),
    "garbage for a manifest": lambda suite: (suite / "manifest.json").write_bytes(b"\xff{"),
    "an id twice": _double_id,
    "another revision": _revision,
    "a level that is none": lambda suite: (suite / "manifest.json").write_text(
        (suite / "manifest.json").read_text().replace('"core"', '"../x"')
    ),
    "a retired id in use": lambda suite: (suite / "manifest.json").write_text(
        (suite / "manifest.json").read_text().replace("z-old", "a-one")
    ),
    "a folder renamed": lambda suite: (suite / "core/a-one").rename(suite / "core/a-two"),
    "a link": _link,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_change_is_found(suite: Path, change: Callable[[Path], object]) -> None:
    change(suite)
    with pytest.raises(SuiteError):
        load_suite(suite)


def test_files_must_be_those_described(tmp_path: Path) -> None:
    vector, files = sample("a-one")
    for wrong in ({}, {**files, "more": b""}, {**files, "stream.nnr": b"x"}):
        with pytest.raises(NNCError):
            write_vector(tmp_path, vector, wrong)
    with pytest.raises(SuiteError):
        write_manifest(tmp_path, [vector, vector])
    with pytest.raises(SuiteError):
        write_manifest(tmp_path, [vector], retired=("a-one",))


def session(vector_id: str = "d-session") -> tuple[SessionVector, dict[str, bytes]]:
    """Return a vector of two streams.

    The second one changes a model, so that both outputs differ.
    """
    files = {
        "step-0.nnr": b"base",
        "step-0-expected.safetensors": dump_safetensors({"w": np.arange(4, dtype="<f4")}),
        "step-1.nnr": b"update",
        "step-1-expected.safetensors": dump_safetensors({"w": np.ones(4, dtype="<f4")}),
        "step-1-model.safetensors": dump_safetensors({"w": np.arange(1, 5, dtype="<f4")}),
    }

    def stored(name: str) -> StoredFile:
        return stored_file(name, files[name])

    common = sample(vector_id)[0].model_dump(exclude={"format", "stream", "expected", "topology"})
    first = Step(stream=stored("step-0.nnr"), expected=stored("step-0-expected.safetensors"))
    second = Step(stream=stored("step-1.nnr"), expected=stored("step-1-expected.safetensors"), model=stored("step-1-model.safetensors"))
    return SessionVector(**common, edition=2024, steps=(first, second)), files


def test_a_suite_holds_vectors_of_both_formats(suite: Path) -> None:
    vector, files = session()
    write_vector(suite, vector, files)
    write_manifest(suite, [*(stored.vector for stored in load_suite(suite).vectors), vector], retired=("z-old",))
    one, *_, last = load_suite(suite, levels={Level.CORE}).vectors
    assert (one.vector.edition, one.streams(), one.stream_bytes) == (2022, [b"stream"], 6)
    assert [step.topology for step in one.vector.steps] == [None]
    assert last.vector == vector
    assert (last.vector.edition, last.streams(), last.stream_bytes) == (2024, [b"base", b"update"], 10)
    assert sorted(path.name for path in last.folder.iterdir()) == sorted([*files, "vector.json"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": []}, "steps: must not be empty"),
        ({"stream": {}}, "stream: unknown field"),
        ({"edition": 2023}, "edition: unknown value 2023; choose from 2022, 2024"),
        ({"format": "nnc-vector/3"}, "unknown format 'nnc-vector/3'"),
    ],
)
def test_what_is_wrong_in_a_vector_of_steps_is_named(suite: Path, change: dict[str, object], message: str) -> None:
    vector, files = session()
    folder = write_vector(suite, vector, files)
    text = json.loads((folder / "vector.json").read_text()) | change
    (folder / "vector.json").write_text(json.dumps(text))
    with pytest.raises(SuiteError, match=f"^core/d-session/vector.json: {message}"):
        read_vector(folder)


def test_only_the_last_step_may_be_without_output() -> None:
    vector, _ = session()
    first, last = vector.steps
    refused = last.model_copy(update={"expected": None, "model": None})
    assert SessionVector(**vector.model_dump(exclude={"steps"}), steps=(first, refused)).steps[1].expected is None
    with pytest.raises(ValueError, match="step 0 has no expected output"):
        SessionVector(**vector.model_dump(exclude={"steps"}), steps=(refused, last))
