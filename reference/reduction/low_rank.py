"""Low rank (clause 8.2.5): the matrix of a weight is G x H.

G has the shape [rows, rank], H [rank, columns].

The truncated singular value decomposition gives the least mean square error of each rank. The tool
takes the lowest rank whose error is within the threshold, and leaves a weight whole if G and H
would not have fewer entries. The trained form trains G and H.
"""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnc_conformance.reference.reduction.maps import DecompositionRow
from nnc_conformance.reference.reduction.network import Accuracy, Array, Decomposition, DecompositionForm, Network, weights
from nnc_conformance.reference.reduction.tool import NotNegative, Reduction, Resources, SweepSettings, apply_strength


class LowRank(SweepSettings):
    """Settings of the tool.

    Args:
        mse_thresholds: Greatest mean square errors of a weight.
        row_dimensions: Number of leading dimensions that form the rows.
    """

    tool: Literal["low_rank"] = "low_rank"
    mse_thresholds: Annotated[tuple[NotNegative, ...], Field(min_length=1, max_length=255)]
    row_dimensions: int = Field(default=1, ge=1)


def truncated(weight: Array, mse_threshold: float) -> tuple[Array, Array] | None:
    """Compute G and H, float32, of the lowest rank within the threshold.

    Return None if they are not smaller than the weight.

    Both share the singular values equally, so that their entries have a similar scale.
    """
    rows, columns = weight.shape
    u, s, v = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    errors = np.append(np.cumsum((s**2)[::-1])[::-1], 0.0) / weight.size
    rank = max(int(np.argmax(errors <= mse_threshold)), 1)
    if rank * (rows + columns) >= rows * columns:
        return None
    root = np.sqrt(s[:rank])
    return (u[:, :rank] * root).astype(np.float32), (root[:, None] * v[:rank]).astype(np.float32)


def with_generators(network: Network, name: str, decomposition: Decomposition, generators: tuple[Array, Array]) -> Network:
    """Return the network with G and H in place of a whole weight.

    Args:
        network: The network.
        name: Name of the weight in the graph.
        decomposition: Its form and dimensions, which also name G and H.
        generators: G and H, float32.
    """
    parts = dict(zip(decomposition.names(name), generators, strict=True))
    parameters: dict[str, Array] = {}
    for key, array in network.parameters.items():
        parameters |= parts if key == name else {key: array}
    return replace(network, parameters=parameters, decomposed={**network.decomposed, name: decomposition})


def reduce_rank(network: Network, settings: LowRank, resources: Resources) -> Reduction:
    """Replace weights by the product of smaller matrices G and H.

    Each of the settings' error thresholds gives the lowest rank within it; the strongest one whose
    loss of accuracy is acceptable is applied. The map has threshold, share of parameters left and
    accuracy.
    """
    names = weights(network, settings.tensors)

    def reduce(mse_threshold: float) -> Network:
        """Return the network with weights replaced by G and H within the error.

        Weights for which no G and H are smaller stay. G and H are then trained if the settings ask
        for it.
        """
        result, changed = network, list[str]()
        for name in names:
            dimensions = network.parameters[name].shape
            rows = prod(dimensions[: settings.row_dimensions])
            generators = truncated(network.parameters[name].reshape(rows, -1), mse_threshold)
            if generators is not None:
                decomposition = Decomposition(DecompositionForm.PRODUCT, dimensions, rows)
                result = with_generators(result, name, decomposition, generators)
                changed += decomposition.names(name)
        return trained_generators(result, changed, settings, resources)

    return apply_strength(network, settings.mse_thresholds, settings, resources, reduce=reduce, row=decomposition_row(network))


def decomposition_row(network: Network) -> Callable[[float, Network, Accuracy], DecompositionRow]:
    """Return a function that makes map rows relative to the network before the tool."""
    return lambda threshold, reduced, accuracy: DecompositionRow(threshold, reduced.size / network.size, accuracy)


def trained_generators(network: Network, generators: list[str], settings: SweepSettings, resources: Resources) -> Network:
    """Return the network with the named G and H trained, if the settings ask.

    Args:
        network: The network.
        generators: Names of the parameters to train; all others stay as they are.
        settings: Settings of the tool, with those of training.
        resources: Has the training samples.
    """
    if settings.train is None or not generators:
        return network
    from nnc_conformance.reference.reduction import training

    return training.retrained(network, settings.train, resources.samples(), only=generators)
