"""The disputed points as strings: each switch with its choices, the default first."""

from typing import Final

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "map_entries": ("count", "count-minus-1"),
    "unification_class_loop": ("upm_count_classes", "upm_class_bitmask"),
    "int_dq_flag": ("applies", "ignored"),
    "column_block_scan": ("as-any-matrix", "as-scan-0"),
    "data_format": ("converts", "ignored"),
    "plain_product": ("binary32", "binary64"),
    "codebook_product": ("binary64", "binary32"),
    "data_string": ("bs", "st"),
    "alignment_bits": ("any", "checked"),
    "dimensions_count_0": ("refused", "one-element"),
    "zero_product": ("nan", "zero"),
}
"""The disputed points that both editions have."""

SECOND_EDITION_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "pre": ("sum", "residual"),
    "dimension_shift": ("as-coded", "moves"),
    "parent_id": ("ignored", "identifies"),
    "skipped_stretch": ("row-width", "skipped-indexes"),
    "codebook_greater_sets": ("one-more", "possible-bins"),
    "codebook_prefix_sets": ("one-more", "possible-bins"),
    "codebook_dq": ("limit-before-doubling", "refused"),
    "hdsp_history": ("update-streams", "chain-of-parents"),
    "tca_base": ("last", "named"),
    "tca_without_parent": ("refused", "off"),
    "raw_float_tca": ("refused", "ignored"),
    "raw_float_node": ("keeps-the-node", "is-a-node"),
    "parent_without_node_id": ("allowed", "refused"),
}
"""The disputed points of the second edition.

- ``pre``: nnr_pre_flag does nothing: the differences are added as they are; or each is the residual
  of the tensor's last difference, and TCA and HDSP have one history for differences and another for
  residuals.
- ``dimension_shift``: first_tensor_dimension_shift does nothing; or the first dimension moves
  there.
- ``parent_id``: parent_device_id and the digests do nothing, the parent is the tensor's last node;
  or they identify the node that is the parent.
- ``skipped_stretch``: over a skipped row's part in a block the trellis steps once for each column
  of the whole row; or once for each index of the part.
- ``codebook_greater_sets``, ``codebook_prefix_sets``: with a codebook there are parameter-set flags
  for more bins of abs_level_greater_x and abs_level_greater_x2 than can occur; or for these alone.
- ``codebook_dq``: with dq_flag a codebook limits the index before its doubling; or the two together
  are refused.
- ``hdsp_history``: HDSP remembers all streams with mps_parent_signalling_enabled_flag 1; or the
  data units with a parent since the tensor's last one without.
- ``tca_base``: TCA looks at the indexes of the tensor's last data unit; or at those of the node
  that the parent id names.
- ``tca_without_parent``: TCA without a known parent is refused; or decoded as if it were off.
- ``raw_float_tca``: a temporal_context_modeling_flag 1 in a RAW_FLOAT breaks rule tca-raw; or is
  ignored, as a lenient decoder does.
- ``raw_float_node``: a RAW_FLOAT leaves the tensor's last node in place; or is a node itself.
- ``parent_without_node_id``: a parent id of type 0 may stand where node_id_present_flag is 0; or
  not.
"""


def complete(switches: dict[str, str] | None) -> dict[str, str]:
    """Every switch with its setting; raises `ValueError` for an unknown switch or choice."""
    known = CHOICES | SECOND_EDITION_CHOICES
    settings = {name: choices[0] for name, choices in known.items()}
    for name, choice in (switches or {}).items():
        if choice not in known.get(name, ()):
            raise ValueError(f"no switch {name!r} with the choice {choice!r}")
        settings[name] = choice
    return settings
