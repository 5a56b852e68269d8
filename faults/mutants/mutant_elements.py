"""The syntax elements that a mutant concerns.

They follow from the statement that it changes and from what its function does.

Most statements name elements themselves, use variables that were read from one, or use names of the
decoder's data model. Where none of this says enough, as in the coder, a comment at the end of the
line names the element: ``rem_bits += 1  # abs_remainder``.
"""

import ast
import re
from functools import cache
from typing import Final

from nnc_conformance.faults.mutants.mutable_code import source_of
from nnc_conformance.reference.syntax.elements import ELEMENTS

NAMES: Final = {
    "sign": "sign_flag",
    "greater": "abs_level_greater_x",
    "unary_length": "abs_level_greater_x",
    "prefix": "abs_level_greater_x2",
    "ABS_REMAINDER": "abs_remainder",
    "NEIGHBOURS": "sig_flag",
    "SHIFT_BITS": "shift_parameter_ids",
    "parameter_sets": "shift_parameter_ids",
    "QP_DELTA": "qp_delta",
    "state_trans": "dq_flag",
    "END_TERMINATE": "end_of_codeword",
    "cabac_offset": "cabac_offset_list",
    "dq_state": "dq_state_list",
    "entry_points": "bit_offset_delta2",
    "lps_quantization": "lps_quantization_parameter",
    "mps_quantization": "mps_quantization_parameter",
    "open_quantization": "quantization_data",
    "sparsification_performance_map": "mps_sparsification_flag",
    "pruning_performance_map": "mps_pruning_flag",
    "unification_performance_map": "mps_unification_flag",
    "decomposition_performance_map": "mps_decomposition_performance_map_flag",
    "nnr_pruning_topology_container": "prune_flag",
    "topology_elements_ids_list": "topology_elem_id",
    "expected_entry_points": "bit_offset_delta2",
    "_check_entry_points": "bit_offset_delta2",
    "side": "scan_order",
    "codebook": "codebook_present_flag",
    "data_format": "nnr_decompressed_data_format",
    "quantization": "mps_quantization_parameter",
    "pruning": "prune_flag",
    "shapes": "tensor_dimensions",
    "dimensions": "tensor_dimensions",
    "parameter_types": "compressed_parameter_types",
    "ids": "topology_elem_id",
    "mps_seen": "nnr_unit_type",
    "indexed_references": "mps_topology_indexed_reference_flag",
}
"""Fields and constants of the decoder with the element that they hold or serve, in the order of
their say.
"""

FUNCTIONS: Final = {
    "BitReader.bits": "nnr_unit_size",
    "BitReader.signed": "mps_quantization_parameter",
    "BitReader.golomb": "tensor_dimensions",
    "BitReader.signed_golomb": "codebook_zero_value",
    "BitReader.string": "topology_elem_id",
    "BitReader.rest": "topology_data",
    "Walker.reserved": "nnr_reserved_zero_7bits",
    "Walker.byte_alignment": "byte_alignment",
    "StreamContext.quantization": "lps_quantization_parameter",
    "check_order": "nnr_unit_type",
    "check_counter": "partial_data_counter",
    "nnr_unit_payload": "partial_data",
    "nnr_aggregate_unit_payload": "nnr_unit_entry_point",
    "check_mapping": "split_index",
    "check_block": "compressed_parameter_types",
    "check_decomposition": "g_number_of_rows",
    "codebook": "codebook_present_flag",
    "DataUnitHeader.matrices": "g_number_of_rows",
    "block_rows": "scan_order",
    "map_entries": "spm_count_thresholds",
    "step_size": "mps_quantization_parameter",
    "products": "mps_quantization_parameter",
    "exact_products": "nnr_decompressed_data_format",
    "convert": "nnr_decompressed_data_format",
    "to_integers": "nnr_decompressed_data_format",
    "codebook_values": "codebook_present_flag",
    "mapped": "shift_index",
    "expected_entry_points": "bit_offset_delta2",
    "coded_parts": "compressed_parameter_types",
    "DataUnitDecoder._check_end": "end_of_codeword",
    "quant_tensor": "scan_order",
    "quant_block_row": "scan_order",
    "enter_block_row": "IvlCurrRange",
    "initialise": "IvlOffset",
    "code_terminate": "end_of_codeword",
    "shift_parameter_ids": "shift_parameter_ids",
    "uae_v": "abs_remainder",
    "iae_v": "qp_delta",
    "code_bypass": "abs_remainder",
    "reset_contexts": "shift_parameter_ids",
    "doubled": "dq_flag",
    "inflate": "topology_compression_format",
    "OpenedData._inflated": "topology_compression_format",
    "check_tca_of_raw_float": "temporal_context_modeling_flag",
    "first_tensor_dimension_shift": "first_tensor_dimension_shift",
    "hist_dep_sig_prob_enabled_flag": "hist_dep_sig_prob_enabled_flag",
    "row_skip_enabled_flag": "row_skip_enabled_flag",
    "row_skip_list": "row_skip_list",
    "base_index": "temporal_context_modeling_flag",
    "code_possible_bin": "codebook_size",
    "state_after_skipped": "row_skip_list",
    "set_is_signalled": "shift_parameter_ids",
    "TensorCoding.limits": "codebook_size",
    "TensorCoding.has_row_skip_flag": "row_skip_enabled_flag",
    "TensorCoding.has_hdsp_flag": "hist_dep_sig_prob_enabled_flag",
    "_with_tool_flags": "row_skip_enabled_flag",
    "coding_of_update": "temporal_context_modeling_flag",
    "DataUnitDecoder._coded_part": "parent_node_id_present_flag",
    "Driver._histories": "temporal_context_modeling_flag",
    "Driver._keep": "parent_node_id_present_flag",
    "clamped": "temporal_context_modeling_flag",
    "check_parent": "parent_node_id_present_flag",
    "check_depth": "put_node_depth",
    "tca_base": "temporal_context_modeling_flag",
    "_why_no_parent": "temporal_context_modeling_flag",
    "tensor_history": "hist_dep_sig_prob_enabled_flag",
    "ModelBuilder.take": "parent_node_id_present_flag",
    "ModelBuilder.model": "mps_parent_signalling_enabled_flag",
    "ModelBuilder._difference": "nnr_pre_flag",
    "ModelBuilder._take_values": "parent_node_id_present_flag",
    "ModelBuilder._sum": "parent_node_id_present_flag",
    "ModelBuilder._history": "put_node_depth",
    "ModelBuilder._index_history": "hist_dep_sig_prob_enabled_flag",
}
"""Functions that are about one element, whatever their statements name."""

