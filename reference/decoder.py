"""The decoder: a bitstream in, parameters by name and the topology out."""

import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from nnc_conformance.reference.entropy.coding import BinTrace
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, Tables
from nnc_conformance.reference.errors import ModelError, Place, StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.model import Progress, Topology, unheard
from nnc_conformance.reference.payload import DataUnitDecoder, coded_parts, recombined
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import PayloadError, Shapes, StreamContext, Unit
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import RULES, Policy
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_BLOCK, DataUnitHeader
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_NNEF, NNR_TPL_ONNX, NNR_TPL_PRUN
from nnc_conformance.reference.syntax.structures.unit import NNR_NDU, NNR_TPL, unit_type_name
from nnc_conformance.reference.syntax.walker import Values


@dataclass(frozen=True)
class Decoded:
    """What a stream decodes to.

    ``parameters``: name to ndarray in stream order; ``topology``: of the last NNR_TPL that carries one, inflated; ``quantization_data``:
    of the last NNR_QNT; ``pruning``: the values of the last pruning container; ``reports``: the broken ``may`` rules that a lenient
    decoder forgave.
    """

    parameters: dict[str, np.ndarray]
    topology: Topology | None = None
    quantization_data: Topology | None = None
    pruning: Values | None = None
    reports: tuple[StreamError, ...] = ()


class TopologyShapes(Mapping[str, tuple[int, ...]]):
    """Tensor dimensions in a topology, which is parsed only when they are asked for; none in one that cannot be parsed."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    @cached_property
    def _shapes(self) -> Shapes:
        from nnc_conformance.reference.topology import nnef, onnx

        parsers = {NNR_TPL_ONNX: onnx.parameter_shapes, NNR_TPL_NNEF: nnef.parameter_shapes}
        try:
            return parsers[self._topology.storage_format](self._topology.data)
        except ModelError:
            return {}

    def __getitem__(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def shapes_in(storage_format: int, data: bytes) -> Shapes:
    """Tensor dimensions that an inflated topology tells; none for a format that is not understood."""
    return TopologyShapes(Topology(storage_format, data)) if storage_format in (NNR_TPL_ONNX, NNR_TPL_NNEF) else {}


def inflate(data: bytes, limits: DecodeLimits) -> bytes:
    """Inflates RFC 1950 data within the limits; raises `PayloadError` (``deflate``) for data that is damaged, cut or too large."""
    most = min(limits.total_bytes, max(limits.inflate_floor, limits.inflate_ratio * len(data)))
    machine = zlib.decompressobj()
    try:
        inflated = machine.decompress(data, most)
    except zlib.error as error:
        raise PayloadError("deflate", f"not inflatable: {error}") from None
    if not machine.eof:
        fault = f"inflates to more than {most} bytes" if len(inflated) >= most else "the deflated data is cut"
        raise PayloadError("deflate", fault)
    if machine.unused_data:
        raise PayloadError("deflate", f"{len(machine.unused_data)} bytes after the deflated data")
    return inflated


@dataclass
class Decoding:
    """The state of one decode: what units have given so far, within the limits."""

    limits: DecodeLimits
    payloads: DataUnitDecoder
    recombine: bool = False
    topology: Topology | None = None
    quantization_data: Topology | None = None
    pruning: Values | None = None
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    spent: int = 0
    start: float = field(default_factory=time.monotonic)

    def context(self) -> StreamContext:
        """A new stream's context, which hands over what topologies and quantization data hold."""
        return StreamContext(self.limits, self.open_topology, self.open_quantization)

    def decoded(self) -> Decoded:
        """What the units have given."""
        return Decoded(self.parameters, self.topology, self.quantization_data, self.pruning, tuple(self.payloads.reports))

    def open_topology(self, storage_format: int, compression_format: int, data: bytes) -> Shapes:
        """Keeps an inflated topology; gives the dimensions that it tells."""
        self.topology = Topology(storage_format, self._inflated(compression_format, data))
        return shapes_in(storage_format, self.topology.data)

    def open_quantization(self, storage_format: int, compression_format: int, data: bytes) -> None:
        """Keeps inflated quantization data."""
        self.quantization_data = Topology(storage_format, self._inflated(compression_format, data))

    def _inflated(self, compression_format: int, data: bytes) -> bytes:
        data = inflate(data, self.limits) if compression_format == DEFLATE else data
        self.spent += len(data)
        if self.spent > self.limits.total_bytes:
            raise PayloadError("limits", f"more than {self.limits.total_bytes} bytes of output")
        return data

    def take(self, unit: Unit) -> None:
        """Takes in one unit, and those that an aggregate holds."""
        for inner in unit.units:
            self.take(inner)
        if not unit.complete:
            return
        if unit.unit_type == NNR_TPL and unit.header["topology_storage_format"] == NNR_TPL_PRUN:
            self.pruning = unit.payload["nnr_pruning_topology_container"]
        elif unit.unit_type == NNR_NDU:
            self.take_data(unit, unit.facts)

    def take_data(self, unit: Unit, header: DataUnitHeader, trace: BinTrace | None = None) -> None:
        """Decodes the tensors of an NDU within the limits; ``trace`` takes the bins of its codeword."""
        self.admit(unit, header)
        self.keep(header, dict(self.payloads.tensors(unit, trace)))

    def admit(self, unit: Unit, header: DataUnitHeader) -> None:
        """Whether an NDU is within the limits, and its ids are new."""
        self.spent += sum(8 * prod(part.dimensions) for part in coded_parts(header)) // (2 if header.data_format is None else 1)
        within = self.spent <= self.limits.total_bytes
        self.require(unit, "limits", within, f"more than {self.limits.total_bytes} bytes of output", "tensor_dimensions")
        in_time = time.monotonic() - self.start < self.limits.seconds
        self.require(unit, "limits", in_time, f"more than {self.limits.seconds} s", "cabac_codeword")
        for place, name in enumerate(header.ids):
            known = name in self.names or name in header.ids[:place]
            self.require(unit, "id-unique", not known, f"{name!r} is coded twice", "topology_elem_id")
        self.names.update(header.ids)

    def keep(self, header: DataUnitHeader, tensors: dict[str, np.ndarray]) -> None:
        """Keeps an NDU's tensors in the order of its ids."""
        in_order = {name: tensors[name] for name in header.ids}
        recombine = self.recombine and header.payload_type == NNR_PT_BLOCK
        self.parameters |= recombined(header, in_order) if recombine else in_order

    def finish(self) -> None:
        """All units are taken."""

    def require(self, unit: Unit, rule: str, kept: bool, detail: str, element: str) -> None:
        """Raises a `StreamError` placed at the unit where a rule is not kept; forgives a ``may`` rule when lenient."""
        if kept:
            return
        place = Place(unit.number, unit_type_name(unit.unit_type), unit.offset, 0, element, clause_of(element))
        error = StreamError(rule, RULES[rule].category, place, detail)
        if RULES[rule].policy is Policy.MUST or not self.payloads.lenient:
            raise error
        self.payloads.reports.append(error)


