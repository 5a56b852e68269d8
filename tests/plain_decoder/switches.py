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

- ``pre``: what nnr_pre_flag does: nothing, the differences are added as they are; or each is the residual of the tensor's last difference,
  and TCA and HDSP have a history of each kind.
- ``dimension_shift``: what first_tensor_dimension_shift does: nothing; or the first dimension moves to that place.
- ``parent_id``: what parent_device_id and the digests do: nothing, the parent is the last node of the tensor; or they say which node it is.
- ``skipped_stretch``: how often the trellis steps over a row's part in a block: as often as the whole row is wide; or once an index.
- ``codebook_greater_sets``, ``codebook_prefix_sets``: the parameter-set flags that a codebook leaves: one bin more than can occur; or the possible ones.
- ``codebook_dq``: dq_flag with a codebook in profile 1: the codebook limits the index before the doubling; or the two are refused together.
- ``hdsp_history``: whose indexes HDSP remembers: those of streams with mps_parent_signalling_enabled_flag 1; or those of data units with a
  parent, since the last one without.
- ``tca_base``: whose indexes TCA looks at: those of the tensor's last data unit; or those of the node that the parent id names.
- ``tca_without_parent``: temporal_context_modeling_flag 1 without a known parent: refused; or decoded as if it were 0.
- ``raw_float_tca``: temporal_context_modeling_flag 1 in a RAW_FLOAT; not disputed, a lenient decoder may read over it.
- ``raw_float_node``: whether a RAW_FLOAT takes a place in the chain of put_node_depth.
- ``parent_without_node_id``: a parent id of type 0 where node_id_present_flag is 0.
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
