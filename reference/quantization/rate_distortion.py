"""Rate against distortion: the exchange rate, the choice of parameter sets that a quantization reckons with, and the checks before it."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX, ScanArea, TensorCoding
from nnc_conformance.reference.entropy.fast import quant_tensor
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, IntArray
from nnc_conformance.reference.entropy.parameter_search import cheapest_sets, estimated_costs
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.quantization.scan import in_row_order, in_scan_order
from nnc_conformance.reference.quantization.trellis import cheapest_path, greatest_magnitude

LAGRANGIAN: Final = 0.12 * 2 * math.log(2) / 12
"""Squared quantizer steps that a bit is worth at rdo = 1: 0.12 of the slope -dD/dR of a uniform quantizer at high rate.

So low that squared errors hardly grow at the same step; at the same error, a smaller step and rdo = 5 take the fewest bits.
"""
SAMPLE: Final = 1 << 14
"""Weights that the parameter sets are fitted to before all are quantized."""
PIECES: Final = 4


def checked(values: npt.NDArray[Any], step: float, coding: TensorCoding | None = None) -> npt.NDArray[np.float32]:
    """The values as a float32 vector.

    Raises `EncodeError` where they are not as many as are to be coded, or not finite, or beyond int32 steps, and for a step that is 0 or
    infinite.
    """
    vector = np.require(values, np.float32, ["C", "W"]).reshape(-1)
    if coding is not None and vector.size != coding.count:
        raise EncodeError(f"{vector.size} values for {coding.rows} x {coding.columns}")
    if not 0 < step < math.inf:
        raise EncodeError(f"a step size of {step}")
    greatest = greatest_magnitude(vector)
    if not greatest / step <= INT32_MAX:
        raise EncodeError(f"values up to {greatest} are more than int32 steps of {step}")
    return vector


def optimised(values: npt.NDArray[Any], step: float, coding: TensorCoding, lagrangian: float) -> npt.NDArray[np.int32]:
    """Indexes int32 (rows * columns,) row-major, doubled with dq_flag, of the least distortion + lagrangian * bits that the trellis finds.

    ``lagrangian``: squared steps a bit. Raises `EncodeError` (see `checked`).
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
    block_row = area.side * area.columns if area.side else ordered.size
    return cheapest_path(ordered, step, coding.layout, tables=DEFAULT, parameter_sets=sets, lagrangian=lagrangian, block_row=block_row)


def sample(ordered: npt.NDArray[np.float32], coding: TensorCoding) -> tuple[npt.NDArray[np.float32], ScanArea]:
    """Some of the values in coded order, and what they are scanned as: everything, or whole block rows, or stretches without any."""
    if coding.count <= SAMPLE:
        return ordered, coding.area
    unit = coding.area.side * coding.columns if coding.block_rows > 1 else 1
    units, wanted = coding.count // unit, max(SAMPLE // unit, 1)
    pieces = min(PIECES, wanted)
    length = wanted // pieces
    starts = [(units - length) * piece // max(pieces - 1, 1) for piece in range(pieces)]
    taken = np.concatenate([ordered[start * unit : (start + length) * unit] for start in starts])
    if unit == 1:
        return taken, ScanArea(1, taken.size, 0)
    return taken, ScanArea(pieces * length * coding.area.side, coding.columns, coding.area.side)
