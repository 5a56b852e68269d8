"""Packages of vectors: one file, the same bytes wherever it is built, checked to the last byte before anything in it is used.

``package.json`` comes first and lists every other file with its hash; ``index.json`` tells what each vector is; then, by path,
changelog, licence, bill of materials, and the suite's folder. Everything but licence and changelog follows from the vectors, and
is derived again to check it.
"""

import hashlib
import io
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage import signing
from nnc_conformance.storage.documents import sha256
from nnc_conformance.storage.inputs import STANDARD_INPUT, read_bytes, read_regular
from nnc_conformance.storage.package_model import (
    CHANGELOG_FILE,
    INDEX_FILE,
    LICENSE_FILE,
    PACKAGE_FILE,
    SBOM_FILE,
    SIGNATURE_SUFFIX,
    SUITE_FOLDER,
    DetachedSignature,
    PackageIndex,
    PackageManifest,
    SuiteChanges,
    canonical,
    changes,
    folder_of,
    manifest_of,
    suite_manifest_path,
    vector_path,
)
from nnc_conformance.storage.sbom import render_sbom
from nnc_conformance.storage.sealed import canonical_text
from nnc_conformance.storage.suite_folder import M, StoredVector, Suite, SuiteError, files_of, parse
from nnc_conformance.storage.tar_archive import ArchiveError, Member, members, read_member
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, Manifest, Vector

PACKAGE_BYTES: Final = 4 << 30
SIGNATURE_BYTES: Final = 1 << 16
_CHUNK: Final = 1 << 20


class PackageError(SuiteError):
    """A package is not what it says, or cannot be built."""


class Package:
    """An open package. Its form is checked when opened, its files when read; close it, or use it as a context.

    Raises `PackageError` from all that it does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)
        try:
            found = list(members(self._file))
            self._members: dict[str, Member] = {member.name: member for member in found}
            if [member.name for member in found[:2]] != [PACKAGE_FILE, INDEX_FILE]:
                raise PackageError(f"{path}: no package: it does not begin with {PACKAGE_FILE} and {INDEX_FILE}")
            self.manifest = self._parsed(PackageManifest, read_member(self._file, found[0]), PACKAGE_FILE)
            self._check_list()
        except ArchiveError as error:
            self._file.close()
            raise PackageError(f"{path}: {error}") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _parsed(self, model: type[M], data: bytes, name: str) -> M:
        parsed = parse(model, data, f"{self._path}: {name}")
        if canonical_text(parsed).encode() != data:
            raise PackageError(f"{self._path}: {name} is not in its canonical form")
        return parsed

    def _check_list(self) -> None:
        """The archive holds exactly the files that the manifest lists, each of its size."""
        listed = {file.path: file for file in self.manifest.files}
        present = self._members.keys() - {PACKAGE_FILE}
        for names, fault in ((listed.keys() - present, "is missing"), (present - listed.keys(), "is not in the manifest")):
            if names:
                raise PackageError(f"{self._path}: {min(names)} {fault}")
        for path, file in listed.items():
            if self._members[path].size != file.size:
                raise PackageError(f"{self._path}: {path} has {self._members[path].size} bytes, the manifest says {file.size}")
        self._listed = listed

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the files that the manifest lists."""
        return tuple(self._listed)

    def read(self, name: str) -> bytes:
        """Returns a file's bytes, checked against the manifest."""
        try:
            data = read_member(self._file, self._members[name])
        except ArchiveError as error:
            raise PackageError(f"{self._path}: {error}") from None
        except KeyError:
            raise PackageError(f"{self._path}: there is no {name}") from None
        if sha256(data) != self._listed[name].sha256:
            raise PackageError(f"{self._path}: {name} is not the file that the manifest describes")
        return data

    @cached_property
    def index(self) -> PackageIndex:
        """The descriptions of all vectors; no other file is read for it."""
        return self._parsed(PackageIndex, self.read(INDEX_FILE), INDEX_FILE)

    @cached_property
    def suite_manifest(self) -> Manifest:
        """The suite's manifest."""
        return self._parsed(Manifest, self.read(suite_manifest_path()), suite_manifest_path())

    def files_of(self, vector: Vector) -> dict[str, bytes]:
        """Returns the files of a vector's folder by path in the package."""
        folder = folder_of(vector)
        names = [VECTOR_FILE, *(file.name for file in files_of(vector))]
        return {f"{folder}/{name}": self.read(f"{folder}/{name}") for name in names}

    def unpack(self, folder: Path, vectors: Collection[Vector] | None = None) -> None:
        """Writes the suite with these vectors (all, when None) into ``folder``: nothing outside it, and nothing that is not as listed."""
        (folder / MANIFEST_FILE).write_bytes(self.read(suite_manifest_path()))
        for vector in self.index.vectors if vectors is None else vectors:
            for path, data in self.files_of(vector).items():
                file = folder / Path(path).relative_to(SUITE_FOLDER)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)

    def sha256(self) -> str:
        """Returns the SHA-256 of the whole file."""
        digest = hashlib.sha256()
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def check(self) -> None:
        """Reads every file, and derives again what follows from the vectors."""
        for name in self.names:
            self.read(name)
        suite, vectors = self.suite_manifest, self.index.vectors
        if [(e.id, e.level, e.revision) for e in suite.vectors] != [(v.id, v.level, v.revision) for v in vectors]:
            raise PackageError(f"{self._path}: the index is not that of the suite's manifest")
        files = {name: self.read(name) for name in (CHANGELOG_FILE, LICENSE_FILE, suite_manifest_path())}
        for entry, vector in zip(suite.vectors, vectors, strict=True):
            own = self.files_of(vector)
            told = {vector_path(vector): entry.sha256, **{f"{folder_of(vector)}/{file.name}": file.sha256 for file in files_of(vector)}}
            for name, data in own.items():
                if sha256(data) != told[name] or (name == vector_path(vector) and data != canonical(vector)):
                    raise PackageError(f"{self._path}: {name} is not what manifest, index and {VECTOR_FILE} say")
            files |= own
        if self.manifest != described(files, vectors, self.manifest.version, self.manifest.license)[0]:
            raise PackageError(f"{self._path}: the manifest, the index or the bill of materials does not follow from the vectors")


