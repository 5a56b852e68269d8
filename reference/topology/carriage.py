"""Annex E (inferred, provenance I): data units of a stream in the place of the tensors of another format, whichever that is.

The sheets say: a container's tensor holds one NDU or aggregate; NNR_STR and NNR_MPS travel once, in the metadata. The rest is our choice:
the metadata is a JSON document (`document`) of the edition, the units that are no data in base64, and the tensors whose values are coded,
each with the one in whose place its unit stands (a block's tensors all stand in their weight's). Tensors that it does not list hold plain
values. The topology does not travel: it is the container itself. An NNR_LPS would hold for whatever follows it, and a container has no
order; streams with one cannot be carried.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.decoder import Decoding
from nnc_conformance.reference.encoder import topology_values
from nnc_conformance.reference.errors import EncodeError, ModelError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.payload import DataUnitDecoder
from nnc_conformance.reference.syntax.bitstream import read_units, write_units
from nnc_conformance.reference.syntax.context import StreamContext, Unit
from nnc_conformance.reference.syntax.structures.data_unit import DC, G_SUFFIX, LS, NNR_PT_BLOCK, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_LPS, NNR_MPS, NNR_NDU, unit_type_name
from nnc_conformance.reference.syntax.writer import LARGEST_15_BIT_SIZE, LONG_SIZE
from nnc_conformance.reference.topology.onnx import CARRIAGE_ENTRY

EDITION: Final = 2022


@dataclass(frozen=True)
class Carriage:
    """What a container holds of a stream.

    ``parameter_sets``: the units before the data, in order, but the topology; ``units``: by the tensor in whose place they stand, the
    bytes of a data unit, of all parts of a partial one, or of an aggregate; ``holders``: of each coded tensor the one of ``units``.
    """

    parameter_sets: bytes
    units: Mapping[str, bytes]
    holders: Mapping[str, str]


def taken_apart(stream: bytes) -> tuple[Carriage, Topology | None]:
    """A good stream as what a container holds of it, and the topology that it carries.

    Raises `StreamError` for a broken stream, `EncodeError` for one with an NNR_LPS, or with units that are no data after the data.
    """
    decoding = Decoding(DecodeLimits(), DataUnitDecoder(Interpretation(), lenient=False, threads=1, reports=[]))
    sets, units, holders = bytearray(), dict[str, bytes](), dict[str, str]()
    begun, before = b"", decoding.topology
    for unit in read_units(stream, decoding.context(), interpretation=Interpretation()):
        begun += stream[unit.offset : unit.offset + unit.size]
        if not unit.complete:
            continue
        if unit.unit_type in (NNR_NDU, NNR_AGG):
            names = tuple(_names(unit))
            units[names[0]] = begun
            holders |= dict.fromkeys(names, names[0])
        elif unit.unit_type == NNR_LPS or units:
            raise EncodeError(f"unit {unit.number}: a container has no order, so data units alone can follow the parameter sets")
        elif decoding.topology is before:
            sets += begun
        begun, before = b"", decoding.topology
    return Carriage(bytes(sets), units, holders), decoding.topology


def stream_of(carriage: Carriage, topology: Topology | None) -> bytes:
    """The stream that decodes to what a container holds, its units in the order of ``carriage.units``.

    The container's own topology stands behind the NNR_MPS, as the encoder writes it.
    """
    sets = carriage.parameter_sets
    if topology is not None:
        unit = write_units([topology_values(topology)], context=StreamContext(str_seen=True, mps_seen=True))
        place = _behind_parameter_set(sets)
        sets = sets[:place] + unit + sets[place:]
    return sets + b"".join(carriage.units.values())


def _behind_parameter_set(sets: bytes) -> int:
    """Where the first NNR_MPS ends; the end of ``sets`` where there is none, or a unit that does not end."""
    at = 0
    while at + 5 <= len(sets):
        long = bool(sets[at] & 0x80)
        size = int.from_bytes(sets[at : at + 4]) ^ LONG_SIZE if long else int.from_bytes(sets[at : at + 2])
        unit_type = sets[at + (4 if long else 2)] >> 2
        at += size
        if unit_type == NNR_MPS and at <= len(sets):
            return at
        if size == 0:
            break
    return len(sets)


def document(carriage: Carriage) -> str:
    """The metadata entry, JSON in ASCII, the same for equal carriages."""
    sets = base64.b64encode(carriage.parameter_sets).decode()
    content = {"edition": EDITION, "parameter_sets": sets, "coded": dict(carriage.holders)}
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def parsed(text: str | bytes) -> tuple[bytes, dict[str, str]]:
    """Parameter sets and holders of a metadata entry; raises `ModelError` for what `document` cannot have written.

    An entry of another edition, or with entries that this reader does not know, is refused: it may mean what cannot be guessed.
    """
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or set(content) != {"edition", "parameter_sets", "coded"}:
            raise ValueError("it has not exactly edition, parameter_sets and coded")
        if content["edition"] != EDITION:
            raise ValueError(f"its edition is {content['edition']!r}, known is {EDITION}")
        sets, holders = base64.b64decode(content["parameter_sets"], validate=True), content["coded"]
        if not isinstance(holders, dict) or not all(isinstance(holder, str) for holder in holders.values()):
            raise ValueError("coded does not give tensors the names of tensors")
        if any(holders.get(holder) != holder for holder in holders.values()):
            raise ValueError("a tensor is held by one that holds nothing")
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise ModelError(f"the metadata entry {CARRIAGE_ENTRY!r} is none of Annex E's that is known here: {error}") from None
    return sets, holders


def unlike(unit: bytes, plain: int) -> bytes:
    """A unit's bytes, of any length but ``plain``, so that no reader takes them for so many bytes of plain values.

    Where the length is that, the unit's size is written in the other of its two forms. Raises `EncodeError` where it fits in no other.
    """
    if len(unit) != plain:
        return unit
    size = int.from_bytes(unit[:4])
    if not size & LONG_SIZE:
        short = size >> 16
        return (LONG_SIZE | (short + 2)).to_bytes(4) + unit[2:]
    size = (size ^ LONG_SIZE) - 2
    if size > LARGEST_15_BIT_SIZE:
        raise EncodeError(f"a data unit of {len(unit)} bytes cannot be told from the tensor's plain values")
    return size.to_bytes(2) + unit[4:]


def _names(unit: Unit) -> Iterator[str]:
    """The names that a model has for what a data unit or an aggregate holds, the holder's first."""
    for inner in unit.units:
        if inner.unit_type == NNR_NDU:
            yield from _names(inner)
        else:
            raise EncodeError(f"unit {unit.number}: an aggregate that holds an {unit_type_name(inner.unit_type)} cannot be carried")
    if unit.unit_type == NNR_NDU:
        yield from model_names(unit.facts)


def model_names(header: DataUnitHeader) -> tuple[str, ...]:
    """The names of a data unit's tensors as a model to run has them: one for G and H, none for LS."""
    if header.payload_type != NNR_PT_BLOCK:
        return header.ids
    decomposed = bool(header.parameter_types & DC)
    weight = header.ids[0].removesuffix(G_SUFFIX) if decomposed else header.ids[0]
    return (weight, *header.ids[1 + decomposed + bool(header.parameter_types & LS) :])
