"""The four performance maps of a parameter set."""

from dataclasses import dataclass, field

from plain_decoder.bits import Bits
from plain_decoder.errors import PlainError

Row = dict[str, int | float | list[int] | list[float]]


@dataclass
class PerformanceMaps:
    """The entries of each map, by element name; a map that is not sent has none."""

    sparsification: list[Row] = field(default_factory=list)
    pruning: list[Row] = field(default_factory=list)
    unification: list[Row] = field(default_factory=list)
    decomposition: list[Row] = field(default_factory=list)


def _entries(bits: Bits, count: int) -> range:
    """The outer loop of a map: disputed, ``count`` entries or one less."""
    if bits.switches["map_entries"] == "count":
        return range(count)
    if count == 0:
        raise PlainError("value", "a performance map counts 0 where count - 1 entries are read")
    return range(count - 1)


def sparsification_performance_map(bits: Bits) -> list[Row]:
    """Read the map of the sparsification tools."""
    rows: list[Row] = []
    for _ in _entries(bits, bits.u(8)):
        row: Row = {}
        row["sparsification_threshold"] = bits.flt()
        row["non_zero_ratio"] = bits.flt()
        row["spm_nn_accuracy"] = bits.flt()
        spm_count_classes = bits.u(8)
        row["spm_class_bitmask"] = bits.ue(7)
        row["spm_nn_class_accuracy"] = [bits.flt() for _ in range(spm_count_classes)]
        rows.append(row)
    return rows


def pruning_performance_map(bits: Bits) -> list[Row]:
    """Read the map of the pruning tools."""
    rows: list[Row] = []
    for _ in _entries(bits, bits.u(8)):
        row: Row = {}
        row["pruning_ratio"] = bits.flt()
        row["ppm_nn_accuracy"] = bits.flt()
        ppm_count_classes = bits.u(8)
        row["ppm_class_bitmask"] = bits.ue(7)
        row["ppm_nn_class_accuracy"] = [bits.flt() for _ in range(ppm_count_classes)]
        rows.append(row)
    return rows


def unification_performance_map(bits: Bits) -> list[Row]:
    """Read the map of parameter unification.

    The sheet gives its three lists of dimensions count - 1 entries.
    """
    rows: list[Row] = []
    for _ in _entries(bits, bits.u(8)):
        row: Row = {}
        count_reshaped_tensor_dimension = bits.ue(1)
        row["reshaped_tensor_dimensions"] = [bits.ue(7) for _ in range(count_reshaped_tensor_dimension - 1)]
        bits.byte_alignment()
        count_super_block_dimension = bits.u(8)
        row["super_block_dimensions"] = [bits.u(8) for _ in range(count_super_block_dimension - 1)]
        count_block_dimension = bits.u(8)
        row["block_dimensions"] = [bits.u(8) for _ in range(count_block_dimension - 1)]
        row["unification_threshold"] = bits.flt()
        row["upm_nn_accuracy"] = bits.flt()
        upm_count_classes = bits.u(8)
        upm_class_bitmask = bits.ue(7)
        row["upm_class_bitmask"] = upm_class_bitmask
        classes = upm_count_classes if bits.switches["unification_class_loop"] == "upm_count_classes" else upm_class_bitmask
        row["upm_nn_class_accuracy"] = [bits.flt() for _ in range(classes)]
        rows.append(row)
    return rows


def decomposition_performance_map(bits: Bits) -> list[Row]:
    """Read the map of low-rank decomposition."""
    rows: list[Row] = []
    for _ in _entries(bits, bits.u(8)):
        row: Row = {}
        row["mse_threshold"] = bits.flt()
        row["dpm_nn_accuracy"] = bits.flt()
        row["nn_reduction_ratio"] = bits.flt()
        dpm_count_classes = bits.u(16)
        row["dpm_nn_class_accuracy"] = [bits.flt() for _ in range(dpm_count_classes)]
        rows.append(row)
    return rows
