"""Combined pruning and sparsification (clause 8.2.3): remove channels, then zero small weights.

The channels of a layer are ranked by the norm of their weights, or by the stationary distribution
of a diffusion over the layer's weight graph, in which output channels are nodes and the overlap of
their magnitudes is the strength of an edge. The thresholds of the sparsification depend on the
data: the same multiple of each tensor's standard deviation, so that the given share of all weights
becomes 0.
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
from nnc_conformance.reference.reduction.tool import Fraction, Reduction, Resources, SweepSettings, apply_strength

Scores = npt.NDArray[np.float64]


class Criterion(StrEnum):
    """How the channels of a layer are ranked."""

    L1 = "l1"
    L2 = "l2"
    DIFFUSION = "diffusion"


class Pruning(SweepSettings):
    """Settings of the tool.

    Args:
        ratios: Shares of each layer's channels to remove, rounded down to whole channels.
        criterion: How channels are ranked.
        zeros: Share of the remaining weights that then becomes 0.
    """

    tool: Literal["pruning"] = "pruning"
    ratios: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=255)]
    criterion: Criterion = Criterion.L1
    zeros: Fraction = 0.0


def stationary_distribution(rows: Array) -> Scores:
    """Compute the stationary distribution of a random walk among the rows of a matrix.

    For a matrix [n, m] it is [n]. Steps are as likely as the magnitudes of the rows overlap. The
    walk on an undirected graph is reversible, so the distribution is each node's share of the edge
    weights. Rows of zeros have 0.
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
"""Functions that score the rows of a matrix, by criterion; the lowest scores are removed first."""


def kept_channels(weight: Array, axis: int, ratio: float, criterion: Criterion) -> npt.NDArray[np.intp]:
    """List the channels along ``axis`` to keep, in rising order.

    Args:
        ratio: Share of the channels to remove, rounded down to whole channels.
    """
    scores = RANKINGS[criterion](matrix(np.moveaxis(weight, axis, 0)))
    return np.sort(np.argsort(scores, kind="stable")[int(ratio * scores.size) :])


def without_channels(network: Network, channels_by_layer: dict[str, Channels], kept: dict[str, npt.NDArray[np.intp]]) -> Network:
    """Remove all but the ``kept`` channels of each layer, also in the graph.

    Raises:
        ModelError: Without an ONNX graph.
    """
    graph = Graph.of(network.topology)
    changed: dict[str, Array] = {}
    groups: dict[str, int] = {}
    for layer, channels in channels_by_layer.items():
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
    """Compute a threshold for each tensor, the same multiple of all standard deviations.

    The share ``zeros`` of all entries lies below the thresholds.
    """
    deviations = {name: float(array.astype(np.float64).std()) or 1.0 for name, array in arrays.items()}
    multiple = threshold_for((arrays[name] / deviations[name] for name in arrays), zeros)
    return {name: multiple * deviation for name, deviation in deviations.items()}


def prune(network: Network, settings: Pruning, resources: Resources) -> Reduction:
    """Prune channels, then zero weights.

    The map states the share of parameters removed and the accuracy.
    """
    names = weights(network, settings.tensors)
    channels_by_layer = prunable(Graph.of(network.topology), network.parameters, names, chosen=settings.tensors is not None)

    def reduce(ratio: float) -> Network:
        """Return the network without this share of channels.

        If the settings ask for it, the smallest of the values left become 0, and the network is
        trained.
        """
        kept = {
            name: kept_channels(network.parameters[name], channels.parts[0].axis, ratio, settings.criterion)
            for name, channels in channels_by_layer.items()
        }
        smaller = without_channels(network, channels_by_layer, kept)
        if settings.zeros:
            arrays = {name: smaller.parameters[name] for name in names}
            limits = thresholds(arrays, settings.zeros)
            smaller = smaller.with_parameters({name: below_to_zero(array, limits[name]) for name, array in arrays.items()})
        if settings.train is None:
            return smaller
        from nnc_conformance.reference.reduction import training

        return training.retrained(smaller, settings.train, resources.samples(), kept_zero=names if settings.zeros else ())

    def row(_: float, reduced: Network, accuracy: Accuracy) -> PruningRow:
        return PruningRow(1 - reduced.size / network.size, accuracy)

    return apply_strength(network, settings.ratios, settings, resources, reduce=reduce, row=row)


def _set_group(node: NodeProto, group: int) -> None:
    """Set the attribute ``group`` of a Conv node."""
    entry: Any = next(entry for entry in node.attribute if entry.name == "group")
    entry.i = group
