"""Building packages: from a suite folder, and the package before it, to one file."""

from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nnc_conformance.storage import DISTRIBUTION, outputs, signing
from nnc_conformance.storage.documents import sha256
from nnc_conformance.storage.package import Package, PackageError, described, signature_path
from nnc_conformance.storage.package_model import (
    CHANGELOG_FILE,
    INDEX_FILE,
    LICENSE_FILE,
    PACKAGE_FILE,
    DetachedSignature,
    SuiteChanges,
    canonical,
    changelog_section,
    changes,
    folder_of,
    next_version,
    suite_manifest_path,
    vector_path,
)
from nnc_conformance.storage.suite_folder import Suite, files_of, load_suite
from nnc_conformance.storage.tar_archive import archive_pieces
from nnc_conformance.storage.vector import Manifest, Vector

_TITLE: Final = "# Changelog\n\n"


@dataclass(frozen=True)
class Built:
    """What was built: version, SHA-256, what changed since the previous package, how many vectors came unread from that."""

    version: str
    sha256: str
    changes: SuiteChanges
    vectors: int
    reused: int


@dataclass(frozen=True)
class _Before:
    """What a package takes over: vectors, version and changelog of the one before, and the files of the vectors that stay."""

    vectors: tuple[Vector, ...] = ()
    version: str | None = None
    changelog: str = _TITLE
    kept: frozenset[str] = frozenset()
    files: tuple[tuple[str, bytes], ...] = ()


def build(source: Path, out: Path, *, previous: Path | None = None, key: Ed25519PrivateKey | None = None) -> Built:
    """Builds the package of the suite folder ``source`` at ``out``, with its signature beside it where there is a key.

    Vectors that ``previous`` holds unchanged are taken from there; changed ones need a higher revision, those that are gone must be
    retired, retired ids stay so. Raises `SuiteError`, and `OSError` where ``out`` cannot be written.
    """
    suite = load_suite(source, verify=False)
    before = _before(previous, suite.manifest) if previous is not None else _Before()
    vectors = tuple(stored.vector for stored in suite.vectors)
    what = changes(before.vectors, vectors)
    version = next_version(before.version, what)
    changelog = before.changelog
    if version != before.version:
        changelog = _TITLE + changelog_section(version, what, suite.manifest) + changelog.removeprefix(_TITLE)
    license_id, license_text = license_of_distribution()
    files = dict(before.files) | _fresh_files(suite, before.kept)
    files |= {LICENSE_FILE: license_text, CHANGELOG_FILE: changelog.encode(), suite_manifest_path(): canonical(suite.manifest)}
    manifest, whole = described(files, vectors, version, license_id)
    order = [INDEX_FILE, *sorted(whole.keys() - {INDEX_FILE})]
    data = b"".join(archive_pieces([(PACKAGE_FILE, canonical(manifest)), *((name, whole[name]) for name in order)]))
    digest = sha256(data)
    with ExitStack() as stack:
        puts = [stack.enter_context(outputs.staged(out, data))]
        if key is not None:
            signed = DetachedSignature(sha256=digest, signature=signing.sign(signing.Purpose.PACKAGE, digest, key))
            puts.append(stack.enter_context(outputs.staged(signature_path(out), canonical(signed))))
        signature_path(out).unlink(missing_ok=True)
        for put_in_place in puts:
            put_in_place()
    return Built(version, digest, what, len(vectors), len(before.kept))


def license_of_distribution() -> tuple[str, bytes]:
    """Returns the SPDX expression and the text of this project's licence."""
    found = metadata.distribution(DISTRIBUTION)
    file = next(path for path in found.files or () if path.name == LICENSE_FILE)
    return found.metadata["License-Expression"], Path(str(file.locate())).read_bytes()


def _before(previous: Path, manifest: Manifest) -> _Before:
    with Package(previous) as package:
        package.check()
        _check_succession(package.suite_manifest, manifest)
        kept = frozenset(entry.id for entry in {*package.suite_manifest.vectors} & {*manifest.vectors})
        vectors = package.index.vectors
        files = tuple(file for vector in vectors if vector.id in kept for file in package.files_of(vector).items())
        return _Before(vectors, package.manifest.version, package.read(CHANGELOG_FILE).decode(), kept, files)


def _fresh_files(suite: Suite, kept: frozenset[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for stored in suite.vectors:
        if stored.vector.id not in kept:
            files |= {f"{folder_of(stored.vector)}/{file.name}": stored.read(file) for file in files_of(stored.vector)}
            files[vector_path(stored.vector)] = canonical(stored.vector)
    return files


def _check_succession(old: Manifest, new: Manifest) -> None:
    """Ids are never reused or dropped, and a vector that changes has a higher revision; raises `PackageError`."""
    now = {entry.id: entry for entry in new.vectors}
    if lost := sorted(set(old.retired) - set(new.retired)):
        raise PackageError(f"{lost[0]} was retired, and is not any more")
    for entry in old.vectors:
        after = now.get(entry.id)
        if after is None and entry.id not in new.retired:
            raise PackageError(f"{entry.id} is gone, and not retired")
        if after is not None and after.sha256 != entry.sha256 and after.revision <= entry.revision:
            raise PackageError(f"{entry.id} has changed, and its revision {after.revision} is not above {entry.revision}")
