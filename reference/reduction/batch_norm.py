"""Batch-norm folding (clause 8.2.6): move a BatchNormalization into the layer before it.

alpha = gamma / sqrt(variance + epsilon) scales the channels of the weight, or becomes the LS of the
layer. delta = beta - alpha * (mean - bias) becomes the bias of the layer: in place of its own bias,
or under the name of beta if it had none. The trained form first trains gamma and beta.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod
from typing import Final, Literal

import numpy as np
from onnx import NodeProto

from nnc_conformance.reference.reduction.graph import Graph, output_axis
from nnc_conformance.reference.reduction.network import LS_SUFFIX, Array, DecompositionForm, Network, unused_name, weights
from nnc_conformance.reference.reduction.tool import Reduction, Resources, ToolSettings

DEFAULT_EPSILON: Final = 1e-5
"""Epsilon of a BatchNormalization that states none, as ONNX defines it."""
_ABSENT: Final = np.zeros(0, np.float32)


class AlphaTarget(StrEnum):
    """Where alpha goes."""

    WEIGHT = "weight"
    """Into the weight."""
    SCALING = "scaling"
    """Into LS if the channels are the rows of the weight; else into the weight."""


class BatchNormFolding(ToolSettings):
    """Settings of the tool; ``into`` states where alpha goes."""

    tool: Literal["batch_norm_folding"] = "batch_norm_folding"
    into: AlphaTarget = AlphaTarget.WEIGHT


@dataclass(frozen=True)
class FoldableNorm:
    """A BatchNormalization that can be folded, and the layer before it.

    Args:
        weight: Name of the layer's weight.
        axis: Axis of the weight's output channels.
        bias: Name of the layer's bias, if it has one.
    """

    node: NodeProto
    layer: NodeProto
    weight: str
    axis: int
    bias: str | None

    @property
    def tensors(self) -> tuple[str, str, str, str]:
        """The names of gamma, beta, mean and variance."""
        gamma, beta, mean, variance = self.node.input[1:5]
        return gamma, beta, mean, variance

    @property
    def epsilon(self) -> float:
        """The number added to the variance."""
        return next((float(entry.f) for entry in self.node.attribute if entry.name == "epsilon"), DEFAULT_EPSILON)


def foldable(graph: Graph, network: Network, names: tuple[str, ...]) -> tuple[FoldableNorm, ...]:
    """Find the batch norms that can be folded into the layer before them.

    Each follows a Conv or Gemm whose output nothing else reads, and shares no tensor with other
    nodes.

    Args:
        graph: The graph of the network.
        network: The network.
        names: Weights of layers to consider.
    """
    norms = []
    for node in graph.nodes:
        if node.op_type != "BatchNormalization" or any(entry.name == "training_mode" and entry.i for entry in node.attribute):
            continue
        layer = graph.makers.get(node.input[0])
        if layer is None or len(graph.readers[node.input[0]]) > 1 or node.input[0] in graph.outputs:
            continue
        axis = output_axis(layer)
        if axis is None or layer.op_type == "MatMul":
            continue
        norm = FoldableNorm(node, layer, layer.input[1], axis, layer.input[2] if len(layer.input) > 2 and layer.input[2] else None)
        parts = [norm.weight, *norm.tensors, *([norm.bias] if norm.bias else [])]
        decomposition = network.decomposed.get(norm.weight)
        scalable = decomposition is None or (
            decomposition.form is DecompositionForm.PRODUCT and (axis == 0 or decomposition.rows == decomposition.dimensions[0])
        )
        vectors = [network.parameters.get(name, _ABSENT).size for name in parts[1:]]
        same = len(set(vectors)) == 1 and vectors[0] > 0
        if norm.weight in names and same and scalable and all(graph.owned(name) for name in parts):
            norms.append(norm)
    return tuple(norms)


def affine(gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float, bias: Array | float = 0.0) -> tuple[Array, Array]:
    """Compute alpha and delta of a batch norm: its output is alpha * x + delta.

    Args:
        gamma: Scale, one entry a channel, as the other vectors.
        beta: Shift.
        mean: Running mean.
        variance: Running variance.
        epsilon: Added to the variance.
        bias: Bias of the layer before it, which is folded into delta.

    Returns:
        alpha and delta, binary64 vectors with one entry a channel.
    """
    alpha = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return alpha, beta.astype(np.float64) - alpha * (mean.astype(np.float64) - bias)


def fold(network: Network, settings: BatchNormFolding, resources: Resources) -> Reduction:
    """Fold all suitable batch norms and leave the others as they are.

    Gamma and beta are trained before that if the settings ask for it. The result is a new network;
    it has no performance map.
    """
    names = weights(network, settings.tensors, decomposed=True)
    norms = foldable(Graph.of(network.topology), network, names)
    if settings.train is not None and norms:
        from nnc_conformance.reference.reduction import training

        trained = [name for norm in norms for name in norm.tensors[:2]]
        network = training.retrained(network, settings.train, resources.samples(), only=trained)
    graph = Graph.of(network.topology)
    for norm in foldable(graph, network, names):
        network = _folded(network, norm, settings.into)
    gone = {norm.node.input[0] for norm in norms}
    graph.replace_nodes(node for node in graph.nodes if not (node.op_type == "BatchNormalization" and node.input[0] in gone))
    dropped = {name for norm in norms for name in (norm.tensors if norm.bias else (norm.tensors[0], *norm.tensors[2:]))}
    graph.drop_tensors(dropped)
    parameters = {name: array for name, array in network.parameters.items() if name not in dropped}
    return Reduction(replace(network, parameters=parameters, topology=graph.topology()))


def _folded(network: Network, norm: FoldableNorm, target: AlphaTarget) -> Network:
    """Fold one batch norm into its layer, which takes over the output of the norm.

    Return the network with the new bias, and with the weight multiplied by alpha or, for
    `AlphaTarget.SCALING`, alpha as its local scaling. The layer's node is changed in place. The
    caller removes the norm's node and tensors.
    """
    gamma, beta, mean, variance = (network.parameters[name] for name in norm.tensors)
    bias = network.parameters[norm.bias].astype(np.float64) if norm.bias else 0.0
    alpha, delta = affine(gamma, beta, mean, variance, norm.epsilon, bias)
    bias_name = norm.bias or norm.tensors[1]
    del norm.layer.input[2:]
    norm.layer.input.append(bias_name)
    norm.layer.output[0] = norm.node.output[0]
    network = network.with_parameters({bias_name: delta})
    if target is AlphaTarget.SCALING and norm.axis == 0:
        return with_scaling(network, norm.weight, alpha)
    return _scaled(network, norm.weight, norm.axis, alpha)


def with_scaling(network: Network, weight: str, factors: Array) -> Network:
    """Return the network with the rows of a weight scaled by factors, as local scaling.

    Factors that the weight has already are multiplied with these.

    Args:
        network: The network.
        weight: Name of the weight in the graph.
        factors: A factor for each row, of shape (rows,).
    """
    name = network.scaled.get(weight)
    if name is not None:
        return network.with_parameters({name: network.parameters[name].astype(np.float64) * factors})
    name = unused_name(network, weight + LS_SUFFIX)
    return replace(network.with_parameters({name: factors}), scaled={**network.scaled, weight: name})


def _scaled(network: Network, weight: str, axis: int, alpha: Array) -> Network:
    """Return the network with the channels of a weight along an axis multiplied.

    If the weight is decomposed, the rows of G or the columns of H are multiplied.

    Args:
        network: The network.
        weight: Name of the weight in the graph.
        axis: 0 for output channels in rows, else 1.
        alpha: A factor for each channel, of shape (channels,).
    """
    decomposition = network.decomposed.get(weight)
    if decomposition is None:
        array = network.parameters[weight]
        shape = [1] * array.ndim
        shape[axis] = alpha.size
        return network.with_parameters({weight: array.astype(np.float64) * alpha.reshape(shape)})
    g, h = decomposition.names(weight)
    if axis == 0:
        factors = np.repeat(alpha, decomposition.rows // decomposition.dimensions[0])
        return network.with_parameters({g: network.parameters[g].astype(np.float64) * factors[:, None]})
    columns = np.tile(alpha, prod(decomposition.dimensions[1:]) // alpha.size)
    return network.with_parameters({h: network.parameters[h].astype(np.float64) * columns})
