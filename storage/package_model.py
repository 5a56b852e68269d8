"""The documents of a package: manifest, index, signature, changelog.

Also its tree of hashes and its version.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from nnc_conformance.storage.documents import Frozen, Sha256, sha256
from nnc_conformance.storage.sealed import canonical_text
from nnc_conformance.storage.signing import Purpose, Signature
from nnc_conformance.storage.suite_folder import files_of
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, AnyVector, Manifest, ManifestEntry

PACKAGE_FILE: Final = "package.json"
INDEX_FILE: Final = "index.json"
SBOM_FILE: Final = "sbom.cdx.json"
LICENSE_FILE: Final = "LICENSE"
CHANGELOG_FILE: Final = "CHANGELOG.md"
"""Names of the files of a package outside its suite."""
SUITE_FOLDER: Final = "suite"
"""The folder of the suite in a package."""
SIGNATURE_SUFFIX: Final = ".sig"
"""Appended to a package's file name for its detached signature."""
PACKAGE_NAME: Final = "nnc-conformance-vectors"
"""The name in the package's manifest and bill of materials."""
Version = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
"""A version FORMAT.COVERAGE.FIX of a package."""


class PackedFile(Frozen):
    """A file of a package: path, size in bytes, SHA-256."""

    path: str
    size: int = Field(ge=0)
    sha256: Sha256


class PackageManifest(Frozen):
    """``package.json``: all other files, sorted by path, and the hash of their tree.

    The number of its format and the major version are the highest number of its vectors' formats.
    """

    format: Literal["nnc-package/1", "nnc-package/2"] = "nnc-package/1"
    name: str = PACKAGE_NAME
    version: Version
    license: str = Field(description="SPDX expression")
    suite_sha256: Sha256 = Field(description="of the suite's manifest.json, by which results and certificates name the suite")
    tree_sha256: Sha256
    files: tuple[PackedFile, ...]

    @model_validator(mode="after")
    def _format_follows_version(self) -> "PackageManifest":
        if self.format != f"nnc-package/{major_of(self.version)}":
            raise ValueError(f"version {self.version} does not belong to format {self.format}")
        return self


class PackageIndex(Frozen):
    """``index.json``: the description of every vector in the order of the manifest.

    It serves to choose vectors before unpacking.
    """

    format: Literal["nnc-index/1", "nnc-index/2"] = "nnc-index/1"
    vectors: tuple[AnyVector, ...]


class DetachedSignature(Frozen):
    """The signature file next to a package."""

    format: Literal["nnc-signature/1"] = "nnc-signature/1"
    purpose: Literal[Purpose.PACKAGE] = Purpose.PACKAGE
    sha256: Sha256
    signature: Signature


def folder_of(entry: ManifestEntry | AnyVector) -> str:
    """Return the folder of a vector in a package."""
    return f"{SUITE_FOLDER}/{entry.level}/{entry.id}"


def suite_manifest_path() -> str:
    """Return the path of the suite's manifest in a package."""
    return f"{SUITE_FOLDER}/{MANIFEST_FILE}"


def vector_path(entry: ManifestEntry | AnyVector) -> str:
    """Return the path of a vector's vector.json in a package."""
    return f"{folder_of(entry)}/{VECTOR_FILE}"


def packed_files(files: Mapping[str, bytes]) -> tuple[PackedFile, ...]:
    """Describe files, sorted by path."""
    return tuple(PackedFile(path=path, size=len(files[path]), sha256=sha256(files[path])) for path in sorted(files))


def tree_sha256(files: Iterable[PackedFile]) -> str:
    """Return the root of the tree of hashes.

    The hash of a folder is that of its sorted lines ``HASH  NAME``; names of folders end with a
    slash.
    """
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
    """Return a model as canonical JSON."""
    return canonical_text(model).encode()


@dataclass(frozen=True)
class VectorChange:
    """A vector that differs between two suites.

    It has its revisions and the names of the files that differ.
    """

    id: str
    old_revision: int
    new_revision: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class SuiteChanges:
    """The differences between the vectors of two suites; ids are sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[VectorChange, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def suite_changes(old: Iterable[AnyVector], new: Iterable[AnyVector]) -> SuiteChanges:
    """Return which vectors were added, removed and changed between two suites, by id."""
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


def _differing(old: AnyVector, new: AnyVector) -> tuple[str, ...]:
    before, after = ({file.name: file for file in files_of(vector)} for vector in (old, new))
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return (VECTOR_FILE, *names)


def format_number(vectors: Iterable[AnyVector]) -> int:
    """Return the highest number of the vectors' formats, 1 for no vectors."""
    return max((int(vector.format.rpartition("/")[2]) for vector in vectors), default=1)


def major_of(version: str) -> int:
    """Return the major version."""
    return int(version.partition(".")[0])


def next_version(previous: str | None, what: SuiteChanges, number: int) -> str:
    """Return the version after ``previous``.

    Major is ``number``, the `format_number` of the vectors, but never falls; minor rises if vectors
    were added or removed, patch if some changed.
    """
    major, minor, patch = map(int, previous.split(".")) if previous is not None else (0, 0, 0)
    if major < number:
        return f"{number}.0.0"
    if what.added or what.removed:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + bool(what.changed)}"


def changelog_section(version: str, what: SuiteChanges, manifest: Manifest) -> str:
    """Return the section of a version in the changelog, followed by an empty line."""
    levels = Counter(entry.level.value for entry in manifest.vectors)
    counts = ", ".join(f"{count} {level}" for level, count in sorted(levels.items()))
    entries = [f"- added `{name}`" for name in what.added]
    entries += [f"- retired `{name}`" for name in what.removed]
    entries += [f"- changed `{c.id}`: revision {c.old_revision} to {c.new_revision} ({', '.join(c.files)})" for c in what.changed]
    return "\n".join([f"## {version}", "", f"{len(manifest.vectors)} vectors: {counts or 'none'}.", "", *entries, "", ""])


def manifest_of(version: str, license_id: str, suite_manifest: bytes, files: Mapping[str, bytes]) -> PackageManifest:
    """Make the manifest of a package with these files, each with size and hash.

    Args:
        version: Version of the package.
        license_id: SPDX id of the licence.
        suite_manifest: The suite's manifest.json.
        files: The content of each file by path, without the package's manifest.
    """
    packed = packed_files(files)
    return PackageManifest.model_validate(
        {
            "format": f"nnc-package/{major_of(version)}",
            "version": version,
            "license": license_id,
            "suite_sha256": sha256(suite_manifest),
            "tree_sha256": tree_sha256(packed),
            "files": packed,
        }
    )
