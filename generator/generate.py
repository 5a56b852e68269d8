"""Makes a suite folder, and keeps its manifest's promises: revisions rise with any change, ids are never used again."""

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from nnc_conformance.generator.making import Made
from nnc_conformance.generator.randomness import DEFAULT_SEED
from nnc_conformance.generator.sources import ids_of, make_all
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.suite_folder import load_suite, manifest_entry, write_manifest, write_vector
from nnc_conformance.storage.vector import MANIFEST_FILE, Level, Manifest, ManifestEntry


class GenerateError(NNCError):
    """A suite cannot be generated as asked."""


def generate(levels: Collection[Level], seed: int = DEFAULT_SEED, jobs: int = 1, *, out: Path) -> Manifest:
    """Writes the vectors of ``levels`` into the suite folder ``out`` and returns its new manifest.

    The manifest already there counts: a vector whose bytes or level change has its revision bumped, an id that is made no more is
    retired for good, and the other levels stay as they are. Raises `GenerateError` for an id that is retired or in use at another level;
    `RecipeError`; `SuiteError` for a suite that is not whole; `OSError`.

    The manifest is written last. Where a process was killed before, it does not fit the folder, or is not there; generating once more
    completes the suite to the bytes that it would have had.
    """
    with _taken(out):
        return _generate(levels, seed, jobs, out)


@contextmanager
def _taken(out: Path) -> Iterator[None]:
    """The suite's folder, made if need be, for this process alone; raises `GenerateError` where another has it."""
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
    """The manifest of a suite folder; an empty one where there is none. Raises `SuiteError`."""
    if not (out / MANIFEST_FILE).exists():
        return Manifest(vectors=())
    return load_suite(out, levels=(), verify=False).manifest


def check_ids(ids: Collection[str], known: Manifest, kept: Collection[ManifestEntry]) -> None:
    """No id is retired or stands at a level that is kept; raises `GenerateError`."""
    reused = sorted(set(ids) & set(known.retired))
    if reused:
        raise GenerateError(f"retired ids are never used again: {', '.join(reused)}")
    moved = sorted(set(ids) & {entry.id for entry in kept})
    if moved:
        raise GenerateError(f"ids are in use at another level: {', '.join(moved)}")


def revised(made: Made, known: ManifestEntry | None) -> Made:
    """The vector at its right revision: the known one where nothing changed, else the next."""
    if known is None:
        return made
    same = made.vector.model_copy(update={"revision": known.revision})
    if manifest_entry(same).sha256 == known.sha256:
        return Made(same, made.files)
    return Made(made.vector.model_copy(update={"revision": known.revision + 1}), made.files)
