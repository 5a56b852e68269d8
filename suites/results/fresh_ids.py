"""Ids of fresh streams, which are drawn for a run and stand in no suite."""

import re
from collections.abc import Iterable
from typing import Final

FRESH_ID: Final = re.compile(r"fresh-[0-9a-f]{8}-(\d+)")
"""Id of a fresh stream: digits of its seed, and its number."""


def is_fresh(vector: str) -> bool:
    """Return whether a vector's id is that of a fresh stream."""
    return FRESH_ID.fullmatch(vector) is not None


def fresh_count(vectors: Iterable[str]) -> int:
    """Return how many fresh streams each decoder needs to have all of these ids."""
    return max((int(found[1]) + 1 for vector in vectors if (found := FRESH_ID.fullmatch(vector))), default=0)
