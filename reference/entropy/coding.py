"""Inputs and outputs of a codeword: codings, tensors, entry points, recorded bins, errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.contexts import ContextLayout, context_layout
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.errors import NNCError

HIGHEST_SCAN_ORDER: Final = 4
"""Greatest value of scan_order."""
MIN_INDEXES_PER_THREAD: Final = 100_000
"""Indexes below which a thread costs more time than it saves."""
INT32_MAX: Final = 2**31 - 1
"""Greatest index, and greatest value of a codebook."""
INT32_MIN: Final = -(2**31)
"""Least index, and least value of a codebook."""
EVENT_FIELDS: Final = ("kind", "element", "bin", "range", "offset", "state", "position", "renormalisation", "index")
"""Columns of a recorded bin.

Range, offset, state sum s (0 without context) and position are those before the bin;
renormalisation is the number of bits shifted after it; index is the number of the index in coded
order, -1 before the first one.
"""


class ScanArea(NamedTuple):
    """The area that a scan covers.

    Args:
        rows: rows of indexes.
        columns: columns of indexes.
        side: side of the square blocks; 0 for scan order 0, which has no blocks.
    """

    rows: int
    columns: int
    side: int


class CodewordError(NNCError):
    """A codeword breaks a rule.

    Args:
        rule: ``cabac-end``, ``interval``, ``prefix`` or ``terminate``.
        bit: bit of the payload to be read next; for ``cabac-end`` the first missing bit.
        element: the syntax element being decoded.
        index: number of the tensor; for the terminate bin that of the last tensor.
        detail: description of the fault.
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
    """How the indexes of a tensor are coded.

    Args:
        rows: dimension 0.
        columns: product of the other dimensions.
        scan_order: 0 to 4.
        dq_flag: whether indexes are doubled values of dependent quantization.
        unary_length: cabac_unary_length, 1 to 256.
        qp_delta_bits: 0 without qp_delta (INT), else 6 + qp_density.

    Raises:
        ValueError: for other values.
    """

    rows: int
    columns: int
    scan_order: int
    dq_flag: bool
    unary_length: int
    qp_delta_bits: int

    def __post_init__(self) -> None:
        if self.rows < 0 or self.columns < 0 or not 0 <= self.scan_order <= HIGHEST_SCAN_ORDER or not 0 <= self.qp_delta_bits < 32:
            raise ValueError(f"invalid coding: {self}")
        context_layout(self.dq_flag, self.unary_length)

    @property
    def count(self) -> int:
        """Number of indexes."""
        return self.rows * self.columns

    @property
    def area(self) -> ScanArea:
        """The area of the scan."""
        return ScanArea(self.rows, self.columns, 4 << self.scan_order if self.scan_order else 0)

    @property
    def block_rows(self) -> int:
        """Number of block rows with indexes."""
        if self.count == 0:
            return 0
        return -(-self.rows // self.area.side) if self.scan_order else 1

    @property
    def layout(self) -> ContextLayout:
        """The contexts of the tensor."""
        return context_layout(self.dq_flag, self.unary_length)


@dataclass(frozen=True)
class EntryPoint:
    """State of the decoder at the start of a block row.

    Args:
        cabac_offset: cabac_offset_list[j].
        dq_state: dq_state_list[j]; 0 without dq_flag.
        bit_position: P_j, the bit of the payload to be read next.
    """

    cabac_offset: int
    dq_state: int
    bit_position: int


ListedEntryPoints = Callable[[int, int], Sequence[EntryPoint]]
"""Function of a tensor's number and first bit that returns the entry points listed in the stream.

They are those of all block rows except the first.
"""


@dataclass(frozen=True)
class CodedTensor:
    """A decoded tensor.

    Args:
        indexes: int32 (rows * columns,), row-major, doubled values with dq_flag.
        qp_delta: 0 if none is coded.
        parameter_sets: uint8, the set (0 to 8) of each context in signalling order.
        first_bit: P0, payload bits read before the first index.
        entry_points: states of the decoder at the start of each block row except the first.
    """

    indexes: npt.NDArray[np.int32]
    qp_delta: int
    parameter_sets: npt.NDArray[np.uint8]
    first_bit: int
    entry_points: tuple[EntryPoint, ...]


@dataclass(frozen=True)
class DecodedCodeword:
    """A decoded codeword.

    Args:
        tensors: the tensors in coded order.
        bits_read: payload bits up to and including the stop bit.
    """

    tensors: tuple[CodedTensor, ...]
    bits_read: int


@dataclass(frozen=True)
class TensorToCode:
    """A tensor for the encoder.

    Args:
        indexes: rows * columns integers within int32, any shape, row-major, doubled with
            dq_flag.
        qp_delta: coded if the coding has bits for it.
        parameter_sets: the set of each context in signalling order, ``default`` for set 0, or
            ``search`` for the cheapest sets.
    """

    coding: TensorCoding
    indexes: npt.NDArray[Any]
    qp_delta: int = 0
    parameter_sets: npt.NDArray[Any] | Literal["default", "search"] = "default"


@dataclass
class BinTrace:
    """The bins of a decode; also filled by one that fails.

    Args:
        events: int64 (bins, 9), a row of `EVENT_FIELDS` for each bin.
        first_events: number of each tensor's first event.
        layouts: contexts of each tensor, for `contexts.element_name`.
    """

    events: IntArray = field(default_factory=lambda: np.zeros((0, len(EVENT_FIELDS)), np.int64))
    first_events: list[int] = field(default_factory=list)
    layouts: list[ContextLayout] = field(default_factory=list)
