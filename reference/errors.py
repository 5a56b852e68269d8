"""The errors of the package: all derive from `NNCError`.

Those about streams give the place and the rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """The kind of fault in a refused stream; the list is closed."""

    TRUNCATED = "truncated"
    SIZE = "size"
    ORDER = "order"
    RESERVED = "reserved"
    VALUE = "value"
    DIMENSION = "dimension"
    ALIGNMENT = "alignment"
    ENTROPY = "entropy"
    TEXT = "text"
    TOPOLOGY = "topology"
    REFERENCE = "reference"
    LIMIT = "limit"
    UNSUPPORTED = "unsupported"


class NNCError(Exception):
    """The base class of all errors that this package raises on purpose."""


@dataclass(frozen=True)
class Place:
    """A place in a stream.

    It has the number of the unit from 0 and its type, byte and bit in the stream from 0, the
    element and its clause.
    """

    unit: int
    unit_type: str
    byte: int
    bit: int
    element: str
    clause: str

    def __str__(self) -> str:
        return f"unit {self.unit} ({self.unit_type}), byte {self.byte}.{self.bit}, {self.element} (clause {self.clause})"


class StreamError(NNCError):
    """A stream breaks a rule of the registry (`syntax.rules`).

    ``rule`` is the rule's id, ``category`` its category, ``place`` where it was met, ``detail``
    what was found.
    """

    def __init__(self, rule: str, category: Category, place: Place, detail: str) -> None:
        super().__init__(f"{category}: {detail} [rule {rule}; {place}]")
        self.rule = rule
        self.category = category
        self.place = place
        self.detail = detail


def unknown(what: str, name: object, choices: Iterable[str]) -> str:
    """Return the message for a name that is not a valid choice.

    For example ``unknown level 'cor'; choose from core, full``.
    """
    return f"unknown {what} {name!r}; choose from {', '.join(choices)}"


class EncodeError(NNCError):
    """The encoder cannot write a valid stream for this input."""


class ModelError(NNCError):
    """A model or tensor file cannot be read, or its topology cannot be used."""
