"""Bugs that implementers of a decoder plausibly make, to measure how well `explain` finds one that it never saw.

They were written from the standard's facts and the decoder's text, without sight of the catalogue of causes.
"""

from dataclasses import dataclass
from typing import Final

Edit = tuple[str, str, str, str]
"""Module below ``nnc_conformance.reference``, qualified function name, text that stands exactly once in its source, text in its place."""


@dataclass(frozen=True)
class SeededBug:
    """A wrong decoder.

    ``sentence``: what a decoder with the bug does; ``elements``: the syntax elements of which a report would be right to name any one.
    """

    name: str
    sentence: str
    elements: tuple[str, ...]
    edits: tuple[Edit, ...]


UNIT: Final = "syntax.structures.unit"
SETS: Final = "syntax.structures.parameter_sets"
TOPOLOGY: Final = "syntax.structures.topology"
DATA: Final = "syntax.structures.data_unit"
PLAIN: Final = "entropy.plain"
CONTEXTS: Final = "entropy.contexts"
VALUES: Final = "quantization.reconstruction"
CONTEXT_CODED: Final = ("shift_parameter_ids", "sig_flag", "sign_flag", "abs_level_greater_x", "abs_level_greater_x2")

BUGS: Final[tuple[SeededBug, ...]] = (
    SeededBug(
        "trellis-quantizer-of-vvc",
        "takes the quantizer of dependent quantization from the upper half of the states, stateId 4 to 7, and not from the odd ones",
        ("dq_flag",),
        (
            (
                PLAIN,
                "doubled",
                "2 * quant - (state_id & 1 if quant > 0 else -(state_id & 1))",
                "2 * quant - (state_id >> 2 if quant > 0 else -(state_id >> 2))",
            ),
        ),
    ),
    SeededBug(
        "no-alignment-when-aligned",
        "reads nothing for byte_alignment() at a position that is aligned already",
        ("byte_alignment",),
        (
            ("syntax.walker", "Walker.byte_alignment", "n = 8 - (self.position & 7)", "n = -self.position & 7"),
            (
                "syntax.walker",
                "Walker.byte_alignment",
                'value = self._element("byte_alignment", f"u({n})", None, n)',
                'value = self._element("byte_alignment", f"u({n})", None, n) if n else 1',
            ),
            ("syntax.walker", "Walker.byte_alignment", "value >> (n - 1) == 1", "n == 0 or value >> (n - 1) == 1"),
            ("syntax.walker", "Walker.byte_alignment", "if self.interpretation", "if n and self.interpretation"),
        ),
    ),
    SeededBug(
        "step-as-a-power",
        "takes 2 to the power of qp / 2^qp_density for the step size, without the linear mantissa between powers of two",
        ("mps_qp_density", "lps_qp_density", "mps_quantization_parameter", "lps_quantization_parameter", "qp_delta"),
        (
            (
                VALUES,
                "step_size",
                "np.ldexp(np.float64(mantissa), (qp >> qp_density) - qp_density)",
                "np.exp2(np.float64(qp) / (1 << qp_density))",
            ),
        ),
    ),
    SeededBug(
        "weight-coded-first",
        "takes the tensors of a BLOCK in the order of its ids, the weight before LS, BI and BN",
        ("cabac_codeword", "compressed_parameter_types", "topology_elem_id_list"),
        (
            (
                "payload",
                "coded_parts",
                "return (*(Part(name, rows, None, False) for kind in (LS, BI, BN) for name in groups.get(kind, ())), *weights)",
                "return (*weights, *(Part(name, rows, None, False) for kind in (LS, BI, BN) for name in groups.get(kind, ())))",
            ),
        ),
    ),
    SeededBug(
        "default-unary-length-9",
        "takes 9 for the unary length where none is coded: the default of cabac_unary_length_minus1, to which 1 is still to be added",
        ("cabac_unary_length_flag", "cabac_unary_length_minus1", "abs_level_greater_x"),
        ((DATA, "nnr_compressed_data_unit_header", "DEFAULT_UNARY_LENGTH, 0, 0, 0", "DEFAULT_UNARY_LENGTH - 1, 0, 0, 0"),),
    ),
    SeededBug(
        "qp-unsigned",
        "reads mps_quantization_parameter as an unsigned number",
        ("mps_quantization_parameter",),
        ((SETS, "nnr_model_parameter_set", 'w.i("mps_quantization_parameter", 13)', 'w.u("mps_quantization_parameter", 13)'),),
    ),
    SeededBug(
        "contexts-carry-on",
        "lets the contexts' states go on from one block row to the next",
        ("scan_order", "sig_flag", "sign_flag", "abs_level_greater_x", "abs_level_greater_x2"),
        (
            (
                PLAIN,
                "quant_tensor",
                "        reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n",
                "        if first == 0:\n            reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n",
            ),
        ),
    ),
    SeededBug(
        "reflist-of-indexes",
        "reads the list of an NNR_TPL_REFLIST as indexes, where the model parameter set says that references are indexed",
        ("topology_elem_id_list", "topology_elem_id_index_list", "mps_topology_indexed_reference_flag"),
        ((TOPOLOGY, "nnr_topology_unit_payload", "indexed=False", "indexed=context.indexed_references"),),
    ),
    SeededBug(
        "codebook-upwards-first",
        "reads the codebook's values above the centre before those below it",
        ("codebook_delta_left", "codebook_delta_right"),
        (
            (
                DATA,
                "codebook",
                "        for j in range(zero_offset):\n"
                '            left.append(left[-1] - w.ue("codebook_delta_left", egk, j) - 1)\n'
                "        for j in range(size - zero_offset - 1):\n"
                '            right.append(right[-1] + w.ue("codebook_delta_right", egk, j) + 1)\n',
                "        for j in range(size - zero_offset - 1):\n"
                '            right.append(right[-1] + w.ue("codebook_delta_right", egk, j) + 1)\n'
                "        for j in range(zero_offset):\n"
                '            left.append(left[-1] - w.ue("codebook_delta_left", egk, j) - 1)\n',
            ),
        ),
    ),
    SeededBug(
        "significance-context-of-vvc",
        "lets stateId 0 and 1 share their significance contexts, as if chosen by max(stateId - 1, 0)",
        ("sig_flag", "dq_flag"),
        ((PLAIN, "quant_param", "NEIGHBOURS * state_id + previous", "NEIGHBOURS * max(state_id - 1, 0) + previous"),),
    ),
    SeededBug(
        "flush-after-terminate",
        "renormalises after the terminate bin, as H.264 does, and so reads 7 bits more",
        ("end_of_codeword",),
        (
            (
                PLAIN,
                "code_terminate",
                "            renormalise(coder)\n    else:\n",
                "            renormalise(coder)\n"
                "        else:\n"
                "            r[OFFSET] -= r[RANGE]\n"
                "            r[RANGE] = 2\n"
                "            renormalise(coder)\n"
                "    else:\n",
            ),
        ),
    ),
    SeededBug(
        "row-lengths-not-chained",
        "takes bit_offset_delta2 for the length of a block row, where it is the change of the length",
        ("bit_offset_delta2",),
        (
            (
                "payload",
                "expected_entry_points",
                "list(accumulate(entry.delta for entry in header.entry_points))[own]",
                "[entry.delta for entry in header.entry_points][own]",
            ),
        ),
    ),
    SeededBug(
        "long-size-field-of-two-bytes",
        "counts two bytes for the size field where it has four, so that a unit with a 31-bit size ends two bytes late",
        ("nnr_unit_size", "nnr_unit_size_flag"),
        ((UNIT, "nnr_unit", "w.unit_bounds(size, start)", "w.unit_bounds(size + 2 if size_flag else size, start)"),),
    ),
    SeededBug(
        "dq-for-the-weight-only",
        "decodes LS, BI and BN of a BLOCK without dependent quantization, whatever dq_flag says",
        ("dq_flag", "compressed_parameter_types", "shift_parameter_ids"),
        (("payload", "coding_of", "header.dq_flag and not (integer", "header.dq_flag and part.is_weight and not (integer"),),
    ),
    SeededBug(
        "set-number-without-one",
        "takes the three bits of a signalled parameter set for its number, without adding 1",
        ("shift_parameter_ids",),
        ((PLAIN, "shift_parameter_ids", "sets[context] = 1 + uae_v(", "sets[context] = uae_v("),),
    ),
    SeededBug(
        "raw-big-endian",
        "reads the numbers of a RAW_FLOAT most significant byte first",
        ("raw_float32_parameter",),
        (("payload", "DataUnitDecoder._parts", 'dtype="<f4"', 'dtype=">f4"'),),
    ),
    SeededBug(
        "lps-qp-as-an-offset",
        "adds lps_quantization_parameter to the model parameter set's, in place of replacing it",
        ("lps_quantization_parameter",),
        (
            (
                SETS,
                "nnr_layer_parameter_set",
                '        context.lps_quantization = Quantization(density, w.i("lps_quantization_parameter", 13))\n',
                "        base = context.mps_quantization.quantization_parameter if context.mps_quantization else 0\n"
                '        context.lps_quantization = Quantization(density, base + w.i("lps_quantization_parameter", 13))\n',
            ),
        ),
    ),
    SeededBug(
        "block-scan-down-the-columns",
        "goes down the columns within each block of a block scan",
        ("scan_order",),
        (
            (PLAIN, "quant_block_row", "for row in range(area.rows):", "for row in range(right - left if area.side > 0 else area.rows):"),
            (
                PLAIN,
                "quant_block_row",
                "            for place in range(row * area.columns + left, row * area.columns + right):\n",
                "            places = range(row * area.columns + left, row * area.columns + right)\n"
                "            if area.side > 0:\n"
                "                places = range(left + row, area.rows * area.columns, area.columns)\n"
                "            for place in places:\n",
            ),
        ),
    ),
    SeededBug(
        "bits-in-reverse",
        "puts the bits of uae_v() and iae_v() together least significant first",
        ("qp_delta", "shift_parameter_ids", "abs_remainder"),
        (
            (
                PLAIN,
                "uae_v",
                "coded = 2 * coded + code_bypass(coder, (value >> place) & 1)",
                "coded |= code_bypass(coder, (value >> place) & 1) << (bits - 1 - place)",
            ),
        ),
    ),
    SeededBug(
        "references-from-one",
        "counts the ids of the reference list from 1",
        ("topology_elem_id_index", "topology_elem_id_index_list"),
        ((TOPOLOGY, "referenced", "return names[index] if", "return names[index - 1] if"),),
    ),
    SeededBug(
        "codebook-centre-in-the-middle",
        "takes the middle of the codebook for index 0, without codebook_centre_offset",
        ("codebook_centre_offset",),
        ((VALUES, "codebook_values", "+ codebook.zero_offset", "+ (len(codebook.values) >> 1)"),),
    ),
    SeededBug(
        "flags-swapped-in-unit-header",
        "reads partial_data_counter_present_flag before independently_decodable_flag",
        ("independently_decodable_flag", "partial_data_counter_present_flag", "partial_data_counter"),
        (
            (
                UNIT,
                "nnr_unit_header",
                '    w.u("independently_decodable_flag", 1)\n    if w.u("partial_data_counter_present_flag", 1):\n',
                '    counted = w.u("partial_data_counter_present_flag", 1)\n    w.u("independently_decodable_flag", 1)\n    if counted:\n',
            ),
        ),
    ),
    SeededBug(
        "greater-contexts-by-sign-first",
        "lays the greater-than contexts out as all those of positive, then all those of negative indexes",
        ("abs_level_greater_x", "shift_parameter_ids"),
        ((PLAIN, "quant_param", "layout.greater + 2 * j + sign_flag", "layout.greater + layout.unary_length * sign_flag + j"),),
    ),
    SeededBug(
        "one-qp-delta-for-a-codeword",
        "reads qp_delta only before the first tensor of a codeword",
        ("qp_delta",),
        (("entropy.codeword", "_decode", "if coding.qp_delta_bits else 0", "if coding.qp_delta_bits and number == 0 else 0"),),
    ),
    SeededBug(
        "dq-state-always-coded",
        "reads dq_state_list in every entry point, also without dq_flag",
        ("dq_state_list", "dq_flag"),
        ((DATA, "entry_point_list", 'w.u("dq_state_list", 3, j) if header.dq_flag else 0', 'w.u("dq_state_list", 3, j)'),),
    ),
    SeededBug(
        "state-shift-after-abs",
        "takes the absolute value of the probability before it shifts it to a place in the table of ranges",
        CONTEXT_CODED,
        ((PLAIN, "code_bin", "abs(s >> 7)", "(abs(s) >> 7)"),),
    ),
    SeededBug(
        "deflate-without-its-header",
        "inflates topology data as a bare RFC 1951 stream, without the header and checksum of RFC 1950",
        ("topology_data", "topology_compression_format", "quantization_data", "quantization_compression_format"),
        (("decoder", "inflate", "zlib.decompressobj()", "zlib.decompressobj(-zlib.MAX_WBITS)"),),
    ),
    SeededBug(
        "trellis-by-parity-of-the-value",
        "moves the trellis by the parity of the doubled value, in place of that of the coded index",
        ("dq_flag", "sig_flag"),
        ((PLAIN, "quant_block_row", "quant & 1", "value & 1"),),
    ),
    SeededBug(
        "dpm-classes-of-eight-bits",
        "reads dpm_count_classes with 8 bits, as the other maps have theirs",
        ("dpm_count_classes",),
        ((SETS, "decomposition_performance_map", 'w.u("dpm_count_classes", 16)', 'w.u("dpm_count_classes", 8)'),),
    ),
    SeededBug(
        "vectors-in-blocks",
        "scans the vectors of a BLOCK in the weight's blocks, with block rows of their own",
        ("scan_order", "compressed_parameter_types"),
        (("payload", "coding_of", "scan_order = header.scan_order if part.is_weight else 0", "scan_order = header.scan_order"),),
    ),
    SeededBug(
        "signed-golomb-upside-down",
        "takes the odd codes of ie(k) for the negative numbers",
        ("codebook_centre_offset", "codebook_zero_value", "bit_offset_delta2"),
        (
            (
                "syntax.descriptors",
                "BitReader.signed_golomb",
                "(code + 1) // 2 if code & 1 else -(code // 2)",
                "-((code + 1) // 2) if code & 1 else code // 2",
            ),
        ),
    ),
    SeededBug(
        "one-rate-for-all-sets",
        "adapts every context at the rates of parameter set 0, the others giving the initial states only",
        CONTEXT_CODED,
        (
            (CONTEXTS, "update_state", "tables.parameter_sets[set_id, SHIFT_0]", "tables.parameter_sets[0, SHIFT_0]"),
            (CONTEXTS, "update_state", "tables.parameter_sets[set_id, SHIFT_1]", "tables.parameter_sets[0, SHIFT_1]"),
        ),
    ),
    SeededBug(
        "dq-absent-with-a-codebook",
        "does not read dq_flag where a codebook is present",
        ("dq_flag", "codebook_present_flag"),
        (
            (
                DATA,
                "nnr_compressed_data_unit_header",
                "if payload_type != NNR_PT_RAW_FLOAT:",
                "if payload_type != NNR_PT_RAW_FLOAT and not codebook_present:",
            ),
        ),
    ),
    SeededBug(
        "first-block-row-not-narrowed",
        "sets the range to 256 at the start of each block row but the first",
        ("IvlCurrRange", "scan_order"),
        ((PLAIN, "enter_block_row", "    r[RANGE] = FORCED_RANGE\n", "    if r[INDEX] > 0:\n        r[RANGE] = FORCED_RANGE\n"),),
    ),
    SeededBug(
        "ids-in-latin-1",
        "takes each byte of an id for a character of its own, in place of reading UTF-8",
        ("topology_elem_id", "topology_elem_id_list"),
        (("syntax.reader", "Reader._read", "self.bits.string().decode()", 'self.bits.string().decode("latin-1")'),),
    ),
    SeededBug(
        "codebook-for-the-vectors",
        "applies the weight's codebook to LS, BI and BN of a BLOCK as well",
        ("codebook_present_flag", "compressed_parameter_types"),
        (
            (
                "payload",
                "DataUnitDecoder._values",
                "numbers = tensor.indexes if part.codebook is None else codebook_values(tensor.indexes, part.codebook)",
                "numbers = tensor.indexes if header.codebook is None else "
                "codebook_values(tensor.indexes, part.codebook or header.codebook)",
            ),
            ("payload", "DataUnitDecoder._values", "with_codebook=part.codebook is not None", "with_codebook=header.codebook is not None"),
        ),
    ),
    SeededBug(
        "one-greater-bin-less",
        "goes on to the exp-Golomb prefix one greater-than bin early, after cabac_unary_length_minus1 of them",
        ("abs_level_greater_x", "cabac_unary_length_minus1", "abs_level_greater_x2"),
        (
            (
                CONTEXTS,
                "context_layout",
                "prefix + MAX_PREFIX, unary_length, dq_flag)",
                "prefix + MAX_PREFIX, max(unary_length - 1, 1), dq_flag)",
            ),
        ),
    ),
    SeededBug(
        "qp-of-uniform-only",
        "reads the qp density and quantization parameter of an NNR_MPS only with NNR_QSU, not with NNR_QCB alone",
        ("mps_quantization_method_flags", "mps_qp_density", "mps_quantization_parameter"),
        ((SETS, "nnr_model_parameter_set", "if methods & (NNR_QSU | NNR_QCB):", "if methods & NNR_QSU:"),),
    ),
    SeededBug(
        "remainder-of-c",
        "takes the remainder of a negative qp with the sign of the qp, as C's % does, beside an arithmetic shift",
        ("mps_quantization_parameter", "lps_quantization_parameter", "mps_qp_density", "lps_qp_density", "qp_delta"),
        ((VALUES, "step_size", "qp % (1 << qp_density)", "int(np.fmod(qp, 1 << qp_density))"),),
    ),
    SeededBug(
        "index-past-the-list",
        "accepts an index that is just past the reference list, and gives the tensor an empty name",
        ("topology_elem_id_index", "topology_elem_id_index_list"),
        ((TOPOLOGY, "referenced", '"index-range", index < len(names)', '"index-range", index <= len(names)'),),
    ),
    SeededBug(
        "qp-delta-with-a-sign-bit",
        "reads iae_v() as a sign bit and a magnitude, in place of two's complement",
        ("qp_delta",),
        (
            (
                PLAIN,
                "iae_v",
                "    return coded - ((coded >> (bits - 1)) << bits)",
                "    magnitude = coded & ((1 << (bits - 1)) - 1)\n    return -magnitude if coded >> (bits - 1) else magnitude",
            ),
        ),
    ),
    SeededBug(
        "lps-for-one-data-unit",
        "lets an NNR_LPS apply to the next NDU only, then goes back to the model parameter set",
        ("lps_quantization_parameter", "lps_qp_density", "lps_quantization_method_flags"),
        (
            (
                UNIT,
                "typed_payload",
                "        nnr_compressed_data_unit_payload(w, facts)\n",
                "        nnr_compressed_data_unit_payload(w, facts)\n        context.lps_quantization = None\n",
            ),
        ),
    ),
    SeededBug(
        "first-delta-again-for-h",
        "reads the first entry point of H as a bit_offset_delta1 of its own",
        ("bit_offset_delta1", "bit_offset_delta2"),
        (
            (
                DATA,
                "entry_point_list",
                '        delta = w.ie("bit_offset_delta2", 7, j - 1) if j else w.ue("bit_offset_delta1", 11)\n',
                "        begins = j in (0, block_rows(header.matrices[0], scan_order) - 1)\n"
                '        delta = w.ue("bit_offset_delta1", 11) if begins else w.ie("bit_offset_delta2", 7, j - 1)\n',
            ),
        ),
    ),
    SeededBug(
        "range-starts-at-511",
        "starts the arithmetic decoder with the range 511",
        ("IvlCurrRange", "IvlOffset"),
        ((PLAIN, "initialise", "r[RANGE] = INITIAL_RANGE", "r[RANGE] = INITIAL_RANGE + 1"),),
    ),
    SeededBug(
        "formats-0-and-1-swapped",
        "takes nnr_decompressed_data_format 0 for FLOAT32 and 1 for INT32",
        ("nnr_decompressed_data_format",),
        ((VALUES, "convert", "DATA_FORMATS[data_format]", "DATA_FORMATS[1 - data_format if data_format <= 1 else data_format]"),),
    ),
    SeededBug(
        "maps-of-pruning-first",
        "reads the pruning performance map before the sparsification performance map",
        ("spm_count_thresholds", "ppm_count_pruning_ratios", "mps_sparsification_flag", "mps_pruning_flag"),
        (
            (
                SETS,
                "performance_maps",
                "    if sparsification:\n        sparsification_performance_map(w)\n    if pruning:\n        pruning_performance_map(w)\n",
                "    if pruning:\n        pruning_performance_map(w)\n    if sparsification:\n        sparsification_performance_map(w)\n",
            ),
        ),
    ),
    SeededBug(
        "three-significance-flags",
        "reads the parameter sets of three significance contexts with dq_flag too, and gives every stateId the same",
        ("shift_parameter_ids", "sig_flag"),
        (
            (
                PLAIN,
                "shift_parameter_ids",
                "    for context in range(layout.flag):\n",
                "    for context in range(layout.flag):\n"
                "        if NEIGHBOURS <= context < layout.sign:\n"
                "            sets[context] = sets[context - NEIGHBOURS]\n"
                "            continue\n",
            ),
        ),
    ),
    SeededBug(
        "cut-deflate-accepted",
        "accepts deflated topology data that ends before its stream does",
        ("topology_data", "quantization_data"),
        (("decoder", "inflate", "if not machine.eof:", "if not machine.eof and len(inflated) >= most:"),),
    ),
    SeededBug(
        "odd-state-without-sign",
        "takes 1 off the doubled value in an odd state, whatever the index's sign",
        ("dq_flag", "sign_flag"),
        ((PLAIN, "doubled", "(state_id & 1 if quant > 0 else -(state_id & 1))", "(state_id & 1)"),),
    ),
    SeededBug(
        "last-piece-is-number-one",
        "takes a unit with partial_data_counter 1 for the last of its set",
        ("partial_data_counter",),
        ((UNIT, "nnr_unit_payload", "partial.next_counter >= 0", "partial.next_counter > 0"),),
    ),
    SeededBug(
        "codebook-index-clipped",
        "clips an index to the codebook's ends, where it is to be refused",
        ("cabac_codeword", "codebook_size", "codebook_present_flag"),
        (
            (
                VALUES,
                "codebook_values",
                "places = indexes.astype(np.int64) + codebook.zero_offset",
                "places = np.clip(indexes.astype(np.int64) + codebook.zero_offset, 0, len(codebook.values) - 1)",
            ),
        ),
    ),
    SeededBug(
        "table-entry-113",
        "has 113 in the table of ranges where it is 131, in the row of ranges from 416 to 447",
        CONTEXT_CODED,
        (
            (
                PLAIN,
                "code_bin",
                "    lps_range = coder.tables.lps_range[abs(s >> 7) + (r[RANGE] & 0xE0)]\n",
                "    slot = abs(s >> 7) + (r[RANGE] & 0xE0)\n    lps_range = 113 if slot == 5 * 32 + 3 else coder.tables.lps_range[slot]\n",
            ),
        ),
    ),
    SeededBug(
        "aligned-before-the-indexes",
        "reads byte_alignment() before the indexes of a list of ids, as for strings, and not after them",
        ("topology_elem_id_index_list", "byte_alignment"),
        (
            (
                TOPOLOGY,
                "topology_elements_ids_list",
                '            ids = tuple(referenced(w, context, w.ue("topology_elem_id_index_list", 7, j)) for j in range(count))\n'
                "            w.byte_alignment()\n",
                "            w.byte_alignment()\n"
                '            ids = tuple(referenced(w, context, w.ue("topology_elem_id_index_list", 7, j)) for j in range(count))\n',
            ),
        ),
    ),
    SeededBug(
        "qp-delta-after-the-sets",
        "reads qp_delta after the parameter sets of the contexts",
        ("qp_delta", "shift_parameter_ids"),
        (
            (
                "entropy.codeword",
                "_decode",
                "        qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0\n"
                "        plain.shift_parameter_ids(coder, layout)\n",
                "        plain.shift_parameter_ids(coder, layout)\n"
                "        qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0\n",
            ),
        ),
    ),
    SeededBug(
        "accuracies-by-the-mask",
        "reads an accuracy for each bit set in ppm_class_bitmask, in place of ppm_count_classes of them",
        ("ppm_class_bitmask", "ppm_count_classes", "ppm_nn_class_accuracy"),
        (
            (SETS, "pruning_performance_map", 'w.ue("ppm_class_bitmask", 7)', 'bitmask = w.ue("ppm_class_bitmask", 7)'),
            (SETS, "pruning_performance_map", "range(classes)", "range(bitmask.bit_count())"),
        ),
    ),
    SeededBug(
        "eight-indexes-a-bit-at-most",
        "refuses a codeword that would have to hold more than eight indexes a bit",
        ("cabac_codeword", "tensor_dimensions", "sig_flag"),
        (("entropy.codeword", "_check_room", "math.ceil(1 / math.log2(plain.INITIAL_RANGE / (plain.INITIAL_RANGE - least)))", "8"),),
    ),
)
