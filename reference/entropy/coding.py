"""Inputs and outputs of a codeword: codings, tensors, entry points, recorded bins, errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.contexts import DEFAULT_CHOICES, NO_LIMIT, ContextLayout, LayoutChoices, context_layout
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
        rows: Rows of indexes.
        columns: Columns of indexes.
        side: Side of the square blocks; 0 for scan order 0, which has no blocks.
    """

    rows: int
    columns: int
    side: int


class TensorHistory(NamedTuple):
    """Knowledge from earlier streams of a session about one tensor (second edition).

    Arrays are empty if there is none.

    Attributes:
        base: int16 (rows * columns,), the tensor's last indexes, doubled if their unit had
            dq_flag, clamped to -256..256.
        seen: uint8 (rows * columns,), 1 where the index of an earlier update was not 0.
        known: False if there were earlier updates that the decoder has not decoded.
    """

    base: npt.NDArray[np.int16] = np.zeros(0, np.int16)
    seen: npt.NDArray[np.uint8] = np.zeros(0, np.uint8)
    known: bool = True


NO_HISTORY: Final = TensorHistory()
"""History of a tensor in a stream without a base model."""


class CodewordError(NNCError):
    """A codeword breaks a rule.

    Args:
        rule: ``cabac-end``, ``interval``, ``prefix``, ``cb-limit``, ``hdsp-history`` or
            ``terminate``.
        bit: Bit of the payload to be read next; for ``cabac-end`` the first missing bit.
        element: The syntax element being decoded.
        index: Number of the tensor; for the terminate bin that of the last tensor.
        detail: Description of the fault.
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
        rows: Dimension 0.
        columns: Product of the other dimensions.
        scan_order: 0 to 4.
        dq_flag: Whether indexes are doubled values of dependent quantization.
        unary_length: cabac_unary_length, 1 to 256.
        qp_delta_bits: 0 without qp_delta (INT), else 6 + qp_density.
        second_edition: Whether general_profile_idc is 1; the fields below need it.
        has_parent: parent_node_id_present_flag.
        tca: temporal_context_modeling_flag.
        codebook: (codebook_size, CbZeroOffset) of the tensor's codebook.
        choices: The disputed points in force.

    Raises:
        ValueError: For other values.
    """

    rows: int
    columns: int
    scan_order: int
    dq_flag: bool
    unary_length: int
    qp_delta_bits: int
    second_edition: bool = field(default=False, kw_only=True)
    has_parent: bool = field(default=False, kw_only=True)
    tca: bool = field(default=False, kw_only=True)
    codebook: tuple[int, int] | None = field(default=None, kw_only=True)
    choices: LayoutChoices = field(default=DEFAULT_CHOICES, kw_only=True)

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
        """The contexts of the tensor: their numbers by element and what selects them."""
        return context_layout(
            self.dq_flag, self.unary_length, tca=self.tca, hdsp=self.has_hdsp_flag, limits=self.limits, choices=self.choices
        )

    @property
    def limits(self) -> tuple[int, int]:
        """Largest magnitudes of a negative and a positive index, before doubling.

        A codebook of the second edition sets them.
        """
        if not self.second_edition or self.codebook is None:
            return NO_LIMIT, NO_LIMIT
        size, zero_offset = self.codebook
        return zero_offset, size - 1 - zero_offset

    @property
    def has_row_skip_flag(self) -> bool:
        """Whether row_skip_enabled_flag is coded.

        It is in a matrix, unless its codebook has one value.
        """
        return self.second_edition and self.rows > 1 and self.columns > 1 and self.limits != (0, 0)

    @property
    def has_hdsp_flag(self) -> bool:
        """Whether hist_dep_sig_prob_enabled_flag is coded.

        It is together with row_skip_enabled_flag, in a unit with a parent.
        """
        return self.has_row_skip_flag and self.has_parent


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
        entry_points: States of the decoder at the start of each block row except the first.
        hdsp: hist_dep_sig_prob_enabled_flag.
        skipped: row_skip_list, bool (rows,); None without row_skip_enabled_flag.
    """

    indexes: npt.NDArray[np.int32]
    qp_delta: int
    parameter_sets: npt.NDArray[np.uint8]
    first_bit: int
    entry_points: tuple[EntryPoint, ...]
    hdsp: bool = False
    skipped: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class DecodedCodeword:
    """A decoded codeword.

    Args:
        tensors: The tensors in coded order.
        bits_read: Payload bits up to and including the stop bit.
    """

    tensors: tuple[CodedTensor, ...]
    bits_read: int


@dataclass(frozen=True)
class TensorToCode:
    """A tensor for the encoder.

    Args:
        indexes: Rows * columns integers within int32, any shape, row-major, doubled with
            dq_flag.
        qp_delta: Coded if the coding has bits for it.
        parameter_sets: The set of each context in signalling order, ``default`` for set 0,
            ``search`` for the cheapest sets, or ``sample`` for those of the first rows.
        history: What the decoder will know of earlier streams.
        hdsp: hist_dep_sig_prob_enabled_flag.
        skipped: row_skip_list, bool (rows,), True only for rows of zeros; None for
            row_skip_enabled_flag 0.
    """

    coding: TensorCoding
    indexes: npt.NDArray[Any]
    qp_delta: int = 0
    parameter_sets: npt.NDArray[Any] | Literal["default", "search", "sample"] = "default"
    history: TensorHistory = NO_HISTORY
    hdsp: bool = False
    skipped: npt.NDArray[Any] | None = None


@dataclass
class BinTrace:
    """The bins of a decode; also filled by one that fails.

    Args:
        most: Most bins to keep, 72 bytes each; None for all.
        heads_only: Pass over the bins of indexes.
        events: int64 (bins, 9), a row of `EVENT_FIELDS` for each bin.
        first_events: Number of each tensor's first event.
        layouts: Contexts of each tensor, for `contexts.element_name`.
        left_out: Number of bins after those kept.
    """

    most: int | None = None
    heads_only: bool = False
    events: IntArray = field(default_factory=lambda: np.zeros((0, len(EVENT_FIELDS)), np.int64))
    first_events: list[int] = field(default_factory=list)
    layouts: list[ContextLayout] = field(default_factory=list)
    left_out: int = 0
