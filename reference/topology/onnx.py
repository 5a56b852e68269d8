"""Annex B: an ONNX model to parameters and topology, and back.

The topology is a ModelProto whose initializers and Constant values keep name, dims and type but
have no data. ``value_float(s)`` and ``value_int(s)`` of a Constant are written as the equal
``value``. Tensors that cannot be coded keep their data.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError, EncodeError
from onnx import GraphProto, ModelProto, TensorProto, numpy_helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology import tensors
from nnc_conformance.reference.topology.classes import Array, as_declared
from nnc_conformance.reference.topology.content import CARRIAGE_ENTRY, CARRIAGE_KEYS
from nnc_conformance.reference.topology.external_data import ExternalData
from nnc_conformance.reference.topology.graphs import TensorEntry, bodies, tensor_entries, values_to_tensors
from nnc_conformance.reference.topology.paths import TensorPath, tensor_ids
from nnc_conformance.reference.topology.special_inputs import exact_paths, variance_paths

_MACHINE_LEARNING: Final = "ai.onnx.ml"
"""Domain of the operators of classical machine learning."""
_ALIGNMENT: Final = 64
"""Bytes to whose multiples values in a file next to the model are padded."""
_NAMED: Final = 10
"""Missing parameters that an error lists."""


@dataclass(frozen=True)
class OnnxModel:
    """A model split for coding.

    Args:
        parameters: Values by id of all tensors that can be coded exactly (see
            `classes.coding`), in graph order, in their own dtype (ml_dtypes for bfloat16 and narrow
            integers).
        topology: The model without these values, serialised deterministically.
        unchanged: Ids of the tensors that stay in the topology with their data.
        files: Files of external data that were read.
    """

    parameters: dict[str, Array]
    topology: bytes
    unchanged: tuple[str, ...]
    files: tuple[Path, ...] = ()


def extract(model: bytes | ModelProto, *, base_dir: Path | None = None, path: Path | None = None) -> OnnxModel:
    """Split a model into parameters and topology; a given ModelProto is not changed.

    Args:
        base_dir: Folder of external data.
        path: File of the model, if known: a link into Hugging Face's cache may have its data there.

    Raises:
        ModelError: For a model that cannot be parsed, nests too deeply, has two tensors with
            the same name in one graph, data that do not fit their dimensions, or external data
            outside the folder or beyond the bounds of `ExternalData`.
    """
    proto = _copy(model)
    reader = None if base_dir is None else ExternalData(base_dir, path)
    values_to_tensors(proto)
    _drop_doubles(proto, reader)
    parameters: dict[str, Array] = {}
    unchanged = []
    for name, entry in tensors_by_id(proto):
        for tensor in _all_tensors(entry):
            tensors.load_external(tensor, reader, name)
        values = tensors.codable_values(entry.dense, name) if entry.dense is not None else None
        if entry.dense is None or values is None or not _is_string(name):
            unchanged.append(name)
            continue
        parameters[name] = values
        tensors.strip(entry.dense)
    return OnnxModel(parameters, serialise(proto), tuple(unchanged), tuple(reader.files) if reader is not None else ())


def restore(topology: bytes, parameters: Mapping[str, Array]) -> bytes:
    """Return the serialised model with ``parameters`` filled in, ready to run.

    Arrays are converted by `classes.as_declared`. A scalar may have shape (1,), because an NDU
    states at least one dimension. Parameters that the topology does not need are ignored.

    Raises:
        ModelError: For a bad topology, missing parameters, or one with another shape or values
            out of range.
    """
    proto = _parse(topology)
    for tensor, values in _filled(proto, parameters):
        tensor.raw_data = values
    return serialise(proto)


def restore_beside(topology: bytes, parameters: Mapping[str, Array], location: str) -> tuple[bytes, bytes]:
    """Return the model with ``parameters`` in a file next to it, and that file's content.

    It restores the model as `restore` does.

    Args:
        location: The name of the file.
    """
    proto, data = _parse(topology), bytearray()
    for tensor, values in _filled(proto, parameters):
        tensors.refer(tensor, location, len(data), len(values))
        data += values
        data += bytes(-len(data) % _ALIGNMENT)
    return serialise(proto), bytes(data)


def _filled(proto: ModelProto, parameters: Mapping[str, Array]) -> Iterator[tuple[TensorProto, bytes]]:
    """Yield each tensor of a topology without data, and the bytes of its parameter.

    Nothing is changed yet. Raises `ModelError` for a parameter that is missing or does not fit.
    """
    needed = dict(_needed(proto))
    missing = [name for name in needed if name not in parameters]
    if missing:
        shown = ", ".join(map(repr, missing[:_NAMED])) + (", ..." if len(missing) > _NAMED else "")
        raise ModelError(f"{len(missing)} parameters of the topology are missing: {shown}")
    for name, tensor in needed.items():
        array, shape = parameters[name], tensors.shape(tensor, name)
        if array.shape != shape and (array.shape, shape) != ((1,), ()):
            raise ModelError(f"parameter {name!r} has shape {array.shape}; the topology declares {shape}")
        yield tensor, tensors.raw_values(tensor, as_declared(array, tensors.ELEMENT_TYPES[tensor.data_type].dtype, name))


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """Return the declared shape of each parameter that the topology needs.

    Raises:
        ModelError: For a bad topology.
    """
    return {name: tensors.shape(tensor, name) for name, tensor in _needed(_parse(topology))}


def exact_parameters(topology: bytes) -> frozenset[str]:
    """Return the ids of parameters that must stay exact: those of `special_inputs.exact_paths`.

    They are scales and zero points of quantized operators, tables, masks, coordinates, sizes and
    bounds.

    Raises:
        ModelError: For a bad topology.
    """
    return _ids(topology, exact_paths)


def variance_parameters(topology: bytes) -> frozenset[str]:
    """Return the ids of parameters that are variances, or divided by; raise `ModelError`."""
    return _ids(topology, variance_paths)


def attribute_values(topology: bytes) -> dict[str, int]:
    """Count the floats in list attributes of ai.onnx.ml operators, by operator type.

    The thresholds and leaves of a tree ensemble are such. They are not tensors, and stay in the
    topology. Types without any are left out.

    Raises:
        ModelError: For a bad topology.
    """
    counts: dict[str, int] = {}
    for body in bodies(_parse(topology)):
        for node in body.nodes:
            count = sum(len(attribute.floats) for attribute in node.attribute)
            if node.domain == _MACHINE_LEARNING and count:
                counts[node.op_type] = counts.get(node.op_type, 0) + count
    return counts


def _ids(topology: bytes, find: Callable[[ModelProto], frozenset[TensorPath]]) -> frozenset[str]:
    """Return the ids of the tensors of a topology whose paths ``find`` returns."""
    proto = _parse(topology)
    paths = find(proto)
    return frozenset(name for name, entry in tensors_by_id(proto) if entry.path in paths)


def _drop_doubles(proto: ModelProto, reader: ExternalData | None) -> None:
    """Remove initializers that repeat the name and value of an earlier one of their graph.

    They may be stored in another way. Two of one name with different values both stay, and are
    refused later. No node is changed.

    Raise `ModelError` if external data to compare cannot be read.

    Args:
        proto: The model, changed in place.
        reader: Reads external data; None if there is no folder.
    """
    for body in bodies(proto):
        if not isinstance(body.owner, GraphProto):
            continue
        first: dict[str, TensorProto] = {}
        kept = []
        for tensor in body.owner.initializer:
            if first.setdefault(tensor.name, tensor) is tensor or not _equal(first[tensor.name], tensor, reader):
                kept.append(tensor)
        if len(kept) < len(body.owner.initializer):
            copies = [TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
            del body.owner.initializer[:]
            body.owner.initializer.extend(copies)


def _equal(one: TensorProto, other: TensorProto, reader: ExternalData | None) -> bool:
    """Return whether two tensors have the same type, dimensions and bits.

    Raises `ModelError` for external data that cannot be read.
    """
    if one == other:
        return True
    if (one.data_type, list(one.dims)) != (other.data_type, list(other.dims)):
        return False
    for tensor in (one, other):
        tensors.load_external(tensor, reader, str(tensor.name))
    try:
        return bool(numpy_helper.to_array(one).tobytes() == numpy_helper.to_array(other).tobytes())
    except (ValueError, TypeError, KeyError):  # damaged, or of a type without values
        return False


def _copy(model: bytes | ModelProto) -> ModelProto:
    """Parse a model, or copy one that is parsed already."""
    if isinstance(model, ModelProto):
        copy = ModelProto()
        copy.CopyFrom(model)
        return copy
    return _parse(model)


def parse(data: bytes) -> ModelProto:
    """Parse a serialised model, whatever its tensors hold; raise `ModelError` if it is not one."""
    proto = ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError as error:
        raise ModelError("not an ONNX model: it is another format, cut off or damaged") from error
    if not proto.HasField("graph"):
        raise ModelError("not an ONNX model: it has no graph")
    return proto


def _parse(data: bytes) -> ModelProto:
    """Parse a serialised model; raise `ModelError` if its tensors hold data units."""
    proto = parse(data)
    if any(entry.key == CARRIAGE_ENTRY and is_carriage(entry.value) for entry in proto.metadata_props):
        raise ModelError("the model's tensors hold NNR data units (Annex E), not plain values; decode it first")
    return proto


def is_carriage(text: str | bytes) -> bool:
    """Return whether a metadata entry is that of a container of data units (Annex E).

    Other entries are notes of the user's.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and set(content) == CARRIAGE_KEYS


