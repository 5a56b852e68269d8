"""Makes the values of units for the writer, from their contents.

It is the counterpart of `payload` (clause 6).

Nothing is decided here: indexes, parameter sets, qp and every flag are given. What follows from
them (codebook deltas, entry points, the codeword) is derived.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from nnc_conformance.reference.entropy.codeword import decode_codeword, encode_codeword
from nnc_conformance.reference.entropy.coding import NO_HISTORY, CodedTensor, TensorCoding, TensorHistory, TensorToCode
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    DEFAULT_UNARY_LENGTH,
    ICNN_NDU_ID,
    ICNN_NDU_PL_SHA256,
    Codebook,
    DataUnitHeader,
    DimensionMapping,
    NodeId,
    ParentNode,
    UpdateSignalling,
)
from nnc_conformance.reference.syntax.structures.parameter_sets import NNR_QSU
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_LPS, NNR_MPS, NNR_NDU, NNR_QNT, NNR_STR, NNR_TPL
from nnc_conformance.reference.syntax.walker import Values

MAP_COUNTS: Final = {
    "sparsification": "spm_count_thresholds",
    "pruning": "ppm_count_pruning_ratios",
    "unification": "upm_count_thresholds",
    "decomposition": "dpm_count_thresholds",
}
"""The element that counts the entries of a performance map, by the kind of map."""


@dataclass(frozen=True)
class TensorContent:
    """The content of one coded tensor: indexes of any shape, doubled with dq_flag.

    qp_delta; parameter sets.

    ``history``, ``hdsp`` and ``skipped`` are those of `TensorToCode` (second edition).
    """

    indexes: np.ndarray
    qp_delta: int = 0
    parameter_sets: np.ndarray | Literal["default", "search", "sample"] = "default"
    history: TensorHistory = NO_HISTORY
    hdsp: bool = False
    skipped: np.ndarray | None = None


@dataclass(frozen=True)
class HeaderForm:
    """The choices in writing an NDU that do not change its meaning.

    ``codebook_egk`` None: the order that makes the codebook shortest. ``unary_length_present``
    None: where the length is not the default. ``input_parameters`` False: no dimensions, no
    parameter types, the default length. ``reference_list``: ids travel as indexes into it.
    """

    dimensions_present: bool = True
    input_parameters: bool = True
    unary_length_present: bool | None = None
    codebook_egk: int | None = None
    reference_list: Sequence[str] | None = None


def unit(unit_type: int, header: Values | None = None, payload: Values | None = None, **common: int) -> Values:
    """Return the values of an nnr_unit().

    Args:
        unit_type: nnr_unit_type.
        header: Values of the header that belong to the type.
        payload: Values of the payload.
        **common: Elements that any unit may have: nnr_unit_size and its flag,
            independently_decodable_flag, partial_data_counter.
    """
    size = {name: value for name, value in common.items() if name.startswith("nnr_unit_size")}
    counter = {"partial_data_counter": common["partial_data_counter"]} if "partial_data_counter" in common else {}
    return {
        **size,
        "nnr_unit_header": {
            "nnr_unit_type": unit_type,
            "independently_decodable_flag": common.get("independently_decodable_flag", 0),
            "partial_data_counter_present_flag": int(bool(counter)),
            **counter,
            **(header or {}),
        },
        "nnr_unit_payload": payload or {},
    }


def start_unit(general_profile_idc: int = 0, **common: int) -> Values:
    """Return an NNR_STR."""
    return unit(NNR_STR, {"general_profile_idc": general_profile_idc}, None, **common)


def model_parameter_set(
    quantization: Quantization | None,
    *,
    method_flags: int | None = None,
    topology_carriage: bool = False,
    indexed_references: bool = False,
    maps: Mapping[str, Values] | None = None,
    parent_signalling: bool = False,
    pre: bool = False,
    **common: int,
) -> Values:
    """Return an NNR_MPS.

    Args:
        quantization: The qp of the stream; None for none.
        method_flags: mps_quantization_method_flags; by default NNR_QSU if there is a qp.
        topology_carriage: topology_carriage_flag.
        indexed_references: mps_topology_indexed_reference_flag.
        maps: Values of performance maps by kind (`MAP_COUNTS`).
        parent_signalling: mps_parent_signalling_enabled_flag (second edition).
        pre: nnr_pre_flag (second edition).
        **common: Arguments of `unit`.
    """
    maps = maps or {}
    flags = (NNR_QSU if quantization else 0) if method_flags is None else method_flags
    payload: Values = {
        "topology_carriage_flag": int(topology_carriage),
        "mps_sparsification_flag": int("sparsification" in maps),
        "mps_pruning_flag": int("pruning" in maps),
        "mps_unification_flag": int("unification" in maps),
        "mps_decomposition_performance_map_flag": int("decomposition" in maps),
        "mps_quantization_method_flags": flags,
        "mps_topology_indexed_reference_flag": int(indexed_references),
        "base_model_id_present_flag": 0,
        "validation_set_performance_present_flag": 0,
        "metric_type_performance_map_valid_flag": 0,
        "mps_parent_signalling_enabled_flag": int(parent_signalling),
        "nnr_pre_flag": int(pre),
        **{f"{kind}_performance_map": values for kind, values in maps.items()},
    }
    if quantization:
        payload |= {"mps_qp_density": quantization.qp_density, "mps_quantization_parameter": quantization.quantization_parameter}
    return unit(NNR_MPS, None, payload, **common)


def layer_parameter_set(
    quantization: Quantization | None,
    *,
    method_flags: int | None = None,
    self_contained: bool = False,
    maps: Mapping[str, Values] | None = None,
    **common: int,
) -> Values:
    """Return an NNR_LPS.

    Args:
        quantization: The qp for the units that follow; None for none.
        method_flags: lps_quantization_method_flags; by default NNR_QSU if there is a qp.
        self_contained: lps_self_contained_flag.
        maps: Values of performance maps by kind: sparsification, pruning or unification.
        **common: Arguments of `unit`.
    """
    maps = maps or {}
    flags = (NNR_QSU if quantization else 0) if method_flags is None else method_flags
    payload: Values = {
        "lps_sparsification_flag": int("sparsification" in maps),
        "lps_pruning_flag": int("pruning" in maps),
        "lps_unification_flag": int("unification" in maps),
        "lps_quantization_method_flags": flags,
        **{f"{kind}_performance_map": values for kind, values in maps.items()},
    }
    if quantization:
        payload |= {"lps_qp_density": quantization.qp_density, "lps_quantization_parameter": quantization.quantization_parameter}
    return unit(NNR_LPS, {"lps_self_contained_flag": int(self_contained)}, payload, **common)


def topology_unit(storage_format: int, compression_format: int, payload: Values, **common: int) -> Values:
    """Return an NNR_TPL.

    Args:
        storage_format: topology_storage_format.
        compression_format: topology_compression_format; it must be that of the data.
        payload: topology_data, a topology_elements_ids_list or an nnr_pruning_topology_container.
        **common: Arguments of `unit`.
    """
    header = {"topology_storage_format": storage_format, "topology_compression_format": compression_format}
    return unit(NNR_TPL, header, payload, **common)


def quantization_unit(storage_format: int, compression_format: int, data: bytes, **common: int) -> Values:
    """Return the values of an NNR_QNT.

    Args:
        storage_format: quantization_storage_format.
        compression_format: quantization_compression_format; it must be that of ``data``.
        data: quantization_data, compressed already if the format says so.
        common: Elements of the unit header that all units have, by name.
    """
    header = {"quantization_storage_format": storage_format, "quantization_compression_format": compression_format}
    return unit(NNR_QNT, header, {"quantization_data": data}, **common)


def ids_list(ids: Sequence[str], reference_list: Sequence[str] | None = None) -> Values:
    """Return the values of a topology_elements_ids_list().

    Args:
        ids: The ids, at least two.
        reference_list: If given, ids are coded as indexes into this list.
    """
    listed: Values = (
        {"topology_elem_id_list": list(ids)}
        if reference_list is None
        else {"topology_elem_id_index_list": [list(reference_list).index(name) for name in ids]}
    )
    return {"count_topology_elements_minus2": len(ids) - 2, **listed}


def golomb_length(value: int, k: int) -> int:
    """Return the number of bits of ue(k)."""
    return 2 * ((value >> k) + 1).bit_length() - 1 + k


def codebook_structure(codebook: Codebook, egk: int | None = None) -> Values:
    """Return the values of codebook().

    Args:
        codebook: The codebook.
        egk: codebook_egk, the order of its code; None for the one that makes it shortest.
    """
    values = [int(value) for value in codebook.values]
    zero = codebook.zero_offset
    left = [values[j] - values[j - 1] - 1 for j in range(zero, 0, -1)]
    right = [values[j] - values[j - 1] - 1 for j in range(zero + 1, len(values))]
    if egk is None:
        egk = min(range(16), key=lambda k: sum(golomb_length(delta, k) for delta in left + right))
    return {
        "codebook_egk": egk,
        "codebook_size": len(values),
        "codebook_centre_offset": zero - (len(values) >> 1),
        "codebook_zero_value": values[zero],
        "codebook_delta_left": left,
        "codebook_delta_right": right,
    }


def mapping_structure(mapping: DimensionMapping) -> Values:
    """Return the values of topology_tensor_dimension_mapping()."""
    return {
        "concatentation_axis_index": mapping.axis,
        "split_index": list(mapping.split_indexes),
        "tensor": [
            {"number_of_shifts": len(shifts), "shift_index": [a for a, _ in shifts], "shift_value": [n for _, n in shifts]}
            for shifts in mapping.shifts
        ],
    }


def entry_point_values(tensors: Sequence[CodedTensor], *, dq_flag: bool) -> Values:
    """Return the entry point list of the weight, or of G and H (clause 10).

    It holds the first block row's length, then changes.
    """
    lengths = []
    for tensor in tensors:
        positions = [tensor.first_bit, *(point.bit_position for point in tensor.entry_points)]
        lengths += [b - a for a, b in pairwise(positions)]
    points = [point for tensor in tensors for point in tensor.entry_points]
    values: Values = {"cabac_offset_list": [point.cabac_offset for point in points]}
    if dq_flag:
        values["dq_state_list"] = [point.dq_state for point in points]
    if lengths:
        values["bit_offset_delta1"] = lengths[0]
        values["bit_offset_delta2"] = [b - a for a, b in pairwise(lengths)]
    return values


def to_code(content: TensorContent, coding: TensorCoding) -> TensorToCode:
    """Return the encoder's input for the content of a tensor."""
    indexes = content.indexes.reshape(-1)
    return TensorToCode(coding, indexes, content.qp_delta, content.parameter_sets, content.history, content.hdsp, content.skipped)


