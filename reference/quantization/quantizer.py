"""Quantizes tensors (clause 9), by rounding or by rate-distortion optimisation."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX, ScanArea, TensorCoding
from nnc_conformance.reference.entropy.fast import quant_tensor
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, IntArray
from nnc_conformance.reference.entropy.parameter_search import cheapest_sets, estimated_costs
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.quantization.fast_trellis import cheapest_path
from nnc_conformance.reference.quantization.scan import in_row_order, in_scan_order
from nnc_conformance.reference.quantization.trellis import greatest_magnitude

LAGRANGIAN: Final = 0.12 * 2 * math.log(2) / 12
"""Squared quantizer steps that a bit is worth at rdo = 1.

It is 0.12 of the slope -dD/dR of a uniform quantizer at high rate: low enough that squared errors
hardly grow at the same step. At the same error, a smaller step and rdo = 5 take the fewest bits.
"""
SAMPLE: Final = 1 << 14
"""Weights that parameter sets are fitted to before all weights are quantized."""
DQ_STEPS: Final = 2
"""Steps between neighbouring values of a quantizer of dependent quantization."""
PIECES: Final = 4
"""Pieces of a tensor that such a sample is taken from."""


def quantize(values: npt.NDArray[Any], step: float, coding: TensorCoding, *, rdo: float) -> npt.NDArray[np.int32]:
    """Quantize float32 values; a decoder computes index * step.

    With dq_flag the indexes are doubled values: each index moves a state that selects one of two
    quantizers for the next one. Optimisation estimates bits by the adaptive contexts and searches a
    trellis.

    Args:
        values: Rows * columns values, any shape.
        rdo: 0 for the least squared error (without dq_flag the nearest index, ties to even); above,
            the least squared error + rdo * `LAGRANGIAN` * s^2 * bits, where s is the step of a
            quantizer: ``step``, or twice that with dq_flag.

    Returns:
        The indexes, int32 (rows * columns,), row-major.

    Raises:
        EncodeError: See `checked`.
    """
    if coding.dq_flag:
        return optimised(values, step, coding, rdo * LAGRANGIAN * DQ_STEPS**2)
    if rdo > 0:
        return optimised(values, step, coding, rdo * LAGRANGIAN)
    scaled: npt.NDArray[np.float64] = checked(values, step, coding) / np.float64(step)
    return np.rint(scaled, out=scaled).astype(np.int32)


def checked(values: npt.NDArray[Any], step: float, coding: TensorCoding | None = None) -> npt.NDArray[np.float32]:
    """Return the values as a float32 vector.

    Raises:
        EncodeError: For a wrong number of values, values that are not finite or exceed int32
            steps, or a step that is 0 or infinite.
    """
    vector = np.require(values, np.float32, ["C", "W"]).reshape(-1)
    if coding is not None and vector.size != coding.count:
        raise EncodeError(f"{vector.size} values; {coding.rows} x {coding.columns} are needed")
    if not 0 < step < math.inf:
        raise EncodeError(f"the step size must be positive and finite, not {step}")
    greatest = greatest_magnitude(vector)
    if not greatest / step <= INT32_MAX:
        raise EncodeError(f"values up to {greatest} exceed int32 steps of {step}")
    return vector


def optimised(values: npt.NDArray[Any], step: float, coding: TensorCoding, lagrangian: float) -> npt.NDArray[np.int32]:
    """Choose indexes of the least distortion + lagrangian * bits that the trellis finds.

    Args:
        lagrangian: Squared steps per bit.

    Returns:
        The indexes, int32 (rows * columns,), row-major, doubled with dq_flag.

    Raises:
        EncodeError: See `checked`.
    """
    ordered = in_scan_order(checked(values, step, coding), coding.area)
    sets = np.zeros(coding.layout.flag, np.int64)
    if lagrangian > 0 and coding.count:
        taken, area = sample(ordered, coding)
        indexes = _quantized(taken, step, coding, area, lagrangian, sets)
        sets = cheapest_sets(DEFAULT, estimated_costs(DEFAULT, coding.layout, area, in_row_order(indexes, area), quant_tensor))
    return in_row_order(_quantized(ordered, step, coding, coding.area, lagrangian, sets), coding.area)


def _quantized(
    ordered: npt.NDArray[np.float32], step: float, coding: TensorCoding, area: ScanArea, lagrangian: float, sets: IntArray
) -> npt.NDArray[np.int32]:
    """Search the trellis for indexes of values in coded order."""
    block_row = area.side * area.columns if area.side else ordered.size
    return cheapest_path(ordered, step, coding.layout, tables=DEFAULT, parameter_sets=sets, lagrangian=lagrangian, block_row=block_row)


def sample(ordered: npt.NDArray[np.float32], coding: TensorCoding) -> tuple[npt.NDArray[np.float32], ScanArea]:
    """Take a sample of values in coded order; return it and the area that it is scanned as.

    It is everything, whole block rows, or stretches of a tensor without block rows.
    """
    if coding.count <= SAMPLE:
        return ordered, coding.area
    unit = coding.area.side * coding.columns if coding.block_rows > 1 else 1
    units, sampled_units = coding.count // unit, max(SAMPLE // unit, 1)
    pieces = min(PIECES, sampled_units)
    length = sampled_units // pieces
    starts = [(units - length) * piece // max(pieces - 1, 1) for piece in range(pieces)]
    taken = np.concatenate([ordered[start * unit : (start + length) * unit] for start in starts])
    if unit == 1:
        return taken, ScanArea(1, taken.size, 0)
    return taken, ScanArea(pieces * length * coding.area.side, coding.columns, coding.area.side)