def decode(
    stream: bytes,
    *,
    limits: DecodeLimits | None = None,
    interpretation: Interpretation | None = None,
    recombine: bool = False,
    lenient: bool = False,
    threads: int = 1,
    kernel: str = "fast",
    tables: Tables = DEFAULT,
    progress: Progress = unheard,
) -> Decoded:
    """Decodes a bitstream (clauses 6, 9 and 10).

    Parameters come by topology_elem_id in stream order: int32 from NNR_PT_INT, float32 from the others, or as the unit's
    nnr_decompressed_data_format says. ``recombine``: a BLOCK's weight is given as G x H, scaled by its LS, in place of these.
    ``threads``: decode as many NDUs, or stretches of block rows with entry points, at once, where these are large enough to gain from it.
    ``kernel``: ``fast``, or ``plain``, the readable one; ``tables``: those of the coder, other than the standard's for mutants.
    ``progress`` hears of bytes taken in, and of all. Raises `StreamError` where a rule of the registry is broken; with ``lenient`` only
    for those of policy ``must``.
    """
    interpretation = interpretation or Interpretation()
    payloads = DataUnitDecoder(interpretation, lenient, threads, [], kernel, tables)
    decoding = new_decoding(limits or DecodeLimits(), payloads, recombine, threads)
    context = decoding.context()
    try:
        for unit in read_units(stream, context, interpretation=interpretation, lenient=lenient, reports=payloads.reports):
            decoding.take(unit)
            progress(unit.offset + unit.size, len(stream))
    finally:
        decoding.finish()
    return decoding.decoded()


def new_decoding(limits: DecodeLimits, payloads: DataUnitDecoder, recombine: bool, threads: int) -> Decoding:
    """A decode in sequence, or on several threads."""
    from nnc_conformance.reference.side_by_side import SideBySide

    return SideBySide(limits, payloads, recombine, threads=threads) if threads > 1 else Decoding(limits, payloads, recombine)
