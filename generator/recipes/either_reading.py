"""Streams that decode alike whichever choice of a disputed point is right, so that what they carry counts (clause 6)."""

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

    With as many entries as counted, the first map has one entry and the second none. With one fewer, the
    first has none, so that the second begins where that entry would: its count is 2, and its entry of one
    class ends where the other reading ends.
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
)
