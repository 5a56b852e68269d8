"""The one exception of the plain decoder."""

from typing import Final

CATEGORIES: Final = frozenset(
    {
        "truncated",
        "size",
        "order",
        "reserved",
        "value",
        "dimension",
        "alignment",
        "entropy",
        "text",
        "topology",
        "reference",
        "limit",
        "unsupported",
    }
)


class PlainError(Exception):
    """A stream breaks a rule.

    ``category`` is one of `CATEGORIES`, ``message`` says what was found where.
    """

    def __init__(self, category: str, message: str) -> None:
        assert category in CATEGORIES, category
        super().__init__(f"{category}: {message}")
        self.category = category
        self.message = message
