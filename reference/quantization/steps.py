"""Which step each tensor gets (clause 9 leaves it to the encoder)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.topology.classes import Role, role

Array = npt.NDArray[Any]


def by_deviation(parameters: Mapping[str, Array], qp: int, qp_density: int = 2) -> dict[str, int]:
    """A qp for every tensor that is quantized, for ``EncoderOptions.tensor_qp``; ``qp`` is that of the largest one, no other is coarser.

    A step is in proportion to the deviation of the tensor's values and to the square root of their number. Where the squared errors of
    all tensors count alike, each in proportion to its deviation, that is the least error for the bits: a value costs log2(1 / step), so
    sum n log2(1 / step) + c sum (step / deviation)^2 is least at step^2 ~ n deviation^2. ``parameters``: name to ndarray; those that are
    coded without loss (`Role.OTHER`) get none. A tensor of equal values counts with their magnitude.
    """
    quantized = {name: array for name, array in parameters.items() if role(array) is not Role.OTHER}
    if not quantized:
        return {}
    wanted = {name: np.log2(_deviation(array)) + np.log2(array.size) / 2 for name, array in quantized.items()}
    largest = wanted[max(quantized, key=lambda name: quantized[name].size)]
    finest = qp - (1 << (5 + qp_density))
    return {name: max(qp + min(round((spread - largest) * (1 << qp_density)), 0), finest) for name, spread in wanted.items()}


def _deviation(array: Array) -> float:
    values = array.astype(np.float64)
    return float(values.std() or abs(values.flat[0]) or 1.0)
