"""What goes into a codeword and comes out of it: codings, decoded tensors, entry points, recorded bins and errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.contexts import ContextLayout, context_layout
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.errors import NNCError

HIGHEST_SCAN_ORDER: Final = 4
MIN_INDEXES_PER_THREAD: Final = 100_000
"""Indexes below which a thread costs more than it saves."""
INT32_MAX: Final = 2**31 - 1
INT32_MIN: Final = -(2**31)
EVENT_FIELDS: Final = ("kind", "element", "bin", "range", "offset", "state", "position", "renormalisation", "index")
"""Columns of a recorded bin: range, offset, state sum s (0 without context) and position as they were before the bin; the bits shifted
after it; the number of the index in coded order, -1 in the tensor's head."""


class ScanArea(NamedTuple):
    """What is scanned: rows and columns of indexes, and the side of the square blocks, 0 for scan order 0, which has none."""

    rows: int
    columns: int
    side: int


class CodewordError(NNCError):
    """A codeword breaks a rule of the registry.

    ``rule``: ``cabac-end``, ``interval``, ``prefix`` or ``terminate``; ``bit``: offset in the payload of the next bit to be read, for
    ``cabac-end`` that of the first missing one; ``element``: the syntax element being decoded; ``index``: number of the tensor, that of
    the last for the terminate bin; ``detail``: what was found.
    """

    def __init__(self, rule: str, bit: int, element: str, index: int, detail: str) -> None:
        super().__init__(f"{detail} [rule {rule}; payload bit {bit}, tensor {index}, {element}]")
        self.rule = rule
        self.bit = bit
        self.element = element
        self.index = index
        self.detail = detail


@dataclass(frozen=True)
class TensorCoding:
    """How a tensor's indexes are coded.

    ``rows``: dim 0; ``columns``: product of the other dims; ``scan_order``: 0..4; ``unary_length``: cabac_unary_length, 1..256;
    ``qp_delta_bits``: 0 for no qp_delta (INT), else 6 + qp_density. Raises `ValueError` for other values.
    """

    rows: int
    columns: int
    scan_order: int
    dq_flag: bool
    unary_length: int
    qp_delta_bits: int

    def __post_init__(self) -> None:
        if self.rows < 0 or self.columns < 0 or not 0 <= self.scan_order <= HIGHEST_SCAN_ORDER or not 0 <= self.qp_delta_bits < 32:
            raise ValueError(f"no such coding: {self}")
        context_layout(self.dq_flag, self.unary_length)

    @property
    def count(self) -> int:
        """Number of indexes."""
        return self.rows * self.columns

    @property
    def area(self) -> ScanArea:
        """What is scanned, with the side of the scan's blocks."""
        return ScanArea(self.rows, self.columns, 4 << self.scan_order if self.scan_order else 0)

    @property
    def block_rows(self) -> int:
        """Number of block rows that hold indexes."""
        if self.count == 0:
            return 0
        return -(-self.rows // self.area.side) if self.scan_order else 1

    @property
    def layout(self) -> ContextLayout:
        """The tensor's contexts."""
        return context_layout(self.dq_flag, self.unary_length)


@dataclass(frozen=True)
class EntryPoint:
    """The decoder's state at the start of a block row.

    ``cabac_offset``: cabac_offset_list[j]; ``dq_state``: dq_state_list[j], 0 without dq_flag; ``bit_position``: the absolute payload bit
    P_j that is read next.
    """

    cabac_offset: int
    dq_state: int
    bit_position: int


PromisedEntryPoints = Callable[[int, int], Sequence[EntryPoint]]
"""Number of a tensor and its first bit, to the entry points that a list has for its block rows but the first."""


@dataclass(frozen=True)
class CodedTensor:
    """A decoded tensor.

    ``indexes``: int32 (rows * columns,), row-major, the scan undone, doubled values with dq_flag; ``qp_delta``: 0 where none is coded;
    ``parameter_sets``: uint8, the set 0..8 of each context in signalling order; ``first_bit``: P0, payload bits read before the first
    index; ``entry_points``: observed at the start of each block row but the first.
    """

    indexes: npt.NDArray[np.int32]
    qp_delta: int
    parameter_sets: npt.NDArray[np.uint8]
    first_bit: int
    entry_points: tuple[EntryPoint, ...]


@dataclass(frozen=True)
class DecodedCodeword:
    """``tensors`` in coded order; ``bits_read``: payload bits read when the terminate bin was met, the last of them the stop bit."""

    tensors: tuple[CodedTensor, ...]
    bits_read: int


@dataclass(frozen=True)
class TensorToCode:
    """What the encoder takes: int32 values row-major (rows * columns of them, any shape), doubled with dq_flag.

    ``parameter_sets``: the set of each context in signalling order, ``default`` for set 0 throughout, or ``search`` for the cheapest.
    """

    coding: TensorCoding
    indexes: npt.NDArray[Any]
    qp_delta: int = 0
    parameter_sets: npt.NDArray[Any] | Literal["default", "search"] = "default"


@dataclass
class BinTrace:
    """Filled by a decode, also by one that fails.

    ``events``: int64 (bins, 9), a row of `EVENT_FIELDS` for each bin; ``first_events``: number of each tensor's first event;
    ``layouts``: the contexts of each tensor, for `contexts.element_name`.
    """

    events: IntArray = field(default_factory=lambda: np.zeros((0, len(EVENT_FIELDS)), np.int64))
    first_events: list[int] = field(default_factory=list)
    layouts: list[ContextLayout] = field(default_factory=list)