def _opened(path: Path) -> BinaryIO:
    """Open a package, or a copy of the one on standard input, which cannot be read twice."""
    try:
        if path == STANDARD_INPUT:
            return io.BytesIO(read_bytes(path, max_bytes=PACKAGE_BYTES))
        if path.is_symlink() or not path.is_file() or path.stat().st_size > PACKAGE_BYTES:
            raise PackageError(f"{path}: no regular file of at most {PACKAGE_BYTES} bytes")
        return path.open("rb")
    except ModelError as error:
        raise PackageError(str(error)) from None
    except OSError as error:
        raise PackageError(f"{path}: {error.strerror or error}") from None


def described(
    files: dict[str, bytes], vectors: Collection[Vector], version: str, license_id: str
) -> tuple[PackageManifest, dict[str, bytes]]:
    """Returns the manifest of a package, and all its files: ``files`` with the index and the bill of materials that follow from them."""
    whole = {
        **files,
        INDEX_FILE: canonical(PackageIndex(vectors=tuple(vectors))),
        SBOM_FILE: render_sbom(version, license_id, tuple(vectors)).encode(),
    }
    return manifest_of(version, license_id, files[suite_manifest_path()], whole), whole


def signature_path(path: Path) -> Path:
    """Returns where the signature of a package stands."""
    return path.with_name(path.name + SIGNATURE_SUFFIX)


def unpacked_suite(path: Path, takes: Callable[[Vector], bool]) -> Suite:
    """Unpacks the vectors that ``takes`` says yes to into a scratch folder, which goes when the suite does; raises `PackageError`."""
    with Package(path) as package:
        chosen = [vector for vector in package.index.vectors if takes(vector)]
        scratch = tempfile.TemporaryDirectory(prefix="nnc-conformance-suite-")
        root = Path(scratch.name)
        package.unpack(root, chosen)
        stored = tuple(StoredVector(vector, root / vector.level / vector.id) for vector in chosen)
        return Suite(root, package.suite_manifest, package.manifest.suite_sha256, stored, path, scratch)


@dataclass(frozen=True)
class Verified:
    """What a verified package is, and the public key that signed it (None: unsigned)."""

    manifest: PackageManifest
    sha256: str
    vectors: int
    signed_by: str | None


def verify(path: Path, *, trusted: str | None = None) -> Verified:
    """Reads a package to its last byte, and the signature beside it.

    Raises `PackageError` for the first thing that is not as it was built, `SignatureError` for a signature that does not fit, or where
    ``trusted`` (a public key) has not signed it.
    """
    with Package(path) as package:
        package.check()
        digest = package.sha256()
        signer = signer_of(path, digest)
        if trusted is not None and signer != trusted:
            raise signing.SignatureError(f"{path} is {'unsigned' if signer is None else f'signed by {signer}'}, not by the key given")
        return Verified(package.manifest, digest, len(package.index.vectors), signer)


def signer_of(path: Path, digest: str) -> str | None:
    """Returns the public key whose signature stands beside a package, None where none does; raises `SignatureError`, `PackageError`."""
    beside = signature_path(path)
    if not beside.exists() and not beside.is_symlink():
        return None
    try:
        data = read_regular(beside, max_bytes=SIGNATURE_BYTES)
    except ModelError as error:
        raise PackageError(f"{beside}: {error}") from None
    detached = parse(DetachedSignature, data, str(beside))
    if canonical(detached) != data:
        raise PackageError(f"{beside} is not in its canonical form")
    if detached.sha256 != digest:
        raise signing.SignatureError(f"{beside} signs another file")
    signing.check(detached.purpose, digest, detached.signature)
    return detached.signature.public_key


def compare(old: Path, new: Path) -> tuple[PackageManifest, PackageManifest, SuiteChanges]:
    """Returns the manifests of two packages, and what became of the vectors from the one to the other; raises `PackageError`."""
    with Package(old) as before, Package(new) as after:
        return before.manifest, after.manifest, changes(before.index.vectors, after.index.vectors)
