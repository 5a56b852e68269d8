"""Local scaling adaptation (clause 8.2.7): a factor for each row of a weight already quantized.

The data-free form chooses the factor that brings the quantized row closest to the original one, by
least squares. The trained form trains the factors from there, while the quantized weights stay.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.batch_norm import with_scaling
from nnc_conformance.reference.reduction.network import Array, DecompositionForm, Network, matrix, weights
from nnc_conformance.reference.reduction.tool import Reduction, Resources, ToolSettings


class LocalScaling(ToolSettings):
    """Settings of the tool.

    Args:
        biases: Whether the trained form also trains the vectors of the network.
    """

    tool: Literal["local_scaling"] = "local_scaling"
    biases: bool = False


def least_squares_factors(original: Array, quantized: Array) -> Array:
    """Find the factor s of each row that minimizes ||original - s * quantized||, binary64.

    Rows lie along dimension 0. The factor of a row of zeros is 1.
    """
    x, q = matrix(original).astype(np.float64), matrix(quantized).astype(np.float64)
    energy = np.sum(q * q, axis=1)
    return np.where(energy > 0, np.sum(x * q, axis=1) / np.where(energy > 0, energy, 1.0), 1.0)


def scalable(network: Network, settings: LocalScaling) -> tuple[str, ...]:
    """List the weights to scale: all chosen ones except those of low displacement rank.

    The graph computes the latter, and LS cannot be applied to them.
    """
    chosen = weights(network, settings.tensors, decomposed=True)
    return tuple(name for name in chosen if name not in network.decomposed or network.decomposed[name].form is DecompositionForm.PRODUCT)


def scale_locally(quantized: Network, settings: LocalScaling, resources: Resources, *, originals: Mapping[str, Array]) -> Reduction:
    """Give quantized weights row factors (LS) that bring them closer to the originals.

    The factors are least squares, trained further if the settings say so. Makes no performance map.

    Args:
        originals: The weights before quantization, by name, in the shape of the graph.

    Raises:
        ModelError: If a weight is not quantized.
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
    return Reduction(training.retrained(scaled, settings.train, resources.samples(), only=only))
