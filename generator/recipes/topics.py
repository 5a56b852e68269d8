"""All recipes by id."""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, Final

from nnc_conformance.generator.recipe import Recipe, SessionRecipe

TOPICS: Final = (
    "units",
    "parameter_sets",
    "topology",
    "data_units",
    "ids",
    "formats",
    "codebooks",
    "blocks",
    "entropy",
    "scans",
    "dependent_quantization",
    "values",
    "aggregates",
    "partial_data",
    "disputed",
    "disputed_class_loop",
    "disputed_topologies",
    "inferred",
    "extremes",
    "covering_codebooks",
    "covering_units",
    "covering_bins",
    "covering_rows",
    "covering_states",
    "covering_choices",
    "covering_maps",
    "covering_inferred",
    "broken_units",
    "broken_cuts",
    "broken_cuts_with_data",
    "broken_headers",
    "broken_payloads",
    "broken_topologies",
    "broken_alone",
    "reading_on",
    "large_counts",
    "either_reading",
    "boundaries",
    "wide_values",
)
"""The modules with recipes of the first edition; each has its ``RECIPES``."""

SESSION_TOPICS: Final = (
    "updates_first",
    "second_edition_headers",
    "updates_rows",
    "second_edition_codebooks",
    "second_edition_blocks",
    "updates_histories",
    "updates_contexts",
    "updates_blocks",
    "updates_disputed",
    "second_edition_broken",
    "updates_pairs",
    "updates_remembered",
    "updates_wide",
    "updates_mixed",
)
"""The modules with recipes of the second edition."""


@cache
def recipes() -> dict[str, Recipe]:
    """Return every recipe of the first edition by its id, sorted.

    Raise ValueError for an id used twice.
    """
    return _by_id(TOPICS)


@cache
def session_recipes() -> dict[str, SessionRecipe]:
    """Return every recipe of the second edition by its id, sorted.

    Raise ValueError for an id used twice.
    """
    by_id = _by_id(SESSION_TOPICS)
    if both := sorted(recipes().keys() & by_id.keys()):
        raise ValueError(f"recipe ids used in both editions: {both}")
    return by_id


def _by_id(topics: Iterable[str]) -> dict[str, Any]:
    """Import the modules of topics and return their recipes by id, in sorted order.

    Raises `ValueError` if an id is used twice.
    """
    found = [recipe for topic in topics for recipe in import_module(f"nnc_conformance.generator.recipes.{topic}").RECIPES]
    by_id = {recipe.id: recipe for recipe in sorted(found, key=lambda recipe: recipe.id)}
    if len(by_id) != len(found):
        ids = [recipe.id for recipe in found]
        raise ValueError(f"recipe ids used twice: {sorted({name for name in ids if ids.count(name) > 1})}")
    return by_id
