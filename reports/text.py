"""Making hostile text from decoders and files harmless before it is shown outside HTML."""

import unicodedata
from typing import Final

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of control, format, surrogate, private, unassigned and separator characters.
"""
_KEPT: Final = frozenset("\n\t")


def visible(text: str) -> str:
    r"""Escape control, format, surrogate and unassigned characters as ``\u{hex}``.

    Keep newline and tab.

    No terminal escape, right-to-left override or zero-width character gets through.
    """
    if text.isprintable():
        return text
    return "".join(c if c in _KEPT or unicodedata.category(c) not in _HIDDEN_CATEGORIES else f"\\u{{{ord(c):x}}}" for c in text)


def one_line(text: str) -> str:
    """Apply `visible` and replace every run of white space by one blank."""
    return " ".join(visible(text).split())
