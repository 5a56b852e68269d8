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


def complete(switches: dict[str, str] | None) -> dict[str, str]:
    """Every switch with its setting; raises `ValueError` for an unknown switch or choice."""
    settings = {name: choices[0] for name, choices in CHOICES.items()}
    for name, choice in (switches or {}).items():
        if choice not in CHOICES.get(name, ()):
            raise ValueError(f"no switch {name!r} with the choice {choice!r}")
        settings[name] = choice
    return settings