def coded_payload(header: DataUnitHeader, tensors: Mapping[str, TensorContent], interpretation: Interpretation) -> tuple[bytes, Values]:
    """Encode a unit's tensors; return the codeword and the values of its entry point list.

    Scan order 0 needs no list, whose values are then empty.

    Args:
        header: The header of the unit.
        tensors: The indexes and tools of each tensor, by id.
        interpretation: The choices at disputed points.
    """
    parts = coded_parts(header)
    jobs = []
    for part in parts:
        jobs.append(to_code(tensors[part.id], coding_of(part, header, interpretation)))
    codeword = encode_codeword(jobs)
    if header.scan_order == 0:
        return codeword, {}
    decoded = decode_codeword(codeword, [job.coding for job in jobs], histories=[job.history for job in jobs])
    weights = [tensor for part, tensor in zip(parts, decoded.tensors, strict=True) if part.is_weight]
    return codeword, entry_point_values(weights, dq_flag=header.dq_flag)


def data_unit(
    header: DataUnitHeader,
    tensors: Mapping[str, TensorContent] | np.ndarray,
    *,
    form: HeaderForm | None = None,
    interpretation: Interpretation | None = None,
    **common: int,
) -> Values:
    """Return an NNR_NDU.

    Args:
        header: Its header; the entry points in it are ignored, as they follow from the codeword.
        tensors: Indexes and tools by id, or the float32 array of an NNR_PT_RAW_FLOAT.
        form: Choices in writing the header; by default those of `HeaderForm`.
        interpretation: The choices at disputed points; by default those of `Interpretation`.
        **common: Arguments of `unit`.

    Raises:
        EncodeError: For tensors that cannot be coded.
    """
    form = form or HeaderForm()
    if isinstance(tensors, np.ndarray):
        payload: Values = {"raw_float32_parameter": np.ascontiguousarray(tensors, dtype="<f4").tobytes()}
        entry_points: Values = {}
    else:
        codeword, entry_points = coded_payload(header, tensors, interpretation or Interpretation())
        payload = {"cabac_codeword": codeword}
    return unit(NNR_NDU, header_values(header, form) | entry_points, payload, **common)


