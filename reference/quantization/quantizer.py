"""Quantizes tensors (clause 9), by rounding or by rate-distortion optimisation."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX, NO_HISTORY, ScanArea, TensorCoding, TensorHistory, TensorToCode
from nnc_conformance.reference.entropy.fast import quant_tensor
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, IntArray
from nnc_conformance.reference.entropy.parameter_search import cheapest_sets, estimated_costs
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.quantization import fast_trellis, trellis
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


def quantize(
    values: npt.NDArray[Any], step: float, coding: TensorCoding, *, rdo: float, history: TensorHistory = NO_HISTORY, hdsp: bool = False
) -> npt.NDArray[np.int32]:
    """Quantize float32 values; a decoder computes index * step.

    With dq_flag the indexes are doubled values: each index moves a state that selects one of two
    quantizers for the next one. Optimisation estimates bits by the adaptive contexts and searches a
    trellis.

    Args:
        values: Rows * columns values, any shape.
        rdo: 0 for the least squared error (without dq_flag the nearest index, ties to even); above,
            the least squared error + rdo * `LAGRANGIAN` * s^2 * bits, where s is the step of a
            quantizer: ``step``, or twice that with dq_flag.
        history: What earlier streams of a session left.
        hdsp: hist_dep_sig_prob_enabled_flag.

    Returns:
        The indexes, int32 (rows * columns,), row-major.

    Raises:
        EncodeError: See `checked`.
    """
    if coding.dq_flag:
        return optimised(values, step, coding, rdo * LAGRANGIAN * DQ_STEPS**2, history_in_force(history, coding, hdsp=hdsp))
    if rdo > 0:
        return optimised(values, step, coding, rdo * LAGRANGIAN, history_in_force(history, coding, hdsp=hdsp))
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


def history_in_force(history: TensorHistory, coding: TensorCoding, *, hdsp: bool) -> TensorHistory:
    """Return the arrays of a history in use: base with TCA, seen with HDSP."""
    return TensorHistory(history.base if coding.tca else NO_HISTORY.base, history.seen if hdsp else NO_HISTORY.seen)


def optimised(
    values: npt.NDArray[Any], step: float, coding: TensorCoding, lagrangian: float, history: TensorHistory = NO_HISTORY
) -> npt.NDArray[np.int32]:
    """Choose indexes of the least distortion + lagrangian * bits that the trellis finds.

    Args:
        lagrangian: Squared steps per bit.
        history: As `history_in_force` gives it.

    Returns:
        The indexes, int32 (rows * columns,), row-major, doubled with dq_flag.

    Raises:
        EncodeError: See `checked`.
    """
    ordered = in_scan_order(checked(values, step, coding), coding.area)
    known = reordered(history, lambda array: in_scan_order(array, coding.area))
    sets = np.zeros(coding.layout.flag, np.int64)
    if lagrangian > 0 and coding.count:
        taken, area = sample(ordered, coding)
        known_there = reordered(known, lambda array: sample(array, coding)[0])
        indexes = in_row_order(_quantized(taken, step, coding, area, lagrangian, sets, known_there), area)
        in_rows = reordered(known_there, lambda array: in_row_order(array, area))
        tools = TensorToCode(coding, indexes, history=in_rows, hdsp=in_rows.seen.size > 0)
        sets = cheapest_sets(DEFAULT, estimated_costs(DEFAULT, coding.layout, area, indexes, quant_tensor, tools))
    return in_row_order(_quantized(ordered, step, coding, coding.area, lagrangian, sets, known), coding.area)


def reordered(history: TensorHistory, order: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> TensorHistory:
    """Apply a function to the arrays of a history that are not empty."""
    base = order(history.base) if history.base.size else history.base
    seen = order(history.seen) if history.seen.size else history.seen
    return TensorHistory(base, seen)


def _quantized(
    ordered: npt.NDArray[np.float32],
    step: float,
    coding: TensorCoding,
    area: ScanArea,
    lagrangian: float,
    sets: IntArray,
    history: TensorHistory,
) -> npt.NDArray[np.int32]:
    """Search the trellis for the indexes of values in coded order.

    Args:
        ordered: The values.
        step: The step size.
        coding: The coding of the tensor.
        area: The area in which the values are scanned.
        lagrangian: Squared steps per bit.
        sets: The parameter set of each context.
        history: Its arrays in coded order; if they are not empty, the plain search is used.
    """
    block_row = area.side * area.columns if area.side else ordered.size
    search = partial(trellis.cheapest_path, history=history) if history.base.size or history.seen.size else fast_trellis.cheapest_path
    return search(ordered, step, coding.layout, tables=DEFAULT, parameter_sets=sets, lagrangian=lagrangian, block_row=block_row)


def sample(ordered: npt.NDArray[Any], coding: TensorCoding) -> tuple[npt.NDArray[Any], ScanArea]:
    """Take a sample of values in coded order: all, whole block rows, or stretches.

    Args:
        ordered: The values.
        coding: The coding of their tensor.

    Returns:
        The sample, and the area in which it is scanned.
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
