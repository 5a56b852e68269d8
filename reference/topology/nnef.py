"""Annex A: an NNEF topology is the text of graph.nnef; a parameter's id is the label of its ``variable`` operation."""

import re
from typing import Final

from nnc_conformance.reference.errors import ModelError

_COMMENT: Final = re.compile(r"#[^\n]*")
_VARIABLE: Final = re.compile(r"\bvariable\s*(?:<\s*\w+\s*>)?\s*\(([^()]*)\)")
_SHAPE: Final = re.compile(r"\bshape\s*=\s*\[([\s\d,]*)\]")
_LABEL: Final = re.compile(r"\blabel\s*=\s*(?:'([^']*)'|\"([^\"]*)\")")


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """Dimensions of each ``variable`` by its label; raises `ModelError` for text that is not UTF-8."""
    try:
        text = _COMMENT.sub("", topology.decode())
    except UnicodeDecodeError as error:
        raise ModelError(f"the NNEF topology is not UTF-8: {error.reason} at byte {error.start}") from None
    shapes = {}
    for variable in _VARIABLE.finditer(text):
        shape, label = _SHAPE.search(variable[1]), _LABEL.search(variable[1])
        if shape and label:
            dimensions = tuple(int(extent) for extent in shape[1].split(",") if extent.strip())
            shapes[label[1] if label[1] is not None else label[2]] = dimensions
    return shapes
