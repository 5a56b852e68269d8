"""Limits of streams that a decoder must support, with the vectors that reach them.

The standard bounds elements by their descriptors only. What the vectors of the levels that count
need is what a conforming decoder must support; docs/decoder-protocol.md has the whole table.
"""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.result import CaseResult


@dataclass(frozen=True)
class StreamLimit:
    """A size of streams that a conforming decoder must support.

    Args:
        name: What is counted, as in docs/decoder-protocol.md.
        needed: The most of it that a vector of a level that counts has.
        vectors: The vectors that have it, at most three of them.
    """

    name: str
    needed: int
    vectors: tuple[str, ...]


LIMITS: Final = (
    StreamLimit("bytes of a stream", 162_884, ("cabac-extremes-set-6",)),
    StreamLimit("bytes of a unit", 79_209, ("cabac-extremes-set-5",)),
    StreamLimit("units of a stream", 215, ("value-steps-wide",)),
    StreamLimit("dimensions of a tensor", 32, ("ndu-32-dimensions", "update-32-dimensions")),
    StreamLimit("elements of a tensor", 156_812, ("cabac-extremes-set-5",)),
    StreamLimit("bytes of an id", 65_536, ("ndu-id-65536",)),
    StreamLimit("ids of a unit", 8, ("block-codebooks-and-vectors", "block-dc-ls-bn-bi", "update-block-dc-ls-bn-bi")),
    StreamLimit("values of a codebook", 65_539, ("codebook-65539-values", "update-codebook-65539-values")),
    StreamLimit("entry points of a unit", 257, ("scan-1-256-block-rows",)),
    StreamLimit("streams of a session", 21, ("update-twenty-steps",)),
    StreamLimit("bytes of all output of a stream", 844_408, ("cabac-extremes-set-4",)),
)
"""The limits that published vectors reach."""

OWN_LIMIT: Final = "where a decoder's limit is, is its own choice; what is beyond it must be refused before memory is taken for it"
"""Note on negative vectors of a limit."""
BEYOND: Final = "no decoder must support this size; a refusal of category limit shows a limit of the decoder's own, and nothing counts"
"""Note on vectors of level huge."""


def limit_notes(case: CaseResult) -> tuple[str, ...]:
    """Say which limits the vector of a case touches: those that a conforming decoder must support, and those of its own."""
    if case.level is Level.HUGE:
        return (BEYOND,)
    if case.category_expected is Category.LIMIT:
        return (OWN_LIMIT,)
    return tuple(f"a conforming decoder must support {one.needed:,} {one.name}" for one in LIMITS if case.vector in one.vectors)
