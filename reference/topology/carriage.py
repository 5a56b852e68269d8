"""Annex E (inferred, provenance I).

The data units of a stream stand in place of a container's tensors.

The clause notes say that a tensor of the container holds one NDU or aggregate, and that NNR_STR and
NNR_MPS are stored once, in the metadata. The rest is our choice. The metadata is a JSON document
(`metadata_document`) with the edition, the units that are not data (in base64) and the coded
tensors, each with the tensor that holds its unit; all tensors of a block are held by their weight.
Tensors that it does not list hold plain values. The topology is not stored: it is the container
itself. Streams with an NNR_LPS cannot be carried, because it would apply to the units after it, and
a container has no order.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.driver import Driver
from nnc_conformance.reference.encoder import topology_values
from nnc_conformance.reference.errors import EncodeError, ModelError
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.structures.data_unit import DC, G_SUFFIX, LS, NNR_PT_BLOCK, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_LPS, NNR_MPS, NNR_NDU, Unit, unit_type_name
from nnc_conformance.reference.syntax.writer import LARGEST_15_BIT_SIZE, LONG_SIZE
from nnc_conformance.reference.topology.content import CARRIAGE_ENTRY, CARRIAGE_KEYS, Topology

EDITION: Final = 2022
"""Year of the edition that the metadata states."""


@dataclass(frozen=True)
class Carriage:
    """The parts of a stream that a container holds.

    Args:
        parameter_sets: The units before the data, in order, without the topology.
        units: Bytes by the name of the tensor that holds them: a data unit, all parts of a
            partial one, or an aggregate.
        holders: For each coded tensor the name of the tensor that holds its unit.
    """

    parameter_sets: bytes
    units: Mapping[str, bytes]
    holders: Mapping[str, str]


def split_stream(stream: bytes) -> tuple[Carriage, Topology | None]:
    """Split a valid stream into the parts that a container holds, and its topology.

    Raises:
        StreamError: For a broken stream.
        EncodeError: For an NNR_LPS, or a unit other than data after the data.
    """
    driver = Driver(stream, values=False)
    sets, units, holders = bytearray(), dict[str, bytes](), dict[str, str]()
    begun, before = b"", driver.opened.topology
    for unit in driver.units():
        begun += stream[unit.offset : unit.offset + unit.size]
        if not unit.complete:
            continue
        if unit.unit_type in (NNR_NDU, NNR_AGG):
            names = tuple(_names(unit))
            units[names[0]] = begun
            holders |= dict.fromkeys(names, names[0])
        elif unit.unit_type == NNR_LPS or units:
            raise EncodeError(f"unit {unit.number}: a container has no order, so only data units can follow the parameter sets")
        elif driver.opened.topology is before:
            sets += begun
        begun, before = b"", driver.opened.topology
    return Carriage(bytes(sets), units, holders), driver.opened.topology


def join_stream(carriage: Carriage, topology: Topology | None) -> bytes:
    """Join the contents of a container to a stream, in the order of ``carriage.units``.

    The topology is placed behind the NNR_MPS, as the encoder does.
    """
    sets = carriage.parameter_sets
    if topology is not None:
        unit = write_units([topology_values(topology)], context=StreamContext(str_seen=True, mps_seen=True))
        place = _behind_parameter_set(sets)
        sets = sets[:place] + unit + sets[place:]
    return sets + b"".join(carriage.units.values())


def _behind_parameter_set(sets: bytes) -> int:
    """Return the byte where the first NNR_MPS ends.

    Without one, or if a unit is cut off, it is the end of ``sets``.
    """
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


def metadata_document(carriage: Carriage) -> str:
    """Write the metadata entry: JSON in ASCII, the same for equal carriages."""
    sets = base64.b64encode(carriage.parameter_sets).decode()
    content = {"edition": EDITION, "parameter_sets": sets, "coded": dict(carriage.holders)}
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def parse_metadata(text: str | bytes) -> tuple[bytes, dict[str, str]]:
    """Parse a metadata entry; return the bytes of the parameter sets, and the holders.

    The holders are, by the name of a coded tensor, the tensor that holds its data unit.

    Raises:
        ModelError: For what `metadata_document` cannot have written, such as another edition or
            unknown
        entries.
    """
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or set(content) != CARRIAGE_KEYS:
            raise ValueError("its keys must be edition, parameter_sets and coded")
        if content["edition"] != EDITION:
            raise ValueError(f"its edition is {content['edition']!r}; only {EDITION} is supported")
        sets, holders = base64.b64decode(content["parameter_sets"], validate=True), content["coded"]
        if not isinstance(holders, dict) or not all(isinstance(holder, str) for holder in holders.values()):
            raise ValueError("'coded' must map tensor names to tensor names")
        if any(holders.get(holder) != holder for holder in holders.values()):
            raise ValueError("'coded' names a holder that does not hold its own unit")
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise ModelError(f"cannot read the metadata entry {CARRIAGE_ENTRY!r} (Annex E): {error}") from None
    return sets, holders


def with_other_length(unit: bytes, plain: int) -> bytes:
    """Return the unit with another length than ``plain``, to distinguish it from plain values.

    If its length is ``plain``, its size is written in the other of its two forms.

    Args:
        plain: Bytes of the tensor's plain values.

    Raises:
        EncodeError: If the size does not fit the other form.
    """
    if len(unit) != plain:
        return unit
    size = int.from_bytes(unit[:4])
    if not size & LONG_SIZE:
        short = size >> 16
        return (LONG_SIZE | (short + 2)).to_bytes(4) + unit[2:]
    size = (size ^ LONG_SIZE) - 2
    if size > LARGEST_15_BIT_SIZE:
        raise EncodeError(f"a data unit of {len(unit)} bytes has the same length as the tensor's plain values")
    return size.to_bytes(2) + unit[4:]


def _names(unit: Unit) -> Iterator[str]:
    """Yield the tensor names of a unit, the holder first.

    In a container the tensor of that name holds the unit. Raises `EncodeError` for an aggregate
    with other units than data units.
    """
    for inner in unit.units:
        if inner.unit_type == NNR_NDU:
            yield from _names(inner)
        else:
            raise EncodeError(
                f"unit {unit.number}: an aggregate with an {unit_type_name(inner.unit_type)} cannot be carried in a container"
            )
    if unit.data_unit_header is not None:
        yield from model_names(unit.data_unit_header)


def model_names(header: DataUnitHeader) -> tuple[str, ...]:
    """Return the names of a data unit's tensors in a model to run.

    G and H have one name together, LS has none.
    """
    if header.payload_type != NNR_PT_BLOCK:
        return header.ids
    decomposed = bool(header.parameter_types & DC)
    weight = header.ids[0].removesuffix(G_SUFFIX) if decomposed else header.ids[0]
    return (weight, *header.ids[1 + decomposed + bool(header.parameter_types & LS) :])
