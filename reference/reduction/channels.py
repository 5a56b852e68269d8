"""Output channels of a layer: the tensor entries of each, found by following the graph."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from onnx import NodeProto, numpy_helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.graph import Graph, attribute, described, output_axis, plain_gemm
from nnc_conformance.reference.reduction.network import Array
from nnc_conformance.reference.topology.tensors import has_data

Parameters = Mapping[str, Array]
"""Values by parameter name."""

ELEMENTWISE: Final = frozenset(
    {
        "Celu", "Clip", "Dropout", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "Identity",
        "LeakyRelu", "Mish", "Neg", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh",
    }
)  # fmt: skip
"""Operators that map each entry of their first input to one output entry; other inputs are scalars.
"""

POOLINGS: Final = frozenset({"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool"})
"""Operators that pool over positions and keep the channels."""


class ChannelLayout(StrEnum):
    """Where a value holds its channels."""

    MAPS = "maps"
    """Axis 1 of [N, C, ...]."""
    FEATURES = "features"
    """The last axis of [N, C]; after a Flatten each channel has several consecutive entries."""


@dataclass(frozen=True)
class ChannelSlice:
    """The part of a tensor that belongs to channels.

    Each channel has an equal run of entries along ``axis``.
    """

    tensor: str
    axis: int


@dataclass(frozen=True)
class Channels:
    """The output channels of one layer and everything that depends on them.

    Args:
        count: Number of channels.
        parts: The tensor entries of each channel, those of the layer's weight first.
        depthwise: First outputs of Conv nodes whose attribute ``group`` is the number of
            channels.
    """

    count: int
    parts: tuple[ChannelSlice, ...]
    depthwise: tuple[str, ...]


class _ReachesOutputError(ModelError):
    """Channels reach an output of the graph, so removing them would change its shape."""


def prunable(graph: Graph, parameters: Parameters, layers: Collection[str], *, chosen: bool) -> dict[str, Channels]:
    """Find the layers whose channels can be removed, by the name of their weight.

    Layers that lead to an output of the graph are left out unless they were chosen by name.

    Args:
        parameters: All coded tensors.
        layers: Names of the weights to examine.
        chosen: Whether the user named these layers.

    Raises:
        ModelError: If channels reach something that is not followed, or a chosen layer cannot
            be pruned.
    """
    channels_by_layer = {}
    for node in graph.nodes:
        name = node.input[1] if output_axis(node) is not None and len(node.input) > 1 else ""
        if name not in layers or (node.op_type == "Conv" and attribute(node, "group", 1) != 1):
            continue
        try:
            channels_by_layer[name] = _follow(graph, node, parameters)
        except _ReachesOutputError:
            if chosen:
                raise
    missing = [name for name in layers if name not in channels_by_layer]
    if chosen and missing:
        raise ModelError(f"{missing[0]!r} cannot be pruned: it is not the weight of a Conv, Gemm or MatMul with output channels")
    return channels_by_layer


def _follow(graph: Graph, layer: NodeProto, parameters: Parameters) -> Channels:
    """Collect the slices of all tensors that depend on the output channels of a layer.

    Raises `ModelError` if the channels reach a node or tensor that pruning does not follow.
    """
    name, axis = layer.input[1], output_axis(layer)
    shape = parameters[name].shape
    if axis is None or len(shape) <= axis:
        raise ModelError(f"{name!r} of shape {shape} has no output channels")
    count, depthwise = shape[axis], list[str]()
    parts = [ChannelSlice(name, axis)]
    if len(layer.input) > 2 and layer.input[2]:
        parts.append(ChannelSlice(layer.input[2], -1))
    work = deque([(layer.output[0], ChannelLayout.MAPS if layer.op_type == "Conv" else ChannelLayout.FEATURES)])
    while work:
        value, layout = work.popleft()
        if value in graph.outputs:
            raise _ReachesOutputError(f"the channels of {name!r} are an output of the graph")
        for node in graph.readers.get(value, ()):
            step = _step(graph, node, value, layout, count, parameters)
            if step is None:
                raise ModelError(
                    f"the channels of {name!r} reach {described(node)}, which pruning does not follow; name the layers to prune"
                )
            parts += step.parts
            work += [(node.output[0], step.layout)] if step.layout else []
            depthwise += [node.output[0]] if step.depthwise else []
    for part in parts:
        if not graph.owned(part.tensor) or part.tensor not in parameters:
            raise ModelError(f"the channels of {name!r} reach {part.tensor!r}, which is not a parameter that one layer alone uses")
        dims = parameters[part.tensor].shape
        if len(dims) <= max(part.axis, 0) or dims[part.axis] % count:
            raise ModelError(f"{part.tensor!r} of shape {dims} does not hold {count} channels of {name!r}")
    return Channels(count, tuple(parts), tuple(depthwise))


@dataclass(frozen=True)
class _Step:
    """Effect of a node on the channels of its input.

    Args:
        parts: Tensor entries that depend on the channels.
        layout: Where the output of the node has the channels; None if it has them no more.
        depthwise: Whether the node is a depthwise convolution.
    """

    parts: tuple[ChannelSlice, ...] = ()
    layout: ChannelLayout | None = None
    depthwise: bool = False


def _step(graph: Graph, node: NodeProto, value: str, layout: ChannelLayout, count: int, parameters: Parameters) -> _Step | None:
    """Return what a node does with channels that arrive at it; None if unknown.

    Args:
        graph: The graph.
        node: The node.
        value: Name of the input by which the channels arrive.
        layout: Whether they are maps or features, perhaps several for each channel.
        count: Number of the channels.
        parameters: All coded tensors.
    """
    if any(name in graph.readers or name in graph.outputs for name in node.output[1:]):
        return None
    if list(node.input).count(value) != 1 or node.input[0] != value:
        return _bias(graph, node, value, layout)
    maps, features = layout is ChannelLayout.MAPS, layout is ChannelLayout.FEATURES
    match node.op_type:
        case operator if operator in ELEMENTWISE:
            return _Step(layout=layout)
        case operator if operator in POOLINGS and maps:
            return _Step(layout=layout)
        case "BatchNormalization":
            return _Step(tuple(ChannelSlice(name, 0) for name in node.input[1:5]), layout)
        case "Flatten" if attribute(node, "axis", 1) == 1:
            return _Step(layout=ChannelLayout.FEATURES)
        case "Reshape" if maps and _keeps_channels(graph, node, parameters):
            return _Step(layout=ChannelLayout.FEATURES)
        case "Conv" if maps:
            return _convolution(graph, node, count)
        case "Gemm" if features and plain_gemm(node):
            return _Step((ChannelSlice(node.input[1], 1 if attribute(node, "transB", 0) else 0),))
        case "MatMul" if features and len(_dims(graph, node.input[1])) == 2:
            return _Step((ChannelSlice(node.input[1], 0),))
        case _:
            return _bias(graph, node, value, layout)


def _convolution(graph: Graph, node: NodeProto, count: int) -> _Step | None:
    """Return what a Conv does with the channels that it reads.

    It is None for grouped convolutions that are not depthwise.
    """
    groups, dims = attribute(node, "group", 1), _dims(graph, node.input[1])
    if groups == 1:
        return _Step((ChannelSlice(node.input[1], 1),))
    if groups == count and dims[:2] == (count, 1):
        return _Step(tuple(ChannelSlice(name, 0) for name in node.input[1:] if name), ChannelLayout.MAPS, depthwise=True)
    return None


def _bias(graph: Graph, node: NodeProto, value: str, layout: ChannelLayout) -> _Step | None:
    """Return what an Add of a vector does with features; None for any other node."""
    others = [name for name in node.input if name != value]
    if node.op_type == "Add" and layout is ChannelLayout.FEATURES and len(others) == 1 and others[0] in graph.tensors:
        return _Step((ChannelSlice(others[0], -1),), layout)
    return None


def _dims(graph: Graph, name: str) -> tuple[int, ...]:
    """Return the dimensions of a tensor of the graph; () for a computed value."""
    return tuple(graph.tensors[name].dims) if name in graph.tensors else ()


def _keeps_channels(graph: Graph, node: NodeProto, parameters: Parameters) -> bool:
    """Whether a Reshape flattens to [N, rest]: its target shape is [0, -1]."""
    target, values = node.input[1], parameters
    if target in graph.tensors and has_data(graph.tensors[target]):
        values = {target: numpy_helper.to_array(graph.tensors[target])}
    return target in values and values[target].tolist() == [0, -1]
