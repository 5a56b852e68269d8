"""Annex A: an NNEF topology is the text of graph.nnef; a parameter's id is the label of its ``variable`` operation."""

import re
from typing import Final

from nnc_conformance.reference.errors import ModelError

_COMMENT: Final = re.compile(r"#[^\n]*")
_VARIABLE: Final = re.compile(r"\bvariable\s*(?:<\s*\w+\s*>\s*)?\(([^()]*)\)")
_SHAPE: Final = re.compile(r"\bshape\s*=\s*\[([\s0-9,]*)\]")
_EXTENT: Final = re.compile(r"[0-9]{1,18}")
_LABEL: Final = re.compile(r"\blabel\s*=\s*(?:'([^']*)'|\"([^\"]*)\")")


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """Dimensions of each ``variable`` by its label; raises `ModelError` for text that is not UTF-8, or a shape of no extents."""
    try:
        text = _COMMENT.sub("", topology.decode())
    except UnicodeDecodeError as error:
        raise ModelError(f"the NNEF topology is not UTF-8: {error.reason} at byte {error.start}") from None
    shapes = {}
    for variable in _VARIABLE.finditer(text):
        shape, label = _SHAPE.search(variable[1]), _LABEL.search(variable[1])
        if shape and label:
            shapes[label[1] if label[1] is not None else label[2]] = _extents(shape[1])
    return shapes


def _extents(text: str) -> tuple[int, ...]:
    """The numbers between commas."""
    extents = [extent.strip() for extent in text.split(",") if extent.strip()]
    for extent in extents:
        if not _EXTENT.fullmatch(extent):
            raise ModelError(f"the NNEF topology has a shape of {extent[:20]!r}")
    return tuple(map(int, extents))
