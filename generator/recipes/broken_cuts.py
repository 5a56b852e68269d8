"""Streams whose last unit ends within an element, or counts more than it holds (clause 6)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from nnc_conformance.generator.composition import SIXTEENTHS, header, opening
from nnc_conformance.generator.editing import cut_within, set_to
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.aggregates import with_entry_points
from nnc_conformance.generator.recipes.blocks import block_header, block_stream
from nnc_conformance.generator.recipes.broken_units import pieces
from nnc_conformance.generator.recipes.codebooks import matrix
from nnc_conformance.generator.recipes.disputed import performance_map
from nnc_conformance.generator.recipes.inferred import container, mapped, mask
from nnc_conformance.generator.recipes.topology import indexed, reference_list
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import (
    layer_parameter_set,
    model_parameter_set,
    quantization_unit,
    start_unit,
    topology_unit,
)
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, DC, LS, NNR_PT_FLOAT, DimensionMapping
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_BMSK, NNR_TPL_DICT, NNR_TPL_NNEF, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

Units = list[Values] | Callable[[Numbers], list[Values]]


@dataclass(frozen=True)
class Cut:
    """A last unit that ends within an element.

    Args:
        name: The middle of the vectors' ids.
        units: The units up to the one to cut, or a function that makes them.
        elements: The elements to cut the last unit within, a vector for each.
        rule: The rule that the cut breaks.
        level: The vectors' level; by default that of the rule.
    """

    name: str
    units: Units
    elements: tuple[str, ...]
    rule: str = "header-in-unit"
    level: Level | None = None

    def recipes(self) -> list[Recipe]:
        """Build a recipe for each of the elements: the last unit ends within it."""
        return [
            broken(
                self.rule,
                f"{self.name}-{element.replace('_', '-').lower()}",
                title=f"The unit ends within {element}",
                catches="A decoder that reads on into the next unit, or past the end of its buffer.",
                element=element,
                units=self.units,
                edit=cut_within(element),
                level=self.level,
            )
            for element in self.elements
        ]


def map_counts(kind: str, element: str, value: int) -> Recipe:
    """Build the recipe of a performance map with one entry and a larger count.

    Args:
        kind: The kind of map, such as ``pruning``.
        element: The element that counts its entries.
        value: The false count.
    """
    return broken(
        "map-count",
        element.replace("_", "-"),
        title=f"{element} {value} in a unit with one entry",
        catches="A decoder that allocates for the count, or reads on into the next unit.",
        element=element,
        units=[start_unit(), model_parameter_set(SIXTEENTHS, maps=performance_map(kind, 1, 1)), small()],
        edit=set_to(element, value),
    )


MAP_ELEMENTS = {
    "sparsification": ("spm_count_thresholds", "sparsification_threshold", "spm_count_classes", "spm_nn_class_accuracy"),
    "pruning": ("pruning_ratio", "ppm_count_classes", "ppm_class_bitmask", "ppm_nn_class_accuracy"),
    "unification": (
        "reshaped_tensor_dimensions",
        "super_block_dimensions",
        "block_dimensions",
        "upm_count_classes",
        "upm_nn_class_accuracy",
    ),
    "decomposition": ("mse_threshold", "dpm_count_classes", "dpm_nn_class_accuracy"),
}
_LAYER = layer_parameter_set(Quantization(2, -9))
_TOPOLOGY = topology_unit(NNR_TPL_NNEF, RAW, {"topology_data": b"graph"})
_QUANTIZATION = quantization_unit(NNR_TPL_NNEF, RAW, b"data")
_PRUNING = [*opening(), container(NNR_TPL_BMSK, prune=1, prune_bit_mask=mask(*[1] * 20))]
_DICTIONARY = [
    *opening(),
    container(NNR_TPL_DICT, prune=1, count_ids=1, pruned_element=[{"element_id": "w", "count_dims": 2, "dim": [2, 300]}]),
]

START_CUTS = (
    Cut("str", [start_unit()], ("general_profile_idc",)),
    Cut(
        "mps",
        opening(),
        (
            "topology_carriage_flag",
            "mps_topology_indexed_reference_flag",
            "mps_quantization_parameter",
            "byte_alignment",
        ),
    ),
)
"""Cuts of units that no data can come before."""
MAP_CUTS = tuple(
    Cut(kind, [start_unit(), model_parameter_set(SIXTEENTHS, maps=performance_map(kind, 1, 1))], elements, "map-count")
    for kind, elements in MAP_ELEMENTS.items()
)
"""Cuts of an NNR_MPS within its performance maps."""
CUTS = (
    Cut(
        "lps",
        [*opening(), _LAYER],
        (
            "lps_self_contained_flag",
            "nnr_reserved_zero_1bit",
            "lps_quantization_parameter",
        ),
    ),
    Cut(
        "tpl",
        [*opening(), _TOPOLOGY],
        (
            "topology_storage_format",
            "topology_compression_format",
        ),
    ),
    Cut(
        "qnt",
        [*opening(), _QUANTIZATION],
        (
            "quantization_storage_format",
            "quantization_compression_format",
        ),
    ),
    Cut("reflist", [*opening(), reference_list([f"n{n}" for n in range(150)])], ("count_topology_elements_minus2",)),
    Cut(
        "ndu",
        [*opening(), small()],
        (
            "nnr_compressed_data_unit_payload_type",
            "tensor_dimensions",
        ),
    ),
    Cut(
        "block",
        lambda numbers: block_stream(
            block_header(DC | LS | BI, (40, 70), scan_order=1, dq_flag=True, decomposition_rank=20, g_number_of_rows=40, unary_length=7),
            numbers,
        ),
        (
            "count_topology_elements_minus2",
            "decomposition_rank",
            "g_number_of_rows",
            "tensor_dimensions",
            "cabac_unary_length_minus1",
            "cabac_offset_list",
            "dq_state_list",
            "bit_offset_delta1",
            "bit_offset_delta2",
        ),
    ),
    Cut(
        "codebook",
        lambda numbers: matrix(header(NNR_PT_FLOAT, "w", (4, 4)), 16, numbers),
        (
            "codebook_egk",
            "codebook_size",
            "codebook_zero_value",
            "codebook_delta_left",
            "codebook_delta_right",
        ),
    ),
    Cut("indexed", indexed([f"n{n}" for n in range(600)], [599]), ("topology_elem_id_index",)),
    Cut("partial", pieces(3), ("partial_data_counter",)),
    Cut(
        "aggregate",
        with_entry_points(opening(), [small("a"), small("b")]),
        (
            "nnr_aggregate_unit_type",
            "num_of_nnr_units_minus2",
            "nnr_unit_entry_point",
            "quant_bitdepth",
        ),
        level=Level.INFERRED,
    ),
    Cut(
        "pruning",
        _PRUNING,
        (
            "order_flag",
            "count_bits",
            "bit_mask_value",
        ),
        level=Level.INFERRED,
    ),
    Cut(
        "dictionary",
        _DICTIONARY,
        (
            "count_ids",
            "count_dims",
            "dim",
        ),
        level=Level.INFERRED,
    ),
    Cut(
        "mapping",
        mapped((300, 4), 1200, DimensionMapping(0, (200,), ((), ((1, 1),))), ("a", "b")),
        (
            "concatentation_axis_index",
            "split_index",
            "shift_index",
        ),
        level=Level.INFERRED,
    ),
)
"""Cuts of other units."""

RECIPES = (
    *chain.from_iterable(cut.recipes() for cut in (*START_CUTS, *CUTS, *MAP_CUTS)),
    map_counts("sparsification", "spm_count_thresholds", 255),
    map_counts("sparsification", "spm_count_classes", 255),
    map_counts("pruning", "ppm_count_pruning_ratios", 3),
    map_counts("pruning", "ppm_count_classes", 3),
    map_counts("unification", "count_super_block_dimension", 255),
    map_counts("unification", "count_block_dimension", 255),
    map_counts("decomposition", "dpm_count_thresholds", 3),
    map_counts("decomposition", "dpm_count_classes", 65535),
)
