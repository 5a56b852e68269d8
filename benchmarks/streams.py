"""Streams of a single tensor, from its indexes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import header, opening
from nnc_conformance.reference.composer import TensorContent, data_unit
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT

ID = "w"
"""Name of the tensor."""


def of_one_tensor(indexes: npt.NDArray[np.int32], qp: int, **fields: Any) -> bytes:
    """Write a stream of the tensor `ID` at a qp, with searched parameter sets.

    Args:
        qp: Quantization parameter at density 2.
        fields: Fields of its `DataUnitHeader`.
    """
    quantization = Quantization(2, qp)
    head = header(NNR_PT_FLOAT, ID, indexes.shape, quantization, **fields)
    return write_units([*opening(quantization), data_unit(head, {ID: TensorContent(indexes, 0, "search")})])
