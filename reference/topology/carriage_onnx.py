"""Annex E (inferred) in ONNX: a tensor's raw_data holds one data unit or aggregate, its data_type and dims are those of its values.

Tensors of Constant nodes and of graphs at any depth hold units as initializers do. The metadata_props entry ``nnr`` holds
`carriage.document`; its names are ids (`paths`). A runtime that knows nothing of it finds raw_data of a wrong length, and says so.
"""

from math import prod

from onnx import ModelProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology import tensors
from nnc_conformance.reference.topology.carriage import Carriage, document, parsed, stream_of, taken_apart, unlike
from nnc_conformance.reference.topology.onnx import CARRIAGE_ENTRY, identified, parse, serialise


def pack(stream: bytes) -> bytes:
    """A stream with an ONNX topology as a model whose tensors hold its units.

    Raises `EncodeError` for what cannot be carried, `ModelError` for a stream without an ONNX topology, or with other tensors than it has.
    """
    carriage, topology = taken_apart(stream)
    if topology is None or topology.storage_format != NNR_TPL_ONNX:
        raise ModelError("the stream carries no ONNX topology")
    model = parse(topology.data)
    found = {name: slot.dense for name, slot in identified(model) if slot.dense is not None and tensors.is_stripped(slot.dense, name)}
    if set(found) != set(carriage.holders):
        strange = sorted(set(found) ^ set(carriage.holders))[0]
        raise ModelError(f"{strange!r} is only one of tensor of the graph and tensor of the stream")
    for name, unit in carriage.units.items():
        element = tensors.ELEMENT_TYPES.get(found[name].data_type)
        plain = 0 if element is None else -(-prod(found[name].dims) * element.bits // 8)
        found[name].raw_data = unlike(unit, plain)
    model.metadata_props.add(key=CARRIAGE_ENTRY, value=document(carriage))
    return serialise(model)


def is_packed(model: bytes) -> bool:
    """Whether a model's tensors hold units; raises `ModelError` for what is no model."""
    return _entry(parse(model)) is not None


def unpack(model: bytes) -> bytes:
    """The stream of a model whose tensors hold units, the model without them as its topology.

    Raises `ModelError` for a model without the entry, with one that is not known here, or without the tensors that it names.
    """
    proto = parse(model)
    entry = _entry(proto)
    if entry is None:
        raise ModelError(f"the model has no metadata entry {CARRIAGE_ENTRY!r}: its tensors hold plain values")
    sets, holders = parsed(entry)
    kept = [each for each in proto.metadata_props if each.key != CARRIAGE_ENTRY]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    units: dict[str, bytes] = {}
    missing = set(holders)
    for name, slot in identified(proto):
        if name not in holders or slot.dense is None:
            continue
        missing.discard(name)
        if name == holders[name]:
            units[name] = slot.dense.raw_data
        elif tensors.has_data(slot.dense):
            raise ModelError(f"tensor {name!r} has data, though its unit stands in {holders[name]!r}")
        tensors.strip(slot.dense)
    if missing:
        raise ModelError(f"the model has no tensor {sorted(missing)[0]!r}, which its entry {CARRIAGE_ENTRY!r} names")
    return stream_of(Carriage(sets, units, holders), Topology(NNR_TPL_ONNX, serialise(proto)))


def _entry(proto: ModelProto) -> str | None:
    return next((entry.value for entry in proto.metadata_props if entry.key == CARRIAGE_ENTRY), None)
