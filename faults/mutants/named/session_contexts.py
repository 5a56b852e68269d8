"""Wrong contexts, parameter sets, bins and trellis steps in streams of the second edition."""

from functools import partial
from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.reference.syntax.elements import SECOND_EDITION
from nnc_conformance.storage.vector import Level

_fault = partial(NamedFault, edition=SECOND_EDITION)

FAULTS: Final = (
    _fault(
        "contexts-kept-between-updates",
        "An update with TCA starts with the probability states that the tensor's last such update ended with.",
        ("temporal_context_modeling_flag",),
        (
            Edit(
                "entropy.plain",
                "quant_tensor",
                "        reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n",
                "        reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n"
                "        kept = globals().setdefault('STATES', {})\n"
                "        if layout.tca and first == 0 and area in kept and kept[area].shape == coder.states.shape:\n"
                "            coder.states[:] = kept[area]\n",
            ),
            Edit(
                "entropy.plain",
                "quant_tensor",
                "        if r[STATUS] != OK:\n            return\n",
                "        if r[STATUS] != OK:\n            return\n        kept[area] = coder.states.copy()\n",
            ),
        ),
    ),
    _fault(
        "parameter-sets-kept-between-updates",
        "A context of TCA whose parameter-set flag is 0 keeps the set of the last update.",
        ("temporal_context_modeling_flag", "shift_parameter_ids"),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "    sets = coder.parameter_sets[0]\n",
                "    sets = coder.parameter_sets[0]\n    kept = globals().setdefault('SETS', {})\n",
            ),
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "            sets[context] = 0\n",
                "            sets[context] = kept.get((layout, context), 0) if signalled and layout.tca else 0\n"
                "        kept[layout, context] = sets[context]\n",
            ),
        ),
    ),
    _fault(
        "sets-of-absent-contexts",
        "Parameter-set flags are read for the contexts of HDSP although it is off.",
        ("shift_parameter_ids", "hist_dep_sig_prob_enabled_flag"),
        (Edit("entropy.contexts", "set_is_signalled", "context < layout.sig_hdsp or hdsp_enabled", "True"),),
    ),
    _fault(
        "no-sets-for-history-contexts",
        "The contexts of HDSP have no parameter-set flags.",
        ("shift_parameter_ids", "hist_dep_sig_prob_enabled_flag"),
        (Edit("entropy.contexts", "set_is_signalled", "context < layout.sig_hdsp or hdsp_enabled", "context < layout.sig_hdsp"),),
    ),
    _fault(
        "no-sets-for-temporal-contexts",
        "The contexts that TCA adds for sig_flag have no parameter-set flags.",
        ("shift_parameter_ids", "temporal_context_modeling_flag"),
        (
            Edit(
                "entropy.contexts",
                "set_is_signalled",
                "context < layout.sig_hdsp or hdsp_enabled",
                "context < layout.sig_tca or context >= layout.sig_hdsp and hdsp_enabled",
            ),
        ),
    ),
    _fault(
        "sets-of-one-value",
        "Parameter-set flags are read although the codebook has one value.",
        ("shift_parameter_ids", "codebook_size"),
        (Edit("entropy.contexts", "set_is_signalled", "if largest == 0:", "if largest < 0:"),),
    ),
    _fault(
        "sets-of-absent-signs",
        "Parameter-set flags of sign_flag are read although the codebook has values on one side only.",
        ("shift_parameter_ids", "codebook_centre_offset"),
        (Edit("entropy.contexts", "set_is_signalled", "layout.negative_limit > 0 and layout.positive_limit > 0", "True"),),
    ),
    _fault(
        "sets-of-impossible-greater-bins",
        "Parameter-set flags are read for greater-than bins that the codebook makes impossible.",
        ("shift_parameter_ids", "codebook_size"),
        (
            Edit(
                "entropy.contexts",
                "set_is_signalled",
                "context - layout.greater < 2 * (largest - (1 if layout.exact_greater_flags else 0))",
                "True",
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "sets-of-temporal-greater-bins-by-the-ordinary-count",
        "As many parameter-set flags are read for the greater-than bins of TCA as for the ordinary ones.",
        ("shift_parameter_ids", "temporal_context_modeling_flag", "codebook_size"),
        (
            Edit(
                "entropy.contexts",
                "set_is_signalled",
                "context - layout.greater_tca < 2 * (largest - 1)",
                "context - layout.greater_tca < 2 * largest",
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "sets-of-impossible-prefix-bins",
        "Parameter-set flags are read for prefix bins that the codebook makes impossible.",
        ("shift_parameter_ids", "codebook_size"),
        (Edit("entropy.contexts", "set_is_signalled", "most - 2 < largest", "True"),),
    ),
    _fault(
        "sets-by-the-smaller-side",
        "The smaller side of the codebook decides which parameter-set flags are read.",
        ("shift_parameter_ids", "codebook_centre_offset"),
        (
            Edit(
                "entropy.contexts",
                "set_is_signalled",
                "max(layout.negative_limit, layout.positive_limit)",
                "max(layout.negative_limit, layout.positive_limit) and max(1, min(layout.negative_limit, layout.positive_limit))",
            ),
        ),
    ),
    _fault(
        "sets-without-gaps",
        "The sets are given to the first contexts in turn, though the codebook leaves out those of signs between them.",
        ("shift_parameter_ids", "codebook_centre_offset"),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "    for context in range(layout.flag):\n",
                "    found = 0\n    for context in range(layout.flag):\n",
            ),
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "            sets[context] = 1 + uae_v(coder, SHIFT_BITS, SET_BITS, sets[context] - 1)\n"
                "        else:\n"
                "            sets[context] = 0\n",
                "            chosen = 1 + uae_v(coder, SHIFT_BITS, SET_BITS, sets[context] - 1)\n"
                "        else:\n"
                "            chosen = 0\n"
                "        if signalled:\n"
                "            sets[found] = chosen\n"
                "            found += 1\n"
                "    sets[found : layout.flag] = 0\n",
            ),
        ),
        vectors=("update-sets-mixed-codebook",),
    ),
    _fault(
        "sets-of-greater-bins-exchanged-with-a-codebook",
        "With a codebook the sets of the greater-than bins come after those that TCA adds.",
        ("shift_parameter_ids", "temporal_context_modeling_flag", "codebook_present_flag"),
        (
            Edit(
                "entropy.plain",
                "shift_parameter_ids",
                "            sets[context] = 0\n",
                "            sets[context] = 0\n"
                "    if layout.tca and layout.negative_limit < 1 << 40:\n"
                "        first, then, end = layout.greater, layout.greater_tca, layout.prefix\n"
                "        sets[first:end] = [*sets[then:end], *sets[first:then]]\n",
            ),
        ),
        vectors=("update-sets-mixed-codebook",),
    ),
    _fault(
        "codebook-limits-all-parts",
        "The weight's codebook limits the indexes and the sets of a block's vectors too.",
        ("codebook_size", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "coding_of",
                "coding_of_update(coding, part, header.update, interpretation)",
                "coding_of_update(coding, replace(part, codebook=header.codebook), header.update, interpretation)",
            ),
        ),
        vectors=("block-2024-ls-bn-codebook", "block-2024-ls-bn-codebook-left"),
    ),
    _fault(
        "history-after-base",
        "A base index other than 0 goes before the history in the choice of the significance context.",
        ("hist_dep_sig_prob_enabled_flag", "temporal_context_modeling_flag"),
        (
            Edit(
                "entropy.plain",
                "significance_context",
                "coder.seen[place] != 0:",
                "coder.seen[place] != 0 and base_index(coder, layout, place) == 0:",
            ),
        ),
    ),
    _fault(
        "history-of-any-flag",
        "The significance contexts of HDSP are used although its flag is 0.",
        ("hist_dep_sig_prob_enabled_flag",),
        (
            Edit(
                "entropy.plain",
                "significance_context",
                "if coder.registers[HDSP] != 0 and coder.seen.shape[0] > 0",
                "if layout.sig_hdsp < layout.sign and coder.seen.shape[0] > 0",
            ),
        ),
    ),
    _fault(
        "history-without-states",
        "HDSP has one significance context for all states of the trellis.",
        ("hist_dep_sig_prob_enabled_flag", "dq_flag"),
        (Edit("entropy.plain", "significance_context", "layout.sig_hdsp + state_id", "layout.sig_hdsp"),),
    ),
    _fault(
        "base-without-states",
        "TCA has two significance contexts for all states of the trellis.",
        ("temporal_context_modeling_flag", "dq_flag"),
        (Edit("entropy.plain", "significance_context", "layout.sig_tca + TCA_NEIGHBOURS * state_id", "layout.sig_tca"),),
    ),
    _fault(
        "base-above-two",
        "The significance context of TCA asks whether the base index is above 2.",
        ("temporal_context_modeling_flag", "sig_flag"),
        (Edit("entropy.plain", "significance_context", "abs(base) > 1", "abs(base) > 2"),),
    ),
    _fault(
        "base-signed-in-significance",
        "The significance context of TCA takes a negative base index for a small one.",
        ("temporal_context_modeling_flag", "sig_flag"),
        (Edit("entropy.plain", "significance_context", "abs(base) > 1", "base > 1"),),
    ),
    _fault(
        "base-ignored-by-sign",
        "sign_flag always takes its context from the index before it.",
        ("temporal_context_modeling_flag", "sign_flag"),
        (Edit("entropy.plain", "code_sign", "if base != 0:", "if False:"),),
    ),
    _fault(
        "base-sign-exchanged",
        "sign_flag takes the context of a negative base index for a positive one.",
        ("temporal_context_modeling_flag", "sign_flag"),
        (Edit("entropy.plain", "code_sign", "1 if base > 0 else 0", "1 if base < 0 else 0"),),
    ),
    _fault(
        "base-ignored-by-greater",
        "The greater-than bins take their contexts from the sign although there is a base index.",
        ("temporal_context_modeling_flag", "abs_level_greater_x"),
        (Edit("entropy.plain", "greater_context", "if base != 0:", "if False:"),),
    ),
    _fault(
        "base-reaches-one-more",
        "Greater-than bin j compares the base index with j + 1.",
        ("temporal_context_modeling_flag", "abs_level_greater_x"),
        (Edit("entropy.plain", "greater_context", "abs(base) < j", "abs(base) <= j"),),
    ),
    _fault(
        "base-by-signed-magnitude",
        "The greater-than bins compare the base index with its sign.",
        ("temporal_context_modeling_flag", "abs_level_greater_x"),
        (Edit("entropy.plain", "greater_context", "abs(base) < j", "base < j"),),
    ),
    _fault(
        "base-in-coded-order",
        "The base index is looked up by the index's number in coded order.",
        ("temporal_context_modeling_flag", "scan_order", "row_skip_list"),
        (Edit("entropy.plain", "base_index", "coder.base[place]", "coder.base[coder.registers[INDEX]]"),),
    ),
    _fault(
        "history-in-coded-order",
        "The places of HDSP are looked up by the index's number in coded order.",
        ("hist_dep_sig_prob_enabled_flag", "scan_order", "row_skip_list"),
        (Edit("entropy.plain", "significance_context", "coder.seen[place] != 0", "coder.seen[coder.registers[INDEX]] != 0"),),
    ),
    _fault(
        "places-from-each-block-row",
        "Base indexes and places seen are counted from the start of each block row.",
        ("temporal_context_modeling_flag", "hist_dep_sig_prob_enabled_flag", "scan_order"),
        (Edit("entropy.plain", "quant_block_row", "first_row * area.columns + place", "place"),),
    ),
    _fault(
        "sign-despite-one-side",
        "sign_flag is read although the codebook has values on one side only.",
        ("sign_flag", "codebook_centre_offset"),
        (Edit("entropy.plain", "code_sign", "if layout.negative_limit == 0 or layout.positive_limit == 0:", "if False:"),),
    ),
    _fault(
        "one-side-is-positive",
        "Without sign_flag every index is positive.",
        ("sign_flag", "codebook_centre_offset"),
        (Edit("entropy.plain", "code_sign", "return 0 if layout.negative_limit == 0 else 1", "return 0"),),
    ),
    _fault(
        "one-value-coded",
        "Indexes are coded although the codebook has one value.",
        ("sig_flag", "codebook_size"),
        (Edit("entropy.plain", "quant_param", "if layout.negative_limit == 0 and layout.positive_limit == 0:", "if False:"),),
    ),
    _fault(
        "greater-bins-not-truncated",
        "Greater-than bins are read although the codebook has no value further out.",
        ("abs_level_greater_x", "codebook_size"),
        (Edit("entropy.plain", "quant_param", "coder, magnitude < limit, greater", "coder, True, greater"),),
    ),
    _fault(
        "greater-bins-off-by-one",
        "The greater-than bin that could lead to the codebook's last value is not read.",
        ("abs_level_greater_x", "codebook_size"),
        (Edit("entropy.plain", "quant_param", "coder, magnitude < limit, greater", "coder, magnitude < limit - 1, greater"),),
    ),
    _fault(
        "limits-exchanged",
        "Negative indexes are limited by the number of positive ones, and the other way round.",
        ("codebook_centre_offset", "abs_level_greater_x"),
        (
            Edit(
                "entropy.plain",
                "quant_param",
                "layout.negative_limit if sign_flag else layout.positive_limit",
                "layout.positive_limit if sign_flag else layout.negative_limit",
            ),
        ),
    ),
    _fault(
        "limits-by-the-larger-side",
        "The larger side of the codebook limits indexes of both signs.",
        ("codebook_centre_offset", "abs_level_greater_x"),
        (
            Edit(
                "entropy.plain",
                "quant_param",
                "layout.negative_limit if sign_flag else layout.positive_limit",
                "max(layout.negative_limit, layout.positive_limit)",
            ),
        ),
    ),
    _fault(
        "prefix-not-truncated",
        "Prefix bins are read although the codebook has no value so far out.",
        ("abs_level_greater_x2", "codebook_size"),
        (Edit("entropy.plain", "quant_param", "magnitude + (1 << rem_bits) <= limit", "True"),),
    ),
    _fault(
        "prefix-truncated-early",
        "A prefix bin is not read where it would lead to the codebook's last value.",
        ("abs_level_greater_x2", "codebook_size"),
        (Edit("entropy.plain", "quant_param", "magnitude + (1 << rem_bits) <= limit", "magnitude + (1 << rem_bits) < limit"),),
    ),
    _fault(
        "prefix-ends-by-the-next-bin",
        "A prefix bin is read only while its whole range lies in the codebook.",
        ("abs_level_greater_x2", "codebook_size"),
        (Edit("entropy.plain", "quant_param", "magnitude + (1 << rem_bits) <= limit", "magnitude + (2 << rem_bits) <= limit + 1"),),
    ),
    _fault(
        "limit-off-by-one",
        "The reduced value set has one value more on the positive side.",
        ("codebook_size",),
        (Edit("entropy.coding", "TensorCoding.limits", "size - 1 - zero_offset", "size - zero_offset"),),
    ),
    _fault(
        "limit-off-by-one-negative",
        "The reduced value set has one value more on the negative side.",
        ("codebook_size",),
        (Edit("entropy.coding", "TensorCoding.limits", "return zero_offset, size", "return zero_offset + 1, size"),),
    ),
    _fault(
        "limit-after-doubling",
        "With dq_flag the codebook limits doubled indexes.",
        ("codebook_size", "dq_flag"),
        (
            Edit(
                "entropy.coding",
                "TensorCoding.limits",
                "    return zero_offset, size - 1 - zero_offset",
                "    return tuple(-(-side // 2) if self.dq_flag else side for side in (zero_offset, size - 1 - zero_offset))",
            ),
        ),
        level=Level.DISPUTED,
    ),
    _fault(
        "no-reduced-value-set",
        "A codebook changes nothing in the coding of indexes.",
        ("codebook_size", "codebook_present_flag"),
        (Edit("payload", "coding_of_update", "codebook=None if book is None else (book.values.size, book.zero_offset)", "codebook=None"),),
    ),
    _fault(
        "neighbour-reset-at-a-skipped-row",
        "The index after a skipped row has a neighbour 0.",
        ("row_skip_list", "sig_flag"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "                if skipped:\n",
                "                if skipped:\n                    previous = 0\n",
            ),
        ),
    ),
    _fault(
        "trellis-not-stepped-over-skipped-rows",
        "A skipped row leaves the state of the trellis.",
        ("row_skip_list", "dq_flag"),
        (Edit("entropy.plain", "quant_block_row", "if skipped and layout.dq_flag:", "if False:"),),
    ),
    _fault(
        "trellis-steps-once-over-a-skipped-row",
        "A skipped row moves the trellis by one step.",
        ("row_skip_list", "dq_flag"),
        (Edit("entropy.plain", "state_after_skipped", "range(width if layout.skip_by_index else columns)", "range(1)"),),
    ),
    _fault(
        "trellis-restarts-after-a-skipped-row",
        "A skipped row sets the trellis to state 0.",
        ("row_skip_list", "dq_flag"),
        (Edit("entropy.plain", "state_after_skipped", "    return state_id", "    return 0"),),
    ),
    _fault(
        "row-skipped-in-the-first-block-only",
        "In a block scan a skipped row is passed over in the first block only.",
        ("row_skip_list", "scan_order"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "coder.skipped[first_row + row] != 0",
                "coder.skipped[first_row + row] != 0 and left == 0",
            ),
        ),
    ),
    _fault(
        "rows-counted-from-the-block-row",
        "row_skip_list is looked up from its start in every block row.",
        ("row_skip_list", "scan_order"),
        (Edit("entropy.plain", "quant_block_row", "coder.skipped[first_row + row]", "coder.skipped[row]"),),
    ),
    _fault(
        "context-reset-after-a-skipped-row",
        "Probability states start again after a skipped row.",
        ("row_skip_list", "shift_parameter_ids"),
        (
            Edit(
                "entropy.plain",
                "quant_block_row",
                "            if skipped and layout.dq_flag:\n",
                "            if skipped:\n                reset_contexts(coder.tables, coder.parameter_sets, coder.states)\n"
                "            if skipped and layout.dq_flag:\n",
            ),
        ),
    ),
)
