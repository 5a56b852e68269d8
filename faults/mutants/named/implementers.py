"""Faults of an implementer who works from the standard's text alone."""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.storage.vector import Level

FAULTS: Final = (
    NamedFault(
        "trellis-quantizer-of-vvc",
        ("Takes the quantizer of dependent quantization from the upper half of the states, stateId 4 to 7, and not from the odd ones."),
        ("dq_flag",),
        (
            Edit(
                "entropy.plain",
                "doubled",
                "2 * quant - (state_id & 1 if quant > 0 else -(state_id & 1))",
                "2 * quant - (state_id >> 2 if quant > 0 else -(state_id >> 2))",
            ),
        ),
    ),
    NamedFault(
        "step-as-a-power",
        "Takes 2 to the power of qp / 2^qp_density for the step size, without the linear mantissa between powers of two.",
        ("mps_qp_density", "lps_qp_density", "mps_quantization_parameter", "lps_quantization_parameter", "qp_delta"),
        (
            Edit(
                "quantization.reconstruction",
                "step_size",
                "np.ldexp(np.float64(mantissa), (qp >> qp_density) - qp_density)",
                "np.exp2(np.float64(qp) / (1 << qp_density))",
            ),
        ),
    ),
    NamedFault(
        "default-unary-length-9",
        ("Takes 9 for the unary length where none is coded: the default of cabac_unary_length_minus1, to which 1 is still to be added."),
        ("cabac_unary_length_flag", "cabac_unary_length_minus1", "abs_level_greater_x"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "DEFAULT_UNARY_LENGTH, 0, 0, 0",
                "DEFAULT_UNARY_LENGTH - 1, 0, 0, 0",
            ),
        ),
    ),
    NamedFault(
        "reflist-of-indexes",
        "Reads the list of an NNR_TPL_REFLIST as indexes, where the model parameter set says that references are indexed.",
        ("topology_elem_id_list", "topology_elem_id_index_list", "mps_topology_indexed_reference_flag"),
        (Edit("syntax.structures.topology", "nnr_topology_unit_payload", "indexed=False", "indexed=context.indexed_references"),),
    ),
    NamedFault(
        "codebook-upwards-first",
        "Reads the codebook's values above the centre before those below it.",
        ("codebook_delta_left", "codebook_delta_right"),
        (
            Edit(
                "syntax.structures.data_unit",
                "codebook",
                (
                    "        for j in range(zero_offset):\n"
                    '            left.append(left[-1] - w.ue("codebook_delta_left", egk, j) - 1)\n'
                    "        for j in range(size - zero_offset - 1):\n"
                    '            right.append(right[-1] + w.ue("codebook_delta_right", egk, j) + 1)\n'
                ),
                (
                    "        for j in range(size - zero_offset - 1):\n"
                    '            right.append(right[-1] + w.ue("codebook_delta_right", egk, j) + 1)\n'
                    "        for j in range(zero_offset):\n"
                    '            left.append(left[-1] - w.ue("codebook_delta_left", egk, j) - 1)\n'
                ),
            ),
        ),
    ),
    NamedFault(
        "significance-context-of-vvc",
        "Lets stateId 0 and 1 share their significance contexts, as if chosen by max(stateId - 1, 0).",
        ("sig_flag", "dq_flag"),
        (
            Edit(
                "entropy.plain", "significance_context", "NEIGHBOURS * state_id + previous", "NEIGHBOURS * max(state_id - 1, 0) + previous"
            ),
        ),
    ),
    NamedFault(
        "flush-after-terminate",
        "Renormalises after the terminate bin, as H.264 does, and so reads 7 bits more.",
        ("end_of_codeword",),
        (
            Edit(
                "entropy.plain",
                "code_terminate",
                "            renormalise(coder)\n    else:\n",
                (
                    "            renormalise(coder)\n"
                    "        else:\n"
                    "            r[OFFSET] -= r[RANGE]\n"
                    "            r[RANGE] = 2\n"
                    "            renormalise(coder)\n"
                    "    else:\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "row-lengths-not-chained",
        "Takes bit_offset_delta2 for the length of a block row, where it is the change of the length.",
        ("bit_offset_delta2",),
        (
            Edit(
                "payload",
                "expected_entry_points",
                "list(accumulate(entry.delta for entry in header.entry_points))[own]",
                "[entry.delta for entry in header.entry_points][own]",
            ),
        ),
    ),
    NamedFault(
        "long-size-field-of-two-bytes",
        "Counts two bytes for the size field where it has four, so that a unit with a 31-bit size ends two bytes late.",
        ("nnr_unit_size", "nnr_unit_size_flag"),
        (
            Edit(
                "syntax.structures.unit", "nnr_unit", "w.unit_bounds(size, start)", "w.unit_bounds(size + 2 if size_flag else size, start)"
            ),
        ),
    ),
    NamedFault(
        "dq-for-the-weight-only",
        "Decodes LS, BI and BN of a BLOCK without dependent quantization, whatever dq_flag says.",
        ("dq_flag", "compressed_parameter_types", "shift_parameter_ids"),
        (Edit("payload", "coding_of", "header.dq_flag and not (integer", "header.dq_flag and part.is_weight and not (integer"),),
    ),
    NamedFault(
        "lps-qp-as-an-offset",
        "Adds lps_quantization_parameter to the model parameter set's, in place of replacing it.",
        ("lps_quantization_parameter",),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "nnr_layer_parameter_set",
                '        context.lps_quantization = Quantization(density, w.i("lps_quantization_parameter", 13))\n',
                (
                    "        base = context.mps_quantization.quantization_parameter if context.mps_quantization else 0\n"
                    '        context.lps_quantization = Quantization(density, base + w.i("lps_quantization_parameter", 13))\n'
                ),
            ),
        ),
    ),
    NamedFault(
        "block-scan-down-the-columns",
        "Goes down the columns within each block of a block scan.",
        ("scan_order",),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "for row in range(area.rows):",
                "for row in range(right - left if area.side > 0 else area.rows):",
            ),
            Edit(
                "entropy.plain",
                "quant_block_row",
                "            for place in range(row * area.columns + left, row * area.columns + right):\n",
                (
                    "            places = range(row * area.columns + left, row * area.columns + right)\n"
                    "            if area.side > 0:\n"
                    "                places = range(left + row, area.rows * area.columns, area.columns)\n"
                    "            for place in places:\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "bits-in-reverse",
        "Puts the bits of uae_v() and iae_v() together least significant first.",
        ("qp_delta", "shift_parameter_ids", "abs_remainder"),
        (
            Edit(
                "entropy.plain",
                "uae_v",
                "coded = 2 * coded + code_bypass(coder, (value >> place) & 1)",
                "coded |= code_bypass(coder, (value >> place) & 1) << (bits - 1 - place)",
            ),
        ),
    ),
    NamedFault(
        "flags-swapped-in-unit-header",
        "Reads partial_data_counter_present_flag before independently_decodable_flag.",
        ("independently_decodable_flag", "partial_data_counter_present_flag", "partial_data_counter"),
        (
            Edit(
                "syntax.structures.unit",
                "nnr_unit_header",
                '    w.u("independently_decodable_flag", 1)\n    if w.u("partial_data_counter_present_flag", 1):\n',
                (
                    '    counted = w.u("partial_data_counter_present_flag", 1)\n'
                    '    w.u("independently_decodable_flag", 1)\n'
                    "    if counted:\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "greater-contexts-by-sign-first",
        "Lays the greater-than contexts out as all those of positive, then all those of negative indexes.",
        ("abs_level_greater_x", "shift_parameter_ids"),
        (
            Edit(
                "entropy.plain",
                "greater_context",
                "layout.greater + 2 * j + sign_flag",
                "layout.greater + layout.unary_length * sign_flag + j",
            ),
        ),
    ),
    NamedFault(
        "one-qp-delta-for-a-codeword",
        "Reads qp_delta only before the first tensor of a codeword.",
        ("qp_delta",),
        (Edit("entropy.codeword", "_decode", "if coding.qp_delta_bits else 0", "if coding.qp_delta_bits and number == 0 else 0"),),
    ),
    NamedFault(
        "dq-state-always-coded",
        "Reads dq_state_list in every entry point, also without dq_flag.",
        ("dq_state_list", "dq_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "entry_point_list",
                'w.u("dq_state_list", 3, j) if header.dq_flag else 0',
                'w.u("dq_state_list", 3, j)',
            ),
        ),
    ),
    NamedFault(
        "state-shift-after-abs",
        "Takes the absolute value of the probability before it shifts it to a place in the table of ranges.",
        ("shift_parameter_ids", "sig_flag", "sign_flag", "abs_level_greater_x", "abs_level_greater_x2"),
        (Edit("entropy.plain", "code_bin", "abs(s >> 7)", "(abs(s) >> 7)"),),
    ),
    NamedFault(
        "deflate-without-its-header",
        "Inflates topology data as a bare RFC 1951 stream, without the header and checksum of RFC 1950.",
        ("topology_data", "topology_compression_format", "quantization_data", "quantization_compression_format"),
        (Edit("topology.content", "inflate", "zlib.decompressobj()", "zlib.decompressobj(-zlib.MAX_WBITS)"),),
        level=Level.DISPUTED,
    ),
    NamedFault(
        "dpm-classes-of-eight-bits",
        "Reads dpm_count_classes with 8 bits, as the other maps have theirs.",
        ("dpm_count_classes",),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "decomposition_performance_map",
                'w.u("dpm_count_classes", 16)',
                'w.u("dpm_count_classes", 8)',
            ),
        ),
    ),
    NamedFault(
        "vectors-in-blocks",
        "Scans the vectors of a BLOCK in the weight's blocks, with block rows of their own.",
        ("scan_order", "compressed_parameter_types"),
        (Edit("payload", "coding_of", "scan_order = header.scan_order if part.is_weight else 0", "scan_order = header.scan_order"),),
    ),
    NamedFault(
        "one-rate-for-all-sets",
        "Adapts every context at the rates of parameter set 0, the others giving the initial states only.",
        ("shift_parameter_ids", "sig_flag", "sign_flag", "abs_level_greater_x", "abs_level_greater_x2"),
        (
            Edit("entropy.contexts", "update_state", "tables.parameter_sets[set_id, SHIFT_0]", "tables.parameter_sets[0, SHIFT_0]"),
            Edit("entropy.contexts", "update_state", "tables.parameter_sets[set_id, SHIFT_1]", "tables.parameter_sets[0, SHIFT_1]"),
        ),
    ),
    NamedFault(
        "dq-absent-with-a-codebook",
        "Does not read dq_flag where a codebook is present.",
        ("dq_flag", "codebook_present_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "if payload_type != NNR_PT_RAW_FLOAT:",
                "if payload_type != NNR_PT_RAW_FLOAT and not codebook_present:",
            ),
        ),
    ),
    NamedFault(
        "codebook-for-the-vectors",
        "Applies the weight's codebook to LS, BI and BN of a BLOCK as well.",
        ("codebook_present_flag", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "DataUnitDecoder._values",
                "numbers = tensor.indexes if part.codebook is None else codebook_values(tensor.indexes, part.codebook)",
                (
                    "numbers = tensor.indexes if header.codebook is None else codebook_values(tensor.indexes, "
                    "part.codebook or header.codebook)"
                ),
            ),
            Edit(
                "payload", "DataUnitDecoder._values", "with_codebook=part.codebook is not None", "with_codebook=header.codebook is not None"
            ),
        ),
    ),
    NamedFault(
        "one-greater-bin-less",
        "Goes on to the exp-Golomb prefix one greater-than bin early, after cabac_unary_length_minus1 of them.",
        ("abs_level_greater_x", "cabac_unary_length_minus1", "abs_level_greater_x2"),
        (
            Edit(
                "entropy.contexts",
                "context_layout",
                "prefix, flag, unary_length, dq_flag,",
                "prefix, flag, max(unary_length - 1, 1), dq_flag,",
            ),
        ),
    ),
    NamedFault(
        "qp-of-uniform-only",
        "Reads the qp density and quantization parameter of an NNR_MPS only with NNR_QSU, not with NNR_QCB alone.",
        ("mps_quantization_method_flags", "mps_qp_density", "mps_quantization_parameter"),
        (
            Edit(
                "syntax.structures.parameter_sets", "nnr_model_parameter_set", "if methods & (NNR_QSU | NNR_QCB):", "if methods & NNR_QSU:"
            ),
        ),
    ),
    NamedFault(
        "remainder-of-c",
        "Takes the remainder of a negative qp with the sign of the qp, as C's % does, together with an arithmetic shift.",
        ("mps_quantization_parameter", "lps_quantization_parameter", "mps_qp_density", "lps_qp_density", "qp_delta"),
        (Edit("quantization.reconstruction", "step_size", "qp % (1 << qp_density)", "int(np.fmod(qp, 1 << qp_density))"),),
    ),
    NamedFault(
        "index-past-the-list",
        "Accepts an index that is just past the reference list, and gives the tensor an empty name.",
        ("topology_elem_id_index", "topology_elem_id_index_list"),
        (Edit("syntax.structures.topology", "referenced", '"index-range", index < len(names)', '"index-range", index <= len(names)'),),
    ),
    NamedFault(
        "qp-delta-with-a-sign-bit",
        "Reads iae_v() as a sign bit and a magnitude, in place of two's complement.",
        ("qp_delta",),
        (
            Edit(
                "entropy.plain",
                "iae_v",
                "    return coded - ((coded >> (bits - 1)) << bits)",
                "    magnitude = coded & ((1 << (bits - 1)) - 1)\n    return -magnitude if coded >> (bits - 1) else magnitude",
            ),
        ),
    ),
    NamedFault(
        "lps-for-one-data-unit",
        "Lets an NNR_LPS apply to the next NDU only, then goes back to the model parameter set.",
        ("lps_quantization_parameter", "lps_qp_density", "lps_quantization_method_flags"),
        (
            Edit(
                "syntax.structures.unit",
                "typed_payload",
                "        nnr_compressed_data_unit_payload(w, facts)\n",
                "        nnr_compressed_data_unit_payload(w, facts)\n        context.lps_quantization = None\n",
            ),
        ),
    ),
    NamedFault(
        "first-delta-again-for-h",
        "Reads the first entry point of H as a bit_offset_delta1 of its own.",
        ("bit_offset_delta1", "bit_offset_delta2"),
        (
            Edit(
                "syntax.structures.data_unit",
                "entry_point_list",
                '        delta = w.ie("bit_offset_delta2", 7, j - 1) if j else w.ue("bit_offset_delta1", 11)\n',
                (
                    "        begins = j in (0, block_rows(header.matrices[0], scan_order) - 1)\n"
                    '        delta = w.ue("bit_offset_delta1", 11) if begins else w.ie("bit_offset_delta2", 7, j - 1)\n'
                ),
            ),
        ),
    ),
    NamedFault(
        "range-starts-at-511",
        "Starts the arithmetic decoder with the range 511.",
        ("IvlCurrRange", "IvlOffset"),
        (Edit("entropy.plain", "initialise", "r[RANGE] = INITIAL_RANGE", "r[RANGE] = INITIAL_RANGE + 1"),),
    ),
    NamedFault(
        "formats-0-and-1-swapped",
        "Takes nnr_decompressed_data_format 0 for FLOAT32 and 1 for INT32.",
        ("nnr_decompressed_data_format",),
        (
            Edit(
                "quantization.reconstruction",
                "convert",
                "DATA_FORMATS[data_format]",
                "DATA_FORMATS[1 - data_format if data_format <= 1 else data_format]",
            ),
        ),
    ),
    NamedFault(
        "maps-of-pruning-first",
        "Reads the pruning performance map before the sparsification performance map.",
        ("spm_count_thresholds", "ppm_count_pruning_ratios", "mps_sparsification_flag", "mps_pruning_flag"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "performance_maps",
                (
                    "    if sparsification:\n"
                    "        sparsification_performance_map(w)\n"
                    "    if pruning:\n"
                    "        pruning_performance_map(w)\n"
                ),
                (
                    "    if pruning:\n"
                    "        pruning_performance_map(w)\n"
                    "    if sparsification:\n"
                    "        sparsification_performance_map(w)\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "three-significance-flags",
        "Reads the parameter sets of three significance contexts with dq_flag too, and gives every stateId the same.",
        ("shift_parameter_ids", "sig_flag"),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "    for context in range(layout.flag):\n",
                (
                    "    for context in range(layout.flag):\n"
                    "        if NEIGHBOURS <= context < layout.sign:\n"
                    "            sets[context] = sets[context - NEIGHBOURS]\n"
                    "            continue\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "cut-deflate-accepted",
        "Accepts deflated topology data that ends before its stream does.",
        ("topology_data", "quantization_data"),
        (Edit("topology.content", "inflate", "if not machine.eof:", "if not machine.eof and len(inflated) >= most:"),),
    ),
    NamedFault(
        "last-piece-is-number-one",
        "Takes a unit with partial_data_counter 1 for the last of its set.",
        ("partial_data_counter",),
        (Edit("syntax.structures.unit", "nnr_unit_payload", "partial.next_counter >= 0", "partial.next_counter > 0"),),
        level=Level.INFERRED,
    ),
    NamedFault(
        "codebook-index-clipped",
        "Clips an index to the codebook's ends, where it is to be refused.",
        ("cabac_codeword", "codebook_size", "codebook_present_flag"),
        (
            Edit(
                "quantization.reconstruction",
                "codebook_values",
                "places = indexes.astype(np.int64) + codebook.zero_offset",
                "places = np.clip(indexes.astype(np.int64) + codebook.zero_offset, 0, len(codebook.values) - 1)",
            ),
        ),
    ),
    NamedFault(
        "table-entry-113",
        "Has 113 in the table of ranges where it is 131, in the row of ranges from 416 to 447.",
        ("shift_parameter_ids", "sig_flag", "sign_flag", "abs_level_greater_x", "abs_level_greater_x2"),
        (
            Edit(
                "entropy.plain",
                "code_bin",
                "    lps_range = coder.tables.lps_range[abs(s >> 7) + (r[RANGE] & 0xE0)]\n",
                (
                    "    slot = abs(s >> 7) + (r[RANGE] & 0xE0)\n"
                    "    lps_range = 113 if slot == 5 * 32 + 3 else coder.tables.lps_range[slot]\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "qp-delta-after-the-sets",
        "Reads qp_delta after the parameter sets of the contexts.",
        ("qp_delta", "shift_parameter_ids"),
        (
            Edit(
                "entropy.codeword",
                "_decode",
                ("        qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0\n"),
                "",
            ),
            Edit(
                "entropy.codeword",
                "_decode",
                "        plain.shift_parameter_ids(coder, layout)\n",
                (
                    "        plain.shift_parameter_ids(coder, layout)\n"
                    "        qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "accuracies-by-the-mask",
        "Reads an accuracy for each bit set in ppm_class_bitmask, in place of ppm_count_classes of them.",
        ("ppm_class_bitmask", "ppm_count_classes", "ppm_nn_class_accuracy"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "pruning_performance_map",
                'w.ue("ppm_class_bitmask", 7)',
                'bitmask = w.ue("ppm_class_bitmask", 7)',
            ),
            Edit("syntax.structures.parameter_sets", "pruning_performance_map", "range(classes)", "range(bitmask.bit_count())"),
        ),
    ),
    NamedFault(
        "eight-indexes-a-bit-at-most",
        "Refuses a codeword that would have to hold more than eight indexes a bit.",
        ("cabac_codeword", "tensor_dimensions", "sig_flag"),
        (Edit("entropy.codeword", "_check_room", "math.ceil(1 / math.log2(plain.INITIAL_RANGE / (plain.INITIAL_RANGE - least)))", "8"),),
    ),
)
