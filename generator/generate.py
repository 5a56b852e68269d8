"""Writing suite folders: revisions rise with any change, and ids are never used again."""

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from nnc_conformance.generator.building import BuiltVector
from nnc_conformance.generator.randomness import DEFAULT_SEED
from nnc_conformance.generator.sources import ids_of, make_all
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.suite_folder import load_suite, manifest_entry, write_manifest, write_vector
from nnc_conformance.storage.vector import MANIFEST_FILE, Level, Manifest, ManifestEntry


class GenerateError(NNCError):
    """The suite cannot be generated as requested."""


def generate(levels: Collection[Level], seed: int = DEFAULT_SEED, jobs: int = 1, *, out: Path) -> Manifest:
    """Write the vectors of ``levels`` into the suite folder ``out``; return its new manifest.

    An existing manifest is respected: a vector whose bytes or level change gets the next revision,
    an id that is no longer made is retired for good, and other levels stay as they are. The
    manifest is written last. If the process is killed before that, generating again completes the
    suite to the same bytes.

    Raises `GenerateError` for an id that is retired or in use at another level, `RecipeError` for a
    recipe that the reference decoder disagrees with, `SuiteError` for a damaged suite, and
    `OSError`.
    """
    with _taken(out):
        return _generate(levels, seed, jobs, out)


@contextmanager
def _taken(out: Path) -> Iterator[None]:
    """Create and lock the suite's folder; raise GenerateError if another process has locked it."""
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise GenerateError(f"another process is generating into {out}") from None
    try:
        yield
    finally:
        os.close(handle)


def _generate(levels: Collection[Level], seed: int, jobs: int, out: Path) -> Manifest:
    """Make all vectors of some levels in the suite's folder and write its manifest.

    Vectors of these levels that have no recipe any more are removed and listed as retired.

    Args:
        levels: The levels to make; vectors of others stay.
        seed: The seed of all random numbers.
        jobs: Processes to use.
        out: The suite's folder.
    """
    known = known_manifest(out)
    ids = ids_of(levels)
    kept = [entry for entry in known.vectors if entry.level not in levels]
    check_ids(set(ids), known, kept)
    entries = {entry.id: entry for entry in known.vectors}
    vectors = [revised(made, entries.get(made.vector.id)) for made in make_all(ids, seed, jobs)]
    for made in vectors:
        write_vector(out, made.vector, made.files)
    made_at = {made.vector.id: made.vector.level for made in vectors}
    left = [entry for entry in known.vectors if entry.level in levels and made_at.get(entry.id) is not entry.level]
    for entry in left:
        if (folder := out / entry.level / entry.id).exists():
            shutil.rmtree(folder)
    others = load_suite(out, levels={entry.level for entry in kept}, verify=False).vectors if kept else ()
    retired = {*known.retired, *(entry.id for entry in left if entry.id not in made_at)}
    return write_manifest(out, [*(made.vector for made in vectors), *(stored.vector for stored in others)], retired=retired)


def known_manifest(out: Path) -> Manifest:
    """Return a suite folder's manifest, or an empty one; raise SuiteError if it is damaged."""
    if not (out / MANIFEST_FILE).exists():
        return Manifest(vectors=())
    return load_suite(out, levels=(), verify=False).manifest


def check_ids(ids: Collection[str], known: Manifest, kept: Collection[ManifestEntry]) -> None:
    """Check that ids can be used for newly made vectors.

    Args:
        ids: The ids.
        known: The manifest so far, which has the retired ids.
        kept: Entries of the levels that stay as they are.

    Raises:
        GenerateError: An id is retired or in use at a level that stays.
    """
    reused = sorted(set(ids) & set(known.retired))
    if reused:
        raise GenerateError(f"retired ids cannot be used again: {', '.join(reused)}")
    moved = sorted(set(ids) & {entry.id for entry in kept})
    if moved:
        raise GenerateError(f"ids are in use at another level: {', '.join(moved)}")


def revised(made: BuiltVector, known: ManifestEntry | None) -> BuiltVector:
    """Return the vector with its revision: the known or the next one.

    It is the next one if the vector's bytes changed.

    Args:
        made: The new vector, with revision 1.
        known: Its entry in the manifest so far; None for a new id.
    """
    if known is None:
        return made
    same = made.vector.model_copy(update={"revision": known.revision})
    if manifest_entry(same).sha256 == known.sha256:
        return BuiltVector(same, made.files)
    return BuiltVector(made.vector.model_copy(update={"revision": known.revision + 1}), made.files)
