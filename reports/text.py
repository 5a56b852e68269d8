"""Text from decoders is hostile: what is done to it before it is shown outside HTML."""

import unicodedata
from typing import Final

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_KEPT: Final = frozenset("\n\t")


def visible(text: str) -> str:
    r"""``text`` with control, format, surrogate and unassigned characters written as ``\u{hex}``; newline and tab stay.

    So no terminal escape, right-to-left override or zero-width character reaches the reader.
    """
    if text.isprintable():
        return text
    return "".join(c if c in _KEPT or unicodedata.category(c) not in _HIDDEN_CATEGORIES else f"\\u{{{ord(c):x}}}" for c in text)


def one_line(text: str) -> str:
    """`visible` with every run of white space as one blank."""
    return " ".join(visible(text).split())
