"""Wrong memory between the streams of a session.

It concerns bases, places seen, nodes, and the model itself.
"""

from functools import partial
from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.reference.syntax.elements import SECOND_EDITION
from nnc_conformance.storage.vector import Level

_fault = partial(NamedFault, edition=SECOND_EDITION)

_BASE_OF = "base, nonzero = clamped(tensor.indexes), tensor.indexes != 0"


def _part(old: str, new: str) -> Edit:
    """Return an edit of what is kept of a decoded part."""
    return Edit("payload", "DataUnitDecoder._parts", _BASE_OF, _BASE_OF.replace(old, new))


FAULTS: Final = (
    _fault(
        "base-not-doubled",
        "The base of TCA is the index before the doubling of dependent quantization.",
        ("temporal_context_modeling_flag", "dq_flag"),
        (
            _part(
                "clamped(tensor.indexes)",
                "clamped(np.sign(tensor.indexes) * ((abs(tensor.indexes) + 1) >> 1) if header.dq_flag else tensor.indexes)",
            ),
        ),
    ),
    _fault(
        "base-doubled-twice",
        "The base of TCA is doubled although the decoder has doubled it.",
        ("temporal_context_modeling_flag", "dq_flag"),
        (_part("clamped(tensor.indexes)", "clamped(tensor.indexes * 2 if header.dq_flag else tensor.indexes)"),),
    ),
    _fault(
        "base-with-codebook-offset",
        "With a codebook the base of TCA is the place in it.",
        ("temporal_context_modeling_flag", "codebook_centre_offset"),
        (
            _part(
                "clamped(tensor.indexes)",
                "clamped(tensor.indexes + (0 if part.codebook is None else part.codebook.zero_offset))",
            ),
        ),
    ),
    _fault(
        "base-is-the-codebook-value",
        "With a codebook the base of TCA is the value.",
        ("temporal_context_modeling_flag", "codebook_zero_value"),
        (
            _part(
                "clamped(tensor.indexes)",
                "clamped(tensor.indexes if part.codebook is None else codebook_values(tensor.indexes, part.codebook))",
            ),
        ),
    ),
    _fault(
        "base-without-sign",
        "The magnitude of the index is kept as base.",
        ("temporal_context_modeling_flag", "sign_flag"),
        (_part("clamped(tensor.indexes)", "clamped(abs(tensor.indexes))"),),
    ),
    _fault(
        "base-in-8-bits",
        "The base of TCA is kept in 8 bits and wraps around.",
        ("temporal_context_modeling_flag",),
        (_part("clamped(tensor.indexes)", "tensor.indexes.astype(np.int8).astype(np.int16)"),),
    ),
    _fault(
        "base-in-16-bits",
        "The base of TCA is kept in 16 bits and wraps around.",
        ("temporal_context_modeling_flag",),
        (_part("clamped(tensor.indexes)", "tensor.indexes.astype(np.int16)"),),
    ),
    _fault(
        "base-clamped-at-10",
        "The base of TCA is clamped to the default cabac_unary_length.",
        ("temporal_context_modeling_flag", "cabac_unary_length_minus1"),
        (_part("clamped(tensor.indexes)", "np.clip(tensor.indexes, -10, 10).astype(np.int16)"),),
    ),
    _fault(
        "base-of-the-first-stream",
        "The base of TCA is the tensor's first data unit.",
        ("temporal_context_modeling_flag", "put_node_depth"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "before.base if part.base is None else part.base",
                "part.base if before.base is None else before.base",
            ),
        ),
    ),
    _fault(
        "base-of-units-with-tca",
        "Only a data unit with TCA becomes the base of the next.",
        ("temporal_context_modeling_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "before.base if part.base is None else part.base",
                "before.base if part.base is None or (before.base is not None and not header.tca) else part.base",
            ),
        ),
    ),
    _fault(
        "base-is-the-sum-of-indexes",
        "The base of TCA is the sum of all indexes so far.",
        ("temporal_context_modeling_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "before.base if part.base is None else part.base",
                "before.base if part.base is None else part.base if before.base is None or before.base.size != part.base.size "
                "else before.base + part.base",
            ),
        ),
    ),
    _fault(
        "base-of-a-raw-float-is-zero",
        "A RAW_FLOAT sets the base of TCA to zeros.",
        ("temporal_context_modeling_flag", "raw_float32_parameter"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "before.base if part.base is None else part.base",
                "np.zeros(part.nonzero.size, np.int16) if part.base is None else part.base",
            ),
        ),
    ),
    _fault(
        "base-of-the-block-for-all-parts",
        "All parts of a BLOCK take the base of its first id.",
        ("temporal_context_modeling_flag", "compressed_parameter_types"),
        (
            Edit(
                "driver",
                "Driver._histories",
                "tensor_history(name, dimensions, header, base, interpretation) for name",
                "tensor_history(parts[-1][0], parts[-1][1], header, base, interpretation) for name",
            ),
        ),
    ),
    _fault(
        "base-of-vectors-of-a-block-ignored",
        "TCA is off in the vectors of a BLOCK.",
        ("temporal_context_modeling_flag", "compressed_parameter_types"),
        (Edit("payload", "coding_of_update", "tca=update.tca", "tca=update.tca and part.is_weight"),),
    ),
    _fault(
        "base-of-vectors-ignored",
        "TCA is off in tensors of one dimension.",
        ("temporal_context_modeling_flag",),
        (Edit("payload", "coding_of_update", "tca=update.tca", "tca=update.tca and len(part.dimensions) > 1"),),
    ),
    _fault(
        "seen-counts-the-base-stream",
        "The places that the base model's stream codes count as seen.",
        ("hist_dep_sig_prob_enabled_flag", "mps_parent_signalling_enabled_flag"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "if header.parent_id is not None if chain else signalled:",
                "if True:",
            ),
        ),
    ),
    _fault(
        "seen-by-the-last-update-only",
        "Only the last update's places count as seen.",
        ("hist_dep_sig_prob_enabled_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._index_history",
                "now | seen if seen is not None and seen.size == now.size else now",
                "now",
            ),
        ),
    ),
    _fault(
        "seen-in-every-update",
        "Only places that every update changed count as seen.",
        ("hist_dep_sig_prob_enabled_flag",),
        (Edit("updates.applying", "ModelBuilder._index_history", "now | seen if", "now & seen if"),),
    ),
    _fault(
        "seen-with-hdsp-only",
        "Only updates with HDSP on count as seen.",
        ("hist_dep_sig_prob_enabled_flag",),
        (_part("tensor.indexes != 0", "(tensor.indexes != 0) & tensor.hdsp"),),
    ),
    _fault(
        "seen-where-the-value-is-not-zero",
        "With a codebook, places whose value is not 0 count as seen.",
        ("hist_dep_sig_prob_enabled_flag", "codebook_zero_value"),
        (
            _part(
                "tensor.indexes != 0",
                "(tensor.indexes if part.codebook is None else codebook_values(tensor.indexes, part.codebook)) != 0",
            ),
        ),
    ),
    _fault(
        "seen-without-raw-floats",
        "The values of a RAW_FLOAT do not count as seen.",
        ("hist_dep_sig_prob_enabled_flag", "raw_float32_parameter"),
        (Edit("payload", "DataUnitDecoder._parts", "values, None, values != 0)", "values, None, values != values)"),),
        level=Level.DISPUTED,
    ),
    _fault(
        "depth-equal-to-the-parents",
        "TCA asks for a put_node_depth equal to the parent's.",
        ("put_node_depth", "temporal_context_modeling_flag"),
        (
            Edit(
                "updates.applying",
                "_why_no_parent",
                "if node.put_node_depth != last.put_node_depth + 1:",
                "if node.put_node_depth != last.put_node_depth:",
            ),
        ),
    ),
    _fault(
        "depth-above-the-parents",
        "TCA takes any put_node_depth above the parent's.",
        ("put_node_depth", "temporal_context_modeling_flag"),
        (
            Edit(
                "updates.applying",
                "_why_no_parent",
                "if node.put_node_depth != last.put_node_depth + 1:",
                "if node.put_node_depth <= last.put_node_depth:",
            ),
        ),
    ),
    _fault(
        "depth-not-checked",
        "put_node_depth is read and ignored.",
        ("put_node_depth",),
        (
            Edit("updates.applying", "_why_no_parent", "if node.put_node_depth != last.put_node_depth + 1:", "if False:"),
            Edit("updates.applying", "check_depth", "if header.node_id.put_node_depth != before + 1:", "if False:"),
        ),
    ),
    _fault(
        "depth-rises-with-every-stream",
        "An update without a data unit for a tensor counts for its put_node_depth.",
        ("put_node_depth",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder.model",
                "            histories=self._histories,\n",
                "            histories={\n"
                "                name: one if one.node_id is None or one is not self._base.histories.get(name) else replace(\n"
                "                    one, node_id=replace(one.node_id, put_node_depth=one.node_id.put_node_depth + 1)\n"
                "                )\n"
                "                for name, one in self._histories.items()\n"
                "            },\n",
            ),
        ),
    ),
    _fault(
        "device-not-compared",
        "TCA takes a parent of another device.",
        ("device_id", "temporal_context_modeling_flag"),
        (
            Edit(
                "updates.applying",
                "_why_no_parent",
                "if (node.device_id, node.parameter_id) != (last.device_id, last.parameter_id):",
                "if node.parameter_id != last.parameter_id:",
            ),
        ),
    ),
    _fault(
        "parameter-not-compared",
        "TCA takes a parent with another parameter_id.",
        ("parameter_id", "temporal_context_modeling_flag"),
        (
            Edit(
                "updates.applying",
                "_why_no_parent",
                "if (node.device_id, node.parameter_id) != (last.device_id, last.parameter_id):",
                "if node.device_id != last.device_id:",
            ),
        ),
    ),
    _fault(
        "tca-without-a-parent",
        "TCA without a known parent is decoded as if it were off.",
        ("temporal_context_modeling_flag",),
        (
            Edit(
                "updates.applying",
                "tca_base",
                "if interpretation.tca_without_parent is TcaWithoutParent.OFF:",
                "if True:",
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "raw-float-breaks-the-chain",
        "After a RAW_FLOAT a tensor has no node.",
        ("put_node_depth", "raw_float32_parameter"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._history",
                "node_id = before.node_id if keeps_node else header.node_id",
                "node_id = None if is_raw else header.node_id",
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "histories-of-the-last-stream",
        "What is known of tensors without a data unit in an update is forgotten.",
        ("temporal_context_modeling_flag", "hist_dep_sig_prob_enabled_flag"),
        (Edit("updates.applying", "ModelBuilder.__init__", "self._histories = dict(base.histories)", "self._histories = {}"),),
    ),
    _fault(
        "dimensions-of-the-last-stream",
        "The dimensions of tensors without a data unit in an update are forgotten.",
        ("tensor_dimensions_flag",),
        (Edit("updates.applying", "ModelBuilder.__init__", "self._shapes = dict(base.shapes)", "self._shapes = {}"),),
    ),
    _fault(
        "parameters-of-the-last-stream",
        "Tensors without a data unit in an update are missing from the model.",
        ("mps_parent_signalling_enabled_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder.__init__",
                "self._parameters = dict(base.parameters)",
                "self._parameters = {}",
            ),
        ),
    ),
    _fault(
        "update-added-to-the-first-model",
        "Every update is added to the tensor of the base stream.",
        ("parent_node_id_present_flag", "put_node_depth"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._take_values",
                "        if header.parent_id is not None:\n",
                "        roots = globals().setdefault('ROOTS', {})\n"
                "        if header.parent_id is None:\n"
                "            roots[name] = values\n"
                "        if header.parent_id is not None:\n",
            ),
            Edit(
                "updates.applying",
                "ModelBuilder._take_values",
                "self._sum(name, self._base.parameters[name], values)",
                "self._sum(name, roots.get(name, self._base.parameters[name]), values)",
            ),
        ),
    ),
    _fault(
        "update-replaces",
        "An update replaces the parent's values.",
        ("parent_node_id_present_flag",),
        (Edit("updates.applying", "ModelBuilder._take_values", "if header.parent_id is not None:", "if False:"),),
    ),
    _fault(
        "unit-without-parent-added",
        "A data unit without a parent in an update is added, too.",
        ("parent_node_id_present_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._take_values",
                "if header.parent_id is not None:",
                "if header.update is not None and header.update.parent_signalling:",
            ),
        ),
    ),
    _fault(
        "integer-sums-wrap",
        "The sum of an integer tensor and its update wraps around in 32 bits.",
        ("parent_node_id_present_flag", "cabac_codeword"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._sum",
                "if wide.size and (wide.min() < INT32_MIN or wide.max() > INT32_MAX):",
                "if False:",
            ),
        ),
        level=Level.INFERRED,
    ),
    _fault(
        "integer-sums-in-binary32",
        "The sum of an integer tensor and its update is made in binary32.",
        ("parent_node_id_present_flag", "cabac_codeword"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._sum",
                "wide = parent.astype(np.int64) + values",
                "wide = (parent.astype(np.float32) + values.astype(np.float32)).astype(np.int64)",
            ),
        ),
    ),
    _fault(
        "difference-kept-from-the-last-step",
        "An update repeats the differences of tensors that it has no data unit for.",
        ("mps_parent_signalling_enabled_flag",),
        (
            Edit(
                "decoder",
                "Collector.content",
                "        return Decoded(\n            self.parameters,\n",
                "        kept = globals().get('DIFFERENCES', {}) if driver.context.parent_signalling else {}\n"
                "        globals()['DIFFERENCES'] = self.parameters if driver.context.parent_signalling else {}\n"
                "        return Decoded(\n            {**kept, **self.parameters},\n",
            ),
        ),
    ),
    _fault(
        "output-is-the-sum",
        "A decoder gives the new values where the difference is asked for.",
        ("parent_node_id_present_flag",),
        (
            Edit(
                "decoder",
                "Collector.content",
                "            self.parameters,\n",
                "            {\n"
                "                name: driver.model.parameters[name] if driver.model and name in driver.differences else values\n"
                "                for name, values in self.parameters.items()\n"
                "            },\n",
            ),
        ),
    ),
    _fault(
        "residuals-of-the-last-difference",
        "nnr_pre_flag adds the last difference to what is decoded.",
        ("nnr_pre_flag",),
        (
            Edit(
                "updates.applying",
                "ModelBuilder._history",
                "difference if switches.pre is PreFlag.RESIDUAL and header.parent_id is not None else None",
                "difference if header.parent_id is not None else None",
            ),
            Edit(
                "updates.applying",
                "ModelBuilder._difference",
                "if not uses_residuals(header, self._interpretation) or",
                "if header.update is None or not header.update.pre or",
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "other-shape-accepted",
        "A difference of another shape with as many elements is added.",
        ("tensor_dimensions", "parent_node_id_present_flag"),
        (
            Edit(
                "updates.applying",
                "check_parent",
                "history.dimensions != dimensions or",
                "np.prod(history.dimensions) != np.prod(dimensions) or",
            ),
            Edit(
                "updates.applying",
                "ModelBuilder._sum",
                "        if (parent.dtype, parent.shape) !=",
                "        parent = parent.reshape(values.shape)\n        if (parent.dtype, parent.shape) !=",
            ),
        ),
        level=Level.INFERRED,
    ),
    _fault(
        "first-edition-streams-forgotten",
        "Nothing is kept of a stream of the first edition.",
        ("tensor_dimensions_flag", "general_profile_idc"),
        (
            Edit(
                "driver",
                "Driver._keep",
                "if self._model is not None and coded is not None:",
                "if self._model is not None and coded is not None and header.update is not None:",
            ),
        ),
        vectors=("update-after-first-edition",),
    ),
    _fault(
        "shapes-of-the-first-stream-kept",
        "A tensor that is replaced keeps the shape of the first stream that has it.",
        ("tensor_dimensions_flag", "tensor_dimensions"),
        (
            Edit(
                "updates.applying",
                "ModelBuilder.take",
                "self._shapes[part.id] = part.dimensions",
                "self._shapes.setdefault(part.id, part.dimensions)",
            ),
            Edit(
                "updates.applying",
                "ModelBuilder.take",
                "self._shapes[header.whole_id] = header.dimensions",
                "self._shapes.setdefault(header.whole_id, header.dimensions)",
            ),
        ),
        vectors=("update-dimensions-of-replaced",),
    ),
    _fault(
        "other-type-accepted",
        "A difference of another type is added.",
        ("nnr_compressed_data_unit_payload_type", "parent_node_id_present_flag"),
        (
            Edit("updates.applying", "check_parent", " or known.dtype != kind:", ":"),
            Edit("updates.applying", "ModelBuilder._sum", "if (parent.dtype, parent.shape) != (values.dtype, values.shape):", "if False:"),
        ),
        level=Level.INFERRED,
    ),
    _fault(
        "unknown-tensor-added",
        "A difference to a tensor that the base model does not have is taken as a new tensor.",
        ("topology_elem_id", "parent_node_id_present_flag"),
        (
            Edit(
                "updates.applying",
                "check_parent",
                "if header.mapping is None and (history is None or known is None):",
                "if False:",
            ),
        ),
        level=Level.INFERRED,
    ),
    _fault(
        "history-of-lost-updates",
        "HDSP is decoded although updates before it are not known.",
        ("hist_dep_sig_prob_enabled_flag",),
        (Edit("entropy.codeword", "_with_tool_flags", " and not history.known:", " and False:"),),
        level=Level.INFERRED,
    ),
)
