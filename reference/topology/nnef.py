"""Annex A: an NNEF topology is the text of graph.nnef; a parameter's id is the label of its ``variable`` operation.

The values of a variable lie in LABEL.dat beside the graph: a header of 128 bytes, then the items, little endian, in row-major order.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, declared

GRAPH_FILE: Final = "graph.nnef"
DATA_SUFFIX: Final = ".dat"
MAX_RANK: Final = 8
HEADER: Final = struct.Struct(f"<2s2BII{MAX_RANK}III19I")
"""Magic, version (major, minor), bytes of data, rank, extents, bits an item, item type, parameters of the item type."""
_MAGIC: Final = b"\x4e\xef"

_COMMENT: Final = re.compile(r"#[^\n]*")
_VARIABLE: Final = re.compile(r"\bvariable\s*(?:<\s*(\w+)\s*>\s*)?\(([^()]*)\)")
_SHAPE: Final = re.compile(r"\bshape\s*=\s*\[([^\[\]]*)\]")
_EXTENT: Final = re.compile(r"\s*([0-9]{1,10})\s*")
_LABEL: Final = re.compile(r"\blabel\s*=\s*(?:'([^']*)'|\"([^\"]*)\")")

FLOAT, UINT, INT, BOOL = 0, 1, 4, 5
ITEMS: Final[dict[tuple[int, int], np.dtype[np.generic]]] = {
    (FLOAT, 16): np.dtype(np.float16),
    (FLOAT, 32): np.dtype(np.float32),
    (FLOAT, 64): np.dtype(np.float64),
    (UINT, 8): np.dtype(np.uint8),
    (UINT, 16): np.dtype(np.uint16),
    (UINT, 32): np.dtype(np.uint32),
    (UINT, 64): np.dtype(np.uint64),
    (INT, 8): np.dtype(np.int8),
    (INT, 16): np.dtype(np.int16),
    (INT, 32): np.dtype(np.int32),
    (INT, 64): np.dtype(np.int64),
    (BOOL, 1): np.dtype(np.bool_),
}
"""Element types by item type and bits; the quantized item types, whose parameters a stream has no place for, are not among them."""
_ITEM_OF: Final = {dtype: item for item, dtype in ITEMS.items()}
_KINDS: Final = {"scalar": "f", "integer": "iu", "logical": "b"}


@dataclass(frozen=True)
class Variable:
    """A ``variable`` operation: its label, the shape it declares, its type (scalar, integer or logical)."""

    label: str
    shape: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class NnefModel:
    """A model taken apart: values by label in the order of the graph, and the text of graph.nnef."""

    parameters: dict[str, Array]
    topology: bytes


def variables(topology: bytes) -> tuple[Variable, ...]:
    """The variables of a graph that state label and shape; raises `ModelError` for text that is not UTF-8, and a shape of no integers."""
    try:
        text = _COMMENT.sub("", topology.decode())
    except UnicodeDecodeError as error:
        raise ModelError(f"the NNEF topology is not UTF-8: {error.reason} at byte {error.start}") from None
    found = {}
    for variable in _VARIABLE.finditer(text):
        shape, label = _SHAPE.search(variable[2]), _LABEL.search(variable[2])
        if shape and label:
            name = label[1] if label[1] is not None else label[2]
            extents = [_EXTENT.fullmatch(extent) for extent in shape[1].split(",") if extent.strip()]
            if not all(extents):
                raise ModelError(f"the shape [{shape[1][:80]}] of variable {name!r} is no list of sizes")
            found[name] = Variable(name, tuple(int(extent[1]) for extent in extents if extent), variable[1] or "scalar")
    return tuple(found.values())


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """Dimensions of each ``variable`` by its label; raises `ModelError` for text that is not UTF-8."""
    return {variable.label: variable.shape for variable in variables(topology)}


def extract(files: Mapping[str, bytes]) -> NnefModel:
    """Takes a model apart; ``files``: by path inside its folder.

    Raises `ModelError` for a missing file, a label that leaves the folder, a shape other than the graph's, and what `read_tensor` refuses.
    """
    if GRAPH_FILE not in files:
        raise ModelError(f"an NNEF model has a file {GRAPH_FILE}")
    graph, parameters = files[GRAPH_FILE], {}
    for variable in variables(graph):
        path = data_path(variable.label)
        if path not in files:
            raise ModelError(f"the NNEF model has no file {path}")
        values = read_tensor(files[path], path)
        if values.shape != variable.shape:
            raise ModelError(f"{path} has the shape {values.shape}, the graph declares {variable.shape}")
        parameters[variable.label] = values
    return NnefModel(parameters, graph)


def restore(topology: bytes, parameters: Mapping[str, Array]) -> dict[str, bytes]:
    """The files of the model with ``parameters`` in place.

    A value's element type is as decoded where it is of the kind that the variable declares; a logical one becomes bool. Raises
    `ModelError` for a parameter that is missing, or of another shape or kind.
    """
    files = {GRAPH_FILE: topology}
    for variable in variables(topology):
        if variable.label not in parameters:
            raise ModelError(f"the parameter {variable.label!r} of the topology is missing")
        values = parameters[variable.label]
        if values.shape != variable.shape and (values.shape, variable.shape) != ((1,), ()):
            raise ModelError(f"parameter {variable.label!r} has the shape {values.shape}, the topology declares {variable.shape}")
        if variable.kind == "logical":
            values = declared(values, np.dtype(np.bool_), variable.label)
        if values.dtype.kind not in _KINDS.get(variable.kind, ""):
            raise ModelError(f"parameter {variable.label!r} is {values.dtype}, the topology declares {variable.kind}")
        files[data_path(variable.label)] = write_tensor(values.reshape(variable.shape), variable.label)
    return files


def data_path(label: str) -> str:
    """Where a variable's values lie; raises `ModelError` for a label that is no path inside the folder."""
    path = PurePosixPath(label + DATA_SUFFIX)
    if not label or "\\" in label or "\0" in label or path.is_absolute() or ".." in path.parts:
        raise ModelError(f"the label {label!r} is no path inside the model's folder")
    return str(path)


