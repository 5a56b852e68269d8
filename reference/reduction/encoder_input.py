"""The encoder's input from a reduced network.

It has blocks for G, H and LS, and an extended graph.

A decoder multiplies G x H and applies LS when it recombines. It does not know the diagonal sums of
low displacement rank, so the graph computes them: there G and H are initializers, and nodes compute
the weight from them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from nnc_conformance.reference.encoder_options import Block, EncoderOptions
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.graph import Graph, output_axis
from nnc_conformance.reference.reduction.network import Array, Decomposition, DecompositionForm, Network
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.content import Topology

LEAST_OPSET: Final = 13
"""First ONNX operator version in which CumSum, Pad, Slice and Reshape all take these inputs."""


def encoder_input(network: Network, options: EncoderOptions) -> tuple[dict[str, Array], Topology | None, EncoderOptions]:
    """Return the arguments of `encoder.encode`: parameters, topology and options.

    The topology is None for a network without a graph.

    Args:
        network: The network after all tools.
        options: The encoder's options, to which blocks and indexes are added.

    Raises:
        ModelError: If the graph cannot hold the nodes that are needed.
    """
    blocks = tuple(blocks_of(network))
    options = replace(options, blocks=blocks, indexes=network.indexes, pruned=network.pruned, exact=options.exact | network.exact)
    return dict(network.parameters), topology(network), options


def topology(network: Network) -> Topology | None:
    """Return the graph that a stream of the network carries.

    Nodes are added that compute weights of low displacement rank from G and H. Raises `ModelError`
    if the graph cannot hold them.
    """
    displaced = {
        name: decomposition for name, decomposition in network.decomposed.items() if decomposition.form is DecompositionForm.DISPLACEMENT
    }
    if not displaced:
        return network.topology
    graph = Graph.of(network.topology)
    if graph.opset < LEAST_OPSET:
        raise ModelError(f"low displacement rank needs ONNX operator version {LEAST_OPSET}; the graph has {graph.opset}")
    made: list[NodeProto] = []
    for name, decomposition in displaced.items():
        if name not in graph.tensors or graph.tensors[name].data_type != TensorProto.FLOAT:
            raise ModelError(f"{name!r} is not a float32 tensor of the main graph, so nodes cannot compute it")
        graph.model.graph.initializer.extend(_generators(network, name, decomposition))
        made += _diagonal_sums(name, decomposition)
    graph.drop_tensors(displaced)
    graph.replace_nodes([*made, *graph.nodes])
    return graph.topology()


def blocks_of(network: Network) -> Iterator[Block]:
    """Yield a block for each decomposed or scaled weight.

    A block includes the bias of the layer if no other layer uses it.
    """
    biases = _biases(network)
    for name in dict.fromkeys([*network.decomposed, *network.scaled]):
        decomposition = network.decomposed.get(name)
        if decomposition is not None and decomposition.form is DecompositionForm.DISPLACEMENT:
            continue
        g, h = decomposition.names(name) if decomposition else ("", "")
        parts = {"weight.g": g, "weight.h": h} if decomposition else {"weight": name}
        optional = {"weight.ls": network.scaled.get(name), "bias": biases.get(name)}
        yield Block(parts | {kind: part for kind, part in optional.items() if part}, decomposition.dimensions if decomposition else ())


def _biases(network: Network) -> dict[str, str]:
    """Map each weight to the bias of its layer.

    A bias counts if no other layer uses it and it has an entry for each row of the weight.
    """
    if network.topology is None or network.topology.storage_format != NNR_TPL_ONNX:
        return {}
    graph = Graph.of(network.topology)
    bias_by_weight = {}
    for node in graph.nodes:
        if output_axis(node) != 0 or len(node.input) < 3 or not all(graph.owned(name) for name in node.input[1:3]):
            continue
        weight, bias = node.input[1:3]
        dimensions = tuple(graph.tensors[weight].dims)
        if bias in network.parameters and bias not in network.exact and network.parameters[bias].shape == dimensions[:1]:
            bias_by_weight[weight] = bias
    return bias_by_weight


def _generators(network: Network, name: str, decomposition: Decomposition) -> list[TensorProto]:
    """Make initializers without data for G and H."""
    return [TensorProto(name=part, dims=network.parameters[part].shape, data_type=TensorProto.FLOAT) for part in decomposition.names(name)]


def _diagonal_sums(name: str, decomposition: Decomposition) -> Iterator[NodeProto]:
    """Yield nodes that compute the value ``name`` from G and H of low displacement rank.

    Rows are shifted so that diagonals become columns, and summed downwards.
    """
    rows = decomposition.rows
    columns = int(np.prod(decomposition.dimensions)) // rows
    width = columns + rows - 1
    steps: list[tuple[str, list[Any]]] = [
        ("Pad", [[0, 0, 0, width - 1 - columns]]),
        ("Reshape", [[-1]]),
        ("Pad", [[rows - 1, 1]]),
        ("Reshape", [[rows, width]]),
        ("CumSum", [0]),
        ("Reshape", [[-1]]),
        ("Slice", [[rows - 1], [-1]]),
        ("Reshape", [[rows, width - 1]]),
        ("Slice", [[0], [columns], [1]]),
        ("Reshape", [list(decomposition.dimensions)]),
    ]
    flow = f"{name}/product"
    yield helper.make_node("MatMul", list(decomposition.names(name)), [flow])
    for number, (operator, arguments) in enumerate(steps):
        constants = [f"{name}/{number}.{place}" for place in range(len(arguments))]
        for constant, value in zip(constants, arguments, strict=True):
            yield helper.make_node("Constant", [], [constant], value=numpy_helper.from_array(np.array(value, np.int64)))
        result = name if number == len(steps) - 1 else f"{name}/{number}"
        yield helper.make_node(operator, [flow, *constants], [result])
        flow = result
