"""The registry of syntax elements.

It has a row for each, with clause, structure, descriptor, constraint and provenance.

Structures name the elements and say when they are present; what is true of an element wherever it
stands is said here. Rows are in the order of the sheet. Descriptors with several lengths name them
with a bar: ``u(15|31)``.

``edition`` is 2024 for elements that only streams with general_profile_idc 1 have.
"""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.syntax.rules import Provenance

FIRST_EDITION: Final = 2022
SECOND_EDITION: Final = 2024
"""Years of the editions of ISO/IEC 15938-17."""


@dataclass(frozen=True)
class ElementRow:
    """A syntax element.

    ``constraint``: the values allowed in a valid stream, in words; empty if all are.
    """

    name: str
    clause: str
    structure: str
    descriptor: str
    constraint: str
    provenance: Provenance
    edition: int = FIRST_EDITION


_ROWS: Final = """
nnr_unit | nnr_unit_size_flag | u(1) | | V
nnr_unit | nnr_unit_size | u(15|31) | covers its own field and header | V
nnr_unit_header | nnr_unit_type | u(6) | 0..6 | V
nnr_unit_header | independently_decodable_flag | u(1) | | V
nnr_unit_header | partial_data_counter_present_flag | u(1) | | V
nnr_unit_header | partial_data_counter | u(8) | falls by one to 0 within a set | P
nnr_unit_header | skipped_unit_data | bs(v) | | P
nnr_start_unit_header | general_profile_idc | u(8) | 0; 1 in the second edition | V
nnr_layer_parameter_set_unit_header | lps_self_contained_flag | u(1) | | V
nnr_topology_unit_header | topology_storage_format | u(8) | 0..6 | V
nnr_topology_unit_header | topology_compression_format | u(8) | 0..1 | V
nnr_quantization_unit_header | quantization_storage_format | u(8) | 0..6 | V
nnr_quantization_unit_header | quantization_compression_format | u(8) | 0..1 | V
nnr_model_parameter_set | topology_carriage_flag | u(1) | | V
nnr_model_parameter_set | mps_sparsification_flag | u(1) | | V
nnr_model_parameter_set | mps_pruning_flag | u(1) | | V
nnr_model_parameter_set | mps_unification_flag | u(1) | | V
nnr_model_parameter_set | mps_decomposition_performance_map_flag | u(1) | | V
nnr_model_parameter_set | mps_quantization_method_flags | u(3) | bits 1 NNR_QSU, 2 NNR_QCB | V
nnr_model_parameter_set | mps_topology_indexed_reference_flag | u(1) | | V
nnr_model_parameter_set | mps_qp_density | u(3) | | V
nnr_model_parameter_set | mps_quantization_parameter | i(13) | | V
nnr_layer_parameter_set | lps_sparsification_flag | u(1) | | V
nnr_layer_parameter_set | lps_pruning_flag | u(1) | | V
nnr_layer_parameter_set | lps_unification_flag | u(1) | | V
nnr_layer_parameter_set | lps_quantization_method_flags | u(3) | bits 1 NNR_QSU, 2 NNR_QCB | V
nnr_layer_parameter_set | lps_qp_density | u(3) | | V
nnr_layer_parameter_set | lps_quantization_parameter | i(13) | | V
sparsification_performance_map | spm_count_thresholds | u(8) | | V
sparsification_performance_map | sparsification_threshold | flt(32) | | V
sparsification_performance_map | non_zero_ratio | flt(32) | | V
sparsification_performance_map | spm_nn_accuracy | flt(32) | | V
sparsification_performance_map | spm_count_classes | u(8) | | V
sparsification_performance_map | spm_class_bitmask | ue(7) | | V
sparsification_performance_map | spm_nn_class_accuracy | flt(32) | | V
pruning_performance_map | ppm_count_pruning_ratios | u(8) | | V
pruning_performance_map | pruning_ratio | flt(32) | | V
pruning_performance_map | ppm_nn_accuracy | flt(32) | | V
pruning_performance_map | ppm_count_classes | u(8) | | V
pruning_performance_map | ppm_class_bitmask | ue(7) | | V
pruning_performance_map | ppm_nn_class_accuracy | flt(32) | | V
unification_performance_map | upm_count_thresholds | u(8) | | V
unification_performance_map | count_reshaped_tensor_dimension | ue(1) | | V
unification_performance_map | reshaped_tensor_dimensions | ue(7) | | V
unification_performance_map | count_super_block_dimension | u(8) | | V
unification_performance_map | super_block_dimensions | u(8) | | V
unification_performance_map | count_block_dimension | u(8) | | V
unification_performance_map | block_dimensions | u(8) | | V
unification_performance_map | unification_threshold | flt(32) | | V
unification_performance_map | upm_nn_accuracy | flt(32) | | V
unification_performance_map | upm_count_classes | u(8) | | V
unification_performance_map | upm_class_bitmask | ue(7) | | V
unification_performance_map | upm_nn_class_accuracy | flt(32) | | V
decomposition_performance_map | dpm_count_thresholds | u(8) | | V
decomposition_performance_map | mse_threshold | flt(32) | | V
decomposition_performance_map | dpm_nn_accuracy | flt(32) | | V
decomposition_performance_map | nn_reduction_ratio | flt(32) | | V
decomposition_performance_map | dpm_count_classes | u(16) | | V
decomposition_performance_map | dpm_nn_class_accuracy | flt(32) | | V
nnr_topology_unit_payload | topology_data | bs(v) | inflates whole when deflated | V
nnr_quantization_unit_payload | quantization_data | bs(v) | inflates whole when deflated | V
topology_elements_ids_list | count_topology_elements_minus2 | ue(7) | | V
topology_elements_ids_list | topology_elem_id_list | st(v) | UTF-8 | V
topology_elements_ids_list | topology_elem_id_index_list | ue(7) | below the length of the REFLIST | V
nnr_pruning_topology_container | nnr_rep_type | u(2) | 0..1 | I
nnr_pruning_topology_container | prune_flag | u(1) | | I
nnr_pruning_topology_container | order_flag | u(1) | | I
nnr_pruning_topology_container | sparse_flag | u(1) | | I
nnr_pruning_topology_container | count_ids | u(8) | | I
nnr_pruning_topology_container | element_id | st(v) | UTF-8 | I
nnr_pruning_topology_container | element_id_index | ue(7) | below the length of the REFLIST | I
nnr_pruning_topology_container | count_dims | ue(1) | | I
nnr_pruning_topology_container | dim | ue(7) | | I
bit_mask | count_bits | u(32) | | I
bit_mask | bit_mask_value | u(1) | | I
nnr_compressed_data_unit_header | nnr_compressed_data_unit_payload_type | u(5) | 0..3 | V
nnr_compressed_data_unit_header | nnr_multiple_topology_elements_present_flag | u(1) | 1 in a BLOCK | V
nnr_compressed_data_unit_header | nnr_decompressed_data_format_present_flag | u(1) | | V
nnr_compressed_data_unit_header | input_parameters_present_flag | u(1) | | V
nnr_compressed_data_unit_header | topology_elem_id_index | ue(7) | below the length of the REFLIST | V
nnr_compressed_data_unit_header | topology_elem_id | st(v) | UTF-8 | V
nnr_compressed_data_unit_header | codebook_present_flag | u(1) | | V
nnr_compressed_data_unit_header | dq_flag | u(1) | | V
nnr_compressed_data_unit_header | nnr_decompressed_data_format | u(7) | 0..9 | P
nnr_compressed_data_unit_header | tensor_dimensions_flag | u(1) | | V
nnr_compressed_data_unit_header | cabac_unary_length_flag | u(1) | | V
nnr_compressed_data_unit_header | compressed_parameter_types | u(4) | bits 1 DC, 2 LS, 4 BN, 8 BI | V
nnr_compressed_data_unit_header | decomposition_rank | ue(3) | at least 1 | P
nnr_compressed_data_unit_header | g_number_of_rows | ue(3) | at least 1, divides the product of the dimensions | P
nnr_compressed_data_unit_header | count_tensor_dimensions | ue(1) | at least 1 | V
nnr_compressed_data_unit_header | tensor_dimensions | ue(7) | at least 1 | V
nnr_compressed_data_unit_header | cabac_unary_length_minus1 | u(8) | | V
nnr_compressed_data_unit_header | scan_order | u(4) | 0..4 | V
nnr_compressed_data_unit_header | cabac_offset_list | u(8) | as sequential decoding finds it | V
nnr_compressed_data_unit_header | dq_state_list | u(3) | as sequential decoding finds it | V
nnr_compressed_data_unit_header | bit_offset_delta1 | ue(11) | as sequential decoding finds it | V
nnr_compressed_data_unit_header | bit_offset_delta2 | ie(7) | as sequential decoding finds it | V
topology_tensor_dimension_mapping | concatentation_axis_index | u(8) | below the number of dimensions | I
topology_tensor_dimension_mapping | split_index | ue(7) | rises, below the axis | I
topology_tensor_dimension_mapping | number_of_shifts | ue(1) | | I
topology_tensor_dimension_mapping | shift_index | ue(7) | below the number of dimensions | I
topology_tensor_dimension_mapping | shift_value | ue(1) | | I
codebook | codebook_egk | u(4) | | V
codebook | codebook_size | ue(2) | at least 1 | V
codebook | codebook_centre_offset | ie(2) | CbZeroOffset lies in the codebook | V
codebook | codebook_zero_value | ie(7) | | V
codebook | codebook_delta_left | ue(0..15) | values fit int32 | V
codebook | codebook_delta_right | ue(0..15) | values fit int32 | V
nnr_compressed_data_unit_payload | raw_float32_parameter | bs(v) | 4 bytes an element | V
nnr_compressed_data_unit_payload | cabac_codeword | bs(v) | | V
nnr_aggregate_unit_header | nnr_aggregate_unit_type | u(8) | 0 | I
nnr_aggregate_unit_header | entry_points_present_flag | u(1) | | I
nnr_aggregate_unit_header | num_of_nnr_units_minus2 | u(16) | | I
nnr_aggregate_unit_header | nnr_unit_entry_point | u(34) | the start of a unit | I
nnr_aggregate_unit_header | quant_bitdepth | u(5) | | I
nnr_aggregate_unit_header | ctu_scan_order | u(1) | | I
any | partial_data | bs(v) | | P
any | nnr_reserved_zero_1bit | u(1) | 0 | V
any | nnr_reserved_zero_3bits | u(3) | 0 | I
any | nnr_reserved_zero_7bits | u(7) | 0 | V
any | byte_alignment | u(1..8) | one bit 1, then zeros | V
"""

