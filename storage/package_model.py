"""What a package says of itself: its manifest, its index, its tree of hashes, and how its version follows from what changed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import Field

from nnc_conformance.storage.documents import Frozen, Sha256, sha256
from nnc_conformance.storage.sealed import canonical_text
from nnc_conformance.storage.signing import Purpose, Signature
from nnc_conformance.storage.suite_folder import files_of
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, VECTOR_FORMAT, Manifest, ManifestEntry, Vector

PACKAGE_FILE: Final = "package.json"
INDEX_FILE: Final = "index.json"
SBOM_FILE: Final = "sbom.cdx.json"
LICENSE_FILE: Final = "LICENSE"
CHANGELOG_FILE: Final = "CHANGELOG.md"
SUITE_FOLDER: Final = "suite"
SIGNATURE_SUFFIX: Final = ".sig"
PACKAGE_NAME: Final = "nnc-conformance-vectors"
FORMAT_NUMBER: Final = int(VECTOR_FORMAT.rpartition("/")[2])
"""The major version of a package: that of the format of its vectors."""

Version = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]


class PackedFile(Frozen):
    """A file of a package: path, size in bytes, SHA-256."""

    path: str
    size: int = Field(ge=0)
    sha256: Sha256


class PackageManifest(Frozen):
    """``package.json``: every other file of the package, sorted by path, and the hash of their tree."""

    format: Literal["nnc-package/1"] = "nnc-package/1"
    name: str = PACKAGE_NAME
    version: Version
    license: str = Field(description="SPDX expression")
    suite_sha256: Sha256 = Field(description="of the suite's manifest.json: what results and certificates name the suite by")
    tree_sha256: Sha256
    files: tuple[PackedFile, ...]


class PackageIndex(Frozen):
    """``index.json``: the description of every vector, in the manifest's order, so that they are chosen without being unpacked."""

    format: Literal["nnc-index/1"] = "nnc-index/1"
    vectors: tuple[Vector, ...]


class DetachedSignature(Frozen):
    """The file beside a package that signs it."""

    format: Literal["nnc-signature/1"] = "nnc-signature/1"
    purpose: Literal[Purpose.PACKAGE] = Purpose.PACKAGE
    sha256: Sha256
    signature: Signature


def folder_of(entry: ManifestEntry | Vector) -> str:
    """Returns the folder of a vector in a package."""
    return f"{SUITE_FOLDER}/{entry.level}/{entry.id}"


def suite_manifest_path() -> str:
    """Returns where the suite's manifest stands in a package."""
    return f"{SUITE_FOLDER}/{MANIFEST_FILE}"


def vector_path(entry: ManifestEntry | Vector) -> str:
    """Returns where a vector's vector.json stands in a package."""
    return f"{folder_of(entry)}/{VECTOR_FILE}"


def packed_files(files: Mapping[str, bytes]) -> tuple[PackedFile, ...]:
    """Describes files, sorted by path."""
    return tuple(PackedFile(path=path, size=len(files[path]), sha256=sha256(files[path])) for path in sorted(files))


def tree_sha256(files: Iterable[PackedFile]) -> str:
    """Returns the root of the tree of hashes: a folder's hash is that of its sorted lines ``HASH  NAME``, folders' names with a slash."""
    folders: dict[PurePosixPath, dict[str, str]] = {}
    for file in files:
        path = PurePosixPath(file.path)
        folders.setdefault(path.parent, {})[path.name] = file.sha256
        for parent in path.parents:
            folders.setdefault(parent, {})
    for folder in sorted(folders, key=lambda path: -len(path.parts)):
        if folder.parts:
            folders[folder.parent][f"{folder.name}/"] = _folder_sha256(folders[folder])
    return _folder_sha256(folders.get(PurePosixPath(), {}))


def _folder_sha256(children: Mapping[str, str]) -> str:
    return sha256("".join(f"{children[name]}  {name}\n" for name in sorted(children)).encode())


def canonical(model: Frozen) -> bytes:
    """Returns the bytes of a model's file."""
    return canonical_text(model).encode()


@dataclass(frozen=True)
class VectorChange:
    """A vector that is in both of two suites with other bytes: its revisions, and the files that differ, by name."""

    id: str
    old_revision: int
    new_revision: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class SuiteChanges:
    """What became of the vectors from one suite to the next; ids sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[VectorChange, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def changes(old: Iterable[Vector], new: Iterable[Vector]) -> SuiteChanges:
    """Compares two suites' vectors by id."""
    before, after = ({vector.id: vector for vector in vectors} for vectors in (old, new))
    both = sorted(before.keys() & after.keys())
    return SuiteChanges(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(
            VectorChange(name, before[name].revision, after[name].revision, _differing(before[name], after[name]))
            for name in both
            if before[name] != after[name]
        ),
    )


def _differing(old: Vector, new: Vector) -> tuple[str, ...]:
    before, after = ({file.name: file for file in files_of(vector)} for vector in (old, new))
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return (VECTOR_FILE, *names)


def next_version(previous: str | None, what: SuiteChanges) -> str:
    """Returns the version after ``previous``: major is the format, minor the coverage (vectors come or go), patch a fix of vectors."""
    major, minor, patch = map(int, previous.split(".")) if previous is not None else (0, 0, 0)
    if major != FORMAT_NUMBER:
        return f"{FORMAT_NUMBER}.0.0"
    if what.added or what.removed:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + bool(what.changed)}"


def changelog_section(version: str, what: SuiteChanges, manifest: Manifest) -> str:
    """Returns the changelog's section of a version, with an empty line after it."""
    levels = Counter(entry.level.value for entry in manifest.vectors)
    held = ", ".join(f"{count} {level}" for level, count in sorted(levels.items()))
    told = [f"- added `{name}`" for name in what.added]
    told += [f"- retired `{name}`" for name in what.removed]
    told += [f"- changed `{c.id}`: revision {c.old_revision} to {c.new_revision} ({', '.join(c.files)})" for c in what.changed]
    return "\n".join([f"## {version}", "", f"{len(manifest.vectors)} vectors: {held or 'none'}.", "", *told, "", ""])


def manifest_of(version: str, license_id: str, suite_manifest: bytes, files: Mapping[str, bytes]) -> PackageManifest:
    """Describes the files of a package."""
    packed = packed_files(files)
    return PackageManifest(
        version=version, license=license_id, suite_sha256=sha256(suite_manifest), tree_sha256=tree_sha256(packed), files=packed
    )
