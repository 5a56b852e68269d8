"""Annex B: an ONNX model to parameters and topology, and back.

The topology is a ModelProto whose initializers and Constant values keep name, dims and type and have no data. A Constant's
``value_float(s)`` and ``value_int(s)`` are spelled as the equal ``value``. Tensors that cannot be coded keep their data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError, EncodeError
from onnx import ModelProto, TensorProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology import tensors
from nnc_conformance.reference.topology.classes import Array, declared
from nnc_conformance.reference.topology.graphs import Slot, exact_places, slots, spell_as_tensors
from nnc_conformance.reference.topology.paths import identify

CARRIAGE_ENTRY: Final = "nnr"
"""The metadata_props entry of a model whose tensors hold data units (Annex E)."""
_NAMED: Final = 10
"""Missing parameters that an error names, at most."""


@dataclass(frozen=True)
class OnnxModel:
    """A model taken apart.

    ``parameters``: id to values for every tensor that a coder can carry exactly (`classes.coding` says how), body by
    body in graph order, any shape, native dtype (ml_dtypes for bfloat16 and the narrow integers).
    ``topology``: the model without these values, serialised deterministically.
    ``unchanged``: the ids of the tensors that stay inside the topology with their data.
    """

    parameters: dict[str, Array]
    topology: bytes
    unchanged: tuple[str, ...]


def extract(model: bytes | ModelProto, *, base_dir: Path | None = None) -> OnnxModel:
    """Takes a model apart; ``base_dir`` is the folder of external data. A given ModelProto is left as it is.

    Raises `ModelError` for a model that cannot be parsed, nests too deep, has two tensors of one name in one graph,
    or data that do not fit their dimensions.
    """
    proto = _copy(model)
    spell_as_tensors(proto)
    parameters: dict[str, Array] = {}
    unchanged = []
    for name, slot in identified(proto):
        for tensor in _all_tensors(slot):
            tensors.load_external(tensor, base_dir, name)
        values = tensors.codable_values(slot.dense, name) if slot.dense is not None else None
        if slot.dense is None or values is None or not _is_string(name):
            unchanged.append(name)
            continue
        parameters[name] = values
        tensors.strip(slot.dense)
    return OnnxModel(parameters, serialise(proto), tuple(unchanged))


def restore(topology: bytes, parameters: Mapping[str, Array]) -> bytes:
    """The model with ``parameters`` in place: a serialised ModelProto that ONNX Runtime runs.

    A decoded array becomes the declared element type by `classes.declared`; a scalar may come with the shape (1,), since
    an NDU that states dimensions states one at least. Parameters that the topology does not ask for are left out.
    Raises `ModelError` for a bad topology, and naming the parameters that are missing, the first whose shape differs or
    whose values the declared type cannot hold.
    """
    proto = _parse(topology)
    wanted = dict(_wanted(proto))
    missing = [name for name in wanted if name not in parameters]
    if missing:
        shown = ", ".join(map(repr, missing[:_NAMED])) + (", ..." if len(missing) > _NAMED else "")
        raise ModelError(f"{len(missing)} parameters of the topology are missing: {shown}")
    for name, tensor in wanted.items():
        array, shape = parameters[name], tensors.shape(tensor, name)
        if array.shape != shape and (array.shape, shape) != ((1,), ()):
            raise ModelError(f"parameter {name!r} has the shape {array.shape}, the topology declares {shape}")
        tensors.fill(tensor, declared(array, tensors.ELEMENT_TYPES[tensor.data_type].dtype, name))
    return serialise(proto)


def parameter_shapes(topology: bytes) -> dict[str, tuple[int, ...]]:
    """The declared shape of each parameter that the topology asks for; raises `ModelError` for a bad topology."""
    return {name: tensors.shape(tensor, name) for name, tensor in _wanted(_parse(topology))}


def exact_parameters(topology: bytes) -> frozenset[str]:
    """The ids of parameters that must come back exactly whatever their shape: inputs of `graphs.EXACT_INPUTS`.

    Scales of quantized operators, sizes, bounds. Raises `ModelError` for a bad topology.
    """
    proto = _parse(topology)
    exact = exact_places(proto)
    return frozenset(name for name, slot in identified(proto) if slot.place in exact)


def _copy(model: bytes | ModelProto) -> ModelProto:
    if isinstance(model, ModelProto):
        copy = ModelProto()
        copy.CopyFrom(model)
        return copy
    return _parse(model)


def parse(data: bytes) -> ModelProto:
    """The message of a serialised model, whatever its tensors hold; raises `ModelError`."""
    proto = ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError as error:
        raise ModelError(f"not an ONNX model: {error}") from error
    if not proto.HasField("graph"):
        raise ModelError("not an ONNX model: it has no graph")
    return proto


def _parse(data: bytes) -> ModelProto:
    proto = parse(data)
    if any(entry.key == CARRIAGE_ENTRY for entry in proto.metadata_props):
        raise ModelError("the model's tensors hold NNR data units (Annex E), no plain values; decode it first")
    return proto


def serialise(proto: ModelProto) -> bytes:
    """The bytes of a model, the same for the same model; raises `ModelError`."""
    try:
        return bytes(proto.SerializeToString(deterministic=True))
    except (EncodeError, ValueError) as error:
        raise ModelError(f"the model cannot be serialised: {error}") from error


def identified(proto: ModelProto) -> Iterator[tuple[str, Slot]]:
    """All tensors with their ids; raises `ModelError` where two of one graph have one name."""
    found = list(slots(proto))
    seen = set()
    for name, slot in zip(identify([slot.place for slot in found]), found, strict=True):
        if name in seen:
            raise ModelError(f"the model has two tensors that are named {name!r}")
        seen.add(name)
        yield name, slot


def _all_tensors(slot: Slot) -> tuple[TensorProto, ...]:
    return slot.others if slot.dense is None else (slot.dense, *slot.others)


def _wanted(proto: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    for name, slot in identified(proto):
        for tensor in slot.others:
            tensors.is_stripped(tensor, name)
        if slot.dense is not None and tensors.is_stripped(slot.dense, name):
            if slot.dense.data_type not in tensors.ELEMENT_TYPES:
                raise ModelError(f"tensor {name!r} of the topology has no data and an element type without a decoded form")
            yield name, slot.dense


def _is_string(name: str) -> bool:
    """Whether a name can be an st(v), which a zero byte ends."""
    return "\0" not in name
