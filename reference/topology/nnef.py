"""Annex A: an NNEF topology is the text of graph.nnef.

The id of a parameter is its label.

The label is that of its ``variable`` operation. The values are in LABEL.dat next to the graph: a
header of 128 bytes, then the items, little endian and in row-major order.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, as_declared
from nnc_conformance.reference.topology.nnef_text import Call, calls

GRAPH_FILE: Final = "graph.nnef"
QUANTIZATION_FILE: Final = "graph.quant"
DATA_SUFFIX: Final = ".dat"
MAX_RANK: Final = 8
"""Dimensions that a .dat file can state."""
HEADER: Final = struct.Struct(f"<2s2BII{MAX_RANK}III19I")
"""Layout of a .dat header.

Magic number, version (major, minor), bytes of data, rank, extents, bits per item, item type,
parameters of the item type.
"""
_MAGIC: Final = b"\x4e\xef"

FLOAT, UINT, INT, BOOL = 0, 1, 4, 5
"""Item types of a .dat file."""
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
"""Element types by item type and bits.

Quantized item types are missing: a stream cannot store their parameters.
"""
_VARIABLE: Final = "variable"
_VARIANCES: Final = {
    "batch_normalization": (2, "variance"),
    "div": (1, "y"),
    **dict.fromkeys(("log", "log2", "rcp", "rsqrt", "sqrt"), (0, "x")),
}
"""Place and name of the argument that is a variance, or divided by, by operation."""
_SHIFTED: Final = ("add", "clamp", "max")
"""Operations that keep a variance from being 0 before a power of it is taken."""
_FOLLOWED: Final = frozenset(
    (*_SHIFTED, "abs", "copy", "min", "pow", "reshape", "sqrt", "squeeze", "sub", "tile", "transpose", "unsqueeze")
)
"""Operations through which a variance is followed."""
_EXTENT_DIGITS: Final = 10
"""Decimal digits of an extent, at most."""
_ITEM_OF: Final = {dtype: item for item, dtype in ITEMS.items()}
_KINDS: Final = {"scalar": "f", "integer": "iu", "logical": "b"}


@dataclass(frozen=True)
class Variable:
    """A ``variable`` operation of a graph.

    Args:
        shape: The declared shape.
        kind: The declared type: scalar, integer or logical.
    """

    label: str
    shape: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class NnefModel:
    """A model split for coding.

    Args:
        parameters: Values by label, in the order of the graph.
        topology: The text of graph.nnef.
        quantization: The text of graph.quant, if there is one.
        left_out: Other files of the folder, which a stream cannot carry.
    """

    parameters: dict[str, Array]
    topology: bytes
    quantization: bytes | None = None
    left_out: tuple[str, ...] = ()


def variables(topology: bytes) -> tuple[Variable, ...]:
    """List the variables of a graph that state label and shape.

    Raises:
        ModelError: If the text is not UTF-8 or cannot be split into tokens, or a shape is not a
            list of integers.
    """
    return tuple(_variables(calls(topology)).values())


def variances(topology: bytes) -> frozenset[str]:
    """Return the labels of the variables that are variances, or divided by.

    They are followed through operations that pass values on or add an epsilon. Raise `ModelError`.
    """
    made = calls(topology)
    labels = {call.result: variable.label for call, variable in _by_call(made)}
    makers = {call.result: call for call in made if call.result}
    waiting = [name for call in made if call.operation in _VARIANCES for name in _followed(call.argument(*_VARIANCES[call.operation]))]
    for call in made:
        base = call.argument(0, "x")
        if call.operation == "pow" and base and (base[0] in _SHIFTED or (base[0] in makers and makers[base[0]].operation in _SHIFTED)):
            waiting.extend(_followed(base))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen and name in makers:
            seen.add(name)
            if makers[name].operation in _FOLLOWED:
                waiting.extend(each for _, argument in makers[name].arguments for each in _followed(argument))
    return frozenset(labels[name] for name in seen if name in labels)


def _followed(argument: Sequence[str]) -> Sequence[str]:
    """Return the tokens of an argument whose values it has; none if it calls other operations."""
    called = {name for name, after in pairwise(argument) if after == "("}
    return () if called - _FOLLOWED - {"(", ",", "="} else argument


def _variables(made: Sequence[Call]) -> dict[str, Variable]:
    """Return the variables by label."""
    return {variable.label: variable for _, variable in _by_call(made)}


def _by_call(made: Sequence[Call]) -> Iterator[tuple[Call, Variable]]:
    """Yield each call that states a variable with label and shape, and the variable.

    Raises `ModelError` for a shape that is not a list of integers.
    """
    for call in made:
        shape, label = call.argument(0, "shape"), call.argument(1, "label")
        if call.operation != _VARIABLE or not shape or len(label) != 1:
            continue
        extents, commas = shape[1:-1:2], shape[2:-1:2]
        listed = shape[0] == "[" and shape[-1] == "]" and set(commas) <= {","}
        if not listed or not all(token.isascii() and token.isdigit() and len(token) <= _EXTENT_DIGITS for token in extents):
            raise ModelError(f"the shape {''.join(shape)[:80]} of variable {label[0]!r} must be a list of integers")
        yield call, Variable(label[0], tuple(map(int, extents)), call.generic or "scalar")


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """Return the dimensions of each variable by its label.

    Raises:
        ModelError: If the text is not UTF-8 or a shape is not a list of integers.
    """
    return {variable.label: variable.shape for variable in variables(topology)}


def extract(files: Mapping[str, bytes]) -> NnefModel:
    """Split a model into parameters and topology.

    Args:
        files: Contents by path inside the model folder.

    Raises:
        ModelError: For a missing file, a label outside the folder, another shape than the
            graph's, or what `read_tensor` refuses.
    """
    if GRAPH_FILE not in files:
        raise ModelError(f"the NNEF model has no file {GRAPH_FILE}")
    graph, parameters, used = files[GRAPH_FILE], {}, {GRAPH_FILE, QUANTIZATION_FILE}
    for variable in variables(graph):
        path = data_path(variable.label)
        if path not in files:
            raise ModelError(f"the NNEF model has no file {path}")
        values = read_tensor(files[path], path)
        if values.shape != variable.shape:
            raise ModelError(f"{path} has shape {values.shape}; the graph declares {variable.shape}")
        parameters[variable.label] = values
        used.add(path)
    return NnefModel(parameters, graph, files.get(QUANTIZATION_FILE), tuple(name for name in files if name not in used))


def restore(topology: bytes, parameters: Mapping[str, Array], quantization: bytes | None = None) -> dict[str, bytes]:
    """Return the files of the model with ``parameters`` filled in, and with graph.quant if given.

    Values keep their decoded element type if the variable's kind allows it; logical ones become
    bool.

    Raises:
        ModelError: For a parameter that is missing or has another shape or kind.
    """
    files = {GRAPH_FILE: topology} if quantization is None else {GRAPH_FILE: topology, QUANTIZATION_FILE: quantization}
    for variable in variables(topology):
        if variable.label not in parameters:
            raise ModelError(f"the parameter {variable.label!r} of the topology is missing")
        values = parameters[variable.label]
        if values.shape != variable.shape and (values.shape, variable.shape) != ((1,), ()):
            raise ModelError(f"parameter {variable.label!r} has shape {values.shape}; the topology declares {variable.shape}")
        if variable.kind == "logical":
            values = as_declared(values, np.dtype(np.bool_), variable.label)
        if values.dtype.kind not in _KINDS.get(variable.kind, ""):
            raise ModelError(f"parameter {variable.label!r} is {values.dtype}; the topology declares {variable.kind}")
        path, data = data_path(variable.label), write_tensor(values.reshape(variable.shape), variable.label)
        if files.setdefault(path, data) != data:
            raise ModelError(f"two variables have the file {path}, but other values; rename the label {variable.label!r}")
    return files


def data_path(label: str) -> str:
    """Return the path of a variable's values.

    It is inside the folder also for labels that begin with a slash.

    Raises:
        ModelError: If it is outside the folder.
    """
    path = PurePosixPath(label.lstrip("/") + DATA_SUFFIX)
    if not label.strip("/") or "\\" in label or "\0" in label or path.is_absolute() or ".." in path.parts:
        raise ModelError(f"the label {label!r} is not a path inside the model's folder")
    return str(path)


def parse_header(data: bytes, path: str) -> tuple[tuple[int, ...], int, int, tuple[int, ...], bytes]:
    """Parse a .dat file into shape, bits, item type, its parameters, and the data.

    Args:
        path: Path of the file, for errors.

    Raises:
        ModelError: For anything but a complete file of version 1.
    """
    if len(data) < HEADER.size:
        raise ModelError(f"{path} has {len(data)} bytes; the header of an NNEF tensor alone takes {HEADER.size}")
    magic, major, _, length, rank, *rest = HEADER.unpack_from(data)
    if magic != _MAGIC or major != 1:
        raise ModelError(f"{path} is not an NNEF tensor of version 1")
    if rank > MAX_RANK:
        raise ModelError(f"{path} has {rank} dimensions; an NNEF tensor has at most {MAX_RANK}")
    if HEADER.size + length != len(data):
        raise ModelError(f"{path} has {len(data)} bytes; its header states {HEADER.size + length}")
    return tuple(rest[:rank]), rest[MAX_RANK], rest[MAX_RANK + 1], tuple(rest[MAX_RANK + 2 :]), data[HEADER.size :]


def write_header(shape: tuple[int, ...], bits: int, item: int, parameters: tuple[int, ...], length: int, name: str) -> bytes:
    """Write the header of a .dat file.

    Args:
        bits: Bits per item.
        item: Item type.
        parameters: Parameters of the item type.
        length: Bytes of data.
        name: Name of the parameter, for errors.

    Raises:
        ModelError: For a shape or length that the header cannot state.
    """
    if len(shape) > MAX_RANK or any(extent >> 32 for extent in shape) or length >> 32:
        raise ModelError(f"parameter {name!r} of shape {shape} cannot be written as an NNEF tensor")
    extents = (*shape, *(0,) * (MAX_RANK - len(shape)))
    return HEADER.pack(_MAGIC, 1, 0, length, len(shape), *extents, bits, item, *parameters, *(0,) * (19 - len(parameters)))


def read_tensor(data: bytes, path: str) -> Array:
    """Read the values of a .dat file.

    Args:
        path: Path of the file, for errors.

    Raises:
        ModelError: For a bad file, or an item type that is not in `ITEMS`.
    """
    shape, bits, item, _, values = parse_header(data, path)
    dtype = ITEMS.get((item, bits))
    if dtype is None:
        raise ModelError(f"{path} has the unsupported item type {item:#x} with {bits} bits")
    count = prod(shape)
    if -(-count * bits // 8) != len(values):
        raise ModelError(f"{path} has {len(values)} bytes for {count} items of {bits} bits")
    if bits == 1:
        return np.unpackbits(np.frombuffer(values, np.uint8), count=count).astype(np.bool_).reshape(shape)
    return np.frombuffer(values, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def write_tensor(values: Array, name: str) -> bytes:
    """Return the content of the .dat file of ``values``, an array of any shape.

    Raises:
        ModelError: Naming ``name``, if the element type is not in `ITEMS`.
    """
    item, bits = item_type(values.dtype, name)
    data = np.packbits(values).tobytes() if bits == 1 else values.astype(values.dtype.newbyteorder("<")).tobytes()
    return write_header(values.shape, bits, item, (), len(data), name) + data


def item_type(dtype: np.dtype[np.generic], name: str) -> tuple[int, int]:
    """Return item type and bits of an element type.

    Raises:
        ModelError: Naming ``name``, if NNEF cannot hold the type.
    """
    if dtype not in _ITEM_OF:
        raise ModelError(f"parameter {name!r} is {dtype}, which an NNEF tensor cannot hold")
    return _ITEM_OF[dtype]
