"""NNR_MPS and NNR_LPS: model and layer parameter sets."""

from dataclasses import dataclass, field

from plain_decoder import maps
from plain_decoder.bits import Bits

NNR_QSU = 1
NNR_QCB = 2


@dataclass
class Quantization:
    """The quantization parameter in force and its density."""

    qp_density: int
    quantization_parameter: int


@dataclass
class Identification:
    """How an MPS of the second edition identifies its model; None for what is not sent."""

    base_model_id: str | None = None
    performance_metric_type: str | None = None
    validation_set_performance: float | None = None


@dataclass
class ParameterSet:
    """What an MPS or LPS leaves for the units after it.

    ``quantization`` is None where it sends no qp.
    """

    unification_flag: int
    topology_indexed_reference_flag: int
    quantization: Quantization | None
    maps: maps.PerformanceMaps
    parent_signalling_enabled_flag: int = 0
    pre_flag: int = 0
    identification: Identification = field(default_factory=Identification)


def _quantization(bits: Bits, quantization_method_flags: int) -> Quantization | None:
    if quantization_method_flags & (NNR_QSU | NNR_QCB) == 0:
        return None
    return Quantization(qp_density=bits.u(3), quantization_parameter=bits.i(13))


def model_parameter_set(bits: Bits, profile: int) -> ParameterSet:
    """Read an MPS payload to its byte_alignment()."""
    bits.u(1)  # topology_carriage_flag: an NNR_TPL unit is in the stream; decoding does not change
    mps_sparsification_flag = bits.u(1)
    mps_pruning_flag = bits.u(1)
    mps_unification_flag = bits.u(1)
    mps_decomposition_performance_map_flag = bits.u(1)
    mps_quantization_method_flags = bits.u(3)
    mps_topology_indexed_reference_flag = bits.u(1)
    identification = Identification()
    validation_set_performance_present_flag = mps_parent_signalling_enabled_flag = nnr_pre_flag = 0
    if profile == 0:
        bits.reserved_zero(7)
    else:
        base_model_id_present_flag = bits.u(1)
        validation_set_performance_present_flag = bits.u(1)
        metric_type_performance_map_valid_flag = bits.u(1)
        mps_parent_signalling_enabled_flag = bits.u(1)
        if mps_parent_signalling_enabled_flag:
            nnr_pre_flag = bits.u(1)
        else:
            bits.reserved_zero(1)
        bits.reserved_zero(2)
        if base_model_id_present_flag:
            identification.base_model_id = bits.st()
        if validation_set_performance_present_flag or metric_type_performance_map_valid_flag:
            identification.performance_metric_type = bits.st()
    quantization = _quantization(bits, mps_quantization_method_flags)
    performance = maps.PerformanceMaps()
    if mps_sparsification_flag:
        performance.sparsification = maps.sparsification_performance_map(bits)
    if mps_pruning_flag:
        performance.pruning = maps.pruning_performance_map(bits)
    if mps_unification_flag:
        performance.unification = maps.unification_performance_map(bits)
    if mps_decomposition_performance_map_flag:
        performance.decomposition = maps.decomposition_performance_map(bits)
    if validation_set_performance_present_flag:
        identification.validation_set_performance = bits.flt()
    bits.byte_alignment()
    return ParameterSet(
        mps_unification_flag,
        mps_topology_indexed_reference_flag,
        quantization,
        performance,
        mps_parent_signalling_enabled_flag,
        nnr_pre_flag,
        identification,
    )


def layer_parameter_set(bits: Bits) -> ParameterSet:
    """Read an LPS payload to its byte_alignment().

    How elements are referred to is the MPS's matter.
    """
    bits.reserved_zero(1)
    lps_sparsification_flag = bits.u(1)
    lps_pruning_flag = bits.u(1)
    lps_unification_flag = bits.u(1)
    lps_quantization_method_flags = bits.u(3)
    bits.reserved_zero(1)
    quantization = _quantization(bits, lps_quantization_method_flags)
    performance = maps.PerformanceMaps()
    if lps_sparsification_flag:
        performance.sparsification = maps.sparsification_performance_map(bits)
    if lps_pruning_flag:
        performance.pruning = maps.pruning_performance_map(bits)
    if lps_unification_flag:
        performance.unification = maps.unification_performance_map(bits)
    bits.byte_alignment()
    return ParameterSet(lps_unification_flag, 0, quantization, performance)