_ROWS_2024: Final = """
nnr_model_parameter_set | base_model_id_present_flag | u(1) | | V
nnr_model_parameter_set | validation_set_performance_present_flag | u(1) | | V
nnr_model_parameter_set | metric_type_performance_map_valid_flag | u(1) | | V
nnr_model_parameter_set | mps_parent_signalling_enabled_flag | u(1) | | V
nnr_model_parameter_set | nnr_pre_flag | u(1) | | V
nnr_model_parameter_set | base_model_id | st(v) | UTF-8 | V
nnr_model_parameter_set | performance_metric_type | st(v) | UTF-8 | V
nnr_model_parameter_set | validation_set_performance | flt(32) | | V
nnr_compressed_data_unit_header | node_id_present_flag | u(1) | | V
nnr_compressed_data_unit_header | device_id | ue(1) | | V
nnr_compressed_data_unit_header | parameter_id | ue(5) | | V
nnr_compressed_data_unit_header | put_node_depth | ue(4) | one more than the parent's | V
nnr_compressed_data_unit_header | parent_node_id_present_flag | u(1) | | V
nnr_compressed_data_unit_header | parent_node_id_type | u(2) | 0..2 | V
nnr_compressed_data_unit_header | temporal_context_modeling_flag | u(1) | 0 in a RAW_FLOAT | V
nnr_compressed_data_unit_header | parent_device_id | ue(1) | | V
nnr_compressed_data_unit_header | parent_node_payload_sha256 | u(256) | | I
nnr_compressed_data_unit_header | parent_node_payload_sha512 | u(512) | | I
nnr_compressed_data_unit_header | first_tensor_dimension_shift | ue(1) | below count_tensor_dimensions | V
any | nnr_reserved_zero_2bits | u(2) | 0 | V
"""

