"""State files (``.nncstate``): a base model between two runs of a command (second edition).

A file is a line that names format and version, the length of the header as 8 bytes, the header as
JSON, the arrays in the order in which the header lists them, and the SHA-256 of all that. Sizes are
checked against the file before anything is allocated, types and shapes against the parameters;
nothing is executed. The file is readable for its owner alone.
"""

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field, ValidationError

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.structures.data_unit import NodeId
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.updates.base_model import BaseModel, BlockRecord, IndexHistory, ParameterHistory
from nnc_conformance.storage.documents import Frozen, Sha256, first_problem
from nnc_conformance.storage.inputs import read_bytes
from nnc_conformance.storage.outputs import staged

STATE_SUFFIX: Final = ".nncstate"
MAGIC: Final = b"nnc-state/1\n"
"""First bytes of a state file: format and version."""
MOST_HEADER_BYTES: Final = 1 << 28
"""Bytes that a header may have: some 100,000 parameters and a million streams."""
_LENGTH: Final = struct.Struct("<Q")
_DIGEST_BYTES: Final = 32

Size = Annotated[int, Field(ge=0, lt=1 << 40)]
"""A dimension of a stored array, in elements."""
Axis = Annotated[int, Field(ge=0, lt=256)]
"""A dimension's number, from 0."""
ArrayType = Literal["float32", "int32", "int16", "uint8"]
"""The element types of stored arrays, all little-endian."""


class StateError(NNCError):
    """A state file cannot be used.

    It is damaged, made by another version, or of other options.
    """


class ArrayEntry(Frozen):
    """An array in the file: its type and shape."""

    dtype: ArrayType
    shape: tuple[Size, ...]


class NodeEntry(Frozen):
    """A node id, as in `NodeId`."""

    device_id: Size
    parameter_id: Size
    put_node_depth: Size


class IndexEntry(Frozen):
    """An `IndexHistory`; numbers are places in the list of arrays."""

    base: int | None = None
    seen: int | None = None
    named: tuple[tuple[NodeEntry, int], ...] = ()


class HistoryEntry(Frozen):
    """A `ParameterHistory`; digests are hexadecimal digits."""

    dimensions: tuple[Size, ...]
    shift: Axis = 0
    node_id: NodeEntry | None = None
    digests: tuple[str, ...] = ()
    indexes: IndexEntry = IndexEntry()
    residual_indexes: IndexEntry = IndexEntry()
    last_difference: int | None = None


class BlockEntry(Frozen):
    """A `BlockRecord`."""

    ids: tuple[str, ...]
    parameter_types: Annotated[int, Field(ge=0, lt=16)]
    dimensions: tuple[Size, ...]
    shift: Axis = 0


class TopologyEntry(Frozen):
    """A topology or quantization data.

    It has the storage format and the place of its bytes in the list of arrays.
    """

    storage_format: Annotated[int, Field(ge=0, lt=256)]
    data: int


class Header(Frozen):
    """The header of a state file."""

    interpretation: dict[str, str]
    lenient: bool
    streams: tuple[Sha256, ...]
    arrays: tuple[ArrayEntry, ...]
    parameters: dict[str, int]
    histories: dict[str, HistoryEntry]
    shapes: dict[str, tuple[Size, ...]]
    blocks: dict[str, BlockEntry]
    data_formats: dict[str, Annotated[int, Field(ge=0, lt=128)]]
    topology: TopologyEntry | None = None
    quantization_data: TopologyEntry | None = None


