"""Makes a suite folder from the recipes, the same bytes whatever the number of workers."""

import shutil
from collections.abc import Collection, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from nnc_conformance.generator.making import Made, make
from nnc_conformance.generator.randomness import DEFAULT_SEED
from nnc_conformance.generator.recipes.catalogue import recipes
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.suite_folder import load_suite, manifest_entry, write_manifest, write_vector
from nnc_conformance.storage.vector import MANIFEST_FILE, Level, Manifest, ManifestEntry

GENERATED_LEVELS: Final = (Level.CORE, Level.NEGATIVE, Level.DISPUTED, Level.INFERRED)
"""The levels whose vectors come from recipes alone."""


class GenerateError(NNCError):
    """A suite cannot be generated as asked."""


def generate(levels: Collection[Level], seed: int = DEFAULT_SEED, jobs: int = 1, *, out: Path) -> Manifest:
    """Writes the vectors of ``levels`` into the suite folder ``out`` and returns its new manifest.

    The manifest already there counts: a vector whose bytes change has its revision bumped, an id that is made no more is retired for
    good, and the other levels stay as they are. Raises `GenerateError` for a level without recipes or a retired id, `RecipeError`,
    `SuiteError` for a suite that is not whole, `OSError`.
    """
    without = sorted(set(levels) - set(GENERATED_LEVELS))
    if without:
        raise GenerateError(f"no recipes make the vectors of level {', '.join(without)}")
    known = known_manifest(out)
    ids = [recipe.id for recipe in recipes().values() if recipe.level in levels]
    reused = sorted(set(ids) & set(known.retired))
    if reused:
        raise GenerateError(f"retired ids are never used again: {', '.join(reused)}")
    entries = {entry.id: entry for entry in known.vectors}
    kept = [entry for entry in known.vectors if entry.level not in levels]
    moved = sorted(set(ids) & {entry.id for entry in kept})
    if moved:
        raise GenerateError(f"ids are in use at another level: {', '.join(moved)}")
    vectors = [revised(made, entries.get(made.vector.id)) for made in make_all(ids, seed, jobs)]
    gone = [entry for entry in known.vectors if entry.level in levels and entry.id not in set(ids)]
    for entry in gone:
        shutil.rmtree(out / entry.level / entry.id)
    for made in vectors:
        write_vector(out, made.vector, made.files)
    others = load_suite(out, levels={entry.level for entry in kept}, verify=False).vectors if kept else ()
    retired = {*known.retired, *(entry.id for entry in gone)}
    return write_manifest(out, [*(made.vector for made in vectors), *(stored.vector for stored in others)], retired=retired)


def known_manifest(out: Path) -> Manifest:
    """The manifest of a suite folder; an empty one where there is none. Raises `SuiteError`."""
    if not (out / MANIFEST_FILE).exists():
        return Manifest(vectors=())
    return load_suite(out, levels=(), verify=False).manifest


def make_all(ids: Iterable[str], seed: int, jobs: int) -> list[Made]:
    """Makes the vectors of ``ids``, in that order."""
    work = partial(_make, seed=seed)
    if jobs == 1:
        return list(map(work, ids))
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, ids, chunksize=8))


def _make(recipe_id: str, seed: int) -> Made:
    return make(recipes()[recipe_id], seed)


def revised(made: Made, known: ManifestEntry | None) -> Made:
    """The vector at its right revision: the known one where nothing changed, else the next."""
    if known is None:
        return made
    same = made.vector.model_copy(update={"revision": known.revision})
    if manifest_entry(same).sha256 == known.sha256:
        return Made(same, made.files)
    return Made(made.vector.model_copy(update={"revision": known.revision + 1}), made.files)
