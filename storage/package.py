"""Packages of vectors: a suite in one file, checked before use.

It has the same bytes wherever it is built.

``package.json`` comes first and lists every other file with its hash, then ``index.json`` describes
each vector, then follow, sorted by path, changelog, licence, bill of materials, and the suite's
folder. Everything except licence and changelog follows from the vectors and is derived again to
check it.
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
    folder_of,
    format_number,
    major_of,
    manifest_of,
    suite_changes,
    suite_manifest_path,
    vector_path,
)
from nnc_conformance.storage.sbom import render_sbom
from nnc_conformance.storage.sealed import canonical_text
from nnc_conformance.storage.suite_folder import M, StoredVector, Suite, SuiteError, files_of, parse
from nnc_conformance.storage.tar_archive import ArchiveError, Member, members, read_member
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, AnyVector, Manifest

PACKAGE_BYTES: Final = 4 << 30
"""Bytes of the largest package that is read."""
SIGNATURE_BYTES: Final = 1 << 16
"""Bytes of the largest signature file that is read."""
_CHUNK: Final = 1 << 20


class PackageError(SuiteError):
    """A package is invalid, or cannot be built."""


class Package:
    """An open package, to be used as a context manager.

    Its form is checked when opened, its files when read.

    All methods raise `PackageError`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)
        try:
            found = list(members(self._file))
            self._members: dict[str, Member] = {member.name: member for member in found}
            if [member.name for member in found[:2]] != [PACKAGE_FILE, INDEX_FILE]:
                raise PackageError(f"{path} is not a package: it does not begin with {PACKAGE_FILE} and {INDEX_FILE}")
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
        """Parse a JSON file of the package; raise `PackageError` if it is not canonical.

        Args:
            model: The type of its content.
            data: The file's bytes.
            name: The file's name, for messages.
        """
        parsed = parse(model, data, f"{self._path}: {name}")
        if canonical_text(parsed).encode() != data:
            raise PackageError(f"{self._path}: {name} is not in canonical form")
        return parsed

    def _check_list(self) -> None:
        """Raise `PackageError` unless the archive holds exactly the files of the manifest.

        Names and sizes are compared, not contents.
        """
        listed = {file.path: file for file in self.manifest.files}
        present = self._members.keys() - {PACKAGE_FILE}
        for names, fault in ((listed.keys() - present, "is missing"), (present - listed.keys(), "is not in the manifest")):
            if names:
                raise PackageError(f"{self._path}: {min(names)} {fault}")
        for path, file in listed.items():
            if self._members[path].size != file.size:
                raise PackageError(f"{self._path}: {path} has {self._members[path].size} bytes; the manifest says {file.size}")
        self._listed = listed

    @property
    def names(self) -> tuple[str, ...]:
        """The paths of the files that the manifest lists."""
        return tuple(self._listed)

    def read(self, name: str) -> bytes:
        """Read a file; raise `PackageError` if it is missing or not as the manifest says."""
        try:
            data = read_member(self._file, self._members[name])
        except ArchiveError as error:
            raise PackageError(f"{self._path}: {error}") from None
        except KeyError:
            raise PackageError(f"{self._path} has no file {name}") from None
        if sha256(data) != self._listed[name].sha256:
            raise PackageError(f"{self._path}: {name} differs from the file that the manifest describes")
        return data

    @cached_property
    def index(self) -> PackageIndex:
        """The descriptions of all vectors; only index.json is read."""
        return self._parsed(PackageIndex, self.read(INDEX_FILE), INDEX_FILE)

    @cached_property
    def suite_manifest(self) -> Manifest:
        """The manifest of the suite."""
        return self._parsed(Manifest, self.read(suite_manifest_path()), suite_manifest_path())

    def files_of(self, vector: AnyVector) -> dict[str, bytes]:
        """Read the files of a vector's folder, by path in the package."""
        folder = folder_of(vector)
        names = [VECTOR_FILE, *(file.name for file in files_of(vector))]
        return {f"{folder}/{name}": self.read(f"{folder}/{name}") for name in names}

    def unpack(self, folder: Path, vectors: Collection[AnyVector] | None = None) -> None:
        """Write the suite's manifest and vectors into a folder.

        Every file is checked first, and none is written outside. Raises `PackageError` or
        `OSError`.

        Args:
            folder: The folder, which exists.
            vectors: The vectors to write; all if None.
        """
        (folder / MANIFEST_FILE).write_bytes(self.read(suite_manifest_path()))
        for vector in self.index.vectors if vectors is None else vectors:
            for path, data in self.files_of(vector).items():
                file = folder / Path(path).relative_to(SUITE_FOLDER)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)

    def sha256(self) -> str:
        """Return the SHA-256 of the whole package."""
        digest = hashlib.sha256()
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def check(self) -> None:
        """Check every file, and derive again what follows from the vectors.

        Raises `PackageError` for the first fault.
        """
        for name in self.names:
            self.read(name)
        suite, vectors = self.suite_manifest, self.index.vectors
        if [(e.id, e.level, e.revision) for e in suite.vectors] != [(v.id, v.level, v.revision) for v in vectors]:
            raise PackageError(f"{self._path}: the index does not match the suite's manifest")
        if format_number(vectors) > major_of(self.manifest.version):
            raise PackageError(f"{self._path}: version {self.manifest.version} cannot hold vectors of format {format_number(vectors)}")
        files = {name: self.read(name) for name in (CHANGELOG_FILE, LICENSE_FILE, suite_manifest_path())}
        for entry, vector in zip(suite.vectors, vectors, strict=True):
            own = self.files_of(vector)
            stated = {vector_path(vector): entry.sha256, **{f"{folder_of(vector)}/{file.name}": file.sha256 for file in files_of(vector)}}
            for name, data in own.items():
                if sha256(data) != stated[name] or (name == vector_path(vector) and data != canonical(vector)):
                    raise PackageError(f"{self._path}: {name} does not match manifest, index and {VECTOR_FILE}")
            files |= own
        if self.manifest != complete_package(files, vectors, self.manifest.version, self.manifest.license)[0]:
            raise PackageError(f"{self._path}: the manifest, the index or the bill of materials does not follow from the vectors")


