"""Where the vectors of each level come from: recipes, the stress grammar, huge streams, or trained
networks.
"""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Final

from nnc_conformance.generator import huge, stress, stress_sessions
from nnc_conformance.generator.building import BuiltVector, build, build_from, build_session
from nnc_conformance.generator.models import MODELS, SEQUENCES
from nnc_conformance.generator.recipe import Recipe, SessionRecipe
from nnc_conformance.generator.recipes.topics import recipes, session_recipes
from nnc_conformance.generator.worker_pool import map_in_processes
from nnc_conformance.storage.vector import Level

REPRODUCIBLE: Final = (Level.CORE, Level.FULL, Level.NEGATIVE, Level.DISPUTED, Level.INFERRED)
"""The published levels whose bytes are the same wherever they are made.

Vectors of level models come from the optimising encoder; their bytes may depend on the machine.
"""
STRESS_VECTORS: Final = 200
STRESS_SESSIONS: Final = 100


def ids_of(levels: Collection[Level]) -> list[str]:
    """Return the ids of the vectors of these levels."""
    ids = [recipe.id for recipe in (*recipes().values(), *session_recipes().values(), *MODELS, *SEQUENCES) if recipe.level in levels]
    ids += list(stress_recipes()) if Level.STRESS in levels else []
    return ids + (list(huge_recipes()) if Level.HUGE in levels else [])


def stress_recipes() -> dict[str, Recipe | SessionRecipe]:
    """Return the recipes of level stress by id.

    They are many small streams, a few large ones, and sessions.
    """
    drawn: list[Recipe | SessionRecipe] = [*map(stress.stress_recipe, range(STRESS_VECTORS))]
    drawn += map(stress.large_stress_recipe, range(len(stress.LARGE)))
    drawn += map(stress_sessions.session_recipe, range(STRESS_SESSIONS))
    return {recipe.id: recipe for recipe in drawn}


def huge_recipes() -> dict[str, Recipe]:
    """Return the recipes of level huge by id."""
    return {recipe.id: recipe for recipe in huge.RECIPES}


def make_one(vector_id: str, seed: int) -> BuiltVector:
    """Build one vector of any level.

    Raises `RecipeError` if the reference decoder disagrees with its recipe.

    Args:
        vector_id: Its id.
        seed: The seed of all random numbers.
    """
    models = {model.id: model for model in MODELS}
    if vector_id in models:
        return build_from(models[vector_id], models[vector_id].stream())
    sequences = {sequence.id: sequence for sequence in SEQUENCES}
    if vector_id in sequences:
        return build_session(sequences[vector_id], sequences[vector_id].streams())
    if vector_id in recipes():
        return build(recipes()[vector_id], seed)
    if vector_id in session_recipes():
        return build(session_recipes()[vector_id], seed)
    if vector_id in huge_recipes():
        return build(huge_recipes()[vector_id], seed)
    return build(stress_recipes()[vector_id], seed)


def make_all(ids: Iterable[str], seed: int, jobs: int) -> list[BuiltVector]:
    """Build the vectors with the given ids, in the given order.

    The result is the same for any number of ``jobs``.

    Raises `RecipeError` if the reference decoder disagrees with a recipe.
    """
    work = partial(make_one, seed=seed)
    if jobs == 1:
        return list(map(work, ids))
    return list(map_in_processes(work, ids, jobs, chunk=8))
