"""Clause 8.2.7, local scaling adaptation: a factor for each row of a weight, chosen when the weight is quantized and fixed.

The data-free form takes the factor that brings the quantized row nearest to the original one, by least squares. The trained form trains
the factors from there, the quantized weights fixed.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.batch_norm import with_scaling
from nnc_conformance.reference.reduction.network import Array, Form, Network, matrix, weights
from nnc_conformance.reference.reduction.tool import Aid, Reduction, ToolSettings


class LocalScaling(ToolSettings):
    """``biases``: the trained form trains the vectors of the network too."""

    tool: Literal["local_scaling"] = "local_scaling"
    biases: bool = False


def least_squares_factors(original: Array, quantized: Array) -> Array:
    """For each row (dimension 0) the factor s of the least ||original - s * quantized||, binary64; 1 where the quantized row is 0."""
    x, q = matrix(original).astype(np.float64), matrix(quantized).astype(np.float64)
    energy = np.sum(q * q, axis=1)
    return np.where(energy > 0, np.sum(x * q, axis=1) / np.where(energy > 0, energy, 1.0), 1.0)


def scalable(network: Network, settings: LocalScaling) -> tuple[str, ...]:
    """The weights that the tool scales: all that are chosen, but those of low displacement rank, which the graph computes."""
    chosen = weights(network, settings.tensors, decomposed=True)
    return tuple(name for name in chosen if name not in network.decomposed or network.decomposed[name].form is Form.PRODUCT)


def scale_locally(quantized: Network, settings: LocalScaling, aid: Aid, *, originals: Mapping[str, Array]) -> Reduction:
    """The tool, on a network with quantized weights; ``originals``: the whole weights before quantization, LS left out.

    It has no map. Raises `ModelError` where a weight is not quantized.
    """
    names = scalable(quantized, settings)
    scaled = quantized
    for name in names:
        if name not in originals:
            raise ModelError(f"local scaling needs quantized weights, and {name!r} is not quantized")
        scaled = with_scaling(scaled, name, least_squares_factors(originals[name], quantized.whole(name)))
    if settings.train is None:
        return Reduction(scaled)
    from nnc_conformance.reference.reduction import training

    factors = [scaled.scaled[name] for name in names]
    vectors = [name for name in training.trainable(scaled) if scaled.parameters[name].ndim == 1 and name not in factors]
    only = [*factors, *(vectors if settings.biases else ())]
    return Reduction(training.retrained(scaled, settings.train, aid.samples(), only=only))
