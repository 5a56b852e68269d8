"""The recorder: what the reference decoder meets in a stream, told as it goes: elements, branches of the structures, bins of codewords.

Recording uses the plain kernel. What a stream was meant to hold is unknown here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from nnc_conformance.reference.decoder import Decoding
from nnc_conformance.reference.entropy.coding import BinTrace, TensorCoding
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.payload import DataUnitDecoder, Part, coded_parts, coding_of
from nnc_conformance.reference.syntax.branches import Branch, read_units_telling
from nnc_conformance.reference.syntax.context import Unit
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import NNR_NDU
from nnc_conformance.reference.syntax.walker import Element


@dataclass(frozen=True)
class RecordedCodeword:
    """The bins of one codeword, with its tensors in coded order: what each is, and how it is coded."""

    parts: tuple[Part, ...]
    codings: tuple[TensorCoding, ...]
    trace: BinTrace


class Watcher(Protocol):
    """Who is told what the decoder meets, in the order of the stream; a unit's payload comes after its header's elements."""

    def element(self, element: Element) -> None:
        """An element of the high-level syntax."""

    def branch(self, branch: Branch, side: str) -> None:
        """A branch of a structure, and the side taken."""

    def data_unit(self, unit: Unit, header: DataUnitHeader, codeword: RecordedCodeword | None) -> None:
        """A complete NNR_NDU; ``codeword`` is None for NNR_PT_RAW_FLOAT, and cut short where decoding fails."""


def record(
    stream: bytes, watcher: Watcher, *, limits: DecodeLimits | None = None, interpretation: Interpretation | None = None
) -> StreamError | None:
    """Tells ``watcher`` all that a strict decode of ``stream`` meets; returns the error that it ends with, after what came before it."""
    interpretation = interpretation or Interpretation()
    decoding = Decoding(limits or DecodeLimits(), DataUnitDecoder(interpretation, False, 1, [], "plain"))
    units = read_units_telling(watcher.branch)
    try:
        for unit in units(stream, decoding.context(), interpretation=interpretation, observer=watcher.element):
            for data_unit in data_units(unit):
                _tell(data_unit, decoding, watcher)
    except StreamError as error:
        return error
    return None


def data_units(unit: Unit) -> Iterator[Unit]:
    """The complete NDUs of a unit: itself, or those that an aggregate holds."""
    for inner in unit.units:
        yield from data_units(inner)
    if unit.unit_type == NNR_NDU and unit.complete:
        yield unit


def _tell(unit: Unit, decoding: Decoding, watcher: Watcher) -> None:
    header: DataUnitHeader = unit.facts
    trace = BinTrace()
    try:
        decoding.take_data(unit, header, trace)
    finally:
        codeword = None
        if "cabac_codeword" in unit.payload:
            parts = coded_parts(header)
            codings = tuple(coding_of(part, header, decoding.payloads.interpretation) for part in parts)
            codeword = RecordedCodeword(parts, codings, trace)
        watcher.data_unit(unit, header, codeword)
