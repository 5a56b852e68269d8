"""The driver: the one loop through a stream.

It reads units, decodes their payloads, and calls a watcher on the way.

`decode`, `trace`, `record`, the inspection and the facts of vectors are watchers of it.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from nnc_conformance.reference.entropy.coding import BinTrace, TensorCoding, TensorHistory
from nnc_conformance.reference.errors import Place, StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import DataUnitDecoder, Part, PartCoding, coded_parts, coding_of, shifted
from nnc_conformance.reference.side_by_side import SideBySide
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import PayloadError, Shapes, StreamContext
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import Enforcement, stream_error
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_RAW_FLOAT, DataUnitHeader
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_PRUN
from nnc_conformance.reference.syntax.structures.unit import NNR_TPL, Unit, unit_type_name
from nnc_conformance.reference.syntax.walker import Element, Values
from nnc_conformance.reference.topology.content import Topology, inflate
from nnc_conformance.reference.topology.shapes import shapes_in
from nnc_conformance.reference.updates.applying import BrokenRuleError, CodedPart, ModelBuilder, check_parent, tensor_history
from nnc_conformance.reference.updates.base_model import BaseModel

if TYPE_CHECKING:
    from nnc_conformance.reference.syntax.branches import Branch

Tensors = dict[str, np.ndarray]
"""Tensors by topology_elem_id."""

Note = TypeVar("Note")

MOST_BYTES: Final = (1 << 63) - 1
"""Bytes of the largest array that NumPy can describe, even if it is empty because one of its
dimensions is 0.
"""


@dataclass(frozen=True)
class RecordedCodeword:
    """The bins of one codeword.

    Attributes:
        parts: The tensors of the payload in coded order.
        codings: Their codings.
        trace: The bins, cut short if decoding fails.
        decoded: False if decoding the unit fails.
    """

    parts: tuple[Part, ...]
    codings: tuple[TensorCoding, ...]
    trace: BinTrace
    decoded: bool


class Watcher:
    """Called by the driver in the order of the stream; override what is of interest.

    Elements, branches and bins are recorded only if their method is overridden; bins are then
    decoded by the plain kernel, in sequence.
    """

    def element(self, element: Element) -> None:
        """Take an element of the high-level syntax."""

    def branch(self, branch: "Branch", side: str) -> None:
        """Take a branch of a structure, and the side taken."""

    def unit(self, unit: Unit, depth: int) -> None:
        """Take a unit that has been read whole.

        ``depth``: 1 in an aggregate, whose own unit comes first.
        """

    def bin_trace(self, unit: Unit) -> BinTrace:
        """Return an empty record for the bins of a data unit.

        The record says how many bins are kept.
        """
        return BinTrace()

    def data_unit(self, unit: Unit, header: DataUnitHeader, codeword: RecordedCodeword | None) -> None:
        """Take a complete NNR_NDU after its payload, also if decoding that fails.

        ``codeword``: None for NNR_PT_RAW_FLOAT.
        """

    def codeword(self, unit: Unit, header: DataUnitHeader, parts: Sequence[PartCoding]) -> None:
        """Take how a codeword codes its parts, in coded order.

        Called right before `tensors`, and not for NNR_PT_RAW_FLOAT.
        """

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Tensors) -> None:
        """Take the decoded tensors of a data unit, in the order of its ids."""

    def goes_on(self, error: StreamError) -> bool:
        """Return whether to go on after a data unit that cannot be decoded; here never.

        Asked in the order of the stream if the options name one thread.
        """
        return False


@dataclass
class OpenedData:
    """Topologies and quantization data of a stream, decompressed within the limit on output.

    Attributes:
        limits: Bounds on the decode.
        topology: Content of the last NNR_TPL that carries a topology.
        quantization_data: Content of the last NNR_QNT.
        spent: Bytes of output so far.
    """

    limits: DecodeLimits
    topology: Topology | None = None
    quantization_data: Topology | None = None
    spent: int = 0

    def open_topology(self, storage_format: int, compression_format: int, data: bytes) -> Shapes:
        """Keep an inflated topology; return the dimensions in it."""
        self.topology = Topology(storage_format, self._inflated(compression_format, data))
        return shapes_in(storage_format, self.topology.data)

    def open_quantization(self, storage_format: int, compression_format: int, data: bytes) -> None:
        """Keep inflated quantization data."""
        self.quantization_data = Topology(storage_format, self._inflated(compression_format, data))

    def _inflated(self, compression_format: int, data: bytes) -> bytes:
        """Return the bytes of a topology unit, decompressed if they are deflated.

        Raises `PayloadError` once all such bytes of the stream exceed the limit on output.

        Args:
            compression_format: The element topology_compression_format.
            data: The bytes as coded.
        """
        data = inflate(data, self.limits) if compression_format == DEFLATE else data
        self.spent += len(data)
        if self.spent > self.limits.total_bytes:
            raise PayloadError("limits", f"more than {self.limits.total_bytes} bytes of output")
        return data


class Driver:
    """One walk through a stream: its state, and what the units have given so far.

    Attributes:
        context: State of the syntax that later units depend on.
        rules: Decides what becomes of broken rules; owns the reports.
        opened: What units of topologies and quantization data carry, and the bytes of output so far.
        pruning: Values of the last pruning container.
    """

    def __init__(
        self, stream: bytes, watcher: Watcher | None = None, options: DecoderOptions | None = None, *, values: bool = True
    ) -> None:
        """Prepare a walk; with ``values`` False payloads of data units are not decoded."""
        self.stream = stream
        self.watcher = watcher or Watcher()
        self.options = options or DecoderOptions()
        self.values = values
        self.rules = Enforcement(lenient=self.options.lenient)
        self.opened = OpenedData(self.options.limits)
        self.context = StreamContext(self.options.limits, self.opened.open_topology, self.opened.open_quantization)
        self.pruning: Values | None = None
        self._records_bins = self._overrides("data_unit")
        self._jobs = SideBySide[Tensors](1 if self._records_bins else self.options.threads)
        self._names: set[str] = set()
        self._differences: list[str] = []
        base = self.options.base
        self._model = None if base is None else ModelBuilder(base, self.options.interpretation)
        if base is not None:
            self.context.base_shapes = base.shapes
        self._start = time.monotonic()

    def _overrides(self, method: str) -> bool:
        return getattr(type(self.watcher), method) is not getattr(Watcher, method)

    def units(self) -> Generator[Unit, None, None]:
        """Walk the stream; yield each unit after it has been read, decoded and watched.

        Raise `StreamError`.

        The error is that of the first broken rule in the order of the stream, whatever the number
        of threads.
        """
        read: Callable[..., Iterator[Unit]] = read_units
        if self._overrides("branch"):
            from nnc_conformance.reference.syntax.branches import read_units_telling

            read = read_units_telling(self.watcher.branch)
        observer = self.watcher.element if self._overrides("element") else None
        try:
            for unit in read(self.stream, self.context, interpretation=self.options.interpretation, rules=self.rules, observer=observer):
                for inner, depth in flattened(unit):
                    self.watcher.unit(inner, depth)
                    self._take_or_pass_over(inner)
                yield unit
        except StreamError:
            self._jobs.finish()
            raise
        else:
            self._jobs.finish()
        finally:
            self._jobs.close()

    def run(self) -> None:
        """Walk the stream to its end; raise `StreamError`."""
        for _ in self.units():
            pass

    def noted(self, notes: list[Note]) -> Iterator[Note]:
        """Walk the stream and yield what the watcher adds to ``notes``.

        Before an error, yield what was added up to it; then raise `StreamError`.
        """
        units = self.units()
        unit: Unit | None
        while True:
            try:
                unit = next(units, None)
            finally:
                yield from notes
                notes.clear()
            if unit is None:
                return

    def _take_or_pass_over(self, unit: Unit) -> None:
        """Take in one unit; pass it over after an error if the watcher allows."""
        try:
            self._take(unit)
        except StreamError as error:
            if not self.watcher.goes_on(error):
                raise

    def _take(self, unit: Unit) -> None:
        """Decode a data unit, or keep the container of an NNR_TPL_PRUN.

        Other units are passed over: the walk has checked them.
        """
        header = unit.data_unit_header
        if header is not None:
            self._decode(unit, header)
        elif unit.complete and unit.unit_type == NNR_TPL and unit.header["topology_storage_format"] == NNR_TPL_PRUN:
            self.pruning = unit.payload["nnr_pruning_topology_container"]

    def _decode(self, unit: Unit, header: DataUnitHeader) -> None:
        """Decode the payload of a data unit, or queue it for a thread.

        Limits are checked first. Nothing is done if the driver does not decode values.
        """
        if not self.values:
            return
        trace = self.watcher.bin_trace(unit) if self._records_bins else None
        decoded = False
        try:
            self._admit(unit, header)
            rules = self.rules if self._jobs.threads == 1 else self.rules.section()
            coded: list[CodedPart] | None = None if self._model is None else []
            histories = self._histories(unit, header)
            codings: list[PartCoding] | None = [] if self._overrides("codeword") else None
            work = partial(_tensors, DataUnitDecoder(self.options, rules, histories, coded, codings), unit, header, trace)
            self._jobs.add(work, partial(self._keep, unit, header, coded, codings), prod(header.dimensions))
            decoded = True
        finally:
            if trace is not None:
                self.watcher.data_unit(unit, header, self._recorded(header, trace, decoded=decoded))

    def _histories(self, unit: Unit, header: DataUnitHeader) -> tuple[TensorHistory, ...] | None:
        """Return the earlier indexes of each part of a data unit.

        A unit without a parent gives None.

        The rules of updates are enforced.
        """
        if header.parent_id is None:
            return None
        base, interpretation = self.options.base, self.options.interpretation
        parts = [(part.id, part.dimensions) for part in coded_parts(header)]
        try:
            histories = tuple(tensor_history(name, dimensions, header, base, interpretation) for name, dimensions in parts)
            check_parent(header, parts, base, interpretation)
        except BrokenRuleError as error:
            self._require(unit, error.rule, False, str(error), error.element)
            raise
        return histories

    def _keep(
        self,
        unit: Unit,
        header: DataUnitHeader,
        coded: "list[CodedPart] | None",
        codings: list[PartCoding] | None,
        tensors: Tensors,
    ) -> None:
        """Pass a decoded data unit to the watcher and to the model.

        Args:
            unit: The unit.
            header: Its header.
            coded: Its decoded parts, if a model is built.
            codings: How its codeword codes them, if the watcher asks for that.
            tensors: Its tensors by id.
        """
        if self._model is not None and coded is not None:
            try:
                self._model.take(header, payload_bytes(unit), coded)
            except BrokenRuleError as error:
                self._require(unit, error.rule, False, str(error), error.element)
        if codings:
            self.watcher.codeword(unit, header, codings)
        self.watcher.tensors(unit, header, tensors)

    @property
    def model(self) -> BaseModel | None:
        """The model after the stream; None unless the options name a base model."""
        return None if self._model is None else self._model.model(self.opened.topology, self.opened.quantization_data)

    @property
    def differences(self) -> tuple[str, ...]:
        """Names of the parameters that are differences to the base model.

        They are in the order of the stream.
        """
        return tuple(self._differences)

    def _recorded(self, header: DataUnitHeader, trace: BinTrace, *, decoded: bool) -> RecordedCodeword | None:
        """Put the recorded bins of a codeword together with its tensors.

        A raw unit has no codeword and gives None.

        Args:
            header: The header of the data unit.
            trace: The bins that were read.
            decoded: Whether the codeword was decoded to its end.
        """
        if header.payload_type == NNR_PT_RAW_FLOAT:
            return None
        parts = coded_parts(header)
        codings = tuple(coding_of(part, header, self.options.interpretation) for part in parts)
        return RecordedCodeword(parts, codings, trace, decoded)

    def _admit(self, unit: Unit, header: DataUnitHeader) -> None:
        """Check limits on output and time, and that a data unit's ids are new.

        Its ids, and those of differences, are noted. Raises `StreamError`.
        """
        self.opened.spent += sum(8 * prod(part.dimensions) for part in coded_parts(header)) // (2 if header.data_format is None else 1)
        most = self.options.limits.total_bytes
        self._require(unit, "limits", self.opened.spent <= most, f"more than {most} bytes of output", "tensor_dimensions")
        within = 8 * prod(filter(None, header.dimensions)) <= MOST_BYTES
        self._require(unit, "limits", within, f"no array has the dimensions {header.dimensions}", "tensor_dimensions")
        in_time = time.monotonic() - self._start < self.options.limits.seconds
        self._require(unit, "limits", in_time, f"more than {self.options.limits.seconds} s", "cabac_codeword")
        for place, name in enumerate(header.ids):
            known = name in self._names or name in header.ids[:place]
            self._require(unit, "id-unique", not known, f"{name!r} is coded twice", "topology_elem_id")
        self._names.update(header.ids)
        if header.parent_id is not None:
            self._differences.extend(header.ids)

    def _require(self, unit: Unit, rule: str, kept: bool, detail: str, element: str) -> None:
        """Enforce a rule unless ``kept`` says that a unit keeps it.

        Args:
            unit: The unit.
            rule: Id of the rule.
            kept: Whether the unit keeps it.
            detail: What was found.
            element: The element at fault.

        Raises `StreamError` if strict, or if the rule's policy is ``must``.
        """
        if not kept:
            place = Place(unit.number, unit_type_name(unit.unit_type), unit.offset, 0, element, clause_of(element))
            self.rules.enforce(stream_error(rule, place, detail))


def payload_bytes(unit: Unit) -> bytes:
    """Return the payload of a data unit."""
    payload: bytes = unit.payload["cabac_codeword" if "cabac_codeword" in unit.payload else "raw_float32_parameter"]
    return payload


def flattened(unit: Unit, depth: int = 0) -> Iterator[tuple[Unit, int]]:
    """Yield a unit, then those in it if it is an aggregate, with their depth."""
    yield unit, depth
    for inner in unit.units:
        yield from flattened(inner, depth + 1)


def _tensors(decoder: DataUnitDecoder, unit: Unit, header: DataUnitHeader, trace: BinTrace | None) -> Tensors:
    """Decode a data unit's tensors, in the order of its ids."""
    tensors = shifted(header, dict(decoder.tensors(unit, header, trace)), decoder.options.interpretation)
    return {name: tensors[name] for name in header.ids}


def record(
    stream: bytes,
    watcher: Watcher,
    *,
    limits: DecodeLimits | None = None,
    interpretation: Interpretation | None = None,
    lenient: bool = False,
    base: BaseModel | None = None,
) -> StreamError | None:
    """Decode a stream with a watcher, which is called with all that is met.

    Return the error that ends the decode; None if there is none.

    Args:
        stream: The bitstream.
        watcher: The watcher.
        limits: Bounds on the decode; the defaults if None.
        interpretation: One choice for each disputed point; the defaults if None.
        lenient: Forgive broken rules of policy ``may``.
        base: The model before the stream (second edition).
    """
    options = DecoderOptions(interpretation or Interpretation(), lenient, limits or DecodeLimits(), kernel="plain", base=base)
    try:
        Driver(stream, watcher, options).run()
    except StreamError as error:
        return error
    return None