def header_values(header: DataUnitHeader, form: HeaderForm) -> Values:
    """Return the values of an NDU header without its entry points.

    The writer ignores values that the structure does not need.
    """
    multiple = len(header.ids) > 1
    values: Values = {
        "nnr_compressed_data_unit_payload_type": header.payload_type,
        "nnr_multiple_topology_elements_present_flag": int(multiple),
        "nnr_decompressed_data_format_present_flag": int(header.data_format is not None),
        "input_parameters_present_flag": int(form.input_parameters),
        "codebook_present_flag": int(header.codebook is not None),
        "dq_flag": int(header.dq_flag),
        "nnr_decompressed_data_format": header.data_format,
        "scan_order": header.scan_order,
        "first_tensor_dimension_shift": header.dimension_shift,
    }
    if multiple:
        values["topology_elements_ids_list"] = ids_list(header.ids, form.reference_list)
    elif form.reference_list is not None:
        values["topology_elem_id_index"] = list(form.reference_list).index(header.ids[0])
    else:
        values["topology_elem_id"] = header.ids[0]
    if header.codebook is not None:
        values["codebook"] = codebook_structure(header.codebook, form.codebook_egk)
    if header.codebook_dc is not None:
        values["codebook_dc"] = codebook_structure(header.codebook_dc, form.codebook_egk)
    if header.mapping is not None:
        values["topology_tensor_dimension_mapping"] = mapping_structure(header.mapping)
    if header.update is not None:
        values |= update_values(header.update)
    present = header.unary_length != DEFAULT_UNARY_LENGTH if form.unary_length_present is None else form.unary_length_present
    return values | {
        "tensor_dimensions_flag": int(form.dimensions_present),
        "cabac_unary_length_flag": int(present),
        "compressed_parameter_types": header.parameter_types,
        "decomposition_rank": header.decomposition_rank,
        "g_number_of_rows": header.g_number_of_rows,
        "count_tensor_dimensions": len(header.dimensions),
        "tensor_dimensions": list(header.dimensions),
        "cabac_unary_length_minus1": header.unary_length - 1,
    }


