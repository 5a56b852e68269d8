"""All recipes by id."""

from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Final

from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.further import FURTHER
from nnc_conformance.storage.vector import Level

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
    "covering_choices",
    "covering_maps",
    "covering_inferred",
    "broken_units",
    "broken_cuts",
    "broken_headers",
    "broken_payloads",
    "broken_topologies",
    "boundaries",
)
"""The modules beside this one; each has its ``RECIPES``."""


@cache
def recipes() -> dict[str, Recipe]:
    """Every recipe by its id, sorted; raises `ValueError` for an id used twice, and for one among the further that no recipe has."""
    made = [recipe for topic in TOPICS for recipe in import_module(f"nnc_conformance.generator.recipes.{topic}").RECIPES]
    found = [replace(recipe, level=Level.FULL) if recipe.id in FURTHER else recipe for recipe in made]
    by_id = {recipe.id: recipe for recipe in sorted(found, key=lambda recipe: recipe.id)}
    if len(by_id) != len(found):
        ids = [recipe.id for recipe in found]
        raise ValueError(f"recipe ids used twice: {sorted({name for name in ids if ids.count(name) > 1})}")
    if strange := FURTHER - by_id.keys():
        raise ValueError(f"no recipe has these ids of further instances: {sorted(strange)}")
    return by_id
