"""Whole streams: units, their order, partial sets, aggregates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from plain_decoder import parameter_sets
from plain_decoder.bits import Bits
from plain_decoder.data_unit import DataUnitHeader, Surroundings, data_unit_header
from plain_decoder.errors import PlainError
from plain_decoder.maps import PerformanceMaps
from plain_decoder.model import Model, Update
from plain_decoder.parameter_sets import Identification, ParameterSet
from plain_decoder.payload import EntryPoints, decode_payload
from plain_decoder.switches import complete
from plain_decoder.topology import (
    NNR_TPL_PRUN,
    NNR_TPL_REFLIST,
    Pruning,
    element_dimensions,
    nnr_pruning_topology_container,
    storage_data,
    storage_header,
    topology_elements_ids_list,
)
from plain_decoder.values import Array

NNR_STR, NNR_MPS, NNR_LPS, NNR_TPL, NNR_QNT, NNR_NDU, NNR_AGG = range(7)
LAST_PROFILE = 1
UNIT_NAMES = ("NNR_STR", "NNR_MPS", "NNR_LPS", "NNR_TPL", "NNR_QNT", "NNR_NDU", "NNR_AGG")


@dataclass
class Decoded:
    """What a stream decodes to.

    ``parameters`` in stream order, a block's in the order of its ids; ``topology`` the last
    topology of storage format 0 to 4, inflated; ``entry_points`` by tensor name, for each tensor
    whose header lists any. The rest is what the other units say: ``maps`` of each parameter set in
    stream order, the ``reference_list``, the last ``pruning`` container, the last ``quantization``
    data, and in the second edition the ``identification`` of the model and the names of the
    parameters that are ``differences`` to a parent.
    """

    parameters: dict[str, Array] = field(default_factory=dict)
    topology: bytes | None = None
    entry_points: dict[str, EntryPoints] = field(default_factory=dict)
    maps: list[PerformanceMaps] = field(default_factory=list)
    reference_list: list[str] | None = None
    pruning: Pruning | None = None
    quantization: bytes | None = None
    identification: Identification | None = None
    differences: list[str] = field(default_factory=list)


@dataclass
class StepResult:
    """What a stream of a session codes, and the model after it.

    The ``model`` holds int32 and binary32 tensors by name: decompressed data formats do not apply
    to it, and the parts of a block stay apart.
    """

    decoded: Decoded
    model: dict[str, Array]

    @property
    def parameters(self) -> dict[str, Array]:
        """What the stream codes."""
        return self.decoded.parameters

    @property
    def differences(self) -> list[str]:
        """The names of those parameters that are differences."""
        return self.decoded.differences


@dataclass
class Unit:
    """One unit, or the joined units of a partial set: ``header`` is what the type-specific header
    gives, ``payload`` the rest.
    """

    unit_type: int
    counter: int | None
    header_bytes: bytes
    header: Any
    payload: bytes


@dataclass
class AggregateHeader:
    """nnr_aggregate_unit_header().

    ``entry_points`` holds each unit's type and place in the payload, None where they are not sent.
    """

    count: int
    entry_points: list[tuple[int, int]] | None


def decode(stream: bytes, switches: dict[str, str] | None = None) -> Decoded:
    """Decode a stream, strictly; raise `PlainError` for a broken rule, `ValueError` for a switch.

    An update decoded on its own gives its differences; whatever needs its base model is refused.
    """
    return _StreamDecoder(complete(switches), None).decode(stream)


def decode_session(streams: list[bytes], switches: dict[str, str] | None = None) -> list[StepResult]:
    """Decode a base model and its updates in order, each as `Session.decode` does."""
    session = Session(switches)
    return [session.decode(stream) for stream in streams]


class Session:
    """A base model and its updates; a stream that is refused leaves the model as it was."""

    def __init__(self, switches: dict[str, str] | None = None) -> None:
        self.switches = complete(switches)
        self.model = Model()

    def decode(self, stream: bytes) -> StepResult:
        """Decode the next stream; raise `PlainError` where it breaks a rule."""
        decoder = _StreamDecoder(self.switches, self.model)
        decoded = decoder.decode(stream)
        self.model = decoder.model
        return StepResult(decoded, dict(self.model.parameters))


class _StreamDecoder:
    """The state that units leave for the units after them.

    ``base`` is the model before the stream, None for a stream that is decoded on its own.
    """

    def __init__(self, switches: dict[str, str], base: Model | None) -> None:
        self.switches = switches
        self.base = base
        self.model = Model() if base is None else base.copy()
        self.decoded = Decoded()
        self.str_seen = False
        self.profile = 0
        self.mps: ParameterSet | None = None
        self.lps: ParameterSet | None = None
        self.lps_self_contained = False
        self.topology_dimensions: dict[str, tuple[int, ...]] = {}

    def decode(self, stream: bytes) -> Decoded:
        """Decode the stream."""
        if not stream:
            raise PlainError("order", "the stream is empty: no NNR_STR")
        self.units(stream, in_aggregate=False)
        return self.decoded

    @property
    def indexed(self) -> int:
        """mps_topology_indexed_reference_flag, 0 without an MPS."""
        return self.mps.topology_indexed_reference_flag if self.mps else 0

    @property
    def parent_signalling(self) -> int:
        """mps_parent_signalling_enabled_flag, 0 without an MPS."""
        return self.mps.parent_signalling_enabled_flag if self.mps else 0

    def units(self, data: bytes, in_aggregate: bool) -> list[tuple[int, int]]:
        """Decode the units that fill ``data``; give type and first byte of each."""
        starts: list[tuple[int, int]] = []
        partial: Unit | None = None
        start = 0
        while start < len(data):
            unit, end = self.read_unit(data, start, in_aggregate)
            starts.append((unit.unit_type, start))
            start = end
            if partial is not None:
                unit = _joined(partial, unit)
            partial = unit if unit.counter else None
            if partial is None:
                self.apply(unit)
        if partial is not None:
            raise PlainError("order", f"{partial.counter} units of a partial {UNIT_NAMES[partial.unit_type]} set are missing")
        return starts

    def read_unit(self, data: bytes, start: int, in_aggregate: bool) -> tuple[Unit, int]:
        """One unit and the byte after it."""
        size_bits = Bits(data[start:], self.switches)
        nnr_unit_size_flag = size_bits.u(1)
        nnr_unit_size = size_bits.u(31 if nnr_unit_size_flag else 15)
        if nnr_unit_size < size_bits.position // 8 + 1:
            raise PlainError("size", f"nnr_unit_size {nnr_unit_size} at byte {start} does not cover the size and header")
        if start + nnr_unit_size > len(data):
            raise PlainError("truncated", f"the unit of {nnr_unit_size} bytes at byte {start} goes past the end, {len(data)}")

        bits = Bits(data[start : start + nnr_unit_size], self.switches)
        bits.position = size_bits.position
        nnr_unit_type = bits.u(6)
        bits.u(1)  # independently_decodable_flag
        partial_data_counter_present_flag = bits.u(1)
        if nnr_unit_type > NNR_AGG:
            raise PlainError("reserved", f"nnr_unit_type {nnr_unit_type} at byte {start}")
        if in_aggregate and nnr_unit_type in (NNR_STR, NNR_AGG):
            raise PlainError("order", f"an aggregate holds an {UNIT_NAMES[nnr_unit_type]}")
        if start == 0 and not in_aggregate and nnr_unit_type != NNR_STR:
            raise PlainError("order", f"the stream starts with an {UNIT_NAMES[nnr_unit_type]}")
        counter = bits.u(8) if partial_data_counter_present_flag else None
        header_start = bits.position // 8
        header = self.type_specific_header(nnr_unit_type, bits)
        header_bytes = bits.data[header_start : bits.position // 8]
        return Unit(nnr_unit_type, counter, header_bytes, header, bits.bs()), start + nnr_unit_size

    def type_specific_header(self, unit_type: int, bits: Bits) -> Any:
        """What the header of this unit type gives."""
        if unit_type == NNR_STR:
            return bits.u(8)
        if unit_type == NNR_LPS:
            lps_self_contained_flag = bits.u(1)
            bits.reserved_zero(7)
            return bool(lps_self_contained_flag)
        if unit_type in (NNR_TPL, NNR_QNT):
            return storage_header(bits)
        if unit_type == NNR_NDU:
            if self.mps is None and not self.lps_self_contained:
                raise PlainError("order", "an NNR_NDU comes before any NNR_MPS")
            base_dimensions = {} if self.base is None else self.base.dimensions
            around = Surroundings(
                self.profile, self.indexed, self.parent_signalling, self.decoded.reference_list, self.topology_dimensions, base_dimensions
            )
            return data_unit_header(bits, around)
        if unit_type == NNR_AGG:
            return self.aggregate_header(bits)
        return None

    def aggregate_header(self, bits: Bits) -> AggregateHeader:
        """Read nnr_aggregate_unit_header()."""
        nnr_aggregate_unit_type = bits.u(8)
        if nnr_aggregate_unit_type != 0:
            raise PlainError("reserved", f"nnr_aggregate_unit_type {nnr_aggregate_unit_type}")
        entry_points_present_flag = bits.u(1)
        bits.reserved_zero(7)
        count = bits.u(16) + 2
        entry_points = [(bits.u(6), bits.u(34)) for _ in range(count)] if entry_points_present_flag else None
        in_force = self.lps or self.mps
        for _ in range(count):
            bits.u(5)  # quant_bitdepth
            if in_force is not None and in_force.unification_flag:
                bits.u(1)  # ctu_scan_order
        bits.byte_alignment()
        return AggregateHeader(count, entry_points)

    def apply(self, unit: Unit) -> None:
        """Decode a whole unit."""
        handlers: dict[int, Callable[[Any, Bits], None]] = {
            NNR_STR: self.start_unit,
            NNR_MPS: self.model_parameter_set_unit,
            NNR_LPS: self.layer_parameter_set_unit,
            NNR_TPL: self.topology_unit,
            NNR_QNT: self.quantization_unit,
            NNR_NDU: self.data_unit,
            NNR_AGG: self.aggregate_unit,
        }
        bits = Bits(unit.payload, self.switches)
        handlers[unit.unit_type](unit.header, bits)
        bits.end(f"the payload of an {UNIT_NAMES[unit.unit_type]}")

    def start_unit(self, general_profile_idc: int, bits: Bits) -> None:
        """NNR_STR: an empty payload."""
        if self.str_seen:
            raise PlainError("order", "a second NNR_STR")
        self.str_seen = True
        if general_profile_idc > LAST_PROFILE:
            raise PlainError("unsupported", f"general_profile_idc {general_profile_idc}")
        self.profile = general_profile_idc

    def model_parameter_set_unit(self, header: None, bits: Bits) -> None:
        """NNR_MPS."""
        if self.mps is not None:
            raise PlainError("order", "a second NNR_MPS")
        self.mps = parameter_sets.model_parameter_set(bits, self.profile)
        self.decoded.identification = self.mps.identification if self.profile > 0 else None
        self.decoded.maps.append(self.mps.maps)

    def layer_parameter_set_unit(self, lps_self_contained: bool, bits: Bits) -> None:
        """NNR_LPS: in force until the next."""
        self.lps = parameter_sets.layer_parameter_set(bits)
        self.lps_self_contained = lps_self_contained
        self.decoded.maps.append(self.lps.maps)

    def topology_unit(self, header: tuple[int, int], bits: Bits) -> None:
        """NNR_TPL."""
        topology_storage_format, topology_compression_format = header
        if topology_storage_format == NNR_TPL_PRUN:
            pruning = nnr_pruning_topology_container(bits, self.indexed, self.decoded.reference_list)
            self.topology_dimensions.update(pruning.dimensions)
            self.decoded.pruning = pruning
        elif topology_storage_format == NNR_TPL_REFLIST:
            self.decoded.reference_list = topology_elements_ids_list(bits, 0, None)
        else:
            data = storage_data(bits, topology_compression_format)
            self.topology_dimensions.update(element_dimensions(topology_storage_format, data))
            self.decoded.topology = data

    def quantization_unit(self, header: tuple[int, int], bits: Bits) -> None:
        """NNR_QNT: data for the application; decoding does not change."""
        _, quantization_compression_format = header
        self.decoded.quantization = storage_data(bits, quantization_compression_format)

    def data_unit(self, header: DataUnitHeader, bits: Bits) -> None:
        """NNR_NDU."""
        in_force = [parameter_set.quantization for parameter_set in (self.lps, self.mps) if parameter_set and parameter_set.quantization]
        update = Update(header, self.base, self.parent_signalling, self.mps.pre_flag if self.mps else 0, self.switches)
        second = update.second_edition() if self.profile > 0 else {}
        payload = bits.bs()
        unit = decode_payload(header, payload, in_force[0] if in_force else None, self.switches, second)
        for name, array in unit.parameters.items():
            if name in self.decoded.parameters:
                raise PlainError("reference", f"{name!r} is coded twice")
            self.decoded.parameters[name] = array
        self.decoded.entry_points.update(unit.entry_points)
        if header.parent is not None:
            self.decoded.differences += header.ids
        if self.base is not None:
            update.apply(self.model, unit, payload)

    def aggregate_unit(self, header: AggregateHeader, bits: Bits) -> None:
        """NNR_AGG: whole units, one after the other."""
        starts = self.units(bits.bs(), in_aggregate=True)
        if len(starts) != header.count:
            category = "truncated" if len(starts) < header.count else "size"
            raise PlainError(category, f"{len(starts)} units in an aggregate of {header.count}")
        if header.entry_points is not None and header.entry_points != starts:
            raise PlainError("size", f"the aggregate's entry points {header.entry_points} are not its units {starts}")


def _joined(first: Unit, second: Unit) -> Unit:
    """Two neighbours of a partial set: type and header repeat, the counter falls by one, the
    payloads join.
    """
    if first.counter is None or second.counter != first.counter - 1:
        raise PlainError("order", f"partial_data_counter {second.counter} after {first.counter}")
    if (second.unit_type, second.header_bytes) != (first.unit_type, first.header_bytes):
        raise PlainError("order", "the units of a partial set differ in type or header")
    return Unit(first.unit_type, second.counter, first.header_bytes, first.header, first.payload + second.payload)
