"""NNR_STR, NNR_MPS and NNR_LPS, and the performance maps (clause 6).

The structures are unit headers and payloads.
"""

from typing import Final

from nnc_conformance.reference.interpretation import MapEntries, UnificationClassLoop
from nnc_conformance.reference.syntax.context import FIRST_EDITION_PROFILE, SECOND_EDITION_PROFILE, Quantization, StreamContext
from nnc_conformance.reference.syntax.walker import Walker

NNR_QSU: Final = 1
NNR_QCB: Final = 2
"""Bits of quantization_method_flags: uniform quantization, codebook."""


def nnr_start_unit_header(w: Walker, context: StreamContext) -> None:
    """Code the header of an NNR_STR, whose payload is empty."""
    profile = w.u("general_profile_idc", 8)
    known = profile in (FIRST_EDITION_PROFILE, SECOND_EDITION_PROFILE)
    w.require("profile", known, f"general_profile_idc is {profile}")
    context.profile = profile if known else FIRST_EDITION_PROFILE  # branch: 2024.profile-known


def nnr_layer_parameter_set_unit_header(w: Walker, context: StreamContext) -> None:
    """Code the header of an NNR_LPS."""
    context.lps_self_contained = bool(w.u("lps_self_contained_flag", 1))
    w.reserved(7)


def nnr_model_parameter_set(w: Walker, context: StreamContext) -> None:
    """Code the payload of an NNR_MPS; its settings stay in force in ``context``."""
    w.u("topology_carriage_flag", 1)
    sparsification = w.u("mps_sparsification_flag", 1)
    pruning = w.u("mps_pruning_flag", 1)
    unification = w.u("mps_unification_flag", 1)
    decomposition = w.u("mps_decomposition_performance_map_flag", 1)
    methods = w.u("mps_quantization_method_flags", 3)
    context.indexed_references = bool(w.u("mps_topology_indexed_reference_flag", 1))
    if context.second_edition:  # branch: 2024.mps
        model_and_updates(w, context)
    else:
        w.reserved(7)
    context.mps_quantization = None
    if methods & (NNR_QSU | NNR_QCB):  # branch: mps.quantization
        density = w.u("mps_qp_density", 3)
        context.mps_quantization = Quantization(density, w.i("mps_quantization_parameter", 13))
    performance_maps(w, sparsification, pruning, unification, decomposition)
    if w.values.get("validation_set_performance_present_flag"):  # branch: 2024.validation-set-performance
        w.flt("validation_set_performance")
    w.byte_alignment()
    context.mps_seen = True
    context.unification = bool(unification)


def model_and_updates(w: Walker, context: StreamContext) -> None:
    """Code the elements of an NNR_MPS that replace reserved bits in the second edition.

    They describe updates and the model.
    """
    model_id_present = w.u("base_model_id_present_flag", 1)
    performance_present = w.u("validation_set_performance_present_flag", 1)
    metric_valid = w.u("metric_type_performance_map_valid_flag", 1)
    context.parent_signalling = bool(w.u("mps_parent_signalling_enabled_flag", 1))
    context.pre = False
    if context.parent_signalling:  # branch: 2024.pre-flag
        context.pre = bool(w.u("nnr_pre_flag", 1))
    else:
        w.reserved(1, rule="mps-reserved")
    w.reserved(2, rule="mps-reserved")
    if model_id_present:  # branch: 2024.base-model-id
        w.st("base_model_id")
    if performance_present or metric_valid:  # branch: 2024.performance-metric-type (performance, maps)
        w.st("performance_metric_type")


def nnr_layer_parameter_set(w: Walker, context: StreamContext) -> None:
    """Code the payload of an NNR_LPS.

    It is in force for the NDUs up to the next one.
    """
    w.reserved(1, 0)
    sparsification = w.u("lps_sparsification_flag", 1)
    pruning = w.u("lps_pruning_flag", 1)
    unification = w.u("lps_unification_flag", 1)
    methods = w.u("lps_quantization_method_flags", 3)
    w.reserved(1, 1)
    context.lps_quantization = None
    if methods & (NNR_QSU | NNR_QCB):  # branch: lps.quantization
        density = w.u("lps_qp_density", 3)
        context.lps_quantization = Quantization(density, w.i("lps_quantization_parameter", 13))
    performance_maps(w, sparsification, pruning, unification, 0)
    w.byte_alignment()
    context.unification = bool(unification)


