"""The search of the effort ``best``.

It tries a finer step and more weight on rate, at no more error.

At a finer step, indexes that rate moves away from their weights err by less. What that gains is
greatest at low rates.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.codeword import encode_codeword
from nnc_conformance.reference.entropy.coding import INT32_MAX, TensorCoding, TensorToCode
from nnc_conformance.reference.quantization.quantizer import checked, quantize, sample
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.quantization.scan import in_scan_order
from nnc_conformance.reference.quantization.trellis import greatest_magnitude

FINER_STEPS: Final = 4
"""Finer steps that are tried, evenly spaced in an octave."""
MOST_RDO: Final = 32.0
"""Greatest factor of the weight of rate."""
BISECTIONS: Final = 6
"""Steps of the search for the weight of rate that gives the same error."""
LESS: Final = 0.97
"""Factor of the weight of rate where all weights err by more than the sample."""
TRIES: Final = 3
"""How often all weights are quantized with a finer step."""

Indexes = npt.NDArray[np.int32]


def smallest(values: npt.NDArray[Any], how: TensorCoding, qp: int, qp_density: int, *, lowest: int, rdo: float) -> tuple[Indexes, int]:
    """Quantize as `quantize` does, at a qp or at a finer one.

    A finer one is taken only if it takes fewer bytes.

    The squared error is never more than at the qp asked for. Step and weight of rate are chosen on
    a sample.

    Args:
        lowest: The lowest qp.
        rdo: The weight of rate at the qp asked for, positive.

    Returns:
        The indexes, int32 (rows * columns,), row-major, and their qp.

    Raises:
        EncodeError: See `quantizer.checked`.
    """
    step = float(step_size(qp_density, qp))
    vector = checked(values, step, how)
    asked = quantize(vector, step, how, rdo=rdo)
    taken, _ = sample(in_scan_order(vector, how.area), how)
    finer = {max(1, round(number * (1 << qp_density) / FINER_STEPS)) for number in range(1, FINER_STEPS + 1)}
    steps = {qp - each: float(step_size(qp_density, qp - each)) for each in sorted(finer) if qp - each >= lowest}
    reached = {each: size for each, size in steps.items() if greatest_magnitude(vector) / size <= INT32_MAX}
    found = _on_sample(taken, how, step, reached, rdo)
    if found is None:
        return asked, qp
    found_qp, weight = found
    error, size = _squared_error(vector, asked, step), _coded_bytes(asked, how)
    for _ in range(TRIES):
        indexes = quantize(vector, steps[found_qp], how, rdo=weight)
        if _squared_error(vector, indexes, steps[found_qp]) <= error:
            return (indexes, found_qp) if _coded_bytes(indexes, how) < size else (asked, qp)
        weight *= LESS
    return asked, qp


def _on_sample(
    values: npt.NDArray[np.float32], how: TensorCoding, step: float, finer: dict[int, float], rdo: float
) -> tuple[int, float] | None:
    """Choose the finer qp and the weight of rate.

    Return None if the given step takes fewest bytes.

    Args:
        finer: Step by qp.
    """
    coding = TensorCoding(1, values.size, 0, how.dq_flag, how.unary_length, how.qp_delta_bits)
    indexes = quantize(values, step, coding, rdo=rdo)
    error, least = _squared_error(values, indexes, step), _coded_bytes(indexes, coding)
    found = None
    for qp, size in finer.items():
        low, high = math.log(rdo), math.log(rdo * MOST_RDO)
        for _ in range(BISECTIONS):
            weight = math.exp((low + high) / 2)
            indexes = quantize(values, size, coding, rdo=weight)
            if _squared_error(values, indexes, size) > error:
                high = (low + high) / 2
                continue
            low = (low + high) / 2
            if (coded := _coded_bytes(indexes, coding)) < least:
                least, found = coded, (qp, weight)
    return found


def _squared_error(values: npt.NDArray[np.float32], indexes: Indexes, step: float) -> float:
    """Sum the squared errors of what a decoder computes, in squares of the values' unit."""
    return float(np.sum(np.square(values.astype(np.float64) - indexes * step)))


def _coded_bytes(indexes: Indexes, how: TensorCoding) -> int:
    """Count the bytes of the indexes with searched parameter sets, in a first-edition codeword."""
    coding = TensorCoding(how.rows, how.columns, how.scan_order, how.dq_flag, how.unary_length, how.qp_delta_bits)
    return len(encode_codeword([TensorToCode(coding, indexes, 0, "search")]))
