"""Seeded bugs written by hand.

A bug says what a decoder does wrong, and has the edit of the reference's source that makes it do
so.
"""

from dataclasses import dataclass, field
from typing import Final

from nnc_conformance.reference.syntax.elements import FIRST_EDITION
from nnc_conformance.storage.vector import Level


@dataclass(frozen=True)
class Edit:
    """A change of a function's source.

    Args:
        module: The module, below the reference.
        function: The function's qualified name.
        old: Text that stands in the function exactly once; comments at the ends of lines are left
            out.
        new: The text that replaces it.
    """

    module: str
    function: str
    old: str
    new: str


@dataclass(frozen=True)
class NamedFault:
    """A seeded bug written by hand.

    It is one in several places of the code, or one that no operator of `operators` makes.

    Args:
        name: The fault's name, which is its id as a mutant.
        sentence: What a decoder with the fault does.
        elements: The syntax elements one of which a report must name for it, the one it concerns
            most first.
        edits: The edits that make it.
        level: The level of the vectors that show it.
        vectors: Ids of the vectors that state this fault, and therefore have to catch it.
        edition: The edition whose streams show it: 2022, or 2024 if only those of the second do.
    """

    name: str
    sentence: str
    elements: tuple[str, ...]
    edits: tuple[Edit, ...]
    level: Level = field(default=Level.CORE, kw_only=True)
    vectors: tuple[str, ...] = field(default=(), kw_only=True)
    edition: int = field(default=FIRST_EDITION, kw_only=True)


UNCHECKED_ENTRY_POINTS: Final = Edit(
    "payload", "DataUnitDecoder._check_entry_points", "        found = ", "        return\n        found = "
)
"""A decoder that reads block rows in order does not look at the entry points; part of several
faults.
"""
