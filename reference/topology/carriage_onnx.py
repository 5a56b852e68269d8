"""Annex E (inferred) in ONNX.

The raw_data of a tensor holds one data unit or aggregate.

Its data_type and dims are those of the values. Tensors of Constant nodes and of graphs at any depth
hold units like initializers do. The metadata_props entry ``nnr`` holds
`carriage.metadata_document`, whose names are ids (`paths`). A runtime without support for this
reports that raw_data has a wrong length.
"""

from math import prod

from onnx import ModelProto, StringStringEntryProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology import tensors
from nnc_conformance.reference.topology.carriage import (
    Carriage,
    join_stream,
    metadata_document,
    parse_metadata,
    split_stream,
    with_other_length,
)
from nnc_conformance.reference.topology.content import CARRIAGE_ENTRY, Topology
from nnc_conformance.reference.topology.onnx import is_carriage, parse, serialise, tensors_by_id


def pack(stream: bytes) -> bytes:
    """Convert a stream with an ONNX topology to a model whose tensors hold its units.

    Raises:
        EncodeError: For a stream that cannot be carried.
        ModelError: Without an ONNX topology, or if its tensors and the stream's differ.
    """
    carriage, topology = split_stream(stream)
    if topology is None or topology.storage_format != NNR_TPL_ONNX:
        raise ModelError("the stream has no ONNX topology")
    model = parse(topology.data)
    stripped = {
        name: tensor_entry.dense
        for name, tensor_entry in tensors_by_id(model)
        if tensor_entry.dense is not None and tensors.is_stripped(tensor_entry.dense, name)
    }
    if set(stripped) != set(carriage.holders):
        strange = sorted(set(stripped) ^ set(carriage.holders))[0]
        raise ModelError(f"{strange!r} must be both a tensor of the graph and a tensor of the stream")
    for name, unit in carriage.units.items():
        element = tensors.ELEMENT_TYPES.get(stripped[name].data_type)
        plain = 0 if element is None else -(-prod(stripped[name].dims) * element.bits // 8)
        stripped[name].raw_data = with_other_length(unit, plain)
    model.metadata_props.add(key=CARRIAGE_ENTRY, value=metadata_document(carriage))
    return serialise(model)


def is_packed(model: bytes) -> bool:
    """Return whether a model's tensors hold units.

    Raise `ModelError` if it is not an ONNX model.
    """
    return _entry(parse(model)) is not None


def unpack(model: bytes) -> bytes:
    """Convert a model whose tensors hold units back to the stream.

    The model without the units becomes the topology.

    Raises:
        ModelError: Without a valid metadata entry, or if the model contradicts it.
    """
    proto = parse(model)
    entry = _entry(proto)
    if entry is None:
        raise ModelError(f"the model has no metadata entry {CARRIAGE_ENTRY!r}: its tensors hold plain values")
    sets, holders = parse_metadata(entry)
    kept = [each for each in proto.metadata_props if not _is_ours(each)]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    units: dict[str, bytes] = {}
    missing = set(holders)
    for name, tensor_entry in tensors_by_id(proto):
        if name not in holders or tensor_entry.dense is None:
            continue
        missing.discard(name)
        if name == holders[name]:
            units[name] = tensor_entry.dense.raw_data
        elif tensors.has_data(tensor_entry.dense):
            raise ModelError(f"tensor {name!r} must be empty: its unit is held by {holders[name]!r}")
        tensors.strip(tensor_entry.dense)
    if missing:
        raise ModelError(f"the model has no tensor {sorted(missing)[0]!r}, which its entry {CARRIAGE_ENTRY!r} lists")
    return join_stream(Carriage(sets, units, holders), Topology(NNR_TPL_ONNX, serialise(proto)))


def _entry(proto: ModelProto) -> str | None:
    """Return the metadata entry of Annex E, if any."""
    return next((entry.value for entry in proto.metadata_props if _is_ours(entry)), None)


def _is_ours(entry: StringStringEntryProto) -> bool:
    """Return whether a metadata entry is that of Annex E.

    A user's own entry may have the same key.
    """
    return bool(entry.key == CARRIAGE_ENTRY and is_carriage(entry.value))
