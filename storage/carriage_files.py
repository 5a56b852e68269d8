"""Annex E (inferred) as files: streams in containers of other formats. Here too: safetensors, whose tensors hold data units.

A safetensors file holds a data unit or aggregate as a U8 tensor of one dimension by the name of its tensor; `carriage.document` is the
entry ``nnr`` of its ``__metadata__``, and ``nnr_tensors`` gives element type and shape of each coded tensor. A topology travels with the
parameter sets, since the file is none. Tensors without an entry hold plain values.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.carriage import Carriage, join_stream, metadata_document, parse_metadata, split_stream
from nnc_conformance.reference.topology.classes import as_declared
from nnc_conformance.reference.topology.onnx import CARRIAGE_ENTRY
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors, metadata_of
from nnc_conformance.storage.tensor_types import DTYPE_NAMES, DTYPES, MAX_RANK, is_size

TYPES_ENTRY: Final = f"{CARRIAGE_ENTRY}_tensors"
Kind = tuple[np.dtype[Any], tuple[int, ...]]
"""Element type and shape."""


@dataclass(frozen=True)
class Carried:
    """What a file holds: a stream; of its tensors the types and shapes that the file states; tensors that travel unchanged beside it."""

    stream: bytes
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    plain: Mapping[str, np.ndarray] = field(default_factory=dict)

    def finished(self, parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Decoded parameters in the stated types and shapes, and those that travelled unchanged; raises `ModelError` where none fits."""
        found = dict(parameters)
        for name, (dtype, shape) in self.kinds.items():
            if name not in found:
                raise ModelError(f"the stream has no tensor {name!r}, whose type the file states")
            if found[name].size != prod(shape):
                raise ModelError(f"tensor {name!r} has the shape {found[name].shape}, the file states {shape}")
            found[name] = as_declared(found[name], dtype, name).reshape(shape)
        return found | dict(self.plain)


def pack_safetensors(carried: Carried) -> bytes:
    """The file of a stream; raises `EncodeError` for what cannot be carried, `ModelError` for names or types that the file cannot hold."""
    carriage, topology = split_stream(carried.stream)
    if topology is not None:
        whole = Carriage(carriage.parameter_sets, {}, {})
        carriage = Carriage(join_stream(whole, topology), carriage.units, carriage.holders)
    both = sorted(set(carriage.units) & set(carried.plain))
    if both:
        raise ModelError(f"tensor {both[0]!r} is both coded and plain")
    for name, (dtype, _) in carried.kinds.items():
        if dtype not in DTYPE_NAMES:
            raise ModelError(f"tensor {name!r} has the type {dtype}, which a tensor file cannot hold")
    units = {name: np.frombuffer(unit, np.uint8) for name, unit in carriage.units.items()}
    kinds = {name: {"dtype": DTYPE_NAMES[dtype], "shape": list(shape)} for name, (dtype, shape) in carried.kinds.items()}
    told = {CARRIAGE_ENTRY: metadata_document(carriage), TYPES_ENTRY: json.dumps(kinds, sort_keys=True, separators=(",", ":"))}
    return dump_safetensors({**units, **carried.plain}, metadata=told)


def is_packed(data: bytes) -> bool:
    """Whether a safetensors file holds data units; raises `ModelError` for a header that cannot be read."""
    return CARRIAGE_ENTRY in metadata_of(data)


def unpack_safetensors(data: bytes) -> Carried:
    """The stream of a file and what the file says beside it.

    Raises `ModelError` for a file without the entry, with one that is not known here, or that contradicts itself.
    """
    told, tensors = metadata_of(data), load_safetensors(data)
    if CARRIAGE_ENTRY not in told:
        raise ModelError(f"the file has no metadata entry {CARRIAGE_ENTRY!r}: its tensors hold plain values")
    sets, holders = parse_metadata(told[CARRIAGE_ENTRY])
    units = {}
    for holder in dict.fromkeys(name for name in tensors if name in holders):
        array = tensors.pop(holder)
        if array.dtype != np.uint8 or array.ndim != 1 or holders[holder] != holder:
            raise ModelError(f"tensor {holder!r} is coded, but holds no data unit")
        units[holder] = array.tobytes()
    missing = sorted(set(holders.values()) - set(units))
    if missing:
        raise ModelError(f"the file has no tensor {missing[0]!r}, which its entry {CARRIAGE_ENTRY!r} names")
    return Carried(join_stream(Carriage(sets, units, holders), None), _kinds(told.get(TYPES_ENTRY, "{}")), tensors)


def _kinds(text: str) -> dict[str, Kind]:
    try:
        rows = json.loads(text)
        found = {name: (row["dtype"], row["shape"]) for name, row in rows.items()}
        fits = all(
            kind in DTYPES and isinstance(shape, list) and len(shape) <= MAX_RANK and all(map(is_size, shape))
            for kind, shape in found.values()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"the metadata entry {TYPES_ENTRY!r} cannot be read: {error}") from None
    if not fits:
        raise ModelError(f"the metadata entry {TYPES_ENTRY!r} gives a tensor no type and shape")
    return {name: (DTYPES[kind], tuple(shape)) for name, (kind, shape) in found.items()}
