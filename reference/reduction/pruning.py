"""Clause 8.2.3, combined pruning and sparsification: the least output channels go, with all that depends on them; then small weights.

Channels of a layer are ranked by the norm of their weights, or by the stationary distribution of a diffusion over the layer's weight
graph: output channels are its nodes, joined as strongly as their magnitudes overlap. The thresholds of the sparsification depend on the
data: the same multiple of each tensor's standard deviation, so that the wanted share of all weights becomes 0.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from onnx import NodeProto
from pydantic import Field

from nnc_conformance.reference.reduction.channels import Channels, prunable
from nnc_conformance.reference.reduction.graph import Graph
from nnc_conformance.reference.reduction.maps import PruningRow
from nnc_conformance.reference.reduction.network import Accuracy, Array, Network, matrix, weights
from nnc_conformance.reference.reduction.sparsification import below_to_zero, threshold_for
from nnc_conformance.reference.reduction.tool import Aid, Reduction, Share, SweptSettings, swept

Scores = npt.NDArray[np.float64]


class Criterion(StrEnum):
    """How the channels of a layer are ranked."""

    L1 = "l1"
    L2 = "l2"
    DIFFUSION = "diffusion"


class Pruning(SweptSettings):
    """``ratios``: shares of each layer's channels that go, rounded down; ``zeros``: share of the weights left that becomes 0 afterwards."""

    tool: Literal["pruning"] = "pruning"
    ratios: Annotated[tuple[Share, ...], Field(min_length=1, max_length=255)]
    criterion: Criterion = Criterion.L1
    zeros: Share = 0.0


def stationary_distribution(rows: Array) -> Scores:
    """Of the random walk among the rows of a matrix [n, m], whose steps are as likely as the rows' magnitudes overlap.

    The walk on an undirected graph is reversible: the distribution is each node's share of the edges' weights. Rows of zeros have 0.
    """
    magnitudes = np.abs(rows.astype(np.float64))
    strengths = magnitudes @ magnitudes.sum(axis=0)
    total = float(strengths.sum())
    distribution: Scores = strengths / total if total else strengths
    return distribution


RANKINGS: Final[dict[Criterion, Callable[[Array], Scores]]] = {
    Criterion.L1: lambda rows: np.abs(rows.astype(np.float64)).sum(axis=1),
    Criterion.L2: lambda rows: np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1)),
    Criterion.DIFFUSION: stationary_distribution,
}


def kept_channels(weight: Array, axis: int, ratio: float, criterion: Criterion) -> npt.NDArray[np.intp]:
    """The channels along ``axis`` that stay, rising: all but a share ``ratio`` of them, rounded down, that rank least."""
    scores = RANKINGS[criterion](matrix(np.moveaxis(weight, axis, 0)))
    return np.sort(np.argsort(scores, kind="stable")[int(ratio * scores.size) :])


def without_channels(network: Network, found: dict[str, Channels], kept: dict[str, npt.NDArray[np.intp]]) -> Network:
    """The network, its graph included, with only the ``kept`` channels of each layer; raises `ModelError` without an ONNX graph."""
    graph = Graph.of(network.topology)
    changed: dict[str, Array] = {}
    groups: dict[str, int] = {}
    for layer, channels in found.items():
        groups |= dict.fromkeys(channels.depthwise, kept[layer].size)
        for part in channels.parts:
            array = changed.get(part.tensor, network.parameters[part.tensor])
            each = network.parameters[part.tensor].shape[part.axis] // channels.count
            entries = (kept[layer][:, None] * each + np.arange(each)).reshape(-1)
            changed[part.tensor] = np.take(array, entries, axis=part.axis)
    for name, array in changed.items():
        graph.set_dimensions(name, array.shape)
    for node in graph.nodes:
        if node.output and node.output[0] in groups:
            _set_group(node, groups[node.output[0]])
    pruned = {**network.pruned, **{name: array.shape for name, array in changed.items()}}
    return replace(network.with_parameters(changed), topology=graph.topology(), pruned=pruned)


def thresholds(arrays: dict[str, Array], zeros: float) -> dict[str, float]:
    """Of each tensor: the same multiple of the standard deviations, such that a share ``zeros`` of all entries lies below."""
    deviations = {name: float(array.astype(np.float64).std()) or 1.0 for name, array in arrays.items()}
    multiple = threshold_for((arrays[name] / deviations[name] for name in arrays), zeros)
    return {name: multiple * deviation for name, deviation in deviations.items()}


def prune(network: Network, settings: Pruning, aid: Aid) -> Reduction:
    """The tool; its map tells the share of parameters that went and the accuracy."""
    names = weights(network, settings.tensors)
    found = prunable(Graph.of(network.topology), network.parameters, names, chosen=settings.tensors is not None)

    def reduce(ratio: float) -> Network:
        kept = {
            name: kept_channels(network.parameters[name], channels.parts[0].axis, ratio, settings.criterion)
            for name, channels in found.items()
        }
        smaller = without_channels(network, found, kept)
        if settings.zeros:
            arrays = {name: smaller.parameters[name] for name in names}
            limits = thresholds(arrays, settings.zeros)
            smaller = smaller.with_parameters({name: below_to_zero(array, limits[name]) for name, array in arrays.items()})
        if settings.train is None:
            return smaller
        from nnc_conformance.reference.reduction import training

        return training.retrained(smaller, settings.train, aid.samples(), kept_zero=names if settings.zeros else ())

    def row(_: float, reduced: Network, accuracy: Accuracy) -> PruningRow:
        return PruningRow(1 - reduced.size / network.size, accuracy)

    return swept(network, settings.ratios, settings, aid, reduce=reduce, row=row)


def _set_group(node: NodeProto, group: int) -> None:
    entry: Any = next(entry for entry in node.attribute if entry.name == "group")
    entry.i = group
