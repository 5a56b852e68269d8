"""What a stream has said so far that later units depend on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.walker import Values

Shapes = Mapping[str, tuple[int, ...]]
"""Tensor dimensions by topology_elem_id."""


@dataclass(frozen=True)
class Quantization:
    """The qp density and quantization parameter of a parameter set whose method flags have NNR_QSU or NNR_QCB."""

    qp_density: int
    quantization_parameter: int


@dataclass
class PartialSet:
    """An unfinished set of partial data units: type and header of the first, the counter due next, the pieces so far.

    A piece is its payload with the bit of the stream at which it starts.
    """

    unit_type: int
    header: Values
    next_counter: int
    pieces: list[tuple[bytes, int]] = field(default_factory=list)


class PayloadError(NNCError):
    """The content of a payload breaks ``rule``; the walker that met it says where."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


@dataclass
class StreamContext:
    """The state that units leave behind; readers and writers keep the same one.

    ``open_topology`` takes a topology (storage format, compression format, topology_data) and gives the tensor dimensions in it;
    ``open_quantization`` takes quantization data the same way. Both raise `PayloadError` for data that cannot be used.
    """

    limits: DecodeLimits = field(default_factory=DecodeLimits)
    open_topology: Callable[[int, int, bytes], Shapes] = lambda *_: {}
    open_quantization: Callable[[int, int, bytes], None] = lambda *_: None
    units: int = 0
    depth: int = 0
    str_seen: bool = False
    mps_seen: bool = False
    lps_self_contained: bool = False
    unification: bool = False
    indexed_references: bool = False
    mps_quantization: Quantization | None = None
    lps_quantization: Quantization | None = None
    reference_list: tuple[str, ...] | None = None
    shapes: Shapes = field(default_factory=dict)
    partial: PartialSet | None = None

    @property
    def quantization(self) -> Quantization | None:
        """What is in force: an LPS replaces the MPS's, an LPS without a qp leaves it."""
        return self.lps_quantization or self.mps_quantization


@dataclass(frozen=True)
class Unit:
    """One unit as read: its number in the stream (aggregates first, then what they hold), type, byte offset, size and values.

    ``facts`` is the `DataUnitHeader` of a complete NNR_NDU; ``units`` are those of an aggregate. ``payload_pieces`` tells where in
    the stream the payload's bytes stand: (first byte in the payload, bit in the stream) of each piece, one unless data was partial.
    """

    number: int
    unit_type: int
    offset: int
    size: int
    header: Values
    payload: Values
    complete: bool
    payload_pieces: tuple[tuple[int, int], ...]
    facts: Any = None
    units: tuple["Unit", ...] = ()

    def stream_bit(self, bit: int) -> int:
        """Where in the stream a bit of the payload stands."""
        first, start = next(piece for piece in reversed(self.payload_pieces) if 8 * piece[0] <= bit)
        return start + bit - 8 * first
