"""Uniform quantization (clause 9): an index stands for its product with the step size."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.quantization.rate_distortion import LAGRANGIAN, checked, optimised


def quantize(values: npt.NDArray[Any], step: float, coding: TensorCoding, *, rdo: float) -> npt.NDArray[np.int32]:
    """Indexes int32 (rows * columns,), row-major, of float32 ``values`` (as many, any shape), without dependent quantization.

    ``rdo`` 0: the nearest, ties to the even index. Above 0: the least squared error + rdo * `LAGRANGIAN` * step^2 * bits, as far as the
    trellis finds it, with the bits that the adaptive contexts are estimated to take. Raises `EncodeError` for values that are not finite
    or beyond int32 steps, and for a step that is 0 or infinite.
    """
    if rdo > 0:
        return optimised(values, step, coding, rdo * LAGRANGIAN)
    scaled: npt.NDArray[np.float64] = checked(values, step, coding) / np.float64(step)
    return np.rint(scaled, out=scaled).astype(np.int32)
