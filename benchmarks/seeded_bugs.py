"""Bugs that implementers of a decoder plausibly make, to measure how well `explain` finds one that
it never saw.

They were written from the standard's facts and the decoder's text, without sight of the catalogue
of causes.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

BUGS: Final = (
    NamedFault(
        "block-tensors-in-listed-order",
        "Decodes a block's vectors in the order of its list of ids, BN before BI.",
        ("compressed_parameter_types", "cabac_codeword", "topology_elem_id_list"),
        (Edit("payload", "coded_parts", "for kind in (LS, BI, BN)", "for kind in (LS, BN, BI)"),),
    ),
    NamedFault(
        "no-entry-for-a-cut-block-row",
        "Expects entry points of whole block rows only: a last block row that is cut has none.",
        ("cabac_offset_list", "bit_offset_delta2", "scan_order"),
        (
            Edit(
                "syntax.structures.data_unit",
                "block_rows",
                "return -(-dimensions[0] // (4 << scan_order))",
                "return max(dimensions[0] // (4 << scan_order), 1)",
            ),
        ),
    ),
    NamedFault(
        "wrong-range-entry",
        "Has 16 for 18 in the eighth row of the table of LPS ranges, at the state 20.",
        ("sig_flag", "abs_level_greater_x", "abs_level_greater_x2"),
        (
            Edit(
                "entropy.plain",
                "code_bin",
                "    lps_range = coder.tables.lps_range[abs(s >> 7) + (r[RANGE] & 0xE0)]\n",
                (
                    "    place = abs(s >> 7) + (r[RANGE] & 0xE0)\n"
                    "    lps_range = coder.tables.lps_range[place] - (2 if place == 7 * 32 + 20 else 0)\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "layer-qp-is-a-difference",
        "Adds lps_quantization_parameter to the model's quantization parameter in place of replacing it.",
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
        "sign-sets-after-greater-sets",
        (
            "Takes the parameter sets of the greater-than contexts before those of the sign contexts, in the order in "
            "which it keeps its contexts."
        ),
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "    for context in range(layout.flag):\n",
                (
                    "    greater, signs = range(layout.greater, layout.prefix), range(layout.sign, layout.greater)\n"
                    "    for context in (*range(layout.sign), *greater, *signs, *range(layout.prefix, layout.flag)):\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "raw-deflate",
        "Inflates a topology as bare RFC 1951 data, without the header and checksum of RFC 1950.",
        ("topology_compression_format", "topology_data"),
        (Edit("topology.content", "inflate", "machine = zlib.decompressobj()", "machine = zlib.decompressobj(-15)"),),
    ),
    NamedFault(
        "indexes-aligned-before",
        "Aligns before a list of indexes, as before a list of strings, and not after it.",
        ("topology_elem_id_index_list", "byte_alignment"),
        (
            Edit(
                "syntax.structures.topology",
                "topology_elements_ids_list",
                (
                    '            ids = tuple(referenced(w, context, w.ue("topology_elem_id_index_list", 7, j)) for j in '
                    "range(count))\n"
                    "            w.byte_alignment()\n"
                    "        else:"
                ),
                (
                    "            w.byte_alignment()\n"
                    '            ids = tuple(referenced(w, context, w.ue("topology_elem_id_index_list", 7, j)) for j in '
                    "range(count))\n"
                    "        else:"
                ),
            ),
        ),
    ),
    NamedFault(
        "left-deltas-from-the-end",
        ("Takes codebook_delta_left in the order of the finished codebook, from its least value up, and not outward from the zero value."),
        ("codebook_delta_left",),
        (
            Edit(
                "syntax.structures.data_unit",
                "codebook",
                ('        for j in range(zero_offset):\n            left.append(left[-1] - w.ue("codebook_delta_left", egk, j) - 1)\n'),
                (
                    '        for delta in reversed([w.ue("codebook_delta_left", egk, j) for j in range(zero_offset)]):\n'
                    "            left.append(left[-1] - delta - 1)\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "quotients-toward-zero",
        ("Divides the quantization parameter by 2^qp_density as C does, toward zero, with a remainder of its sign, for the step."),
        ("qp_delta", "mps_quantization_parameter", "mps_qp_density"),
        (
            Edit(
                "quantization.reconstruction",
                "step_size",
                (
                    "    mantissa = (1 << qp_density) + qp % (1 << qp_density)\n"
                    '    with np.errstate(over="ignore", under="ignore"):\n'
                    "        return np.ldexp(np.float64(mantissa), (qp >> qp_density) - qp_density)"
                ),
                (
                    "    quotient = abs(qp) >> qp_density\n"
                    "    quotient = -quotient if qp < 0 else quotient\n"
                    "    mantissa = (1 << qp_density) + qp - (quotient << qp_density)\n"
                    '    with np.errstate(over="ignore", under="ignore"):\n'
                    "        return np.ldexp(np.float64(mantissa), quotient - qp_density)"
                ),
            ),
        ),
    ),
    NamedFault(
        "long-unit-size-without-its-field",
        "Counts a 31-bit nnr_unit_size from the byte after the size field, so that a long unit ends four bytes late.",
        ("nnr_unit_size", "nnr_unit_size_flag"),
        (
            Edit(
                "syntax.structures.unit", "nnr_unit", "with w.unit_bounds(size, start):", "with w.unit_bounds(size + 4 * size_flag, start):"
            ),
        ),
    ),
    NamedFault(
        "data-format-before-dq-flag",
        "Reads nnr_decompressed_data_format before dq_flag.",
        ("nnr_decompressed_data_format", "dq_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                (
                    "    dq_flag = 0\n"
                    "    if payload_type != NNR_PT_RAW_FLOAT:\n"
                    '        dq_flag = w.u("dq_flag", 1)\n'
                    "    data_format = None\n"
                    "    if format_present:\n"
                    '        data_format = w.u("nnr_decompressed_data_format", 7)\n'
                    '        w.require("data-format", data_format <= HIGHEST_DATA_FORMAT, f"nnr_decompressed_data_format is '
                    '{data_format}")\n'
                ),
                (
                    "    data_format = None\n"
                    "    if format_present:\n"
                    '        data_format = w.u("nnr_decompressed_data_format", 7)\n'
                    '        w.require("data-format", data_format <= HIGHEST_DATA_FORMAT, f"nnr_decompressed_data_format is '
                    '{data_format}")\n'
                    "    dq_flag = 0\n"
                    "    if payload_type != NNR_PT_RAW_FLOAT:\n"
                    '        dq_flag = w.u("dq_flag", 1)\n'
                ),
            ),
        ),
    ),
    NamedFault(
        "doubling-downward-for-both-signs",
        "Subtracts the trellis state's parity from a doubled negative index too, where it is to be added.",
        ("dq_flag", "sign_flag"),
        (
            Edit(
                "entropy.plain",
                "doubled",
                "return 2 * quant - (state_id & 1 if quant > 0 else -(state_id & 1))",
                "return 2 * quant - (state_id & 1)",
            ),
        ),
    ),
    NamedFault(
        "remainder-from-its-last-bit",
        "Reads the bits of abs_remainder least significant first.",
        ("abs_remainder",),
        (
            Edit(
                "entropy.plain",
                "uae_v",
                "        coded = 2 * coded + code_bypass(coder, (value >> place) & 1)\n",
                (
                    "        bin_value = code_bypass(coder, (value >> place) & 1)\n"
                    "        if element == ABS_REMAINDER:\n"
                    "            coded |= bin_value << (bits - 1 - place)\n"
                    "        else:\n"
                    "            coded = 2 * coded + bin_value\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "entry-points-of-undecomposed-rows",
        ("Counts the entry points of a decomposed block by dimension 0 of the tensor, and not by the rows of G and of H."),
        ("g_number_of_rows", "decomposition_rank", "cabac_offset_list"),
        (
            Edit(
                "syntax.structures.data_unit",
                "entry_point_list",
                "for dimensions in header.matrices if dimensions[0])",
                "for dimensions in (header.dimensions,) if dimensions[0])",
            ),
        ),
    ),
    NamedFault(
        "more-ids-than-parts",
        "Accepts a block with more ids than parts, and gives the first ones only.",
        ("compressed_parameter_types", "count_topology_elements_minus2", "topology_elem_id_list"),
        (
            Edit("syntax.structures.data_unit", "check_block", "len(ids) == parts", "len(ids) >= parts"),
            Edit("driver", "_tensors", "for name in header.ids}", "for name in header.ids if name in tensors}"),
        ),
    ),
    NamedFault(
        "blocks-read-down",
        "Goes down the columns within a block, where the standard goes along its rows.",
        ("scan_order",),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "        for row in range(area.rows):\n",
                (
                    "        across = right - left\n"
                    "        deep = area.rows if area.side > 0 else 1\n"
                    "        for row in range(0, area.rows, deep):\n"
                ),
            ),
            Edit(
                "entropy.plain",
                "quant_block_row",
                "            for place in range(row * area.columns + left, row * area.columns + right):\n",
                (
                    "            first = row * across\n"
                    "            for step in range(deep * across):\n"
                    "                place = (first // across + step % deep) * area.columns + left + step // deep\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "least-ranges-renormalised-by-six",
        ("Renormalises by six bits at most, as a table for the range's upper bits makes it, where the least LPS ranges need seven."),
        ("sig_flag", "abs_level_greater_x", "abs_level_greater_x2"),
        (
            Edit(
                "entropy.plain",
                "renormalise",
                ("    while r[RANGE] < 256:\n        r[RANGE] *= 2\n        shift_bit(coder)\n"),
                (
                    "    shifts = 0\n"
                    "    while r[RANGE] < 256 and shifts < 6:\n"
                    "        r[RANGE] *= 2\n"
                    "        shift_bit(coder)\n"
                    "        shifts += 1\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "all-flags-before-all-sets",
        ("Reads the flags of all contexts first, and then the sets of those that have one, not each set behind its flag."),
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                (
                    "        if signalled and code_bin(coder, layout.flag, 1 if sets[context] > 0 else 0):\n"
                    "            sets[context] = 1 + uae_v(coder, SHIFT_BITS, SET_BITS, sets[context] - 1)\n"
                    "        else:\n"
                    "            sets[context] = 0\n"
                ),
                (
                    "        sets[context] = code_bin(coder, layout.flag, 1 if sets[context] > 0 else 0)\n"
                    "    for context in range(layout.flag):\n"
                    "        if sets[context] > 0:\n"
                    "            sets[context] = 1 + uae_v(coder, SHIFT_BITS, SET_BITS, sets[context] - 1)\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "h-begins-with-delta1",
        ("Starts the entry points of H with a bit_offset_delta1 of their own, where the list goes on with bit_offset_delta2."),
        ("bit_offset_delta1", "bit_offset_delta2"),
        (
            Edit(
                "syntax.structures.data_unit",
                "entry_point_list",
                (
                    "    entries = []\n"
                    "    for j in range(count):\n"
                    '        offset = w.u("cabac_offset_list", 8, j)\n'
                    '        state = w.u("dq_state_list", 3, j) if header.dq_flag else 0\n'
                    '        delta = w.ie("bit_offset_delta2", 7, j - 1) if j else w.ue("bit_offset_delta1", 11)\n'
                ),
                (
                    "    entries = []\n"
                    "    firsts = (0, block_rows(header.matrices[0], scan_order) - 1)\n"
                    "    for j in range(count):\n"
                    '        offset = w.u("cabac_offset_list", 8, j)\n'
                    '        state = w.u("dq_state_list", 3, j) if header.dq_flag else 0\n'
                    '        delta = w.ue("bit_offset_delta1", 11) if j in firsts else w.ie("bit_offset_delta2", 7, j - 1)\n'
                ),
            ),
        ),
    ),
    NamedFault(
        "layer-qp-with-model-density",
        "Keeps the model's qp density under a layer parameter set, and takes over its quantization parameter only.",
        ("lps_qp_density",),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "nnr_layer_parameter_set",
                '        density = w.u("lps_qp_density", 3)\n',
                (
                    '        density = w.u("lps_qp_density", 3)\n'
                    "        density = context.mps_quantization.qp_density if context.mps_quantization else density\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "rows-of-g-need-not-divide",
        ("Rounds the columns of H down where g_number_of_rows does not divide the number of elements, and does not refuse."),
        ("g_number_of_rows",),
        (
            Edit(
                "syntax.structures.data_unit",
                "check_decomposition",
                (
                    '    w.require("rank", g_rows > 0, "g_number_of_rows is 0", "g_number_of_rows")\n'
                    "    if is_block and g_rows > 0:\n"
                    "        columns, rest = divmod(prod(dimensions), g_rows)\n"
                    '        w.require("rank", rest == 0, f"g_number_of_rows {g_rows} does not divide {prod(dimensions)} '
                    'elements", "g_number_of_rows")\n'
                ),
                (
                    '    w.require("rank", g_rows > 0, "g_number_of_rows is 0", "g_number_of_rows")\n'
                    "    if is_block and g_rows > 0:\n"
                    "        columns = max(prod(dimensions) // g_rows, 1)\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "cut-deflate-taken",
        "Keeps what a cut deflated topology gave, and does not ask whether its end was reached.",
        ("topology_data", "topology_compression_format"),
        (Edit("topology.content", "inflate", "if not machine.eof:", "if not machine.eof and len(inflated) >= most:"),),
    ),
    NamedFault(
        "indexes-from-one",
        "Counts indexes into the reference list from 1, the index 0 meaning its last entry.",
        ("topology_elem_id_index", "topology_elem_id_index_list"),
        (
            Edit(
                "syntax.structures.topology",
                "referenced",
                'return names[index] if index < len(names) else ""',
                'return names[index - 1] if index < len(names) else ""',
            ),
        ),
    ),
    NamedFault(
        "zero-value-with-codebook-egk",
        "Reads codebook_zero_value with the order codebook_egk, like the deltas after it, and not with 7.",
        ("codebook_zero_value", "codebook_egk"),
        (
            Edit(
                "syntax.structures.data_unit",
                "codebook",
                'zero = w.ie("codebook_zero_value", 7)',
                'zero = w.ie("codebook_zero_value", egk)',
            ),
        ),
    ),
    NamedFault(
        "steps-as-powers",
        ("Takes 2^(qp / 2^qp_density) for the step, also between the powers of two, where the standard goes in a straight line."),
        ("qp_delta", "mps_quantization_parameter", "mps_qp_density"),
        (
            Edit(
                "quantization.reconstruction",
                "step_size",
                (
                    "    mantissa = (1 << qp_density) + qp % (1 << qp_density)\n"
                    '    with np.errstate(over="ignore", under="ignore"):\n'
                    "        return np.ldexp(np.float64(mantissa), (qp >> qp_density) - qp_density)"
                ),
                ('    with np.errstate(over="ignore", under="ignore"):\n        return np.exp2(np.float64(qp) / (1 << qp_density))'),
            ),
        ),
    ),
    NamedFault(
        "scan-order-by-topology-dimensions",
        (
            "Reads scan_order for every tensor of several dimensions, also where they come from the topology and "
            "count_tensor_dimensions is absent."
        ),
        ("scan_order", "tensor_dimensions_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "if dimensions_known and len(dimensions) > 1:",
                "if len(dimensions) > 1:",
            ),
        ),
    ),
    NamedFault(
        "delta2-is-a-length",
        ("Takes bit_offset_delta2 for the length of the block row before, and not for its change, and so refuses right entry points."),
        ("bit_offset_delta2",),
        (
            Edit(
                "payload",
                "expected_entry_points",
                "lengths = list(accumulate(entry.delta for entry in header.entry_points))[own]",
                "lengths = [entry.delta for entry in header.entry_points[own]]",
            ),
        ),
    ),
    NamedFault(
        "short-tail-is-no-unit",
        ("Looks for a next unit only while more than five bytes are left, and takes a shorter rest of the stream for padding."),
        ("nnr_unit_size",),
        (
            Edit(
                "syntax.bitstream",
                "read_units",
                "while reader.bytes_left():",
                "while reader.bytes_left() > 5 or (index == 0 and reader.bytes_left()):",
            ),
        ),
    ),
    NamedFault(
        "second-quantizer-in-the-upper-states",
        (
            "Takes the second quantizer in the trellis states 4 to 7, as a trellis of four states does in its upper "
            "half, and not in the odd ones."
        ),
        ("dq_flag",),
        (
            Edit(
                "entropy.plain",
                "doubled",
                "return 2 * quant - (state_id & 1 if quant > 0 else -(state_id & 1))",
                ("odd = state_id >> 2\n    return 2 * quant - (odd if quant > 0 else -odd)"),
            ),
        ),
    ),
    NamedFault(
        "alignment-byte-after-codeword",
        "Expects byte_alignment() after the codeword: one that ends with a byte is refused for want of a byte 0x80.",
        ("end_of_codeword",),
        (
            Edit(
                "payload",
                "DataUnitDecoder._check_end",
                "if tail != 1 << ((-bits_read) & 7):",
                "if tail != 1 << ((-bits_read) & 7) or (bits_read & 7 == 0 and len(payload) == size):",
            ),
        ),
    ),
    NamedFault(
        "remainder-in-16-bits",
        "Reads a long remainder in one access of 16 bits at most: of more bits, the upper ones are lost.",
        ("abs_remainder",),
        (Edit("entropy.plain", "uae_v", "    return coded", "    return coded & 0xFFFF"),),
    ),
    NamedFault(
        "h-without-block-scan",
        "Scans G in blocks but H row by row, as if scan_order were of the unit's first tensor only.",
        ("scan_order", "decomposition_rank"),
        (
            Edit(
                "payload",
                "coding_of",
                "header.scan_order if part.is_weight else 0",
                "header.scan_order if part.is_weight and part.id == header.ids[0] else 0",
            ),
        ),
    ),
    NamedFault(
        "second-state-starts-at-zero",
        "Starts the second state of a context at 0, and only the first one by its parameter set.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.contexts",
                "reset_contexts",
                "tables.parameter_sets[set_id, INITIAL_S] - 16 * tables.parameter_sets[set_id, INITIAL_S0]",
                "0",
            ),
        ),
    ),
    NamedFault(
        "lengths-start-anew-for-h",
        "Starts the sum of the block rows' lengths anew with H, and so refuses its right entry points.",
        ("bit_offset_delta2",),
        (
            Edit(
                "payload",
                "expected_entry_points",
                "lengths = list(accumulate(entry.delta for entry in header.entry_points))[own]",
                "lengths = list(accumulate(entry.delta for entry in header.entry_points[own]))",
            ),
        ),
    ),
    NamedFault(
        "model-qp-of-uniform-method-only",
        "Reads the model's qp density and parameter only where NNR_QSU is set, not where NNR_QCB stands alone.",
        ("mps_quantization_method_flags", "mps_qp_density", "mps_quantization_parameter"),
        (
            Edit(
                "syntax.structures.parameter_sets", "nnr_model_parameter_set", "if methods & (NNR_QSU | NNR_QCB):", "if methods & NNR_QSU:"
            ),
        ),
    ),
    NamedFault(
        "dimensions-from-onnx-only",
        "Takes dimensions that a unit leaves out from an ONNX topology only, not from NNEF.",
        ("topology_storage_format", "tensor_dimensions_flag", "topology_data"),
        (Edit("topology.shapes", "shapes_in", "storage_format in (NNR_TPL_ONNX, NNR_TPL_NNEF)", "storage_format == NNR_TPL_ONNX"),),
    ),
    NamedFault(
        "ids-in-latin-1",
        ("Turns each byte of an id into a character of its own: ids are garbled beyond ASCII, and bytes that are no UTF-8 pass."),
        ("topology_elem_id", "topology_elem_id_list"),
        (Edit("syntax.reader", "Reader._read", "return self.bits.string().decode()", 'return self.bits.string().decode("latin-1")'),),
    ),
    NamedFault(
        "centre-offset-forgotten",
        "Puts index 0 in the middle of the codebook when it looks values up, whatever codebook_centre_offset says.",
        ("codebook_centre_offset",),
        (
            Edit(
                "quantization.reconstruction",
                "codebook_values",
                "indexes.astype(np.int64) + codebook.zero_offset",
                "indexes.astype(np.int64) + (len(codebook.values) >> 1)",
            ),
        ),
    ),
    NamedFault(
        "raw-floats-column-major",
        "Fills a tensor of raw floats column by column, as its array library lays matrices out.",
        ("raw_float32_parameter",),
        (
            Edit(
                "payload",
                "DataUnitDecoder._parts",
                "count=count).astype(np.float32)",
                'count=count).astype(np.float32).reshape(header.dimensions, order="F").reshape(-1)',
            ),
        ),
    ),
    NamedFault(
        "unary-length-in-a-byte",
        "Keeps cabac_unary_length in eight bits, where 256 becomes 0.",
        ("cabac_unary_length_minus1",),
        (
            Edit(
                "entropy.contexts",
                "context_layout",
                "    if not 1 <= unary_length <= MAX_UNARY_LENGTH:\n",
                ("    unary_length &= 255\n    if unary_length > MAX_UNARY_LENGTH:\n"),
            ),
        ),
    ),
    NamedFault(
        "dq-of-the-weight-only",
        "Applies dq_flag to the weight of a block, and decodes LS, BI and BN without the trellis.",
        ("dq_flag", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "coding_of",
                "dq_flag = header.dq_flag and not (integer and interpretation.int_dq_flag is IntDqFlag.IGNORED)",
                ("dq_flag = header.dq_flag and part.is_weight and not (integer and interpretation.int_dq_flag is IntDqFlag.IGNORED)"),
            ),
        ),
    ),
    NamedFault(
        "qp-delta-in-sign-and-magnitude",
        "Reads qp_delta as a sign bit and a magnitude.",
        ("qp_delta",),
        (
            Edit(
                "entropy.plain",
                "iae_v",
                "return coded - ((coded >> (bits - 1)) << bits)",
                ("magnitude = coded & ((1 << (bits - 1)) - 1)\n    return -magnitude if coded >> (bits - 1) else magnitude"),
            ),
        ),
    ),
    NamedFault(
        "sets-without-their-rates",
        "Takes the initial states of a context from its set, and moves them with the rates of set 0 whatever the set.",
        ("shift_parameter_ids",),
        (
            Edit(
                "entropy.contexts", "update_state", "    t = 1 if bin_value else -1\n", ("    t = 1 if bin_value else -1\n    set_id = 0\n")
            ),
        ),
    ),
    NamedFault(
        "first-block-row-in-full-range",
        "Sets the range to 256 at the start of each block row but the first.",
        ("IvlCurrRange",),
        (
            Edit(
                "entropy.plain",
                "enter_block_row",
                "    r = coder.registers\n",
                ("    r = coder.registers\n    if r[INDEX] == 0:\n        return\n"),
            ),
        ),
    ),
    NamedFault(
        "neighbour-forgotten-in-each-block",
        "Takes the previous index for 0 at the start of each block, and not of each block row only.",
        ("sig_flag", "sign_flag", "scan_order"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                ("    previous = 0\n    for left in range(0, area.columns, width):\n"),
                ("    for left in range(0, area.columns, width):\n        previous = 0\n"),
            ),
        ),
    ),
    NamedFault(
        "codebook-for-vectors-too",
        ("Looks LS, BI and BN of a block up in the weight's codebook, as if codebook_present_flag were for all its tensors."),
        ("codebook_present_flag", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "DataUnitDecoder._values",
                "numbers = tensor.indexes if part.codebook is None else codebook_values(tensor.indexes, part.codebook)",
                (
                    "numbers = tensor.indexes if header.codebook is None else codebook_values(tensor.indexes, part.codebook or "
                    "header.codebook)"
                ),
            ),
        ),
    ),
    NamedFault(
        "layer-set-for-one-unit",
        "Applies a layer parameter set to the next NNR_NDU only, and goes back to the model's after it.",
        ("lps_quantization_parameter", "lps_qp_density"),
        (
            Edit(
                "syntax.structures.unit",
                "nnr_unit_header",
                "        facts = nnr_compressed_data_unit_header(w, context)\n",
                ("        facts = nnr_compressed_data_unit_header(w, context)\n        context.lps_quantization = None\n"),
            ),
        ),
    ),
    NamedFault(
        "significance-states-as-in-video",
        ("Chooses the significance context by max(0, stateId - 1), as a video coder with dependent quantization does, and not by stateId."),
        ("sig_flag", "dq_flag"),
        (
            Edit(
                "entropy.plain", "significance_context", "NEIGHBOURS * state_id + previous", "NEIGHBOURS * max(0, state_id - 1) + previous"
            ),
        ),
    ),
    NamedFault(
        "ten-greater-contexts",
        ("Has contexts for ten greater-than bins, the default length, and codes the bins beyond with those of the tenth."),
        ("abs_level_greater_x", "cabac_unary_length_minus1"),
        (Edit("entropy.plain", "greater_context", "layout.greater + 2 * j + sign_flag", "layout.greater + 2 * min(j, 9) + sign_flag"),),
    ),
    NamedFault(
        "trellis-restarts-with-a-block-row",
        "Starts the trellis of dependent quantization anew at each block row, with the contexts.",
        ("dq_state_list", "dq_flag"),
        (
            Edit(
                "entropy.plain",
                "quant_tensor",
                "        reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n",
                ("        reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n        state_id = 0\n"),
            ),
        ),
    ),
    NamedFault(
        "indexes-need-topology-carriage",
        ("Believes mps_topology_indexed_reference_flag only where topology_carriage_flag says that a topology is carried."),
        ("mps_topology_indexed_reference_flag", "topology_carriage_flag"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "nnr_model_parameter_set",
                (
                    '    w.u("topology_carriage_flag", 1)\n'
                    '    sparsification = w.u("mps_sparsification_flag", 1)\n'
                    '    pruning = w.u("mps_pruning_flag", 1)\n'
                    '    unification = w.u("mps_unification_flag", 1)\n'
                    '    decomposition = w.u("mps_decomposition_performance_map_flag", 1)\n'
                    '    methods = w.u("mps_quantization_method_flags", 3)\n'
                    '    context.indexed_references = bool(w.u("mps_topology_indexed_reference_flag", 1))\n'
                ),
                (
                    '    carried = w.u("topology_carriage_flag", 1)\n'
                    '    sparsification = w.u("mps_sparsification_flag", 1)\n'
                    '    pruning = w.u("mps_pruning_flag", 1)\n'
                    '    unification = w.u("mps_unification_flag", 1)\n'
                    '    decomposition = w.u("mps_decomposition_performance_map_flag", 1)\n'
                    '    methods = w.u("mps_quantization_method_flags", 3)\n'
                    '    context.indexed_references = bool(w.u("mps_topology_indexed_reference_flag", 1) & carried)\n'
                ),
            ),
        ),
    ),
    NamedFault(
        "indexes-inside-the-reference-list",
        ("Reads the list of NNR_TPL_REFLIST as indexes too where the model's references are indexed, though it holds the strings."),
        ("topology_elem_id_list", "mps_topology_indexed_reference_flag"),
        (
            Edit(
                "syntax.structures.topology",
                "nnr_topology_unit_payload",
                "topology_elements_ids_list(w, context, indexed=False)",
                "topology_elements_ids_list(w, context, indexed=context.indexed_references)",
            ),
        ),
    ),
    NamedFault(
        "block-ids-in-coded-order",
        "Takes the ids of a block's list in the order in which the tensors are coded: LS, BI, then BN.",
        ("topology_elem_id_list", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "coded_parts",
                "for kind, count in ((LS, 1), (BN, 4), (BI, 1)) if",
                "for kind, count in ((LS, 1), (BI, 1), (BN, 4)) if",
            ),
        ),
    ),
    NamedFault(
        "index-below-codebook-counts-from-its-end",
        "Refuses an index above the codebook only; one below it counts from the codebook's end.",
        ("codebook_size", "codebook_centre_offset", "cabac_codeword"),
        (
            Edit(
                "quantization.reconstruction",
                "codebook_values",
                "    outside = (places < 0) | (places >= len(codebook.values))\n",
                "    outside = (places < -len(codebook.values)) | (places >= len(codebook.values))\n",
            ),
        ),
    ),
    NamedFault(
        "raw-subnormals-are-zero",
        "Flushes subnormal raw floats to zero, as a processor set to fast arithmetic does.",
        ("raw_float32_parameter",),
        (
            Edit(
                "payload",
                "DataUnitDecoder._parts",
                "count=count).astype(np.float32)",
                "count=count).astype(np.float32); values[np.abs(values) < np.finfo(np.float32).tiny] = 0",
            ),
        ),
    ),
    NamedFault(
        "signed-golomb-with-a-sign-bit",
        ("Reads ie(k) as a magnitude and, unless it is 0, a sign bit after it, and not as one code with both signs in turn."),
        ("codebook_zero_value", "codebook_centre_offset", "bit_offset_delta2"),
        (
            Edit(
                "syntax.descriptors",
                "BitReader.signed_golomb",
                "return (code + 1) // 2 if code & 1 else -(code // 2)",
                "return -code if code and self.bits(1) else code",
            ),
        ),
    ),
    NamedFault(
        "qp-delta-in-a-byte",
        "Keeps qp_delta in a signed byte, too short for a density above 2.",
        ("qp_delta",),
        (
            Edit(
                "entropy.codeword", "_decode", "                int(qp_delta),\n", "                ((int(qp_delta) + 128) & 255) - 128,\n"
            ),
        ),
    ),
    NamedFault(
        "digits-swapped-in-a-step",
        "Has 1329 for 1392 in the table of state steps, two digits swapped in typing it.",
        ("sig_flag", "abs_level_greater_x", "abs_level_greater_x2"),
        (
            Edit(
                "entropy.contexts",
                "update_state",
                (
                    "    state[0] = s0 + t * (tables.state_step[16 + ((t * s0) >> 3)] >> (tables.parameter_sets[set_id, SHIFT_0] "
                    "+ 4))\n"
                    "    state[1] = s1 + t * (tables.state_step[16 + ((t * s1) >> 7)] >> tables.parameter_sets[set_id, SHIFT_1])\n"
                ),
                (
                    "    place0, place1 = 16 + ((t * s0) >> 3), 16 + ((t * s1) >> 7)\n"
                    "    step0 = 1329 if place0 == 4 else tables.state_step[place0]\n"
                    "    step1 = 1329 if place1 == 4 else tables.state_step[place1]\n"
                    "    state[0] = s0 + t * (step0 >> (tables.parameter_sets[set_id, SHIFT_0] + 4))\n"
                    "    state[1] = s1 + t * (step1 >> tables.parameter_sets[set_id, SHIFT_1])\n"
                ),
            ),
        ),
    ),
    NamedFault(
        "second-block-qp-adds-up",
        "Adds qp_delta to that of the block's tensor before, as video coders do, and not to the parameter set's.",
        ("qp_delta",),
        (
            Edit(
                "entropy.codeword",
                "_decode",
                "qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0",
                (
                    "qp_delta = (decoded[-1].qp_delta if decoded else 0) + (plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, "
                    "0) if coding.qp_delta_bits else 0)"
                ),
            ),
        ),
    ),
    NamedFault(
        "contexts-run-on-over-block-rows",
        "Keeps the adapted contexts at the start of a later block row.",
        ("sig_flag", "scan_order"),
        (
            Edit(
                "entropy.plain",
                "quant_tensor",
                "        reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n",
                ("        if first == 0:\n            reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n"),
            ),
        ),
    ),
)
