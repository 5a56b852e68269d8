"""A suite on disk: ``manifest.json`` and ``LEVEL/ID/``, read with every hash checked, written in canonical form."""

import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import canonical_json, sha256
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.validation import first_problem
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, Level, Manifest, ManifestEntry, StoredFile, Vector

MANIFEST_BYTES: Final = 1 << 26
VECTOR_BYTES: Final = 1 << 20
BUILT_IN: Final = "nnc_conformance.vectors"
"""The resource package of the built-in suite."""

M = TypeVar("M", bound=BaseModel)


class SuiteError(NNCError):
    """A suite folder is not whole: a missing, changed or unreadable file, or a manifest that does not fit."""


@dataclass(frozen=True)
class StoredVector:
    """A vector and the folder that holds its files."""

    vector: Vector
    folder: Path

    def read(self, file: StoredFile) -> bytes:
        """Returns the bytes of one of the vector's files; raises `SuiteError` where size or SHA-256 differ from what is stated."""
        data = _read(self.folder / file.name, file.size)
        if len(data) != file.size or sha256(data) != file.sha256:
            raise SuiteError(f"{self.vector.level}/{self.vector.id}/{file.name} is not the file that {VECTOR_FILE} describes")
        return data


@dataclass(frozen=True)
class Suite:
    """A loaded suite: its folder, its manifest with the SHA-256 of ``manifest.json``, and the vectors of the levels asked for.

    ``package`` is the file that the folder was unpacked from, if it was; the folder is then ``scratch``, and goes with it.
    """

    root: Path
    manifest: Manifest
    manifest_sha256: str
    vectors: tuple[StoredVector, ...]
    package: Path | None = None
    scratch: tempfile.TemporaryDirectory[str] | None = None

    @property
    def source(self) -> Path:
        """What the suite was loaded from."""
        return self.package or self.root


def stored_file(name: str, data: bytes) -> StoredFile:
    """Describes a file of a vector's folder."""
    return StoredFile(name=name, size=len(data), sha256=sha256(data))


def files_of(vector: Vector) -> tuple[StoredFile, ...]:
    """Returns every file that the vector's folder holds beside ``vector.json``."""
    files = [vector.stream, vector.expected, vector.topology, *(choice.expected for choice in vector.choices)]
    return tuple({file.name: file for file in files if file is not None}.values())


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        return read_regular(path, max_bytes=max_bytes)
    except ModelError as error:
        raise SuiteError(f"{path.parent}: {error}") from None


def parse(model: type[M], data: bytes, what: str) -> M:
    """Returns the model that canonical JSON holds; raises `SuiteError` naming ``what`` and the first fault."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise SuiteError(f"{what}: {first_problem(error)}") from None


def read_vector(folder: Path, *, expected_sha256: str | None = None) -> Vector:
    """Reads ``vector.json`` of a folder LEVEL/ID; raises `SuiteError` when it is unreadable, changed, or not at home there."""
    name = f"{folder.parent.name}/{folder.name}/{VECTOR_FILE}"
    data = _read(folder / VECTOR_FILE, VECTOR_BYTES)
    if expected_sha256 is not None and sha256(data) != expected_sha256:
        raise SuiteError(f"{name} is not the file that the manifest describes")
    vector = parse(Vector, data, name)
    if (vector.level, vector.id) != (folder.parent.name, folder.name):
        raise SuiteError(f"{name} describes {vector.level}/{vector.id}")
    return vector


def load_suite(root: Path, *, levels: Collection[Level] | None = None, verify: bool = True) -> Suite:
    """Loads the vectors of ``levels`` (all, when None) of a suite folder, in the manifest's order.

    ``verify`` reads every file once and checks its hash. Raises `SuiteError` for anything missing, changed, doubled or out of place.
    """
    data = _read(root / MANIFEST_FILE, MANIFEST_BYTES)
    manifest = parse(Manifest, data, MANIFEST_FILE)
    ids = [entry.id for entry in manifest.vectors]
    if len(set(ids)) != len(ids) or set(ids) & set(manifest.retired):
        raise SuiteError(f"{MANIFEST_FILE} has an id twice, or one that is retired")
    vectors = []
    for entry in manifest.vectors:
        if levels is not None and entry.level not in levels:
            continue
        folder = root / entry.level / entry.id
        stored = StoredVector(read_vector(folder, expected_sha256=entry.sha256), folder)
        if stored.vector.revision != entry.revision:
            raise SuiteError(f"{entry.id} has revision {stored.vector.revision}, the manifest says {entry.revision}")
        if verify:
            for file in files_of(stored.vector):
                stored.read(file)
        vectors.append(stored)
    return Suite(root, manifest, sha256(data), tuple(vectors))


def built_in_root() -> Path:
    """Returns the folder of the suite that is installed with the package; raises `SuiteError` where it is not a real folder."""
    root = resources.files(BUILT_IN)
    if not isinstance(root, Path):
        raise SuiteError("the built-in suite lies in an archive: install the package unpacked")
    return root


def _canonical(model: BaseModel) -> bytes:
    value: Any = model.model_dump(mode="json")
    return canonical_json(value).encode()


def write_vector(root: Path, vector: Vector, files: Mapping[str, bytes]) -> Path:
    """Writes the folder LEVEL/ID of ``vector`` with its ``files`` by name, replacing an older one whole, and returns it.

    It is made as ``.ID.new`` beside its place; what a killed writer left there goes. Raises `SuiteError` where ``files`` are not exactly
    what the vector describes, `OSError` where the folder cannot be written.
    """
    described = {file.name: file for file in files_of(vector)}
    if {name: stored_file(name, data) for name, data in files.items()} != described:
        raise SuiteError(f"{vector.id}: the files given are not those that the vector describes")
    level = root / vector.level
    level.mkdir(parents=True, exist_ok=True)
    folder = level / vector.id
    scratch = level / f".{vector.id}.new"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        fresh = scratch / vector.id
        fresh.mkdir(parents=True)
        for name, data in {**files, VECTOR_FILE: _canonical(vector)}.items():
            outputs.write_bytes(fresh / name, data)
        if folder.exists():
            folder.rename(scratch / "old")
        fresh.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def manifest_entry(vector: Vector) -> ManifestEntry:
    """Returns the vector's line of the manifest."""
    return ManifestEntry(id=vector.id, level=vector.level, revision=vector.revision, sha256=sha256(_canonical(vector)))


def write_manifest(root: Path, vectors: Iterable[Vector], *, retired: Collection[str] = ()) -> Manifest:
    """Writes ``manifest.json`` for ``vectors``, by level and id, and returns it; raises `SuiteError` for an id used twice or retired."""
    entries = sorted(map(manifest_entry, vectors), key=lambda entry: (entry.level, entry.id))
    ids = [entry.id for entry in entries]
    if len(set(ids)) != len(ids) or set(ids) & set(retired):
        raise SuiteError("an id is used twice, or is retired")
    manifest = Manifest(vectors=tuple(entries), retired=tuple(sorted(retired)))
    outputs.write_bytes(root / MANIFEST_FILE, _canonical(manifest))
    return manifest