def performance_maps(w: Walker, sparsification: int, pruning: int, unification: int, decomposition: int) -> None:
    """Code the performance maps whose flag is 1, in the order of the arguments.

    Args:
        w: Reads or writes the elements.
        sparsification: The flag of the sparsification map; the others likewise.
        pruning: That of the pruning map.
        unification: That of the unification map.
        decomposition: That of the decomposition map.
    """
    if sparsification:  # branch: maps.sparsification
        sparsification_performance_map(w)
    if pruning:  # branch: maps.pruning
        pruning_performance_map(w)
    if unification:  # branch: maps.unification
        unification_performance_map(w)
    if decomposition:  # branch: maps.decomposition
        decomposition_performance_map(w)


def map_entries(w: Walker, count: int) -> range:
    """Return the range of a map's outer loop.

    It has ``count`` entries, or one fewer (disputed point ``map_entries``).
    """
    if w.interpretation.map_entries is MapEntries.COUNT:  # branch: map.entries-as-counted
        return range(count)
    w.require("map-entries", count > 0, "a map of 0 entries")
    return range(count - 1)


def sparsification_performance_map(w: Walker) -> None:
    """Code sparsification_performance_map(): an entry for each threshold.

    An entry has threshold, share of values not 0, and accuracies.
    """
    with w.structure("sparsification_performance_map", overrun_rule="map-count"):
        for i in map_entries(w, w.u("spm_count_thresholds", 8)):  # branch: map.sparsification.entries
            with w.structure("entry", i):
                w.flt("sparsification_threshold")
                w.flt("non_zero_ratio")
                w.flt("spm_nn_accuracy")
                classes = w.u("spm_count_classes", 8)
                w.ue("spm_class_bitmask", 7)
                for j in range(classes):  # branch: map.sparsification.classes
                    w.flt("spm_nn_class_accuracy", j)


def pruning_performance_map(w: Walker) -> None:
    """Code pruning_performance_map(): an entry for each pruning ratio, with accuracies."""
    with w.structure("pruning_performance_map", overrun_rule="map-count"):
        for i in map_entries(w, w.u("ppm_count_pruning_ratios", 8)):  # branch: map.pruning.entries
            with w.structure("entry", i):
                w.flt("pruning_ratio")
                w.flt("ppm_nn_accuracy")
                classes = w.u("ppm_count_classes", 8)
                w.ue("ppm_class_bitmask", 7)
                for j in range(classes):  # branch: map.pruning.classes
                    w.flt("ppm_nn_class_accuracy", j)


def unification_performance_map(w: Walker) -> None:
    """Code unification_performance_map(): accuracies by block sizes and threshold.

    The number of its class accuracies is a disputed point.
    """
    with w.structure("unification_performance_map", overrun_rule="map-count"):
        for i in map_entries(w, w.u("upm_count_thresholds", 8)):  # branch: map.unification.entries
            with w.structure("entry", i):
                for j in range(w.ue("count_reshaped_tensor_dimension", 1) - 1):  # branch: map.unification.reshaped-dimensions
                    w.ue("reshaped_tensor_dimensions", 7, j)
                w.byte_alignment()
                for j in range(w.u("count_super_block_dimension", 8) - 1):  # branch: map.unification.super-block-dimensions
                    w.u("super_block_dimensions", 8, j)
                for j in range(w.u("count_block_dimension", 8) - 1):  # branch: map.unification.block-dimensions
                    w.u("block_dimensions", 8, j)
                w.flt("unification_threshold")
                w.flt("upm_nn_accuracy")
                classes = w.u("upm_count_classes", 8)
                bitmask = w.ue("upm_class_bitmask", 7)
                by_count = w.interpretation.unification_class_loop is UnificationClassLoop.COUNT_CLASSES
                for j in range(classes if by_count else bitmask):  # branch: map.unification.classes, map.unification.classes-by-count
                    w.flt("upm_nn_class_accuracy", j)


def decomposition_performance_map(w: Walker) -> None:
    """Code decomposition_performance_map(): an entry for each threshold of the error.

    An entry has threshold, accuracies, and the share of parameters.
    """
    with w.structure("decomposition_performance_map", overrun_rule="map-count"):
        for i in map_entries(w, w.u("dpm_count_thresholds", 8)):  # branch: map.decomposition.entries
            with w.structure("entry", i):
                w.flt("mse_threshold")
                w.flt("dpm_nn_accuracy")
                w.flt("nn_reduction_ratio")
                for j in range(w.u("dpm_count_classes", 16)):  # branch: map.decomposition.classes
                    w.flt("dpm_nn_class_accuracy", j)