def serialise(proto: ModelProto) -> bytes:
    """Serialise a model deterministically; raise `ModelError` on failure."""
    try:
        return bytes(proto.SerializeToString(deterministic=True))
    except (EncodeError, ValueError) as error:
        raise ModelError(f"the model cannot be serialised: {error}") from error


def tensors_by_id(proto: ModelProto) -> Iterator[tuple[str, TensorEntry]]:
    """Yield (id, tensor) for all tensors; raise `ModelError` if an id occurs twice."""
    entries = list(tensor_entries(proto))
    seen = set()
    for name, entry in zip(tensor_ids([entry.path for entry in entries]), entries, strict=True):
        if name in seen:
            raise ModelError(f"the model has two tensors named {name!r}")
        seen.add(name)
        yield name, entry


def _all_tensors(entry: TensorEntry) -> tuple[TensorProto, ...]:
    """List all tensors with this id."""
    return entry.others if entry.dense is None else (entry.dense, *entry.others)


def _needed(proto: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Yield (id, tensor) of the tensors of a topology whose data were taken out.

    Raises `ModelError` if one has a type that cannot be decoded.
    """
    for name, entry in tensors_by_id(proto):
        for tensor in entry.others:
            tensors.is_stripped(tensor, name)
        if entry.dense is not None and tensors.is_stripped(entry.dense, name):
            if entry.dense.data_type not in tensors.ELEMENT_TYPES:
                raise ModelError(f"tensor {name!r} of the topology has no data, and its element type cannot be decoded")
            yield name, entry.dense


def _is_string(name: str) -> bool:
    """Whether a name can be coded as st(v), which a zero byte ends."""
    return "\0" not in name
