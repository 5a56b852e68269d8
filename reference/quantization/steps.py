"""The choice of each tensor's step size, which clause 9 leaves to the encoder."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.topology.classes import Role, role

Array = npt.NDArray[Any]


def by_deviation(parameters: Mapping[str, Array], qp: int, qp_density: int = 2) -> dict[str, int]:
    """Choose a qp for every weight from the spread of its values.

    A step is proportional to the standard deviation of the tensor's values and to the square root
    of their number. This is the least error for the bits if the squared errors of all tensors count
    alike, each relative to its deviation: a value costs log2(1 / step) bits, so sum n log2(1 /
    step) + c sum (step / deviation)^2 is least at step^2 ~ n deviation^2. For tensors of equal
    values their magnitude takes the place of the deviation.

    That holds for sums of many products. Vectors are gains, means and variances too, whose relative
    error counts, and take few bytes: they keep the nonweight_qp.

    Args:
        parameters: Ndarrays by name; those that are no weights (`Role.WEIGHT`) get no qp.
        qp: qp of the largest tensor; no other tensor gets a greater one.
        qp_density: qp per doubling of the step, as a power of 2.

    Returns:
        qp by name, for ``EncoderOptions.tensor_qp``.
    """
    weights = {name: array for name, array in parameters.items() if role(array) is Role.WEIGHT}
    if not weights:
        return {}
    log_steps = {name: np.log2(_deviation(array)) + np.log2(array.size) / 2 for name, array in weights.items()}
    largest = log_steps[max(weights, key=lambda name: weights[name].size)]
    finest = qp - (1 << (5 + qp_density))
    return {name: max(qp + min(round((spread - largest) * (1 << qp_density)), 0), finest) for name, spread in log_steps.items()}


def _deviation(array: Array) -> float:
    """Compute the standard deviation of an array, or the magnitude of its equal values."""
    values = array.astype(np.float64)
    return float(values.std() or abs(values.flat[0]) or 1.0)