def header_of(data: bytes, path: str) -> tuple[tuple[int, ...], int, int, tuple[int, ...], bytes]:
    """Shape, bits, item type, its parameters, and the data of a .dat file; raises `ModelError` naming ``path``."""
    if len(data) < HEADER.size:
        raise ModelError(f"{path} has {len(data)} bytes, an NNEF tensor's header alone {HEADER.size}")
    magic, major, _, length, rank, *rest = HEADER.unpack_from(data)
    if magic != _MAGIC or major != 1 or rank > MAX_RANK or HEADER.size + length != len(data):
        raise ModelError(f"{path} is no NNEF tensor of version 1, rank {MAX_RANK} at most and as many bytes as it says")
    return tuple(rest[:rank]), rest[MAX_RANK], rest[MAX_RANK + 1], tuple(rest[MAX_RANK + 2 :]), data[HEADER.size :]


def write_header(shape: tuple[int, ...], bits: int, item: int, parameters: tuple[int, ...], length: int, name: str) -> bytes:
    """A header; raises `ModelError` naming ``name`` for a shape that it cannot state."""
    if len(shape) > MAX_RANK or any(extent >> 32 for extent in shape) or length >> 32:
        raise ModelError(f"parameter {name!r} of shape {shape} cannot lie in an NNEF tensor")
    extents = (*shape, *(0,) * (MAX_RANK - len(shape)))
    return HEADER.pack(_MAGIC, 1, 0, length, len(shape), *extents, bits, item, *parameters, *(0,) * (19 - len(parameters)))


def read_tensor(data: bytes, path: str) -> Array:
    """The values of a .dat file; raises `ModelError` naming ``path``, for an item type that is not in `ITEMS` too."""
    shape, bits, item, _, values = header_of(data, path)
    dtype = ITEMS.get((item, bits))
    if dtype is None:
        raise ModelError(f"{path} has items of the type {item:#x} with {bits} bits, which is not known here")
    count = prod(shape)
    if -(-count * bits // 8) != len(values):
        raise ModelError(f"{path} has {len(values)} bytes for {count} items of {bits} bits")
    if bits == 1:
        return np.unpackbits(np.frombuffer(values, np.uint8), count=count).astype(np.bool_).reshape(shape)
    return np.frombuffer(values, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def write_tensor(values: Array, name: str) -> bytes:
    """A .dat file; raises `ModelError` naming ``name`` for an element type that is not in `ITEMS`."""
    item, bits = item_of(values.dtype, name)
    data = np.packbits(values).tobytes() if bits == 1 else values.astype(values.dtype.newbyteorder("<")).tobytes()
    return write_header(values.shape, bits, item, (), len(data), name) + data


def item_of(dtype: np.dtype[np.generic], name: str) -> tuple[int, int]:
    """Item type and bits of an element type; raises `ModelError` naming ``name``."""
    if dtype not in _ITEM_OF:
        raise ModelError(f"parameter {name!r} is {dtype}, which an NNEF tensor cannot hold")
    return _ITEM_OF[dtype]
