"""Streams that decode alike whichever choice of a disputed point is right, so that what they carry
counts (clause 6).
"""

from typing import Final

import numpy as np

from nnc_conformance.generator.composition import SIXTEENTHS, opening
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import layer_parameter_set, topology_unit
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values

_DATA: Final = bytes(range(1, 40)) + b"\0"
"""A topology whose only zero byte is its last: a string, and the bytes up to the unit's end."""


def number(*data: int) -> np.float32:
    """Return the number of four bytes, little endian."""
    return np.float32(np.frombuffer(bytes(data), "<f4")[0])


def maps() -> dict[str, Values]:
    """Build two maps that fill the same bytes in two ways.

    With as many entries as counted, the first map has one entry and the second none. With one
    fewer, the first has none, so that the second begins where that entry would: its count is 2, and
    its entry of one class ends where the other reading ends.
    """
    entry = {
        "sparsification_threshold": number(2, 0, 0, 0x3E),
        "non_zero_ratio": number(0, 0, 0, 0x3F),
        "spm_nn_accuracy": number(0, 1, 0x83, 0x3E),
        "spm_count_classes": 0,
        "spm_class_bitmask": 1,
        "spm_nn_class_accuracy": [],
    }
    return {
        "sparsification": {"spm_count_thresholds": 1, "entry": [entry]},
        "pruning": {"ppm_count_pruning_ratios": 0, "entry": []},
    }


def _unification(left: int) -> Values:
    """Build a map of two entries for the end of a parameter set.

    Its entries end with as many classes as their bitmask says, so that either loop over classes
    reads them. ``left`` is the value of the first entry's first dimension.
    """
    first = {
        "count_reshaped_tensor_dimension": 3,
        "reshaped_tensor_dimensions": [left, 6],
        "count_super_block_dimension": 3,
        "super_block_dimensions": [7, 11],
        "count_block_dimension": 4,
        "block_dimensions": [5, 3, 9],
        "unification_threshold": number(1, 2, 3, 0x3D),
        "upm_nn_accuracy": number(4, 5, 6, 0x3F),
        "upm_count_classes": 2,
        "upm_class_bitmask": 2,
        "upm_nn_class_accuracy": [number(7, 8, 9, 0x3E), number(10, 11, 12, 0x3F)],
    }
    second = {
        **first,
        "count_reshaped_tensor_dimension": 2,
        "reshaped_tensor_dimensions": [130],
        "count_super_block_dimension": 1,
        "super_block_dimensions": [],
        "count_block_dimension": 2,
        "block_dimensions": [13],
        "upm_count_classes": 1,
        "upm_class_bitmask": 1,
        "upm_nn_class_accuracy": [number(13, 14, 15, 0x3E)],
    }
    return {"upm_count_thresholds": 2, "entry": [first, second]}


def _pruning(ratio: np.float32, accuracy: np.float32, *classes: np.float32) -> Values:
    """Build a pruning map of one entry.

    Args:
        ratio: pruning_ratio.
        accuracy: ppm_nn_accuracy.
        classes: ppm_nn_class_accuracy of each class.
    """
    entry = {
        "pruning_ratio": ratio,
        "ppm_nn_accuracy": accuracy,
        "ppm_count_classes": len(classes),
        "ppm_class_bitmask": 5,
        "ppm_nn_class_accuracy": list(classes),
    }
    return {"ppm_count_pruning_ratios": 1, "entry": [entry]}


def pruning_and_unification() -> dict[str, Values]:
    """Build two maps; with one entry fewer, the second begins in the first's entry.

    Its count is 3 there, its first entry has no reshaped dimensions and one dimension of super
    blocks, and takes 20 bytes for dimensions of blocks, up to the threshold of the entry meant.
    """
    return {
        "pruning": _pruning(number(3, 0xE0, 2, 0x3E), number(21, 1, 2, 0x3F), number(1, 2, 3, 0x3E)),
        "unification": _unification(4),
    }


def sparsification_and_unification() -> dict[str, Values]:
    """Return the values of a sparsification and a unification map.

    They fill bytes as in `pruning_and_unification`. Of the unification map, 24 bytes are dimensions
    of blocks.
    """
    entry = {
        "sparsification_threshold": number(3, 0xE0, 2, 0x3E),
        "non_zero_ratio": number(25, 1, 2, 0x3F),
        "spm_nn_accuracy": number(3, 4, 5, 0x3E),
        "spm_count_classes": 1,
        "spm_class_bitmask": 6,
        "spm_nn_class_accuracy": [number(6, 7, 8, 0x3E)],
    }
    return {"sparsification": {"spm_count_thresholds": 1, "entry": [entry]}, "unification": _unification(8)}


