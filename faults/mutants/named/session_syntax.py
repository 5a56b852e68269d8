"""Wrong reading of the second edition's headers, flags and lists.

All faults here are shown by streams of the second edition only.
"""

from functools import partial
from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.reference.syntax.elements import SECOND_EDITION
from nnc_conformance.storage.vector import Level

_fault = partial(NamedFault, edition=SECOND_EDITION)

FAULTS: Final = (
    _fault(
        "pre-flag-always-coded",
        "nnr_pre_flag is taken as the first of two reserved bits.",
        ("nnr_pre_flag",),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "model_and_updates",
                'context.pre = bool(w.u("nnr_pre_flag", 1))',
                'w.reserved(1, rule="mps-reserved")',
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "strings-before-reserved-bits",
        "base_model_id and performance_metric_type are read before the reserved bits.",
        ("base_model_id", "performance_metric_type"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "model_and_updates",
                '    w.reserved(2, rule="mps-reserved")\n',
                "",
            ),
            Edit(
                "syntax.structures.parameter_sets",
                "model_and_updates",
                '        w.st("performance_metric_type")\n',
                '        w.st("performance_metric_type")\n    w.reserved(2, rule="mps-reserved")\n',
            ),
        ),
    ),
    _fault(
        "metric-type-only-with-performance",
        "performance_metric_type is read only where the validation set's performance follows.",
        ("performance_metric_type", "metric_type_performance_map_valid_flag"),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "model_and_updates",
                "if performance_present or metric_valid:",
                "if performance_present:",
            ),
        ),
    ),
    _fault(
        "performance-before-maps",
        "validation_set_performance is read before the maps.",
        ("validation_set_performance",),
        (
            Edit(
                "syntax.structures.parameter_sets",
                "nnr_model_parameter_set",
                "    performance_maps(w, sparsification, pruning, unification, decomposition)\n"
                '    if w.values.get("validation_set_performance_present_flag"):\n'
                '        w.flt("validation_set_performance")\n',
                '    if w.values.get("validation_set_performance_present_flag"):\n'
                '        w.flt("validation_set_performance")\n'
                "    performance_maps(w, sparsification, pruning, unification, decomposition)\n",
            ),
        ),
    ),
    _fault(
        "node-ids-not-in-raw-floats",
        "A RAW_FLOAT has no node id and no parent id.",
        ("node_id_present_flag",),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "if context.second_edition else None",
                "if context.second_edition and payload_type != NNR_PT_RAW_FLOAT else None",
            ),
        ),
    ),
    _fault(
        "device-id-as-ue5",
        "device_id is read with the order of parameter_id.",
        ("device_id",),
        (Edit("syntax.structures.data_unit", "update_signalling", 'w.ue("device_id", 1)', 'w.ue("device_id", 5)'),),
    ),
    _fault(
        "depth-before-parameter",
        "put_node_depth is read before parameter_id.",
        ("put_node_depth", "parameter_id"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                '        node_id = NodeId(w.ue("device_id", 1), w.ue("parameter_id", 5), w.ue("put_node_depth", 4))\n    if context',
                '        device, depth = w.ue("device_id", 1), w.ue("put_node_depth", 4)\n'
                '        node_id = NodeId(device, w.ue("parameter_id", 5), depth)\n    if context',
            ),
        ),
    ),
    _fault(
        "tca-flag-before-parent-type",
        "temporal_context_modeling_flag is read before parent_node_id_type.",
        ("temporal_context_modeling_flag", "parent_node_id_type"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                '        id_type = w.u("parent_node_id_type", 2)\n',
                '        tca = w.u("temporal_context_modeling_flag", 1)\n        id_type = w.u("parent_node_id_type", 2)\n',
            ),
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                '        tca = w.u("temporal_context_modeling_flag", 1)\n        check_tca',
                "        check_tca",
            ),
        ),
    ),
    _fault(
        "parent-types-confused",
        "parent_node_id_type 1 is read as a SHA-512, 2 as a SHA-256.",
        ("parent_node_id_type", "parent_node_payload_sha256", "parent_node_payload_sha512"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                "elif id_type == ICNN_NDU_PL_SHA256:",
                "elif id_type != ICNN_NDU_PL_SHA256:",
            ),
        ),
        level=Level.INFERRED,
    ),
    _fault(
        "parent-digest-absent",
        "A parent id of type 1 or 2 has no digest.",
        ("parent_node_id_type", "parent_node_payload_sha256", "parent_node_payload_sha512"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                "elif id_type == ICNN_NDU_PL_SHA256:",
                "elif id_type:\n            parent_id = ParentNode(id_type, None, bytes())\n        elif id_type == ICNN_NDU_PL_SHA256:",
            ),
        ),
        level=Level.INFERRED,
    ),
    _fault(
        "parent-device-absent",
        "A parent id of type 0 has no parent_device_id: the device is the node's own.",
        ("parent_device_id",),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                'ParentNode(id_type, w.ue("parent_device_id", 1), None)',
                "ParentNode(id_type, 0 if node_id is None else node_id.device_id, None)",
            ),
        ),
    ),
    _fault(
        "parent-repeats-its-node",
        "parameter_id and put_node_depth follow every parent id of type 0.",
        ("parameter_id", "put_node_depth"),
        (Edit("syntax.structures.data_unit", "update_signalling", "if node_id is None:", "if id_type == ICNN_NDU_ID:"),),
    ),
    _fault(
        "parent-without-node-not-read",
        "A parent id of type 0 without a node id has no parameter_id and put_node_depth.",
        ("parameter_id", "put_node_depth"),
        (
            Edit(
                "syntax.structures.data_unit",
                "update_signalling",
                'node_id = NodeId(parent_id.device_id or 0, w.ue("parameter_id", 5), w.ue("put_node_depth", 4))',
                "node_id = None",
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "shift-not-read",
        "first_tensor_dimension_shift is not read.",
        ("first_tensor_dimension_shift",),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "header = replace(header, dimension_shift=first_tensor_dimension_shift(w, dimensions))",
                "header = replace(header, dimension_shift=0)",
            ),
        ),
    ),
    _fault(
        "shift-after-scan-order",
        "first_tensor_dimension_shift is read after scan_order.",
        ("first_tensor_dimension_shift", "scan_order"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "        if context.second_edition:\n"
                "            header = replace(header, dimension_shift=first_tensor_dimension_shift(w, dimensions))\n"
                '        scan_order = w.u("scan_order", 4)\n',
                '        scan_order = w.u("scan_order", 4)\n'
                "        if context.second_edition:\n"
                "            header = replace(header, dimension_shift=first_tensor_dimension_shift(w, dimensions))\n",
            ),
        ),
    ),
    _fault(
        "shift-of-vectors",
        "first_tensor_dimension_shift is read for vectors, too.",
        ("first_tensor_dimension_shift",),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "    if dimensions_known and len(dimensions) > 1:\n",
                "    if context.second_edition and len(dimensions) == 1:\n"
                "        header = replace(header, dimension_shift=first_tensor_dimension_shift(w, dimensions))\n"
                "    if dimensions_known and len(dimensions) > 1:\n",
            ),
        ),
    ),
    _fault(
        "scan-of-absent-dimensions-not-read",
        "A unit without dimensions has no first_tensor_dimension_shift and no scan_order, whatever the base model's are.",
        ("scan_order", "first_tensor_dimension_shift"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "dimensions_known = bool(dimensions_flag) or context.second_edition",
                "dimensions_known = bool(dimensions_flag)",
            ),
        ),
    ),
    _fault(
        "dimensions-of-base-unknown",
        "An update has to give all dimensions.",
        ("tensor_dimensions_flag", "tensor_dimensions"),
        (
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "of_base = context.parent_signalling and whole in context.base_shapes",
                "of_base = False",
            ),
        ),
    ),
    _fault(
        "dimensions-of-parts-unknown",
        "The dimensions of a block's parts are not remembered, only those of the block.",
        ("tensor_dimensions_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder.take",
                "            self._shapes[part.id] = part.dimensions\n",
                "",
            ),
        ),
        vectors=("update-block-parts-dimensions-of-base",),
    ),
    _fault(
        "dimensions-of-block-by-all-its-ids",
        "The dimensions of a block are remembered under all its ids, so that a block of single tensors has none.",
        ("tensor_dimensions_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder.take",
                "self._shapes[header.whole_id] = header.dimensions",
                'self._shapes["\\0".join(header.ids)] = header.dimensions',
            ),
            Edit(
                "syntax.structures.data_unit",
                "nnr_compressed_data_unit_header",
                "ids[0].removesuffix(G_SUFFIX) if decomposed else ids[0]",
                '"\\0".join(ids)',
            ),
        ),
        vectors=("update-block-of-tensors",),
    ),
    _fault(
        "tool-flags-in-the-other-order",
        "row_skip_enabled_flag is read before hist_dep_sig_prob_enabled_flag.",
        ("row_skip_enabled_flag", "hist_dep_sig_prob_enabled_flag"),
        (
            Edit(
                "entropy.codeword",
                "_with_tool_flags",
                "    registers[plain.HDSP] = 0\n",
                "    registers[plain.HDSP] = 0\n    skips = plain.row_skip_enabled_flag(coder, 0) if coding.has_row_skip_flag else 0\n",
            ),
            Edit(
                "entropy.codeword",
                "_with_tool_flags",
                "if coding.has_row_skip_flag and plain.row_skip_enabled_flag(coder, 0):",
                "if skips:",
            ),
        ),
    ),
    _fault(
        "tool-flags-before-qp-delta",
        "The flags of HDSP and row skipping are read before qp_delta.",
        ("qp_delta", "row_skip_enabled_flag", "hist_dep_sig_prob_enabled_flag"),
        (
            Edit(
                "entropy.codeword",
                "_decode",
                "        qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0\n"
                "        coder = _with_tool_flags(coder, coding, history, tables, number)\n",
                "        coder = _with_tool_flags(coder, coding, history, tables, number)\n"
                "        qp_delta = plain.iae_v(coder, QP_DELTA, coding.qp_delta_bits, 0) if coding.qp_delta_bits else 0\n",
            ),
        ),
    ),
    _fault(
        "tool-flags-after-parameter-sets",
        "The flags of HDSP and row skipping are read after the parameter sets.",
        ("row_skip_enabled_flag", "hist_dep_sig_prob_enabled_flag", "shift_parameter_ids"),
        (
            Edit(
                "entropy.codeword",
                "_decode",
                "        coder = _with_tool_flags(coder, coding, history, tables, number)\n"
                "        plain.shift_parameter_ids(coder, layout)\n",
                "        registers[plain.HDSP] = 0\n        plain.shift_parameter_ids(coder, layout)\n"
                "        coder = _with_tool_flags(coder, coding, history, tables, number)\n",
            ),
        ),
    ),
    _fault(
        "tool-flags-of-columns",
        "A tensor of one column has the flags of HDSP and row skipping.",
        ("row_skip_enabled_flag", "hist_dep_sig_prob_enabled_flag"),
        (Edit("entropy.coding", "TensorCoding.has_row_skip_flag", "self.rows > 1 and self.columns > 1", "self.rows > 1"),),
    ),
    _fault(
        "tool-flags-of-a-single-row",
        "A matrix of one row has the flags of HDSP and row skipping.",
        ("row_skip_enabled_flag", "hist_dep_sig_prob_enabled_flag"),
        (Edit("entropy.coding", "TensorCoding.has_row_skip_flag", "self.rows > 1 and self.columns > 1", "self.columns > 1"),),
    ),
    _fault(
        "tool-flags-of-one-value",
        "A matrix whose codebook has one value has the flags of HDSP and row skipping.",
        ("row_skip_enabled_flag", "codebook_size"),
        (Edit("entropy.coding", "TensorCoding.has_row_skip_flag", " and self.limits != (0, 0)", ""),),
    ),
    _fault(
        "hdsp-flag-with-parent-signalling",
        "hist_dep_sig_prob_enabled_flag is read without a parent id, too.",
        ("hist_dep_sig_prob_enabled_flag", "parent_node_id_present_flag"),
        (Edit("payload", "coding_of_update", "has_parent=update.parent_id is not None", "has_parent=update.parent_signalling"),),
    ),
    _fault(
        "row-list-in-bypass",
        "row_skip_list is read in bypass bins.",
        ("row_skip_list",),
        (
            Edit(
                "entropy.plain",
                "row_skip_list",
                "code_bin(coder, layout.row_skip, int(coder.skipped[row]))",
                "code_bypass(coder, int(coder.skipped[row]))",
            ),
        ),
    ),
    _fault(
        "row-list-context-shared",
        "row_skip_list and the parameter-set flags share one context.",
        ("row_skip_list", "shift_parameter_ids"),
        (Edit("entropy.plain", "row_skip_list", "code_bin(coder, layout.row_skip, ", "code_bin(coder, layout.flag, "),),
    ),
    _fault(
        "row-list-inverted",
        "A 1 in row_skip_list says that the row is coded.",
        ("row_skip_list",),
        (
            Edit(
                "entropy.plain",
                "row_skip_list",
                "code_bin(coder, layout.row_skip, int(coder.skipped[row]))",
                "1 - code_bin(coder, layout.row_skip, int(coder.skipped[row]))",
            ),
        ),
    ),
    _fault(
        "row-list-per-column",
        "row_skip_list has an entry for each column.",
        ("row_skip_list",),
        (
            Edit(
                "entropy.codeword",
                "_with_tool_flags",
                "skipped=np.zeros(coding.rows, np.uint8)",
                "skipped=np.zeros(coding.columns, np.uint8)",
            ),
            Edit(
                "entropy.codeword",
                "_with_tool_flags",
                "plain.row_skip_list(coder, coding.layout)\n",
                "plain.row_skip_list(coder, coding.layout)\n"
                "        coder = coder._replace(skipped=np.resize(coder.skipped, coding.rows))\n",
            ),
        ),
    ),
    _fault(
        "row-list-without-last-row",
        "row_skip_list has no entry for the last row, which is always coded.",
        ("row_skip_list",),
        (Edit("entropy.plain", "row_skip_list", "range(coder.skipped.shape[0])", "range(coder.skipped.shape[0] - 1)"),),
    ),
    _fault(
        "entry-points-from-the-tool-flags",
        "The first entry point is counted from before the flags of HDSP and row skipping.",
        ("bit_offset_delta1", "row_skip_list"),
        (
            Edit(
                "entropy.codeword",
                "_decode",
                "        coder = _with_tool_flags(",
                "        start = int(registers[plain.POSITION])\n        coder = _with_tool_flags(",
            ),
            Edit("entropy.codeword", "_decode", "first_bit = int(registers[plain.POSITION])", "first_bit = start"),
        ),
    ),
)
