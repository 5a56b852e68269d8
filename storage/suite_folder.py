"""A suite on disk: ``manifest.json`` and folders ``LEVEL/ID/``.

Hashes are checked when reading, and files written in canonical form.
"""

import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import canonical_json, first_problem, first_tagged_problem, sha256
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, AnyVector, Level, Manifest, ManifestEntry, StoredFile

MANIFEST_BYTES: Final = 1 << 26
"""Bytes of the largest manifest.json that is read."""
VECTOR_BYTES: Final = 1 << 20
"""Bytes of the largest vector.json that is read."""
BUILT_IN: Final = "nnc_conformance.vectors"
"""The Python package that holds the built-in suite."""

M = TypeVar("M", bound=BaseModel)

_ANY_VECTOR: Final[TypeAdapter[AnyVector]] = TypeAdapter(AnyVector)


class SuiteError(NNCError):
    """A suite folder is incomplete or inconsistent.

    A file is missing, changed or unreadable, or the manifest is wrong.
    """


@dataclass(frozen=True)
class StoredVector:
    """A vector and the folder that holds its files."""

    vector: AnyVector
    folder: Path

    def read(self, file: StoredFile) -> bytes:
        """Read one of the vector's files.

        Raise `SuiteError` if its size or SHA-256 is not the stated one.
        """
        data = _read(self.folder / file.name, file.size)
        if len(data) != file.size or sha256(data) != file.sha256:
            raise SuiteError(f"{self.vector.level}/{self.vector.id}/{file.name} differs from the file that {VECTOR_FILE} describes")
        return data

    @property
    def stream_bytes(self) -> int:
        """Bytes of the streams of all steps."""
        return sum(step.stream.size for step in self.vector.steps)

    def streams(self) -> list[bytes]:
        """Read the stream of each step; raise `SuiteError`."""
        return [self.read(step.stream) for step in self.vector.steps]


@dataclass(frozen=True)
class Suite:
    """A loaded suite.

    It has its folder, its manifest with the SHA-256 of ``manifest.json``, and the selected vectors.

    ``package`` is the package that the folder was unpacked from, ``origin`` the suite that it
    extends, if any. The folder is then ``scratch`` and is deleted with it.
    """

    root: Path
    manifest: Manifest
    manifest_sha256: str
    vectors: tuple[StoredVector, ...]
    package: Path | None = None
    scratch: tempfile.TemporaryDirectory[str] | None = None
    origin: Path | None = None

    @property
    def source(self) -> Path:
        """The package or folder that the suite was loaded from."""
        return self.origin or self.package or self.root


def stored_file(name: str, data: bytes) -> StoredFile:
    """Describe a file of a vector's folder."""
    return StoredFile(name=name, size=len(data), sha256=sha256(data))


def files_of(vector: AnyVector) -> tuple[StoredFile, ...]:
    """Return all files of the vector's folder except ``vector.json``."""
    files = [file for step in vector.steps for file in (step.stream, step.expected, step.topology, step.model)]
    files += [choice.expected for choice in vector.choices]
    return tuple({file.name: file for file in files if file is not None}.values())


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        return read_regular(path, max_bytes=max_bytes)
    except ModelError as error:
        raise SuiteError(f"{path.parent}: {error}") from None


