"""Clause 8.2.5, low rank: a weight as a matrix W [rows, columns] is G [rows, rank] times H [rank, columns].

The truncated singular value decomposition gives the least mean square error of each rank; the rank is the least whose error is the
threshold at most, and a weight stays whole where G and H would have no fewer entries. The trained form trains G and H.
"""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnc_conformance.reference.reduction.maps import DecompositionRow
from nnc_conformance.reference.reduction.network import Accuracy, Array, Decomposition, Form, Network, weights
from nnc_conformance.reference.reduction.tool import Aid, NotNegative, Reduction, SweptSettings, swept


class LowRank(SweptSettings):
    """``mse_thresholds``: greatest mean square error of a weight; ``row_dimensions``: leading dimensions that make the rows."""

    tool: Literal["low_rank"] = "low_rank"
    mse_thresholds: Annotated[tuple[NotNegative, ...], Field(min_length=1, max_length=255)]
    row_dimensions: int = Field(default=1, ge=1)


def truncated(weight: Array, mse_threshold: float) -> tuple[Array, Array] | None:
    """G and H, float32, of the least rank whose mean square error is the threshold at most; None where they are no smaller.

    The singular values are shared between G and H, so that both have entries of one scale.
    """
    rows, columns = weight.shape
    u, s, v = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    errors = np.append(np.cumsum((s**2)[::-1])[::-1], 0.0) / weight.size
    rank = max(int(np.argmax(errors <= mse_threshold)), 1)
    if rank * (rows + columns) >= rows * columns:
        return None
    root = np.sqrt(s[:rank])
    return (u[:, :rank] * root).astype(np.float32), (root[:, None] * v[:rank]).astype(np.float32)


def decomposed(network: Network, name: str, how: Decomposition, generators: tuple[Array, Array]) -> Network:
    """The network with G and H in the place of a whole weight."""
    parts = dict(zip(how.names(name), generators, strict=True))
    parameters: dict[str, Array] = {}
    for key, array in network.parameters.items():
        parameters |= parts if key == name else {key: array}
    return replace(network, parameters=parameters, decomposed={**network.decomposed, name: how})


def reduce_rank(network: Network, settings: LowRank, aid: Aid) -> Reduction:
    """The tool; its map tells the threshold, the share of parameters left and the accuracy."""
    names = weights(network, settings.tensors)

    def reduce(mse_threshold: float) -> Network:
        result, changed = network, list[str]()
        for name in names:
            dimensions = network.parameters[name].shape
            rows = prod(dimensions[: settings.row_dimensions])
            found = truncated(network.parameters[name].reshape(rows, -1), mse_threshold)
            if found is not None:
                how = Decomposition(Form.PRODUCT, dimensions, rows)
                result = decomposed(result, name, how, found)
                changed += how.names(name)
        return fitted(result, changed, settings, aid)

    return swept(network, settings.mse_thresholds, settings, aid, reduce=reduce, row=row_over(network))


def row_over(network: Network) -> Callable[[float, Network, Accuracy], DecompositionRow]:
    """Rows that compare with the network before the tool."""
    return lambda threshold, reduced, accuracy: DecompositionRow(threshold, reduced.size / network.size, accuracy)


def fitted(network: Network, generators: list[str], settings: SweptSettings, aid: Aid) -> Network:
    """The network with G and H trained, where the settings say so."""
    if settings.train is None or not generators:
        return network
    from nnc_conformance.reference.reduction import training

    return training.retrained(network, settings.train, aid.samples(), only=generators)