@dataclass(frozen=True)
class SessionState:
    """A session between two streams.

    Args:
        model: The model after the streams so far.
        interpretation: The choices under which they were decoded.
        lenient: Whether broken rules of policy ``may`` were forgiven.
        streams: SHA-256 of each stream, in order.
    """

    model: BaseModel = field(default_factory=BaseModel)
    interpretation: Interpretation = field(default_factory=Interpretation)
    lenient: bool = False
    streams: tuple[str, ...] = ()

    def after(self, stream: bytes, model: BaseModel) -> "SessionState":
        """Return the state after one more stream."""
        return replace(self, model=model, streams=(*self.streams, hashlib.sha256(stream).hexdigest()))

    def refuse_again(self, stream: bytes, name: str) -> None:
        """Raise `StateError` if a stream has been applied before."""
        digest = hashlib.sha256(stream).hexdigest()
        if digest in self.streams:
            raise StateError(f"{name} has been applied before, as stream {self.streams.index(digest)} of the session; leave it out")


def save_state(model: BaseModel, path: Path | str, *, session: SessionState | None = None) -> None:
    """Write a state file; raise `OSError` and leave what is there.

    Args:
        model: The model to keep.
        path: The file.
        session: Choices and streams that led to the model; those of a new session if None.
    """
    with staged_state(replace(session or SessionState(), model=model), Path(path)) as put_in_place:
        put_in_place()


def staged_state(session: SessionState, path: Path) -> AbstractContextManager[Any]:
    """Write a state file to the disk.

    The function that this gives puts it in place (see `storage.outputs.staged`).
    """
    return staged(path, dump_state(session), private=True)


def load_state(path: Path | str) -> BaseModel:
    """Read the model that a state file keeps, base of the next stream.

    Args:
        path: The file, made by `save_state` or by a command with ``--state``.

    Raises:
        StateError: The file is damaged, of another version, or no state file.
        OSError: It cannot be read.
    """
    return load_session(Path(path)).model


def load_session(path: Path) -> SessionState:
    """Read a state file; raise `StateError` if it cannot be used, and `OSError`."""
    return parse_state(read_bytes(path), str(path))


def is_state(data: bytes) -> bool:
    """Return whether bytes begin as a state file does, of whatever version."""
    return data.startswith(MAGIC.partition(b"/")[0] + b"/")


def refuse_state(data: bytes, name: str) -> None:
    """Raise `StateError` for a state file in the place of a stream; ``name`` names it."""
    if is_state(data):
        raise StateError(f"{name} is a state file, not a stream; name it with --state, or as the first --base of an encoder")


