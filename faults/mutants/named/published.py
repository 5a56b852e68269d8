"""Faults that published decoders had, or plausibly have."""

from typing import Final

from nnc_conformance.faults.mutants.fault import UNCHECKED_ENTRY_POINTS, Edit, NamedFault
from nnc_conformance.storage.vector import Level

_SETS: Final = "syntax.structures.parameter_sets"
_MODEL_QP_UNSIGNED: Final = Edit(
    _SETS, "nnr_model_parameter_set", 'w.i("mps_quantization_parameter", 13)', 'w.u("mps_quantization_parameter", 13)'
)
_LAYER_QP_UNSIGNED: Final = Edit(
    _SETS, "nnr_layer_parameter_set", 'w.i("lps_quantization_parameter", 13)', 'w.u("lps_quantization_parameter", 13)'
)

FAULTS: Final = (
    NamedFault(
        "contexts-run-on",
        "Block rows are decoded in order and the contexts are not initialised anew at the start of each.",
        ("cabac_offset_list", "bit_offset_delta1", "scan_order"),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit(
                "entropy.plain",
                "quant_tensor",
                "reset_contexts(coder.tables, coder.parameter_sets, coder.states)",
                "if first == 0:\n            reset_contexts(coder.tables, coder.parameter_sets, coder.states)",
            ),
        ),
    ),
    NamedFault(
        "entry-state-ignored",
        "Block rows are entered at their entry points with stateId 0, whatever dq_state_list says.",
        ("dq_state_list",),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit("entropy.plain", "quant_tensor", "layout, part, state_id, block_row, first)", "layout, part, 0, block_row, first)"),
        ),
    ),
    NamedFault(
        "blocks-from-the-right",
        "The blocks of a block row are taken from right to left.",
        ("scan_order",),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit(
                "entropy.plain",
                "quant_block_row",
                "range(0, area.columns, width)",
                "range((area.columns - 1) // width * width, -1, -width)",
            ),
        ),
    ),
    NamedFault(
        "products-in-binary64",
        "Products of index and step size are given out in binary64.",
        ("qp_delta", "codebook_present_flag", "mps_quantization_parameter", "nnr_compressed_data_unit_payload_type"),
        (Edit("payload", "DataUnitDecoder._values", "in_place(numbers, dequantized)", "numbers * step"),),
    ),
    NamedFault(
        "density-of-2-bits",
        "qp_density is kept in two bits.",
        ("mps_qp_density", "lps_qp_density"),
        (Edit("quantization.reconstruction", "step_size", "mantissa = ", "qp_density &= 3\n    mantissa = "),),
    ),
    NamedFault(
        "qp-unsigned",
        "mps_quantization_parameter is read as an unsigned number.",
        ("mps_quantization_parameter",),
        (_MODEL_QP_UNSIGNED,),
    ),
    NamedFault(
        "layer-qp-unsigned",
        "lps_quantization_parameter is read as an unsigned number.",
        ("lps_quantization_parameter",),
        (_LAYER_QP_UNSIGNED,),
        vectors=("lps-qp-min",),
    ),
    NamedFault(
        "qp-of-both-sets-unsigned",
        "The quantization parameter of the NNR_MPS and of an NNR_LPS is read as an unsigned number.",
        ("mps_quantization_parameter", "lps_quantization_parameter"),
        (_MODEL_QP_UNSIGNED, _LAYER_QP_UNSIGNED),
        vectors=("lps-qp-min",),
    ),
    NamedFault(
        "qp-delta-ignored",
        "qp_delta is read and not added.",
        ("qp_delta",),
        (Edit("payload", "DataUnitDecoder._values", "quantization_parameter + tensor.qp_delta", "quantization_parameter"),),
    ),
    NamedFault(
        "layer-set-ignored",
        "The parameters of an NNR_LPS are read, and those of the NNR_MPS used.",
        ("lps_quantization_parameter", "lps_qp_density", "lps_quantization_method_flags"),
        (Edit("syntax.structures.parameter_sets", "nnr_layer_parameter_set", "context.lps_quantization = Quant", "_ = Quant"),),
    ),
    NamedFault(
        "sets-in-another-order",
        "The parameter sets of the contexts are read last context first.",
        ("shift_parameter_ids",),
        (Edit("entropy.plain", "shift_parameter_ids", "range(layout.flag)", "range(layout.flag - 1, -1, -1)"),),
    ),
    NamedFault(
        "big-endian-floats",
        "Raw binary32 numbers are read most significant byte first.",
        ("raw_float32_parameter",),
        (Edit("payload", "DataUnitDecoder._parts", 'dtype="<f4"', 'dtype=">f4"'),),
    ),
    NamedFault(
        "negative-zero",
        "A raw -0.0 is given out as 0.0.",
        ("raw_float32_parameter",),
        (Edit("payload", "DataUnitDecoder._parts", ".astype(np.float32)", ".astype(np.float32) + np.float32(0)"),),
    ),
    NamedFault(
        "quiet-nan",
        "Raw numbers go through binary64, which makes every signalling NaN a quiet one.",
        ("raw_float32_parameter",),
        (Edit("payload", "DataUnitDecoder._parts", ".astype(np.float32)", ".astype(np.float64).astype(np.float32)"),),
    ),
    NamedFault(
        "canonical-nan",
        "Each raw NaN is given out as the positive quiet one, without its sign and payload.",
        ("raw_float32_parameter",),
        (
            Edit(
                "payload",
                "DataUnitDecoder._parts",
                "count=count).astype(np.float32)\n",
                "count=count).astype(np.float32)\n            values[np.isnan(values)] = np.float32(np.nan)\n",
            ),
        ),
        vectors=("ndu-raw-special-values",),
    ),
    NamedFault(
        "sign-of-ie",
        "Odd codes of ie(k) are taken for negative numbers.",
        ("codebook_centre_offset", "codebook_zero_value", "bit_offset_delta2"),
        (
            Edit(
                "syntax.descriptors",
                "BitReader.signed_golomb",
                "(code + 1) // 2 if code & 1 else -(code // 2)",
                "-(code + 1) // 2 if code & 1 else code // 2",
            ),
        ),
    ),
    NamedFault(
        "size-of-31-bits-ignored",
        "nnr_unit_size is always read with 15 bits.",
        ("nnr_unit_size_flag", "nnr_unit_size"),
        (Edit("syntax.structures.unit", "nnr_unit", "31 if size_flag else 15", "15"),),
    ),
    NamedFault(
        "codebook-offset-ignored",
        "CbZeroOffset is taken for half the codebook's size, without codebook_centre_offset.",
        ("codebook_centre_offset",),
        (Edit("quantization.reconstruction", "codebook_values", "codebook.zero_offset", "len(codebook.values) // 2"),),
    ),
    NamedFault(
        "codebook-deltas-of-0",
        "The least distance of two codebook entries is not added to codebook_delta_left.",
        ("codebook_delta_left",),
        (
            Edit(
                "syntax.structures.data_unit", "codebook", 'w.ue("codebook_delta_left", egk, j) - 1', 'w.ue("codebook_delta_left", egk, j)'
            ),
        ),
    ),
    NamedFault(
        "codebook-egk-fixed",
        "The deltas of a codebook are read with an order of 4, whatever codebook_egk says.",
        ("codebook_egk", "codebook_delta_left", "codebook_delta_right"),
        (Edit("syntax.structures.data_unit", "codebook", 'w.u("codebook_egk", 4)', '4 + 0 * w.u("codebook_egk", 4)'),),
    ),
    NamedFault(
        "batch-norm-reversed",
        "The four tensors of a batch norm are taken in the opposite order.",
        ("compressed_parameter_types",),
        (Edit("payload", "coded_parts", "for _ in range(count)]", "for _ in range(count)][::-1]"),),
    ),
    NamedFault(
        "bias-last",
        "The parts of a BLOCK are decoded in the order of their ids, with the bias after the batch norm.",
        ("compressed_parameter_types",),
        (Edit("payload", "coded_parts", "(LS, BI, BN)", "(LS, BN, BI)"),),
    ),
    NamedFault(
        "product-for-factors",
        "G x H is given out in place of G and H.",
        ("decomposition_rank", "g_number_of_rows", "compressed_parameter_types"),
        (
            Edit("decoder", "Collector.tensors", "self.recombine and", ""),
            Edit("payload", "recombined", "if block.parameter_types & LS:", "if False:"),
        ),
    ),
    NamedFault(
        "scaled-weight",
        "The weight of a BLOCK is given out scaled by its LS, for which the model scales it once more.",
        ("compressed_parameter_types",),
        (
            Edit("decoder", "Collector.tensors", "self.recombine and", ""),
            Edit("payload", "recombined", "if block.parameter_types & DC:", "if False:"),
            Edit("payload", "recombined", "scale = kept.pop(", "scale = kept.get("),
        ),
    ),
    NamedFault(
        "codeword-for-each-part",
        "The arithmetic decoder is initialised anew for each tensor of a BLOCK.",
        ("compressed_parameter_types", "count_topology_elements_minus2", "nnr_compressed_data_unit_payload_type"),
        (Edit("entropy.codeword", "_decode", "if number == 0:", "if True:"),),
    ),
    NamedFault(
        "decomposition-transposed",
        "G and H are given out transposed, the rank first in G and last in H.",
        ("decomposition_rank", "g_number_of_rows"),
        (
            Edit(
                "syntax.structures.data_unit",
                "DataUnitHeader.matrices",
                "(self.g_number_of_rows, self.decomposition_rank), (self.decomposition_rank, columns)",
                "(self.decomposition_rank, self.g_number_of_rows), (columns, self.decomposition_rank)",
            ),
        ),
    ),
    NamedFault(
        "dimensions-reversed",
        "Dimensions are taken last first.",
        ("tensor_dimensions", "count_tensor_dimensions", "scan_order"),
        (
            Edit(
                "payload",
                "DataUnitDecoder.tensors",
                "part.id, values.reshape(part.dimensions)",
                "part.id, values.reshape(part.dimensions[::-1])",
            ),
        ),
    ),
    NamedFault(
        "one-element-scalar",
        "A tensor of one element loses its dimensions.",
        ("tensor_dimensions",),
        (
            Edit(
                "payload",
                "DataUnitDecoder.tensors",
                "part.id, values.reshape(part.dimensions)",
                "part.id, values.reshape(part.dimensions if values.size > 1 else ())",
            ),
        ),
    ),
    NamedFault(
        "at-most-8-dimensions",
        "There is room for 8 dimensions.",
        ("count_tensor_dimensions",),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                'w.require("dims-count", count > 0',
                'w.require("dims-count", 0 < count <= 8',
            ),
        ),
    ),
    NamedFault(
        "doubled-towards-zero",
        "Dependent quantization doubles a negative index as a positive one.",
        ("dq_flag",),
        (Edit("entropy.plain", "doubled", "(state_id & 1 if quant > 0 else -(state_id & 1))", "(state_id & 1)"),),
    ),
    NamedFault(
        "unary-length-less-one",
        "cabac_unary_length_minus1 is taken for the length.",
        ("cabac_unary_length_minus1", "cabac_unary_length_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                'w.u("cabac_unary_length_minus1", 8) + 1',
                'max(w.u("cabac_unary_length_minus1", 8), 1)',
            ),
        ),
    ),
    NamedFault(
        "first-state-only",
        "The contexts of sig_flag are not distinguished by stateId.",
        ("dq_flag",),
        (Edit("entropy.plain", "significance_context", "NEIGHBOURS * state_id + previous", "previous"),),
    ),
    NamedFault(
        "indexes-of-16-bits",
        "Indexes are kept in 16 bits.",
        ("abs_remainder", "abs_level_greater_x2"),
        (Edit("entropy.plain", "quant_block_row", "indexes[place] = value", "indexes[place] = (value + 32768) % 65536 - 32768"),),
    ),
    NamedFault(
        "latin-1-ids",
        "Ids are taken for Latin-1.",
        ("topology_elem_id", "topology_elem_id_list"),
        (Edit("syntax.reader", "Reader._read", ".string().decode()", '.string().decode("latin-1")'),),
    ),
    NamedFault(
        "short-ids",
        "Ids are cut after 63 characters.",
        ("topology_elem_id", "topology_elem_id_list"),
        (Edit("syntax.reader", "Reader._read", ".string().decode()", ".string().decode()[:63]"),),
    ),
    NamedFault(
        "last-piece-only",
        "Of partial data only the last piece is decoded.",
        ("partial_data_counter", "partial_data_counter_present_flag", "partial_data"),
        (Edit("syntax.structures.unit", "nnr_unit_payload", 'b"".join(data for data, _ in partial.pieces)', "partial.pieces[-1][0]"),),
        level=Level.INFERRED,
    ),
    NamedFault(
        "no-whole-byte-of-alignment",
        "byte_alignment() is left out at a position that is aligned already.",
        ("byte_alignment",),
        (
            Edit(
                "syntax.walker",
                "Walker.byte_alignment",
                "        n = ",
                "        if self.position & 7 == 0:\n            return\n        n = ",
            ),
        ),
    ),
    NamedFault(
        "list-from-one",
        "Indexes into the list of references are counted from 1.",
        ("topology_elem_id_index", "topology_elem_id_index_list"),
        (Edit("syntax.structures.topology", "referenced", "names[index]", "names[index - 1]"),),
    ),
    NamedFault(
        "stops-at-quantization-data",
        "Decoding ends at the first NNR_QNT.",
        ("quantization_storage_format", "quantization_compression_format", "quantization_data"),
        (
            Edit(
                "decoder",
                "decode_with",
                "            progress(",
                "            if unit.unit_type == 4:\n                break\n            progress(",
            ),
        ),
    ),
    NamedFault(
        "deflate-ignored",
        "A deflated topology is given out as carried.",
        ("topology_compression_format",),
        (Edit("driver", "OpenedData._inflated", "inflate(data, self.limits) if compression_format == DEFLATE else data", "data"),),
        level=Level.DISPUTED,
    ),
    NamedFault(
        "first-of-an-aggregate",
        "Of an aggregate only the first unit is decoded.",
        ("nnr_aggregate_unit_type", "num_of_nnr_units_minus2", "entry_points_present_flag", "quant_bitdepth"),
        (Edit("driver", "flattened", "for inner in unit.units:", "for inner in unit.units[:1]:"),),
        level=Level.INFERRED,
    ),
)