MODULES: Final = {
    "entropy": "sig_flag",
    "quantization": "mps_quantization_parameter",
    "payload": "cabac_codeword",
    "decoder": "nnr_unit_type",
    "driver": "nnr_unit_type",
    "syntax.structures.data_unit": "nnr_compressed_data_unit_payload_type",
    "syntax.structures.parameter_sets": "mps_quantization_method_flags",
    "syntax.structures.topology": "topology_storage_format",
    "syntax.structures.aggregate": "nnr_aggregate_unit_type",
    "syntax": "nnr_unit_size",
}
"""Element of a statement without any other clue, by how its module's name begins."""

_COMMENT: Final = re.compile(r"  # (\w+)")
_SECOND_EDITION: Final = re.compile(r"  # second edition$")


def elements_of(module: str, function: str, tree: ast.FunctionDef, header: ast.stmt) -> tuple[str, ...]:
    """Return the elements that a statement concerns, the one it concerns most first.

    They come from its comment, from what it names, from the variables that it reads, from `NAMES`
    and from `FUNCTIONS`, in this order; outside the coder a function that is about an element goes
    before names. ``header``: the statement without its blocks.
    """
    own = [FUNCTIONS[function]] if function in FUNCTIONS else []
    held = _held(header, {})
    inherited = _held(header, _inheriting(tree))
    found = [*_commented(module, header), *_named(header), *_read(tree, header)]
    found += [*held, *inherited, *own] if module.startswith("entropy") else [*own, *held, *inherited]
    return tuple(dict.fromkeys(found)) or (next(element for prefix, element in MODULES.items() if module.startswith(prefix)),)


def is_of_second_edition(module: str, header: ast.stmt) -> bool:
    """Return whether a statement has an effect in the second edition only.

    Its first line then ends with the comment ``second edition``.
    """
    return _SECOND_EDITION.search(source_of(module).splitlines()[header.lineno - 1]) is not None


def _commented(module: str, header: ast.stmt) -> list[str]:
    comment = _COMMENT.search(source_of(module).splitlines()[header.lineno - 1])
    return [comment[1]] if comment is not None and comment[1] in ELEMENTS else []


def _named(header: ast.stmt) -> list[str]:
    named = [str(part.value) for part in ast.walk(header) if isinstance(part, ast.Constant) and part.value in ELEMENTS]
    return list(reversed(named)) if _requires(header) else named


def _read(tree: ast.FunctionDef, header: ast.stmt) -> list[str]:
    sources = read_variables(tree)
    return [sources[part.id] for part in ast.walk(header) if isinstance(part, ast.Name) and part.id in sources]


def _held(node: ast.AST, variables: dict[str, list[str]]) -> list[str]:
    """Return the elements that a node's identifiers name, directly or through variables.

    An identifier may be an element itself, or one that `NAMES` maps to an element.

    Args:
        node: The syntax tree.
        variables: The elements of each variable.
    """
    parts = [part for part in ast.walk(node) if isinstance(part, ast.Attribute | ast.Name)]
    names = list(dict.fromkeys(part.attr if isinstance(part, ast.Attribute) else part.id for part in parts))
    found = [name for name in names if name in ELEMENTS]
    found += [element for name, element in NAMES.items() if name in names]
    return [*found, *(element for name in names for element in variables.get(name, ()))]


@cache
def _inheriting(tree: ast.FunctionDef) -> dict[str, list[str]]:
    """Return the elements that the first assignment to each variable names, by variable."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, _held(node.value, {}))
    return found


@cache
def read_variables(tree: ast.FunctionDef) -> dict[str, str]:
    """Return the element that each variable of a function reads, by the variable's name."""
    sources: dict[str, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            words = [part.value for part in ast.walk(statement.value) if isinstance(part, ast.Constant) and part.value in ELEMENTS]
            if words:
                sources.setdefault(statement.targets[0].id, str(words[0]))
    return sources


def _requires(header: ast.stmt) -> bool:
    """Return whether a statement checks a rule; its last argument then names the element."""
    call = header.value if isinstance(header, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "require"
