"""Short forms for recipes: units built from coded indexes.

A recipe gives indexes in coded order, before the doubling of dependent quantization.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.composer import HeaderForm, TensorContent, data_unit, model_parameter_set, simple_header, start_unit
from nnc_conformance.reference.entropy.coding import NO_HISTORY, ScanArea, TensorCoding, TensorHistory
from nnc_conformance.reference.entropy.plain import doubled
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.scan import in_row_order
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import Codebook, DataUnitHeader
from nnc_conformance.reference.syntax.walker import Values

SIXTEENTHS: Final = Quantization(0, -4)
"""A step of 1/16: products with small indexes are exact in any arithmetic."""


@dataclass(frozen=True)
class Coded:
    """A coded tensor.

    Args:
        quants: Indexes in coded order before any doubling; those of skipped rows are 0.
        qp_delta: qp_delta.
        parameter_sets: The set of each context, or how to choose them.
        hdsp: hist_dep_sig_prob_enabled_flag (second edition).
        skipped: The rows that row_skip_list skips; None without the list.
    """

    quants: Sequence[int] | npt.NDArray[Any]
    qp_delta: int = 0
    parameter_sets: npt.NDArray[Any] | Literal["default", "search"] = "default"
    hdsp: bool = False
    skipped: Sequence[int] | None = None

    def content(self, coding: TensorCoding, history: TensorHistory = NO_HISTORY) -> TensorContent:
        """Return the tensor as a decoder gives it: indexes row-major, and doubled with dq_flag.

        Args:
            coding: How the tensor is coded: its size, scan order and dq_flag.
            history: What a decoder knows of its earlier indexes (second edition).
        """
        coded = np.asarray(self.quants, dtype=np.int64)
        skipped = None if self.skipped is None else np.isin(np.arange(coding.rows), self.skipped)
        values = on_trellis_with_skips(coded, coding, skipped) if coding.dq_flag else coded
        return TensorContent(in_row_order(values, coding.area), self.qp_delta, self.parameter_sets, history, self.hdsp, skipped)


def on_trellis(quants: npt.NDArray[np.int64], state_id: int = 0) -> npt.NDArray[np.int64]:
    """Double indexes as dependent quantization decodes them.

    Args:
        quants: The coded indexes.
        state_id: The stateId before the first.
    """
    values = np.zeros_like(quants)
    for place, quant in enumerate(quants.tolist()):
        values[place] = doubled(quant, state_id)
        state_id = STATE_TRANS_TAB[state_id][quant & 1]
    return values


def on_trellis_with_skips(
    quants: npt.NDArray[np.int64], coding: TensorCoding, skipped: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.int64]:
    """Return the doubled values of coded indexes, some of whose rows are skipped (second edition)."""
    if skipped is None or not skipped.any():
        return on_trellis(quants)
    values, state_id, place = np.zeros_like(quants), 0, 0
    for row, width in stretches(coding.area):
        if skipped[row]:
            steps = np.zeros(width if coding.choices.skip_by_index else coding.columns, np.int64)
        else:
            steps = quants[place : place + width]
            values[place : place + width] = on_trellis(steps, state_id)
        for quant in steps.tolist():
            state_id = STATE_TRANS_TAB[state_id][quant & 1]
        place += width
    return values


def stretches(area: ScanArea) -> Iterator[tuple[int, int]]:
    """Yield (row, indexes) of each part of a row that is coded without a break.

    The parts are in coded order.
    """
    height, width = area.side or area.rows, area.side or area.columns
    for top in range(0, area.rows, height):
        for left in range(0, area.columns, width):
            yield from ((row, min(width, area.columns - left)) for row in range(top, min(top + height, area.rows)))


def opening(quantization: Quantization | None = SIXTEENTHS, **arguments: Any) -> list[Values]:
    """Build an NNR_STR and an NNR_MPS; pass ``arguments`` to `model_parameter_set`."""
    return [start_unit(), model_parameter_set(quantization, **arguments)]


def header(
    payload_type: int, ids: str | tuple[str, ...], dimensions: tuple[int, ...], quantization: Quantization | None = SIXTEENTHS, **more: Any
) -> DataUnitHeader:
    """Build the header of an NDU with one or more tensors.

    Args:
        payload_type: nnr_compressed_data_unit_payload_type.
        ids: Id of the tensor, or of each part.
        dimensions: Dimensions of the tensor, or of a block's weight.
        quantization: The qp in force.
        **more: Further fields of `DataUnitHeader`.
    """
    names = (ids,) if isinstance(ids, str) else ids
    return replace(simple_header(payload_type, names[0], dimensions, quantization), ids=names, **more)


def ndu(
    head: DataUnitHeader,
    tensors: Coded | Mapping[str, Coded] | npt.NDArray[np.float32],
    *,
    form: HeaderForm | None = None,
    interpretation: Interpretation | None = None,
    histories: Mapping[str, TensorHistory] | None = None,
    **common: Any,
) -> Values:
    """Build an NNR_NDU.

    Args:
        head: Its header.
        tensors: The tensor of each id, a single `Coded` for the first id, or the float32 numbers of
            an
        NNR_PT_RAW_FLOAT.
        form: Choices in writing the header that do not change its meaning.
        interpretation: The choices at disputed points; the defaults if None.
        histories: What a decoder knows of the earlier indexes of each tensor, by id (second
            edition).
        **common: Elements that any unit may have, as for `composer.unit`.
    """
    if isinstance(tensors, np.ndarray):
        return data_unit(head, tensors, form=form, **common)
    interpretation = interpretation or Interpretation()
    given = {head.ids[0]: tensors} if isinstance(tensors, Coded) else tensors
    known = histories or {}
    contents = {
        part.id: given[part.id].content(coding_of(part, head, interpretation), known.get(part.id, NO_HISTORY)) for part in coded_parts(head)
    }
    return data_unit(head, contents, form=form, interpretation=interpretation, **common)


def bits32(*patterns: int) -> npt.NDArray[np.float32]:
    """Return binary32 numbers from their bit patterns."""
    return np.array(patterns, dtype=np.uint32).view(np.float32)


def book(zero_offset: int, *values: int) -> Codebook:
    """Build a codebook of rising values; index 0 has the value at place ``zero_offset``."""
    return Codebook(np.array(values, dtype=np.int32), zero_offset)
