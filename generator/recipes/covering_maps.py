"""Performance maps whose elements meet every value class, and the shortest topologies (clause 6).

Both touch disputed points.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, bits32, ndu, opening
from nnc_conformance.generator.coverage.catalogue import wanted_values
from nnc_conformance.generator.coverage.classes import classes_of, variants
from nnc_conformance.generator.onnx_bytes import onnx_topology
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.disputed_topologies import topology_recipe
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import (
    MAP_COUNTS,
    HeaderForm,
    layer_parameter_set,
    model_parameter_set,
    start_unit,
    topology_unit,
)
from nnc_conformance.reference.syntax.elements import ELEMENTS, ElementRow
from nnc_conformance.reference.syntax.structures.data_unit import DC
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX, NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

FLOATS = bits32(0, 0x80000000, 1, 0x3F000000, 0xBF000000, 0x7F800000, 0xFF800000, 0x7FC00001, 0x7F800001)
"""One binary32 of each kind, in the order of `classes.FLOAT_CLASSES`."""
ARRAYS = {
    "spm_nn_class_accuracy": ("spm_count_classes", 0),
    "ppm_nn_class_accuracy": ("ppm_count_classes", 0),
    "reshaped_tensor_dimensions": ("count_reshaped_tensor_dimension", 1),
    "super_block_dimensions": ("count_super_block_dimension", 1),
    "block_dimensions": ("count_block_dimension", 1),
    "upm_nn_class_accuracy": ("upm_count_classes", 0),
    "dpm_nn_class_accuracy": ("dpm_count_classes", 0),
}
"""For each array, the element that counts it and how many values fewer than that count it has."""


def elements_of(kind: str) -> list[ElementRow]:
    """Return the elements of a map's entry, in order."""
    rows = [row for row in ELEMENTS.values() if row.structure == f"{kind}_performance_map"]
    return [row for row in rows if row.name != MAP_COUNTS[kind]]


def class_values(row: ElementRow) -> Sequence[Any]:
    """Return one value for each coverage class of an element of a performance map."""
    (descriptor,) = variants(row)
    if descriptor == "flt(32)":
        return list(FLOATS[: len(classes_of(row.name, descriptor).labels)])
    return wanted_values(row.name, descriptor)


def entry(kind: str, number: int) -> Values:
    """Build the values of one entry of a performance map.

    Each element takes the class of values number ``number``, beginning again after the last one, so
    that entries 0, 1, 2, ... together have all classes. Elements that count others are then 0, 1 or
    2.

    Args:
        kind: The kind of map, such as ``pruning``.
        number: Number of the entry.
    """
    values: Values = {}
    for row in elements_of(kind):
        classes = class_values(row)
        if row.name in ARRAYS:
            counter, fewer = ARRAYS[row.name]
            count = max(values[counter] - fewer, 0)
            values[row.name] = [classes[(number + place) % len(classes)] for place in range(count)]
        elif row.name in {counter for counter, _ in ARRAYS.values()} and number >= len(classes):
            values[row.name] = number % 3
        else:
            values[row.name] = classes[number % len(classes)]
    return values


def map_of(kind: str, count: int) -> Values:
    """Build a map of ``count`` entries."""
    return {MAP_COUNTS[kind]: count, "entry": [entry(kind, number) for number in range(count)]}


def model_maps(counts: Sequence[int]) -> list[Values]:
    """Build an MPS with the four maps; ``counts`` are their numbers of entries."""
    maps = {kind: map_of(kind, count) for kind, count in zip(MAP_COUNTS, counts, strict=True)}
    return [start_unit(), model_parameter_set(SIXTEENTHS, maps=maps), small()]


def layer_maps() -> list[Values]:
    """Build three LPS, whose maps have one entry, no entry and three entries."""
    kinds = [kind for kind in MAP_COUNTS if kind != "decomposition"]
    sets = [layer_parameter_set(SIXTEENTHS, maps={kind: map_of(kind, count) for kind in kinds}) for count in (1, 0, 3)]
    return [*opening(), *sets, small()]


def decomposed_from_topology() -> list[Values]:
    """Build a decomposed BLOCK with dimensions from a topology.

    The topology names the tensor by the name of G without its suffix.
    """
    head = block_header(DC, (2, 3), decomposition_rank=1, g_number_of_rows=2)
    unit = ndu(head, {"w_G": Coded([1, -2]), "w_H": Coded([3, 0, 4])}, form=HeaderForm(dimensions_present=False))
    return [*opening(), topology_unit(NNR_TPL_ONNX, RAW, {"topology_data": onnx_topology({"w": (2, 3)})}), unit]


def map_recipe(name: str, *, title: str, units: Callable[[], list[Values]]) -> Recipe:
    """Build the recipe of a stream with performance maps, disputed as all of them are.

    Args:
        name: The vector's id.
        title: The vector's title.
        units: Makes the stream's units.
    """
    return Recipe(
        id=name,
        title=title,
        tests="How many entries a performance map has for its count; the other choice loses its place.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=tuple(f"6 {kind}_performance_map" for kind in MAP_COUNTS),
        units=lambda _: units(),
        level=Level.DISPUTED,
        switch="map_entries",
    )


RECIPES = (
    map_recipe(
        "map-longest",
        title="Maps of 255 entries, their elements of every class",
        units=partial(model_maps, (255, 255, 255, 255)),
    ),
    map_recipe(
        "map-one-entry",
        title="Maps of one entry beside an empty one",
        units=partial(model_maps, (1, 0, 1, 1)),
    ),
    map_recipe(
        "map-none-in-decomposition",
        title="An empty decomposition map",
        units=partial(model_maps, (0, 1, 0, 0)),
    ),
    map_recipe(
        "map-layers",
        title="Maps of one, no and three entries in LPS",
        units=layer_maps,
    ),
    topology_recipe(
        "tpl-one-byte",
        title="Topologies of no and of one byte",
        units=lambda _: [*opening(), *(topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": data}) for data in (b"", b"\x01")), small()],
    ),
    topology_recipe(
        "block-dc-dimensions-from-topology",
        title="A decomposed BLOCK without dimensions of its own",
        units=lambda _: decomposed_from_topology(),
    ),
)