def update_values(update: UpdateSignalling) -> Values:
    """Return the values of node id, parent id and temporal_context_modeling_flag."""
    values: Values = {
        "node_id_present_flag": int(update.node_id is not None),
        "parent_node_id_present_flag": int(update.parent_id is not None),
        "temporal_context_modeling_flag": int(update.tca),
    }
    if update.node_id is not None:
        values |= node_values(update.node_id)
    return values if update.parent_id is None else values | parent_values(update.parent_id)


def node_values(node: NodeId) -> Values:
    """Return the values of a node id."""
    return {"device_id": node.device_id, "parameter_id": node.parameter_id, "put_node_depth": node.put_node_depth}


def parent_values(parent: ParentNode) -> Values:
    """Return the values of a parent id."""
    if parent.id_type == ICNN_NDU_ID:
        return {"parent_node_id_type": parent.id_type, "parent_device_id": parent.device_id}
    digest = "parent_node_payload_sha256" if parent.id_type == ICNN_NDU_PL_SHA256 else "parent_node_payload_sha512"
    return {"parent_node_id_type": parent.id_type, digest: int.from_bytes(parent.digest or b"", "big")}


def aggregate_unit(
    units: Sequence[Values], sizes: Sequence[int] | None = None, *, unification: bool = False, quant_bitdepth: int = 0, **common: int
) -> Values:
    """Return an NNR_AGG [I].

    Args:
        units: The values of the units in it.
        sizes: Their sizes in bytes, to add entry points; None for none.
        unification: Whether the parameter sets have a unification map, which adds elements.
        quant_bitdepth: quant_bitdepth of each unit, if there is such a map.
        **common: Arguments of `unit`.
    """
    coding: Values = {"quant_bitdepth": quant_bitdepth} | ({"ctu_scan_order": 0} if unification else {})
    header: Values = {
        "nnr_aggregate_unit_type": 0,
        "entry_points_present_flag": int(sizes is not None),
        "num_of_nnr_units_minus2": len(units) - 2,
        "nnr_unit_coding": [dict(coding) for _ in units],
    }
    if sizes is not None:
        starts = [sum(sizes[:i]) for i in range(len(units))]
        types = [inner["nnr_unit_header"]["nnr_unit_type"] for inner in units]
        header["nnr_unit_entry"] = [
            {"nnr_unit_type": kind, "nnr_unit_entry_point": start} for kind, start in zip(types, starts, strict=True)
        ]
    return unit(NNR_AGG, header, {"nnr_unit": list(units)}, **common)


def split_unit(whole: Values, payload: bytes, pieces: Sequence[int]) -> list[Values]:
    """Split a unit into partial data, one unit for each piece of its payload.

    Args:
        whole: The values of the unit.
        payload: The bytes of its payload.
        pieces: Byte positions at which to cut the payload.
    """
    cuts = [0, *pieces, len(payload)]
    units = []
    for number, (start, stop) in enumerate(pairwise(cuts)):
        header = whole["nnr_unit_header"] | {"partial_data_counter_present_flag": 1, "partial_data_counter": len(pieces) - number}
        units.append({**whole, "nnr_unit_header": header, "nnr_unit_payload": {"partial_data": payload[start:stop]}})
    return units


def simple_header(
    payload_type: int, name: str, dimensions: tuple[int, ...], quantization: Quantization | None, *, dq_flag: bool = False
) -> DataUnitHeader:
    """Return the header of a data unit with one tensor and no further tool.

    Args:
        payload_type: The payload type.
        name: Id of the tensor.
        dimensions: Its dimensions.
        quantization: The qp in force; None for none.
        dq_flag: Whether dependent quantization is used.
    """
    return DataUnitHeader(
        payload_type, (name,), dimensions, dq_flag, None, None, None, DEFAULT_UNARY_LENGTH, 0, 0, 0, 0, (), None, quantization
    )  # fmt: skip
