"""Streams carried in safetensors files, after the model of Annex E (inferred).

Also the types of tensors that no graph describes.

Each data unit or aggregate is a one-dimensional U8 tensor with the name of its tensor. Of the
file's ``__metadata__``, the entry ``nnr`` holds the metadata of `reference.topology.carriage`, and
``nnr_tensors`` the element type and shape of each coded tensor. A topology is stored with the
parameter sets, because a safetensors file has none of its own. Tensors without an entry hold plain
values.

A plain stream of a tensor file has no graph. Where its data units cannot state a type or a shape,
as for truth values, or a tensor cannot be coded, it carries an NNR_TPL of the format UNREC: JSON in
ASCII with the same entry ``nnr_tensors``, and the other tensors as a safetensors file in base64
under ``nnr_plain``. A zero byte ends it, for decoders that read topology_data as a string.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.decoder import Decoded
from nnc_conformance.reference.encoder import is_given_back
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_UNREC
from nnc_conformance.reference.topology.carriage import Carriage, join_stream, metadata_document, parse_metadata, split_stream
from nnc_conformance.reference.topology.classes import as_declared
from nnc_conformance.reference.topology.content import CARRIAGE_ENTRY, Topology
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors, metadata_of
from nnc_conformance.storage.tensor_types import DTYPE_NAMES, DTYPES, MAX_RANK, is_size

TYPES_ENTRY: Final = f"{CARRIAGE_ENTRY}_tensors"
PLAIN_ENTRY: Final = f"{CARRIAGE_ENTRY}_plain"
NO_TYPES: Final = Topology(NNR_TPL_UNREC, f'{{"{TYPES_ENTRY}":{{}}}}\0'.encode())
"""A topology that states no type and carries no tensor, in place of one that does."""
TensorType = tuple[np.dtype[Any], tuple[int, ...]]
"""Element type and shape of a tensor."""


@dataclass(frozen=True)
class Carried:
    """The content of a container.

    It has a stream, types and shapes of its tensors, and tensors carried unchanged.
    """

    stream: bytes
    kinds: Mapping[str, TensorType] = field(default_factory=dict)
    plain: Mapping[str, np.ndarray] = field(default_factory=dict)

    def finished(self, parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Convert decoded parameters to the stated types and shapes, and add the unchanged ones.

        Raises `ModelError` for a parameter that is missing or of another size.
        """
        converted = dict(parameters)
        for name, (dtype, shape) in self.kinds.items():
            if name not in converted:
                raise ModelError(f"the stream has no tensor {name!r}, whose type the file states")
            if converted[name].size != prod(shape):
                raise ModelError(f"tensor {name!r} has the shape {converted[name].shape}; the file states {shape}")
            converted[name] = as_declared(converted[name], dtype, name).reshape(shape)
        return converted | dict(self.plain)

    def of_last(self, decoded: Decoded) -> "Carried":
        """Return what holds for the tensors that the last stream of a session codes.

        A difference has no stated type, as that of truth values can be -1. The unchanged tensors
        are those of the last stream.
        """
        whole = set(decoded.parameters).difference(decoded.differences)
        kinds = {name: kind for name, kind in self.kinds.items() if name in whole}
        return replace(self, kinds=kinds, plain=self.plain if decoded.topology is not None or not decoded.updates else {})


