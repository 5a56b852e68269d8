"""Which syntax elements a mutant concerns: read from the statement that it changes, else from what its function does."""

import ast
from typing import Final

from nnc_conformance.reference.syntax.elements import ELEMENTS

_WORDS: Final = {
    "layout.sign": "sign_flag",
    "sign_flag": "sign_flag",
    "layout.greater": "abs_level_greater_x",
    "unary_length": "abs_level_greater_x",
    "layout.prefix": "abs_level_greater_x2",
    "rem_bits": "abs_remainder",
    "ABS_REMAINDER": "abs_remainder",
    "NEIGHBOURS": "sig_flag",
    "previous": "sig_flag",
    "SHIFT_BITS": "shift_parameter_ids",
    "parameter_sets": "shift_parameter_ids",
    "QP_DELTA": "qp_delta",
    "qp_delta": "qp_delta",
    "state_id": "dq_flag",
    "state_trans": "dq_flag",
    "dq_flag": "dq_flag",
    "END_TERMINATE": "end_of_codeword",
    "cabac_offset": "cabac_offset_list",
    "dq_state": "dq_state_list",
    "entry_point": "bit_offset_delta2",
    "scan_order": "scan_order",
    "side": "scan_order",
    "height": "scan_order",
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
"""Names in a statement, with the element that they are about; the first that is found counts."""

_FUNCTIONS: Final = {
    "BitReader.bits": "nnr_unit_size",
    "BitReader.signed": "mps_quantization_parameter",
    "BitReader.golomb": "tensor_dimensions",
    "BitReader.signed_golomb": "codebook_zero_value",
    "BitReader.binary32": "sparsification_threshold",
    "BitReader.flags": "bit_mask_value",
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
    "DataUnitDecoder._check_entry_points": "cabac_offset_list",
    "in_row_order": "scan_order",
    "_block_rows": "scan_order",
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
    "Decoding._inflated": "topology_compression_format",
}
"""What a function without an element in the statement is about."""

_MODULES: Final = {
    "entropy": "sig_flag",
    "quantization": "mps_quantization_parameter",
    "topology": "topology_data",
    "payload": "cabac_codeword",
    "decoder": "nnr_unit_type",
    "syntax.structures.data_unit": "nnr_compressed_data_unit_payload_type",
    "syntax.structures.parameter_sets": "mps_quantization_method_flags",
    "syntax.structures.topology": "topology_storage_format",
    "syntax.structures.aggregate": "nnr_aggregate_unit_type",
    "syntax": "nnr_unit_size",
}


def elements_of(module: str, function: str, tree: ast.FunctionDef, header: ast.stmt) -> tuple[str, ...]:
    """The elements: those that the statement names, those that its variables were read from, then by words, function and module.

    A function outside the coder that is about an element goes before the words. The first is what the statement concerns most.
    """
    named = [str(part.value) for part in ast.walk(header) if isinstance(part, ast.Constant) and part.value in ELEMENTS]
    sources = read_variables(tree)
    read = [sources[part.id] for part in ast.walk(header) if isinstance(part, ast.Name) and part.id in sources]
    text = ast.unparse(header)
    words = [element for word, element in _WORDS.items() if word in text]
    own = [_FUNCTIONS[function]] if function in _FUNCTIONS else []
    found = [*(reversed(named) if _requires(header) else named), *read]
    found += [*words, *own] if module.startswith("entropy") else [*own, *words]
    return tuple(dict.fromkeys(found)) or (next(element for prefix, element in _MODULES.items() if module.startswith(prefix)),)


def read_variables(tree: ast.FunctionDef) -> dict[str, str]:
    """The variables of a function that hold an element's value, with the element."""
    sources: dict[str, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            words = [part.value for part in ast.walk(statement.value) if isinstance(part, ast.Constant) and part.value in ELEMENTS]
            if words:
                sources.setdefault(statement.targets[0].id, str(words[0]))
    return sources


def _requires(header: ast.stmt) -> bool:
    """Whether a statement checks a rule; its last argument then names the element."""
    call = header.value if isinstance(header, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "require"
