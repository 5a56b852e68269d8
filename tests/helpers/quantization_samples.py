"""What the tests of quantization share: reproducible sources of weights, and measures."""

import math

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.codeword import encode_codeword
from nnc_conformance.reference.entropy.coding import TensorCoding, TensorToCode

Weights = npt.NDArray[np.float32]


def vector(count, *, dq=False, unary_length=10):
    return TensorCoding(1, count, 0, dq, unary_length, 8)


def coded_bytes(indexes, coding):
    return len(encode_codeword([TensorToCode(coding, indexes, 0, "search")]))


def squared_error(values, indexes, step):
    """Mean, in squared steps."""
    return float(np.mean((values.astype(np.float64).reshape(-1) / step - indexes) ** 2))


def laplacian(seed: int, count: int, deviation: float) -> Weights:
    uniforms = np.random.default_rng(seed).random(count) - 0.5
    return (-np.sign(uniforms) * np.log1p(-2 * np.abs(uniforms)) * deviation / math.sqrt(2)).astype(np.float32)


def gaussian(seed: int, count: int, deviation: float) -> Weights:
    one, two = np.random.default_rng(seed).random((2, count))
    return (np.sqrt(-2 * np.log1p(-one)) * np.cos(2 * np.pi * two) * deviation).astype(np.float32)


def sparse(seed: int, count: int, deviation: float) -> Weights:
    return laplacian(seed, count, deviation) * (np.random.default_rng(seed + 1).random(count) < 0.1)


SOURCES = {"laplacian": laplacian, "gaussian": gaussian, "sparse": sparse}


def lagrangian_cost(values, indexes, coding, step, lagrangian):
    """Squared steps and actual bits."""
    return values.size * squared_error(values, indexes, step) + lagrangian * 8 * coded_bytes(indexes, coding)
