"""All recipes by id."""

from functools import cache
from importlib import import_module
from typing import Final

from nnc_conformance.generator.recipe import Recipe

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
)
"""The modules of this package; each has its ``RECIPES``."""


@cache
def recipes() -> dict[str, Recipe]:
    """Return every recipe by its id, sorted; raise ValueError for an id used twice."""
    found = [recipe for topic in TOPICS for recipe in import_module(f"nnc_conformance.generator.recipes.{topic}").RECIPES]
    by_id = {recipe.id: recipe for recipe in sorted(found, key=lambda recipe: recipe.id)}
    if len(by_id) != len(found):
        ids = [recipe.id for recipe in found]
        raise ValueError(f"recipe ids used twice: {sorted({name for name in ids if ids.count(name) > 1})}")
    return by_id