def pruning_and_decomposition() -> dict[str, Values]:
    """Build two maps; with one entry fewer, the second begins in the first's entry.

    Its count is 4 there. Its first two entries have no class: they end within the pruning map and
    within the nn_reduction_ratio of the first entry meant. Its third ends where the map does.
    """
    first = {
        "mse_threshold": number(1, 2, 3, 0x3D),
        "dpm_nn_accuracy": number(4, 5, 6, 0x3F),
        "nn_reduction_ratio": number(0, 0, 7, 0x3E),
        "dpm_count_classes": 2,
        "dpm_nn_class_accuracy": [number(8, 9, 10, 0x3E), number(11, 12, 13, 0x3E)],
    }
    second = {
        "mse_threshold": number(0, 4, 14, 0x3D),
        "dpm_nn_accuracy": number(15, 16, 17, 0x3F),
        "nn_reduction_ratio": number(18, 19, 20, 0x3E),
        "dpm_count_classes": 1,
        "dpm_nn_class_accuracy": [number(21, 22, 23, 0x3E)],
    }
    return {
        "pruning": _pruning(number(4, 1, 2, 0x3E), number(4, 5, 6, 0x3F), number(7, 8, 9, 0), number(0, 10, 11, 0x3E)),
        "decomposition": {"dpm_count_thresholds": 2, "entry": [first, second]},
    }


RECIPES = (
    Recipe(
        id="tpl-unrec-ended-by-zero",
        title="A topology of an unrecognized format, ended by a zero byte",
        tests="A topology that nothing refers to changes no parameter; its only zero byte is its last, so that both descriptors read it.",
        catches="A decoder that stops at an NNR_TPL other than NNR_TPL_REFLIST, or takes its payload for a list of ids.",
        clauses=("6 nnr_topology_unit_header", "6 nnr_topology_unit_payload"),
        units=lambda _: [
            *opening(topology_carriage=True),
            topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": _DATA}),
            small(),
        ],
    ),
    Recipe(
        id="map-either-count-mps",
        title="Performance maps in an MPS that read the same with either number of entries",
        tests="A sparsification map and a pruning map, in this order, fill the same bytes whichever number of entries is right.",
        catches="A decoder that stops at performance maps, reads them in another order, or a class bitmask in another length.",
        clauses=("6 sparsification_performance_map", "6 pruning_performance_map"),
        units=lambda _: [*opening(maps=maps()), small()],
    ),
    Recipe(
        id="map-either-count-lps",
        title="Performance maps in an LPS that read the same with either number of entries",
        tests="A sparsification map and a pruning map, in this order, fill the same bytes whichever number of entries is right.",
        catches="A decoder that reads no performance maps in an LPS.",
        clauses=("6 sparsification_performance_map", "6 pruning_performance_map", "6 nnr_layer_parameter_set"),
        units=lambda _: [*opening(), layer_parameter_set(SIXTEENTHS, maps=maps()), small()],
    ),
    Recipe(
        id="map-either-count-unification-mps",
        title="A pruning and a unification map in an MPS that read the same with either number of entries",
        tests="The bytes of both maps, two entries of the second among them, are filled whichever number of entries is right.",
        catches="A decoder that reads an element of the unification map in another length or order, or forgets the alignment within it.",
        clauses=("6 pruning_performance_map", "6 unification_performance_map"),
        units=lambda _: [*opening(maps=pruning_and_unification()), small()],
    ),
    Recipe(
        id="map-either-count-unification-lps",
        title="A sparsification and a unification map in an LPS, without a pruning map, that read the same with either number of entries",
        tests="lps_sparsification_flag is 1 and lps_pruning_flag 0; both maps are filled whichever number of entries is right.",
        catches="A decoder that takes the flags of an LPS in another order, or reads its unification map otherwise.",
        clauses=("6 sparsification_performance_map", "6 unification_performance_map", "6 nnr_layer_parameter_set"),
        units=lambda _: [*opening(), layer_parameter_set(SIXTEENTHS, maps=sparsification_and_unification()), small()],
    ),
    Recipe(
        id="map-either-count-decomposition",
        title="A pruning and a decomposition map that read the same with either number of entries",
        tests="The bytes of both maps, two entries of the second among them, are filled whichever number of entries is right.",
        catches="A decoder that reads dpm_count_classes in another length, or a decomposition map where an MPS has none.",
        clauses=("6 pruning_performance_map", "6 decomposition_performance_map"),
        units=lambda _: [*opening(maps=pruning_and_decomposition()), small()],
    ),
)
