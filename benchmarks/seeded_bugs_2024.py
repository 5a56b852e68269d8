"""Bugs that implementers of the second edition plausibly make in sessions and streams of profile 1.

They were written from the standard's facts and the decoder's text, without sight of the catalogue
of causes.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.reference.syntax.elements import SECOND_EDITION

BUGS: Final = (
    NamedFault(
        "history-overruled-by-the-base",
        "Asks for the base index of TCA first, and takes the context of HDSP only where that is 0.",
        ("hist_dep_sig_prob_enabled_flag", "temporal_context_modeling_flag", "sig_flag"),
        (
            Edit(
                "entropy.plain",
                "significance_context",
                "    if coder.registers[HDSP] != 0 and coder.seen.shape[0] > 0 and coder.seen[place] != 0:\n",
                (
                    "    seen = coder.registers[HDSP] != 0 and coder.seen.shape[0] > 0 and coder.seen[place] != 0\n"
                    "    if seen and base_index(coder, layout, place) == 0:\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "skipped-row-clears-the-neighbour",
        "Takes the previous index for 0 after a skipped row, whose indexes are zeros.",
        ("row_skip_list", "row_skip_enabled_flag", "sig_flag"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "                if skipped:\n                    continue\n",
                "                if skipped:\n                    previous = 0\n                    continue\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "depth-before-parameter",
        "Reads put_node_depth before parameter_id.",
        ("parameter_id", "put_node_depth", "device_id"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                'node_id = NodeId(w.ue("device_id", 1), w.ue("parameter_id", 5), w.ue("put_node_depth", 4))',
                (
                    'device, depth = w.ue("device_id", 1), w.ue("put_node_depth", 4)\n'
                    '        node_id = NodeId(device, w.ue("parameter_id", 5), depth)'
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "one-sided-codebooks-have-signs",
        "Reads sign_flag with every codebook of several values, also where all indexes have the same sign.",
        ("sign_flag", "codebook_centre_offset", "codebook_size"),
        (
            Edit(
                "entropy.plain",
                "code_sign",
                "    if layout.negative_limit == 0 or layout.positive_limit == 0:\n",
                "    if layout.negative_limit == 0 and layout.positive_limit == 0:\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "last-update-only-is-history",
        "Keeps the places of the last update that was not zero there, and forgets those of the updates before.",
        ("hist_dep_sig_prob_enabled_flag", "sig_flag"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "            seen = now | seen if seen is not None and seen.size == now.size else now\n",
                "            seen = now\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "maps-do-not-name-their-metric",
        "Reads performance_metric_type only where validation_set_performance_present_flag is set, not for the maps alone.",
        ("performance_metric_type", "metric_type_performance_map_valid_flag"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "model_and_updates",
                "    if performance_present or metric_valid:\n",
                "    if performance_present:\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "single-differences-everywhere",
        "Adds every unit of an update stream to the base model, also one without a parent id.",
        ("parent_node_id_present_flag", "mps_parent_signalling_enabled_flag"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._take_values",
                "        if header.parent_id is not None:\n",
                "        if header.update is not None and header.update.parent_signalling:\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "trellis-waits-at-skipped-rows",
        "Leaves stateId as it is in a skipped row, of which nothing is coded.",
        ("row_skip_list", "dq_flag", "row_skip_enabled_flag"),
        (
            Edit(
                "entropy.plain",
                "state_after_skipped",
                "        state_id = coder.tables.state_trans[state_id, 0]\n",
                "        pass\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "undoubled-base",
        "Keeps the coded index before its doubling as the base of TCA, where the last unit had dq_flag.",
        ("temporal_context_modeling_flag", "dq_flag", "sig_flag", "abs_level_greater_x"),
        (
            Edit(
                "payload",
                "DataUnitDecoder._parts",
                "                base, nonzero = clamped(tensor.indexes), tensor.indexes != 0\n",
                (
                    "                kept = np.sign(tensor.indexes) * ((np.abs(tensor.indexes) + header.dq_flag) >> header.dq_flag)\n"
                    "                base, nonzero = clamped(kept), tensor.indexes != 0\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "scan-order-before-shift",
        "Reads scan_order before first_tensor_dimension_shift.",
        ("first_tensor_dimension_shift", "scan_order"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                (
                    "        if context.second_edition:\n"
                    "            header = replace(header, dimension_shift=first_tensor_dimension_shift(w, dimensions))\n"
                    '        scan_order = w.u("scan_order", 4)\n'
                ),
                (
                    '        scan_order = w.u("scan_order", 4)\n'
                    "        if context.second_edition:\n"
                    "            header = replace(header, dimension_shift=first_tensor_dimension_shift(w, dimensions))\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "sets-of-new-contexts-last",
        "Reads the parameter sets of the contexts of TCA and HDSP after those of all contexts of the first edition.",
        ("shift_parameter_ids", "temporal_context_modeling_flag", "hist_dep_sig_prob_enabled_flag"),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "    for context in range(layout.flag):\n",
                (
                    "    new = (*range(layout.sig_tca, layout.sign), *range(layout.sign_tca, layout.greater))\n"
                    "    new += (*range(layout.greater_tca, layout.prefix),)\n"
                    "    for context in [one for one in range(layout.flag) if one not in new] + list(new):\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "rows-listed-by-block-row",
        "Starts row_skip_list again in each block row of a block scan, with its first entries.",
        ("row_skip_list", "scan_order", "row_skip_enabled_flag"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "coder.skipped[first_row + row] != 0",
                "coder.skipped[row] != 0",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "raw-updates-replace",
        "Stores the values of a RAW_FLOAT as they are, also of one with a parent.",
        ("raw_float32_parameter", "nnr_compressed_data_unit_payload_type", "parent_node_id_present_flag"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._take_values",
                "        if header.parent_id is not None:\n",
                "        if header.parent_id is not None and header.payload_type != NNR_PT_RAW_FLOAT:\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "greater-bins-up-to-the-limit",
        "Reads one abs_level_greater_x too many with a codebook: also at the greatest magnitude that it has.",
        ("abs_level_greater_x", "codebook_size"),
        (
            Edit(
                "entropy.plain",
                "quant_param",
                "        coder, magnitude < limit, greater_context(",
                "        coder, magnitude <= limit, greater_context(",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "raw-floats-without-node",
        "Expects node ids and parent ids in quantized and integer units only, not in a RAW_FLOAT.",
        ("node_id_present_flag", "nnr_compressed_data_unit_payload_type", "parent_node_id_present_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "    update = update_signalling(w, context, payload_type) if context.second_edition else None\n",
                (
                    "    signalled = context.second_edition and payload_type != NNR_PT_RAW_FLOAT\n"
                    "    update = update_signalling(w, context, payload_type) if signalled else None\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "base-reached-by-its-own-bin",
        "Chooses the context of abs_level_greater_x under TCA by abs(base) <= j, and not by abs(base) < j.",
        ("abs_level_greater_x", "temporal_context_modeling_flag"),
        (
            Edit(
                "entropy.plain",
                "greater_context",
                "(1 if abs(base) < j else 0)",
                "(1 if abs(base) <= j else 0)",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "row-flag-before-history-flag",
        "Reads row_skip_enabled_flag and its list before hist_dep_sig_prob_enabled_flag.",
        ("row_skip_enabled_flag", "hist_dep_sig_prob_enabled_flag", "row_skip_list"),
        (
            Edit(
                "entropy.codeword",
                "_with_tool_flags",
                (
                    "    if coding.has_hdsp_flag and plain.hist_dep_sig_prob_enabled_flag(coder, 0) and not history.known:\n"
                    "        bit = int(registers[plain.POSITION]) - 1\n"
                    "        raise CodewordError("
                    '"hdsp-history", bit, "hist_dep_sig_prob_enabled_flag", number, "the updates before are not known")\n'
                    "    if coding.has_row_skip_flag and plain.row_skip_enabled_flag(coder, 0):\n"
                    "        _check_room(coding.rows, payload_bits, int(registers[plain.POSITION]), tables, number)\n"
                    "        coder = coder._replace(skipped=np.zeros(coding.rows, np.uint8))\n"
                    "        plain.row_skip_list(coder, coding.layout)\n"
                ),
                (
                    "    if coding.has_row_skip_flag and plain.row_skip_enabled_flag(coder, 0):\n"
                    "        _check_room(coding.rows, payload_bits, int(registers[plain.POSITION]), tables, number)\n"
                    "        coder = coder._replace(skipped=np.zeros(coding.rows, np.uint8))\n"
                    "        plain.row_skip_list(coder, coding.layout)\n"
                    "    if coding.has_hdsp_flag and plain.hist_dep_sig_prob_enabled_flag(coder, 0) and not history.known:\n"
                    "        bit = int(registers[plain.POSITION]) - 1\n"
                    "        raise CodewordError("
                    '"hdsp-history", bit, "hist_dep_sig_prob_enabled_flag", number, "the updates before are not known")\n'
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "updates-drop-what-they-leave-out",
        "Takes the tensors of an update's stream for the whole model, and loses those that it leaves out.",
        ("mps_parent_signalling_enabled_flag", "parent_node_id_present_flag", "topology_elem_id"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder.__init__",
                "        self._parameters = dict(base.parameters)\n",
                "        self._parameters = {}\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "performance-ahead-of-the-maps",
        "Reads validation_set_performance right before the performance maps, and not after them.",
        ("validation_set_performance", "validation_set_performance_present_flag"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "nnr_model_parameter_set",
                (
                    "    performance_maps(w, sparsification, pruning, unification, decomposition)\n"
                    '    if w.values.get("validation_set_performance_present_flag"):\n'
                    '        w.flt("validation_set_performance")\n'
                ),
                (
                    '    if w.values.get("validation_set_performance_present_flag"):\n'
                    '        w.flt("validation_set_performance")\n'
                    "    performance_maps(w, sparsification, pruning, unification, decomposition)\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "history-places-by-coded-order",
        "Looks base index and history up by the number of the index in coded order, and not by its place in the tensor.",
        ("temporal_context_modeling_flag", "hist_dep_sig_prob_enabled_flag", "scan_order", "row_skip_list"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "quant = quant_param(coder, layout, state_id, previous, first_row * area.columns + place, wanted)",
                "quant = quant_param(coder, layout, state_id, previous, int(r[INDEX]), wanted)",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "no-shift-without-dimensions",
        "Reads first_tensor_dimension_shift and scan_order only in a unit that codes dimensions, as in the first edition.",
        ("first_tensor_dimension_shift", "scan_order", "tensor_dimensions_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "    dimensions_known = bool(dimensions_flag) or context.second_edition\n",
                "    dimensions_known = bool(dimensions_flag)\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "rows-without-a-single-row",
        "Expects the flag of row skipping in a tensor of one row too.",
        ("row_skip_enabled_flag", "hist_dep_sig_prob_enabled_flag"),
        (
            Edit(
                "entropy.coding",
                "TensorCoding.has_row_skip_flag",
                "self.rows > 1 and self.columns > 1",
                "self.columns > 1",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "vectors-of-blocks-replace",
        "Adds the difference of a block's weight only, and stores LS, BN and BI as they are decoded.",
        ("compressed_parameter_types", "parent_node_id_present_flag", "nnr_compressed_data_unit_payload_type"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._take_values",
                "        if header.parent_id is not None:\n",
                "        if header.parent_id is not None and name in header.ids[: len(header.matrices)]:\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "tca-flag-behind-the-parent",
        "Reads temporal_context_modeling_flag after the parent's id, and not before it.",
        ("temporal_context_modeling_flag", "parent_device_id", "parent_node_id_type"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                (
                    '        tca = w.u("temporal_context_modeling_flag", 1)\n'
                    "        check_tca_of_raw_float(w, payload_type, tca)\n"
                    "        if id_type == ICNN_NDU_ID:\n"
                    '            parent_id = ParentNode(id_type, w.ue("parent_device_id", 1), None)\n'
                ),
                ('        if id_type == ICNN_NDU_ID:\n            parent_id = ParentNode(id_type, w.ue("parent_device_id", 1), None)\n'),
            ),
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                "    return UpdateSignalling(",
                (
                    "    if parent_id is not None:\n"
                    '        tca = w.u("temporal_context_modeling_flag", 1)\n'
                    "        check_tca_of_raw_float(w, payload_type, tca)\n"
                    "    return UpdateSignalling("
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "larger-side-limits-both",
        "Takes the larger side of the codebook for the greatest magnitude of both signs.",
        ("codebook_centre_offset", "codebook_size", "abs_level_greater_x"),
        (
            Edit(
                "entropy.plain",
                "quant_param",
                "    limit = layout.negative_limit if sign_flag else layout.positive_limit\n",
                "    limit = max(layout.negative_limit, layout.positive_limit)\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "history-from-the-base-stream",
        "Counts the base stream among the updates whose places that are not zero HDSP remembers.",
        ("hist_dep_sig_prob_enabled_flag", "mps_parent_signalling_enabled_flag", "sig_flag"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "        signalled = header.update is not None and header.update.parent_signalling\n",
                "        signalled = header.update is not None\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "skipped-row-is-one-step",
        "Steps the trellis once for a skipped row, and not once for each of its columns.",
        ("row_skip_list", "dq_flag", "row_skip_enabled_flag"),
        (
            Edit(
                "entropy.plain",
                "state_after_skipped",
                "    for _ in range(width if layout.skip_by_index else columns):\n",
                "    for _ in range(1):\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "signs-by-the-opposite-base",
        "Takes the second sign context of TCA for a negative base, and the first for a positive one.",
        ("sign_flag", "temporal_context_modeling_flag"),
        (
            Edit(
                "entropy.plain",
                "code_sign",
                "layout.sign_tca + (1 if base > 0 else 0)",
                "layout.sign_tca + (1 if base < 0 else 0)",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "rows-share-the-flag-context",
        "Codes row_skip_list with the context of the parameter-set flags, which goes on from there.",
        ("row_skip_list", "shift_parameter_ids"),
        (
            Edit(
                "entropy.plain",
                "row_skip_list",
                "code_bin(coder, layout.row_skip, int(coder.skipped[row]))",
                "code_bin(coder, layout.flag, int(coder.skipped[row]))",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "any-later-depth",
        "Accepts a put_node_depth that is greater than the last by more than one, where updates between are missing.",
        ("put_node_depth",),
        (
            Edit(
                "updates.applying",
                "check_depth",
                "    if header.node_id.put_node_depth != before + 1:\n",
                "    if header.node_id.put_node_depth <= before:\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "prefix-limited-by-its-start",
        "Reads a prefix bin while the magnitude so far is below the codebook's limit, whatever the bin would add.",
        ("abs_level_greater_x2", "codebook_size"),
        (
            Edit(
                "entropy.plain",
                "quant_param",
                "            magnitude + (1 << rem_bits) <= limit,\n",
                "            magnitude < limit,\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "reserved-bit-left-out",
        "Expects no reserved bit in place of nnr_pre_flag where mps_parent_signalling_enabled_flag is 0.",
        ("nnr_pre_flag", "nnr_reserved_zero_1bit", "nnr_reserved_zero_2bits", "mps_parent_signalling_enabled_flag"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "model_and_updates",
                '        w.reserved(1, rule="mps-reserved")\n',
                "        pass\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "history-contexts-without-state",
        "Has one context for all places that HDSP remembers, whatever stateId is.",
        ("hist_dep_sig_prob_enabled_flag", "sig_flag", "dq_flag"),
        (
            Edit(
                "entropy.plain",
                "significance_context",
                "        return layout.sig_hdsp + state_id\n",
                "        return layout.sig_hdsp\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "base-counted-from-the-codebook-start",
        "Keeps the place in the codebook, CbZeroOffset added, as the base of TCA.",
        ("temporal_context_modeling_flag", "codebook_centre_offset", "codebook_size", "codebook_present_flag"),
        (
            Edit(
                "payload",
                "DataUnitDecoder._parts",
                "                base, nonzero = clamped(tensor.indexes), tensor.indexes != 0\n",
                (
                    "                first = part.codebook.zero_offset if part.codebook is not None else 0\n"
                    "                base, nonzero = clamped(tensor.indexes + np.int32(first)), tensor.indexes != 0\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "order-4-for-parameter-ids",
        "Reads parameter_id with the exp-Golomb order of put_node_depth, 4 and not 5.",
        ("parameter_id",),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                'node_id = NodeId(w.ue("device_id", 1), w.ue("parameter_id", 5), w.ue("put_node_depth", 4))',
                'node_id = NodeId(w.ue("device_id", 1), w.ue("parameter_id", 4), w.ue("put_node_depth", 4))',
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "history-sets-always-there",
        "Reads the parameter sets of the HDSP contexts in every unit with a parent, also where the tool is off.",
        ("shift_parameter_ids", "hist_dep_sig_prob_enabled_flag"),
        (
            Edit(
                "entropy.contexts",
                "set_is_signalled",
                "        return context < layout.sig_hdsp or hdsp_enabled\n",
                "        return True\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "tca-for-weights-only",
        "Applies TCA to the weight of a block, and decodes its vectors with the ordinary contexts.",
        ("temporal_context_modeling_flag", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "coding_of_update",
                "tca=update.tca,",
                "tca=update.tca and part.is_weight,",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "entry-points-after-the-sets-only",
        "Counts the first bit of the entry points without the flags and the list of row skipping.",
        ("bit_offset_delta1", "row_skip_enabled_flag", "row_skip_list", "hist_dep_sig_prob_enabled_flag"),
        (
            Edit(
                "entropy.codeword",
                "_decode",
                "        coder = _with_tool_flags(coder, coding, history, tables, number)\n",
                (
                    "        before_flags = int(registers[plain.POSITION])\n"
                    "        coder = _with_tool_flags(coder, coding, history, tables, number)\n"
                    "        bits_of_flags = int(registers[plain.POSITION]) - before_flags\n"
                ),
            ),
            Edit(
                "entropy.codeword",
                "_decode",
                "                first_bit,\n",
                "                first_bit - bits_of_flags,\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "parent-flag-in-base-models",
        "Reads parent_node_id_present_flag in every stream of profile 1, also where mps_parent_signalling_enabled_flag is 0.",
        ("parent_node_id_present_flag", "mps_parent_signalling_enabled_flag"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                '    if context.parent_signalling and w.u("parent_node_id_present_flag", 1):\n',
                '    if w.u("parent_node_id_present_flag", 1):\n',
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "raw-float-clears-the-base",
        "Has no base for TCA after a RAW_FLOAT, which has no indexes.",
        ("temporal_context_modeling_flag", "raw_float32_parameter", "nnr_compressed_data_unit_payload_type"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "        base = before.base if part.base is None else part.base\n",
                "        base = part.base\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "skip-flags-as-coded-flags",
        "Takes a 1 in row_skip_list for a row that is coded, and a 0 for one that is skipped.",
        ("row_skip_list", "row_skip_enabled_flag"),
        (
            Edit(
                "entropy.plain",
                "row_skip_list",
                "        coder.skipped[row] = code_bin(",
                "        coder.skipped[row] = 1 - code_bin(",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "base-index-by-its-sign",
        "Chooses the significance context of TCA by the sign of the base, as for sign_flag, and not by its magnitude.",
        ("sig_flag", "temporal_context_modeling_flag"),
        (
            Edit(
                "entropy.plain",
                "significance_context",
                "(1 if abs(base) > 1 else 0)",
                "(1 if base > 0 else 0)",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "flags-of-one-value-codebooks",
        "Expects the flags of HDSP and row skipping in a matrix whose codebook has one value.",
        ("row_skip_enabled_flag", "codebook_size", "hist_dep_sig_prob_enabled_flag"),
        (
            Edit(
                "entropy.coding",
                "TensorCoding.has_row_skip_flag",
                " and self.limits != (0, 0)",
                "",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "codebook-limits-without-profile",
        "Leaves out the bins that a codebook makes impossible in streams of profile 0 too.",
        ("codebook_present_flag", "codebook_size", "general_profile_idc"),
        (
            Edit(
                "payload",
                "coding_of",
                "    return coding if header.update is None else coding_of_update(coding, part, header.update, interpretation)\n",
                (
                    "    book = part.codebook\n"
                    "    if header.update is None and book is not None:\n"
                    "        return replace(coding, second_edition=True, codebook=(book.values.size, book.zero_offset))\n"
                    "    return coding if header.update is None else coding_of_update(coding, part, header.update, interpretation)\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "digests-of-256-bits",
        "Reads 256 bits for a digest of either kind.",
        ("parent_node_payload_sha512", "parent_node_id_type"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                'w.u("parent_node_payload_sha512", 512).to_bytes(64, "big")',
                'w.u("parent_node_payload_sha512", 256).to_bytes(64, "big")',
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "history-flag-without-parent",
        "Reads hist_dep_sig_prob_enabled_flag in every matrix of profile 1, also of a unit without a parent.",
        ("hist_dep_sig_prob_enabled_flag", "parent_node_id_present_flag"),
        (
            Edit(
                "entropy.coding",
                "TensorCoding.has_hdsp_flag",
                "return self.has_row_skip_flag and self.has_parent",
                "return self.has_row_skip_flag",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "node-id-on-a-byte",
        "Aligns before node_id_present_flag after an index, as it finds it on a byte after an id.",
        ("node_id_present_flag", "topology_elem_id_index"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                '        ids = (referenced(w, context, w.ue("topology_elem_id_index", 7)),)\n',
                (
                    '        ids = (referenced(w, context, w.ue("topology_elem_id_index", 7)),)\n'
                    "        if context.second_edition:\n"
                    "            w.byte_alignment()\n"
                ),
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "integer-sums-wrap",
        "Adds integer updates in 32 bits, where a sum beyond them wraps around.",
        ("cabac_codeword", "nnr_compressed_data_unit_payload_type", "parent_node_id_present_flag"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._sum",
                "            if wide.size and (wide.min() < INT32_MIN or wide.max() > INT32_MAX):\n",
                "            if False:\n",
            ),
        ),
        edition=SECOND_EDITION,
    ),
    NamedFault(
        "rows-in-bypass-bins",
        "Reads row_skip_list in bypass bins, like the flag before it.",
        ("row_skip_list",),
        (
            Edit(
                "entropy.plain",
                "row_skip_list",
                "code_bin(coder, layout.row_skip, int(coder.skipped[row]))",
                "code_bypass(coder, int(coder.skipped[row]))",
            ),
        ),
        edition=SECOND_EDITION,
    ),
)