_ENTROPY_ROWS_2024: Final = """
quant_tensor | hist_dep_sig_prob_enabled_flag | uae_v(1..1) | | V
quant_tensor | row_skip_enabled_flag | uae_v(1..1) | | V
quant_tensor | row_skip_list | ae(v) | | V
"""

_ENTROPY_ROWS: Final = """
quant_tensor | qp_delta | iae_v(6..13) | | V
shift_parameter_ids | shift_parameter_ids | ae(v) | 0..8 | V
quant_param | sig_flag | ae(v) | | V
quant_param | sign_flag | ae(v) | | V
quant_param | abs_level_greater_x | ae(v) | | V
quant_param | abs_level_greater_x2 | ae(v) | at most 31 of 1 | V
quant_param | abs_remainder | uae_v(0..31) | the index fits int32 | V
quant_tensor | end_of_codeword | ae(v) | 1 | V
quant_tensor | IvlOffset | u(9) | below IvlCurrRange | V
quant_tensor | IvlCurrRange | 256 at a block row | above IvlOffset | V
"""


def _rows(text: str, clause: str, edition: int = FIRST_EDITION) -> list[ElementRow]:
    """Parse rows of the element registry, one a line, cells divided by bars.

    Args:
        text: The lines: structure, name, descriptor, constraint, provenance.
        clause: The clause of all of them.
        edition: The edition in which they first occur.
    """
    rows = []
    for line in text.strip().splitlines():
        structure, name, descriptor, constraint, source = (cell.strip() for cell in line.replace(" | |", " |  |").split(" | "))
        rows.append(ElementRow(name, clause, structure, descriptor, constraint, Provenance(source), edition))
    return rows


ELEMENTS: Final[dict[str, ElementRow]] = {
    row.name: row
    for row in (
        *_rows(_ROWS, "6"),
        *_rows(_ROWS_2024, "6", SECOND_EDITION),
        *_rows(_ENTROPY_ROWS, "10"),
        *_rows(_ENTROPY_ROWS_2024, "10", SECOND_EDITION),
    )
}
"""All elements by name: those of the high-level syntax (clause 6), then those of the entropy coder
(clause 10).
"""


def clause_of(element: str) -> str:
    """Return the clause and structure of an element, such as ``6 codebook``.

    The element may have an index.
    """
    row = ELEMENTS[element.partition("[")[0]]
    return row.clause if row.structure == "any" else f"{row.clause} {row.structure}"
