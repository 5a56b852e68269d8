"""Building a package from a suite folder and the previous package."""

from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nnc_conformance.storage import DISTRIBUTION, outputs, signing
from nnc_conformance.storage.documents import sha256
from nnc_conformance.storage.package import Package, PackageError, complete_package, signature_path
from nnc_conformance.storage.package_model import (
    CHANGELOG_FILE,
    INDEX_FILE,
    LICENSE_FILE,
    PACKAGE_FILE,
    DetachedSignature,
    SuiteChanges,
    canonical,
    changelog_section,
    folder_of,
    format_number,
    next_version,
    suite_changes,
    suite_manifest_path,
    vector_path,
)
from nnc_conformance.storage.suite_folder import Suite, files_of, load_suite
from nnc_conformance.storage.tar_archive import archive_pieces
from nnc_conformance.storage.vector import AnyVector, Manifest

_TITLE: Final = "# Changelog\n\n"


@dataclass(frozen=True)
class BuiltPackage:
    """A package just built.

    It has the version, SHA-256, changes since the previous one, and vectors copied unread from
    that.
    """

    version: str
    sha256: str
    changes: SuiteChanges
    vectors: int
    reused: int


@dataclass(frozen=True)
class _Previous:
    """The previous package: vectors, version, changelog, and ids and files of the vectors to copy."""

    vectors: tuple[AnyVector, ...] = ()
    version: str | None = None
    changelog: str = _TITLE
    kept: frozenset[str] = frozenset()
    files: tuple[tuple[str, bytes], ...] = ()


def build(source: Path, out: Path, *, previous: Path | None = None, key: Ed25519PrivateKey | None = None) -> BuiltPackage:
    """Build the package of the suite folder ``source`` at ``out``.

    Write its signature if there is a key.

    Vectors that ``previous`` holds unchanged are copied from it. Changed vectors need a higher
    revision, removed ones must be retired, and retired ids stay retired. Raises `SuiteError`, and
    `OSError` if ``out`` cannot be written.
    """
    suite = load_suite(source, verify=False)
    earlier = _read_previous(previous, suite.manifest) if previous is not None else _Previous()
    vectors = tuple(stored.vector for stored in suite.vectors)
    differences = suite_changes(earlier.vectors, vectors)
    version = next_version(earlier.version, differences, format_number(vectors))
    changelog = earlier.changelog
    if version != earlier.version:
        changelog = _TITLE + changelog_section(version, differences, suite.manifest) + changelog.removeprefix(_TITLE)
    license_id, license_text = license_of_distribution()
    files = dict(earlier.files) | _fresh_files(suite, earlier.kept)
    files |= {LICENSE_FILE: license_text, CHANGELOG_FILE: changelog.encode(), suite_manifest_path(): canonical(suite.manifest)}
    manifest, whole = complete_package(files, vectors, version, license_id)
    order = [INDEX_FILE, *sorted(whole.keys() - {INDEX_FILE})]
    data = b"".join(archive_pieces([(PACKAGE_FILE, canonical(manifest)), *((name, whole[name]) for name in order)]))
    digest = sha256(data)
    with ExitStack() as stack:
        puts = [stack.enter_context(outputs.staged(out, data))]
        if key is not None:
            signed = DetachedSignature(sha256=digest, signature=signing.sign(signing.Purpose.PACKAGE, digest, key))
            puts.append(stack.enter_context(outputs.staged(signature_path(out), canonical(signed))))
        if outputs.is_regular(out):
            signature_path(out).unlink(missing_ok=True)
        for put_in_place in puts:
            put_in_place()
    return BuiltPackage(version, digest, differences, len(vectors), len(earlier.kept))


def license_of_distribution() -> tuple[str, bytes]:
    """Return the SPDX expression and the text of this project's licence."""
    distribution = metadata.distribution(DISTRIBUTION)
    file = next(path for path in distribution.files or () if path.name == LICENSE_FILE)
    return distribution.metadata["License-Expression"], Path(str(file.locate())).read_bytes()


def _read_previous(previous: Path, manifest: Manifest) -> _Previous:
    with Package(previous) as package:
        package.check()
        _check_succession(package.suite_manifest, manifest)
        kept = frozenset(entry.id for entry in {*package.suite_manifest.vectors} & {*manifest.vectors})
        vectors = package.index.vectors
        files = tuple(file for vector in vectors if vector.id in kept for file in package.files_of(vector).items())
        return _Previous(vectors, package.manifest.version, package.read(CHANGELOG_FILE).decode(), kept, files)


def _fresh_files(suite: Suite, kept: frozenset[str]) -> dict[str, bytes]:
    """Collect the files of the vectors that are not kept, by path in the package."""
    files: dict[str, bytes] = {}
    for stored in suite.vectors:
        if stored.vector.id not in kept:
            files |= {f"{folder_of(stored.vector)}/{file.name}": stored.read(file) for file in files_of(stored.vector)}
            files[vector_path(stored.vector)] = canonical(stored.vector)
    return files


def _check_succession(old: Manifest, new: Manifest) -> None:
    """Raise `PackageError` for a reused or dropped id, or a change without a higher revision."""
    now = {entry.id: entry for entry in new.vectors}
    if lost := sorted(set(old.retired) - set(new.retired)):
        raise PackageError(f"{lost[0]} was retired and must stay retired")
    for entry in old.vectors:
        after = now.get(entry.id)
        if after is None and entry.id not in new.retired:
            raise PackageError(f"{entry.id} was removed, but is not retired")
        if after is not None and after.sha256 != entry.sha256 and after.revision <= entry.revision:
            raise PackageError(f"{entry.id} has changed, but its revision {after.revision} is not above {entry.revision}")
