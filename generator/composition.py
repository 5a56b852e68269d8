"""Short forms for recipes: units built from coded indexes.

A recipe gives indexes in coded order, before the doubling of dependent quantization.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.composer import HeaderForm, TensorContent, data_unit, model_parameter_set, simple_header, start_unit
from nnc_conformance.reference.entropy.coding import TensorCoding
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
    """A coded tensor: indexes in coded order before any doubling, qp_delta, and parameter sets."""

    quants: Sequence[int] | npt.NDArray[Any]
    qp_delta: int = 0
    parameter_sets: npt.NDArray[Any] | Literal["default", "search"] = "default"

    def content(self, coding: TensorCoding) -> TensorContent:
        """Return the tensor as a decoder gives it: row-major, doubled with dq_flag."""
        coded = np.asarray(self.quants, dtype=np.int64)
        values = on_trellis(coded) if coding.dq_flag else coded
        return TensorContent(in_row_order(values, coding.area), self.qp_delta, self.parameter_sets)


def on_trellis(quants: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the doubled values of coded indexes; the trellis starts at stateId 0."""
    values, state_id = np.zeros_like(quants), 0
    for place, quant in enumerate(quants.tolist()):
        values[place] = doubled(quant, state_id)
        state_id = STATE_TRANS_TAB[state_id][quant & 1]
    return values


def opening(quantization: Quantization | None = SIXTEENTHS, **arguments: Any) -> list[Values]:
    """Build an NNR_STR and an NNR_MPS; pass ``arguments`` to `model_parameter_set`."""
    return [start_unit(), model_parameter_set(quantization, **arguments)]


def header(
    payload_type: int, ids: str | tuple[str, ...], dimensions: tuple[int, ...], quantization: Quantization | None = SIXTEENTHS, **more: Any
) -> DataUnitHeader:
    """Build the header of an NDU; ``more`` sets further fields of `DataUnitHeader`."""
    names = (ids,) if isinstance(ids, str) else ids
    return replace(simple_header(payload_type, names[0], dimensions, quantization), ids=names, **more)


def ndu(
    head: DataUnitHeader,
    tensors: Coded | Mapping[str, Coded] | npt.NDArray[np.float32],
    *,
    form: HeaderForm | None = None,
    interpretation: Interpretation | None = None,
    **common: Any,
) -> Values:
    """Build an NNR_NDU; a single `Coded` is the tensor of the first id."""
    if isinstance(tensors, np.ndarray):
        return data_unit(head, tensors, form=form, **common)
    interpretation = interpretation or Interpretation()
    given = {head.ids[0]: tensors} if isinstance(tensors, Coded) else tensors
    contents = {part.id: given[part.id].content(coding_of(part, head, interpretation)) for part in coded_parts(head)}
    return data_unit(head, contents, form=form, interpretation=interpretation, **common)


def bits32(*patterns: int) -> npt.NDArray[np.float32]:
    """Return binary32 numbers from their bit patterns."""
    return np.array(patterns, dtype=np.uint32).view(np.float32)


def book(zero_offset: int, *values: int) -> Codebook:
    """Build a codebook of rising values; index 0 stands for the value at ``zero_offset``."""
    return Codebook(np.array(values, dtype=np.int32), zero_offset)