def typed_topology(parameters: Mapping[str, np.ndarray], plain: Mapping[str, np.ndarray]) -> Topology | None:
    """Return the topology that states what data units cannot, or None if needless.

    It states types and shapes, and the values of tensors that are not coded. Raises `ModelError`
    for types that a tensor file cannot hold.

    Args:
        parameters: The coded tensors by name.
        plain: The tensors that are not coded.
    """
    kinds = {name: (array.dtype, array.shape) for name, array in parameters.items() if not array.shape or not is_given_back(array.dtype)}
    if not kinds and not plain:
        return None
    content: dict[str, Any] = {TYPES_ENTRY: _rows(kinds)}
    if plain:
        content[PLAIN_ENTRY] = base64.b64encode(dump_safetensors(plain)).decode()
    return Topology(NNR_TPL_UNREC, json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\0")


def states_types(topology: Topology | None) -> bool:
    """Return whether a topology is of the kind that `typed_topology` makes."""
    return topology is not None and topology.storage_format == NNR_TPL_UNREC and topology.data.startswith(b'{"nnr_')


def with_types(carried: Carried, topology: Topology | None) -> Carried:
    """Add the types and tensors that a decoded stream's `typed_topology` states.

    Other topologies add none.

    Raises `ModelError` for one that cannot be read.
    """
    if topology is None or not states_types(topology):
        return carried
    try:
        content = json.loads(topology.data.removesuffix(b"\0"))
        plain = load_safetensors(base64.b64decode(content.get(PLAIN_ENTRY, ""), validate=True)) if PLAIN_ENTRY in content else {}
        kinds = _kinds(json.dumps(content[TYPES_ENTRY]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise ModelError(f"the types of tensors in the topology cannot be read: {error}") from None
    return Carried(carried.stream, {**kinds, **carried.kinds}, {**plain, **carried.plain})


def _rows(kinds: Mapping[str, TensorType]) -> dict[str, dict[str, Any]]:
    """Return types and shapes as JSON.

    Raise `ModelError` for a type that a tensor file cannot hold.
    """
    for name, (dtype, _) in kinds.items():
        if dtype not in DTYPE_NAMES:
            raise ModelError(f"tensor {name!r} has the type {dtype}, which a tensor file cannot hold")
    return {name: {"dtype": DTYPE_NAMES[dtype], "shape": list(shape)} for name, (dtype, shape) in kinds.items()}


def pack_safetensors(carried: Carried) -> bytes:
    """Make the safetensors file of a stream.

    Raises `EncodeError` for a stream that cannot be carried, `ModelError` for names or types that
    the file cannot hold.
    """
    carriage, topology = split_stream(carried.stream)
    if topology is not None:
        whole = Carriage(carriage.parameter_sets, {}, {})
        carriage = Carriage(join_stream(whole, topology), carriage.units, carriage.holders)
    both = sorted(set(carriage.units) & set(carried.plain))
    if both:
        raise ModelError(f"tensor {both[0]!r} is both coded and plain")
    kinds = _rows(carried.kinds)
    units = {name: np.frombuffer(unit, np.uint8) for name, unit in carriage.units.items()}
    entries = {CARRIAGE_ENTRY: metadata_document(carriage), TYPES_ENTRY: json.dumps(kinds, sort_keys=True, separators=(",", ":"))}
    return dump_safetensors({**units, **carried.plain}, metadata=entries)


def is_packed(data: bytes) -> bool:
    """Return whether a safetensors file holds data units.

    Raise `ModelError` for an unreadable header.
    """
    return CARRIAGE_ENTRY in metadata_of(data)


def unpack_safetensors(data: bytes) -> Carried:
    """Read the stream of a safetensors file.

    Also read the types that the file states, and its plain tensors.

    Raises `ModelError` for a missing, unknown or contradictory entry.
    """
    entries, tensors = metadata_of(data), load_safetensors(data)
    if CARRIAGE_ENTRY not in entries:
        raise ModelError(f"the file has no metadata entry {CARRIAGE_ENTRY!r}: its tensors hold plain values")
    sets, holders = parse_metadata(entries[CARRIAGE_ENTRY])
    units = {}
    for holder in dict.fromkeys(name for name in tensors if name in holders):
        array = tensors.pop(holder)
        if array.dtype != np.uint8 or array.ndim != 1 or holders[holder] != holder:
            raise ModelError(f"tensor {holder!r} is coded, but is not a data unit")
        units[holder] = array.tobytes()
    missing = sorted(set(holders.values()) - set(units))
    if missing:
        raise ModelError(f"the file has no tensor {missing[0]!r}, which its entry {CARRIAGE_ENTRY!r} names")
    return Carried(join_stream(Carriage(sets, units, holders), None), _kinds(entries.get(TYPES_ENTRY, "{}")), tensors)


def _kinds(text: str) -> dict[str, TensorType]:
    """Parse the metadata entry that gives each tensor's dtype and shape.

    Raises `ModelError` if it is not of that form.

    Args:
        text: The entry, a JSON object by tensor name.
    """
    try:
        rows = json.loads(text)
        types = {name: (row["dtype"], row["shape"]) for name, row in rows.items()}
        fits = all(
            kind in DTYPES and isinstance(shape, list) and len(shape) <= MAX_RANK and all(map(is_size, shape))
            for kind, shape in types.values()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"the metadata entry {TYPES_ENTRY!r} cannot be read: {error}") from None
    if not fits:
        raise ModelError(f"the metadata entry {TYPES_ENTRY!r} does not give every tensor a type and a shape")
    return {name: (DTYPES[kind], tuple(shape)) for name, (kind, shape) in types.items()}