def _opened(path: Path) -> BinaryIO:
    """Open a package to be read.

    On standard input it is copied, since it cannot be read twice. Raises `PackageError` if it is
    too large or not a regular file.
    """
    try:
        if path == STANDARD_INPUT:
            return io.BytesIO(read_bytes(path, max_bytes=PACKAGE_BYTES))
        if path.is_symlink() or not path.is_file() or path.stat().st_size > PACKAGE_BYTES:
            raise PackageError(f"{path}: not a regular file of at most {PACKAGE_BYTES} bytes")
        return path.open("rb")
    except ModelError as error:
        raise PackageError(str(error)) from None
    except OSError as error:
        raise PackageError(f"{path}: {error.strerror or error}") from None


def complete_package(
    files: dict[str, bytes], vectors: Collection[AnyVector], version: str, license_id: str
) -> tuple[PackageManifest, dict[str, bytes]]:
    """Make the remaining files of a package: index, bill of materials and manifest.

    Args:
        files: The other files by path, with the suite's manifest.
        vectors: All vectors, in the order of the suite's manifest.
        version: Version of the package.
        license_id: SPDX id of the licence.

    Returns:
        The package's manifest, and its files by path without this manifest.
    """
    whole = {
        **files,
        INDEX_FILE: canonical(PackageIndex.model_validate({"format": f"nnc-index/{major_of(version)}", "vectors": tuple(vectors)})),
        SBOM_FILE: render_sbom(version, license_id, tuple(vectors)).encode(),
    }
    return manifest_of(version, license_id, files[suite_manifest_path()], whole), whole


def signature_path(path: Path) -> Path:
    """Return the path of a package's signature."""
    return path.with_name(path.name + SIGNATURE_SUFFIX)


def unpacked_suite(path: Path, takes: Callable[[AnyVector], bool]) -> Suite:
    """Unpack the vectors for which ``takes`` is true into a scratch folder.

    The folder is deleted with the suite.

    Raise `PackageError`.
    """
    with Package(path) as package:
        chosen = [vector for vector in package.index.vectors if takes(vector)]
        scratch = tempfile.TemporaryDirectory(prefix="nnc-conformance-suite-")
        root = Path(scratch.name)
        package.unpack(root, chosen)
        stored = tuple(StoredVector(vector, root / vector.level / vector.id) for vector in chosen)
        return Suite(root, package.suite_manifest, package.manifest.suite_sha256, stored, path, scratch)


@dataclass(frozen=True)
class VerifiedPackage:
    """A verified package.

    It has the manifest, SHA-256, number of vectors, and the public key that signed it (None:
    unsigned).
    """

    manifest: PackageManifest
    sha256: str
    vectors: int
    signed_by: str | None


def verify(path: Path, *, trusted: str | None = None) -> VerifiedPackage:
    """Check a package to its last byte, and its signature.

    Raises `PackageError` for the first fault, `SignatureError` for a wrong signature, or if it is
    not signed by ``trusted`` (a public key; None: any or no signature).
    """
    with Package(path) as package:
        package.check()
        digest = package.sha256()
        signer = signer_of(path, digest)
        if trusted is not None and signer != trusted:
            raise signing.SignatureError(f"{path} is {'unsigned' if signer is None else f'signed by {signer}'}, not by the given key")
        return VerifiedPackage(package.manifest, digest, len(package.index.vectors), signer)


def signer_of(path: Path, digest: str) -> str | None:
    """Check the signature file of a package.

    Return the public key, or None if there is no such file.

    Raises `SignatureError` for a wrong signature, `PackageError` for an unreadable one.
    """
    file = signature_path(path)
    if not file.exists() and not file.is_symlink():
        return None
    try:
        data = read_regular(file, max_bytes=SIGNATURE_BYTES)
    except ModelError as error:
        raise PackageError(f"{file}: {error}") from None
    detached = parse(DetachedSignature, data, str(file))
    if canonical(detached) != data:
        raise PackageError(f"{file} is not in canonical form")
    if detached.sha256 != digest:
        raise signing.SignatureError(f"{file} signs another package")
    signing.check(detached.purpose, digest, detached.signature)
    return detached.signature.public_key


def compare(old: Path, new: Path) -> tuple[PackageManifest, PackageManifest, SuiteChanges]:
    """Return the manifests of two packages and the differences of their vectors.

    Raise `PackageError`.
    """
    with Package(old) as before, Package(new) as after:
        return before.manifest, after.manifest, suite_changes(before.index.vectors, after.index.vectors)