class _Arrays:
    """Collects the arrays of a file."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []

    def add(self, array: np.ndarray | None) -> int | None:
        """Add an array; return its place."""
        return None if array is None else self.put(array)

    def put(self, array: np.ndarray) -> int:
        """Add an array; return its place."""
        self.arrays.append(np.asarray(array, order="C"))
        return len(self.arrays) - 1


def dump_state(session: SessionState) -> bytes:
    """Return a session as the bytes of a state file.

    They are the magic number, the length of the header, the header as JSON, the arrays in little
    endian, and the SHA-256 of all that.
    """
    arrays, model = _Arrays(), session.model
    parts: dict[str, Any] = {
        "parameters": {name: arrays.put(values) for name, values in model.parameters.items()},
        "histories": {name: _history_entry(history, arrays) for name, history in model.histories.items()},
        "topology": _topology_entry(model.topology, arrays),
        "quantization_data": _topology_entry(model.quantization_data, arrays),
    }
    header = Header(
        interpretation={name: str(getattr(session.interpretation, name).value) for name in Interpretation.switches(2024)},
        lenient=session.lenient,
        streams=session.streams,
        arrays=tuple(ArrayEntry.model_validate({"dtype": array.dtype.name, "shape": array.shape}) for array in arrays.arrays),
        shapes=dict(model.shapes),
        blocks={
            name: BlockEntry(ids=block.ids, parameter_types=block.parameter_types, dimensions=block.dimensions, shift=block.shift)
            for name, block in model.blocks.items()
        },
        data_formats=dict(model.data_formats),
        **parts,
    )
    text = json.dumps(header.model_dump(mode="json"), separators=(",", ":")).encode()
    content = [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays.arrays]
    body = b"".join((MAGIC, _LENGTH.pack(len(text)), text, *content))
    return body + hashlib.sha256(body).digest()


def _topology_entry(topology: Topology | None, arrays: _Arrays) -> TopologyEntry | None:
    if topology is None:
        return None
    return TopologyEntry(storage_format=topology.storage_format, data=arrays.put(np.frombuffer(topology.data, np.uint8)))


def _history_entry(history: ParameterHistory, arrays: _Arrays) -> HistoryEntry:
    return HistoryEntry(
        dimensions=history.dimensions,
        shift=history.shift,
        node_id=None if history.node_id is None else _node_entry(history.node_id),
        digests=tuple(digest.hex() for digest in history.digests),
        indexes=_index_entry(history.indexes, arrays),
        residual_indexes=_index_entry(history.residual_indexes, arrays),
        last_difference=arrays.add(history.last_difference),
    )


def _index_entry(history: IndexHistory, arrays: _Arrays) -> IndexEntry:
    named = tuple((_node_entry(node), arrays.put(base)) for node, base in history.named.items())
    return IndexEntry(base=arrays.add(history.base), seen=arrays.add(history.seen), named=named)


def _node_entry(node: NodeId) -> NodeEntry:
    return NodeEntry(device_id=node.device_id, parameter_id=node.parameter_id, put_node_depth=node.put_node_depth)


def parse_state(data: bytes, name: str) -> SessionState:
    """Return the session in the bytes of a state file.

    Raise `StateError` that begins with ``name``.
    """
    if not data.startswith(MAGIC):
        known = "a state file of another version" if is_state(data) else "no state file"
        raise StateError(f"{name}: {known}; this version reads {MAGIC.decode().strip()}; name another file, or begin a session anew")
    start = len(MAGIC) + _LENGTH.size
    if len(data) < start + _DIGEST_BYTES:
        raise StateError(f"{name}: cut off after {len(data)} bytes; restore it, or begin a session anew")
    (size,) = _LENGTH.unpack_from(data, len(MAGIC))
    if size > min(len(data) - start - _DIGEST_BYTES, MOST_HEADER_BYTES):
        raise StateError(f"{name}: a header of {size} bytes does not fit the file; restore it, or begin a session anew")
    if hashlib.sha256(memoryview(data)[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
        raise StateError(f"{name}: damaged: the checksum does not match; restore it, or begin a session anew")
    try:
        header = Header.model_validate_json(data[start : start + size])
        return _session(header, _Reader(header, memoryview(data)[start + size : -_DIGEST_BYTES]))
    except ValidationError as error:
        raise StateError(f"{name}: {first_problem(error)}") from None
    except (ValueError, RecursionError) as error:
        raise StateError(f"{name}: {error}") from None


class _Reader:
    """Gives the arrays of a file by their places.

    Raises `ValueError` for what does not fit.
    """

    def __init__(self, header: Header, data: memoryview) -> None:
        self._arrays = list(self._read(header, data))

    @staticmethod
    def _read(header: Header, data: memoryview) -> Iterator[np.ndarray]:
        """Yield the arrays of a state file in the order of its header.

        Raises `ValueError` if header and data differ in size.

        Args:
            header: The header.
            data: The bytes after it: the arrays in little endian, one after the other.
        """
        sizes = [prod(entry.shape) * np.dtype(entry.dtype).itemsize for entry in header.arrays]
        if sum(sizes) != len(data):
            raise ValueError(f"the header lists {sum(sizes)} bytes of arrays, the file has {len(data)}")
        first = 0
        for entry, size in zip(header.arrays, sizes, strict=True):
            kind = np.dtype(entry.dtype)
            array = np.frombuffer(data[first : first + size], kind.newbyteorder("<")).astype(kind)
            yield array.reshape(entry.shape)
            first += size

    def at(self, place: int, what: str, *kinds: ArrayType) -> np.ndarray:
        """Return the array number ``place``.

        Raise `ValueError` if it is missing or of none of the types ``kinds``; ``what`` names it.
        """
        if not 0 <= place < len(self._arrays):
            raise ValueError(f"{what}: the file has no array {place}")
        array = self._arrays[place]
        if array.dtype.name not in kinds:
            raise ValueError(f"{what} has the type {array.dtype}; expected {' or '.join(kinds)}")
        return array

    def sized(self, place: int | None, what: str, kind: ArrayType, size: int) -> np.ndarray | None:
        """Return the one-dimensional array number ``place``; None if that is None.

        Raise `ValueError` unless it is of the type ``kind`` and has ``size`` elements; ``what``
        names it.
        """
        if place is None:
            return None
        array = self.at(place, what, kind)
        if array.shape != (size,):
            raise ValueError(f"{what} has the shape {array.shape}; expected ({size},)")
        return array


def _session(header: Header, arrays: _Reader) -> SessionState:
    """Make the state of a session from a file's header and arrays.

    Raises `ValueError` if they do not fit together.
    """
    parameters = {name: arrays.at(place, f"parameter {name!r}", "float32", "int32") for name, place in header.parameters.items()}
    model = BaseModel(
        parameters=parameters,
        topology=_topology(header.topology, arrays),
        quantization_data=_topology(header.quantization_data, arrays),
        histories={name: _history(name, entry, arrays, parameters) for name, entry in header.histories.items()},
        shapes=dict(header.shapes),
        blocks={
            name: BlockRecord(block.ids, block.parameter_types, block.dimensions, block.shift) for name, block in header.blocks.items()
        },
        data_formats=dict(header.data_formats),
    )
    return SessionState(model, Interpretation.parse(header.interpretation), header.lenient, header.streams)


def _topology(entry: TopologyEntry | None, arrays: _Reader) -> Topology | None:
    return None if entry is None else Topology(entry.storage_format, arrays.at(entry.data, "a topology", "uint8").tobytes())


def _history(name: str, entry: HistoryEntry, arrays: _Reader, parameters: Mapping[str, np.ndarray]) -> ParameterHistory:
    """Make the update history of a tensor from its entry in the header.

    Raises `ValueError` if it does not fit the tensor.

    Args:
        name: The tensor.
        entry: Its entry, with the places of its arrays.
        arrays: The arrays of the file.
        parameters: The model's tensors by name.
    """
    elements = prod(entry.dimensions)
    last = None
    if entry.last_difference is not None:
        last = arrays.at(entry.last_difference, f"the last difference of {name!r}", "float32", "int32")
        if name not in parameters or (last.dtype, last.shape) != (parameters[name].dtype, parameters[name].shape):
            raise ValueError(f"the last difference of {name!r} is not like the parameter")
    return ParameterHistory(
        entry.dimensions,
        entry.shift,
        None if entry.node_id is None else _node(entry.node_id),
        tuple(bytes.fromhex(digest) for digest in entry.digests),
        _indexes(name, entry.indexes, arrays, elements),
        _indexes(name, entry.residual_indexes, arrays, elements),
        last,
    )


def _indexes(name: str, entry: IndexEntry, arrays: _Reader, elements: int) -> IndexHistory:
    """Make the index history of a tensor from its entry in the header.

    Raises `ValueError` if an array has another type or size.

    Args:
        name: The tensor, for messages.
        entry: Its entry, with the places of its arrays.
        arrays: The arrays of the file.
        elements: Number of elements of the tensor.
    """
    base = arrays.sized(entry.base, f"the indexes of {name!r}", "int16", elements)
    seen = arrays.sized(entry.seen, f"the places seen of {name!r}", "uint8", -(-elements // 8))
    named: dict[NodeId, np.ndarray] = {}
    for node, place in entry.named:
        found = arrays.sized(place, f"the indexes of {name!r}", "int16", elements)
        assert found is not None
        named[_node(node)] = found
    return IndexHistory(base, seen, named)


def _node(entry: NodeEntry) -> NodeId:
    return NodeId(entry.device_id, entry.parameter_id, entry.put_node_depth)
