"""topology_elem_id of the tensors in nested graphs: readable, stable and unique.

- A tensor of the main graph has exactly its own name (Annex B: the initializer's name).
- A tensor in a nested graph has ``|STEP|STEP|...|NAME``. Each subgraph adds two steps: the first
  output of the node that holds it, and the attribute; a third, ``~#I``, for the I-th graph of an
  attribute that lists several. Inside names ``~`` is written ``~0`` and ``|`` is written ``~1``, so
  an unescaped ``~`` marks a step that is not a name.
- Other roots: ``~function`` with domain, name and overload of a local function; ``~training``, I
  and the graph's name.
- If names of the main graph begin with ``|``, the ids of all nested tensors begin with one ``|``
  more than any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.errors import ModelError

MAX_TOTAL: Final = 1 << 26
"""Characters that the ids of one model may have together."""

_SEPARATOR: Final = "|"


@dataclass(frozen=True)
class TensorPath:
    """The position of a tensor in a model.

    Args:
        scope: Steps from the main graph down; empty for the main graph itself.
        name: Name of the tensor in its graph.
    """

    scope: tuple[str, ...]
    name: str


def step(name: str) -> str:
    """Escape a name as a step."""
    return name.replace("~", "~0").replace(_SEPARATOR, "~1")


def mark(word: str) -> str:
    """Make a step that no name can equal.

    The word must not begin with ``0`` or ``1``.
    """
    return f"~{word}"


def tensor_ids(tensor_paths: Sequence[TensorPath]) -> list[str]:
    """Return the ids of all tensors of one model, in the same order.

    Two ids are equal only for equal paths.

    Raises:
        ModelError: If the ids have more than `MAX_TOTAL` characters together.
    """
    own = [path.name for path in tensor_paths if not path.scope]
    lead = _SEPARATOR * (1 + max((len(name) - len(name.lstrip(_SEPARATOR)) for name in own), default=0))
    ids, total = [], 0
    for path in tensor_paths:
        ids.append(lead + _SEPARATOR.join((*path.scope, step(path.name))) if path.scope else path.name)
        total += len(ids[-1])
        if total > MAX_TOTAL:
            raise ModelError(f"the ids of the model's tensors have more than {MAX_TOTAL} characters")
    return ids