def parse(model: type[M], data: bytes, what: str) -> M:
    """Parse a JSON document; raise `SuiteError` that names ``what`` and the first problem."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise SuiteError(f"{what}: {first_problem(error)}") from None


def parse_vector(data: bytes, what: str) -> AnyVector:
    """Parse a vector.json of either format; raise `SuiteError` like `parse`."""
    try:
        return _ANY_VECTOR.validate_json(data)
    except ValidationError as error:
        raise SuiteError(f"{what}: {first_tagged_problem(error)}") from None


def read_vector(folder: Path, *, expected_sha256: str | None = None) -> AnyVector:
    """Read ``vector.json`` of a folder LEVEL/ID.

    Raise `SuiteError` if it is unreadable, changed, or of another level or id.
    """
    name = f"{folder.parent.name}/{folder.name}/{VECTOR_FILE}"
    data = _read(folder / VECTOR_FILE, VECTOR_BYTES)
    if expected_sha256 is not None and sha256(data) != expected_sha256:
        raise SuiteError(f"{name} differs from the file that the manifest describes")
    vector = parse_vector(data, name)
    if (vector.level, vector.id) != (folder.parent.name, folder.name):
        raise SuiteError(f"{name} describes {vector.level}/{vector.id}")
    return vector


def load_suite(root: Path, *, levels: Collection[Level] | None = None, verify: bool = True) -> Suite:
    """Load the vectors of ``levels`` (None: all) of a suite folder.

    They are in the order of the manifest.

    ``verify`` reads every file once and checks its hash. Raises `SuiteError` for anything missing,
    changed, duplicate or misplaced.
    """
    data = _read(root / MANIFEST_FILE, MANIFEST_BYTES)
    manifest = parse(Manifest, data, MANIFEST_FILE)
    ids = [entry.id for entry in manifest.vectors]
    if len(set(ids)) != len(ids) or set(ids) & set(manifest.retired):
        raise SuiteError(f"{MANIFEST_FILE} lists an id twice, or one that is retired")
    vectors = []
    for entry in manifest.vectors:
        if levels is not None and entry.level not in levels:
            continue
        folder = root / entry.level / entry.id
        stored = StoredVector(read_vector(folder, expected_sha256=entry.sha256), folder)
        if stored.vector.revision != entry.revision:
            raise SuiteError(f"{entry.id} has revision {stored.vector.revision}; the manifest says {entry.revision}")
        if verify:
            for file in files_of(stored.vector):
                stored.read(file)
        vectors.append(stored)
    return Suite(root, manifest, sha256(data), tuple(vectors))


def built_in_root() -> Path:
    """Return the folder of the built-in suite.

    Raise `SuiteError` if the package is installed in an archive.
    """
    root = resources.files(BUILT_IN)
    if not isinstance(root, Path):
        raise SuiteError("the built-in suite is in an archive; install the package unpacked")
    return root


def _canonical(model: BaseModel) -> bytes:
    value: Any = model.model_dump(mode="json")
    return canonical_json(value).encode()


def write_vector(root: Path, vector: AnyVector, files: Mapping[str, bytes]) -> Path:
    """Write the folder LEVEL/ID of ``vector`` with its ``files`` by name; return the folder.

    It replaces an older one as a whole: it is built as ``.ID.new`` in the same folder, where
    remains of a killed writer are deleted. Raises `SuiteError` if ``files`` are not exactly those
    that the vector describes, and `OSError`.
    """
    described = {file.name: file for file in files_of(vector)}
    if {name: stored_file(name, data) for name, data in files.items()} != described:
        raise SuiteError(f"{vector.id}: the given files are not those that the vector describes")
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


def manifest_entry(vector: AnyVector) -> ManifestEntry:
    """Return the entry of a vector in the manifest."""
    return ManifestEntry(id=vector.id, level=vector.level, revision=vector.revision, sha256=sha256(_canonical(vector)))


def write_manifest(root: Path, vectors: Iterable[AnyVector], *, retired: Collection[str] = ()) -> Manifest:
    """Write ``manifest.json`` for ``vectors``, sorted by level and id; return it.

    Raises `SuiteError` for an id that is used twice or retired.
    """
    entries = sorted(map(manifest_entry, vectors), key=lambda entry: (entry.level, entry.id))
    ids = [entry.id for entry in entries]
    if len(set(ids)) != len(ids) or set(ids) & set(retired):
        raise SuiteError("an id is used twice, or is retired")
    manifest = Manifest(vectors=tuple(entries), retired=tuple(sorted(retired)))
    outputs.write_bytes(root / MANIFEST_FILE, _canonical(manifest))
    return manifest
