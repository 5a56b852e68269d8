"""topology_elem_id of the tensors of a nested graph: readable, stable, and different for different tensors.

- A tensor of the main graph has exactly its own name (Annex B: the initializer's name).
- A tensor further down has ``|STEP|STEP|...|NAME``. Each subgraph adds two steps: the first output of the node that holds
  it, and the attribute; a third, ``~#I``, for the I-th graph of an attribute that lists several. Inside names ``~`` is
  written ``~0`` and ``|`` is written ``~1``, so an unescaped ``~`` marks a step that is not a name.
- Other roots: ``~function`` with domain, name and overload of a local function; ``~training``, I and the graph's name.
- When a tensor of the main graph has a name that begins with ``|`` itself, the ids of all deeper tensors begin with one
  ``|`` more than any such name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.errors import ModelError

MAX_TOTAL: Final = 1 << 26

_SEPARATOR: Final = "|"


@dataclass(frozen=True)
class Place:
    """Where a tensor stands: the steps from the main graph down (none: the main graph itself), and its name there."""

    scope: tuple[str, ...]
    name: str


def step(name: str) -> str:
    """The step for a name."""
    return name.replace("~", "~0").replace(_SEPARATOR, "~1")


def mark(word: str) -> str:
    """The step for a word of this module; the word begins with neither ``0`` nor ``1``, so no name gives this step."""
    return f"~{word}"


def identify(places: Sequence[Place]) -> list[str]:
    """The id of each place of one model, in the same order; equal only where the places are equal.

    Raises `ModelError` when the ids would have more than `MAX_TOTAL` characters together (long steps count in each id below).
    """
    own = [place.name for place in places if not place.scope]
    lead = _SEPARATOR * (1 + max((len(name) - len(name.lstrip(_SEPARATOR)) for name in own), default=0))
    ids, total = [], 0
    for place in places:
        ids.append(lead + _SEPARATOR.join((*place.scope, step(place.name))) if place.scope else place.name)
        total += len(ids[-1])
        if total > MAX_TOTAL:
            raise ModelError(f"the ids of the model's tensors have more than {MAX_TOTAL} characters")
    return ids
