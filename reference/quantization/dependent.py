"""Dependent quantization (clause 9): each index moves a state that says which of two quantizers the next one uses."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.quantization.rate_distortion import LAGRANGIAN, optimised

QUANTIZER_STEP = 2
"""Steps from one value of a quantizer to the next."""


def quantize(values: npt.NDArray[Any], step: float, coding: TensorCoding, *, rdo: float) -> npt.NDArray[np.int32]:
    """Doubled values int32 (rows * columns,), row-major, of float32 ``values`` (as many, any shape), on the trellis from stateId 0.

    A decoder gives doubled value * step. The 8-state Viterbi search takes the least squared error (``rdo`` 0), or the least squared
    error + rdo * `LAGRANGIAN` * (2 * step)^2 * bits with the bits that the adaptive contexts are estimated to take. Raises `EncodeError`
    for values that are not finite or beyond int32 steps, and for a step that is 0 or infinite.
    """
    return optimised(values, step, coding, rdo * LAGRANGIAN * QUANTIZER_STEP**2)
