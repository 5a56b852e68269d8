"""From a reduced network to what the encoder takes: blocks for G, H and LS, and the graph that computes what decoders do not.

A decoder multiplies G x H and applies LS where it recombines. What it does not know, sums along diagonals (low displacement rank), the
graph does: there G and H are initializers, and nodes make the weight from them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from nnc_conformance.reference.encoder import Block, EncoderOptions
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.reduction.graph import Graph, output_axis
from nnc_conformance.reference.reduction.network import Array, Decomposition, Form, Network
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX

LEAST_OPSET: Final = 13
"""From here on CumSum, Pad, Slice and Reshape all take what the nodes give them."""


def emitted(network: Network, options: EncoderOptions) -> tuple[dict[str, Array], Topology | None, EncoderOptions]:
    """Parameters, topology and options for `encoder.encode`; raises `ModelError` for a graph that cannot hold what is needed."""
    blocks = tuple(blocks_of(network))
    options = replace(options, blocks=blocks, indexes=network.indexes, pruned=network.pruned, exact=options.exact | network.exact)
    return dict(network.parameters), topology(network), options


def topology(network: Network) -> Topology | None:
    """The network's graph, with nodes that compute the weights of low displacement rank."""
    displaced = {name: how for name, how in network.decomposed.items() if how.form is Form.DISPLACEMENT}
    if not displaced:
        return network.topology
    graph = Graph.of(network.topology)
    if graph.opset < LEAST_OPSET:
        raise ModelError(f"the graph's operators are of version {graph.opset}, weights of low displacement rank need {LEAST_OPSET}")
    made: list[NodeProto] = []
    for name, how in displaced.items():
        if name not in graph.tensors or graph.tensors[name].data_type != TensorProto.FLOAT:
            raise ModelError(f"{name!r} is no float32 tensor of the main graph, which nodes could compute")
        graph.model.graph.initializer.extend(_generators(network, name, how))
        made += _diagonal_sums(name, how)
    graph.drop_tensors(displaced)
    graph.replace_nodes([*made, *graph.nodes])
    return graph.topology()


def blocks_of(network: Network) -> Iterator[Block]:
    """A block for each weight that is decomposed or scaled, with the layer's bias where it has one of its own."""
    biases = _biases(network)
    for name in dict.fromkeys([*network.decomposed, *network.scaled]):
        how = network.decomposed.get(name)
        if how is not None and how.form is Form.DISPLACEMENT:
            continue
        g, h = how.names(name) if how else ("", "")
        parts = {"weight.g": g, "weight.h": h} if how else {"weight": name}
        optional = {"weight.ls": network.scaled.get(name), "bias": biases.get(name)}
        yield Block(parts | {kind: part for kind, part in optional.items() if part}, how.dimensions if how else ())


def _biases(network: Network) -> dict[str, str]:
    """By weight the bias of its layer: a parameter with an entry for each row of the weight, of no other layer."""
    if network.topology is None or network.topology.storage_format != NNR_TPL_ONNX:
        return {}
    graph = Graph.of(network.topology)
    found = {}
    for node in graph.nodes:
        if output_axis(node) != 0 or len(node.input) < 3 or not all(graph.owned(name) for name in node.input[1:3]):
            continue
        weight, bias = node.input[1:3]
        dimensions = tuple(graph.tensors[weight].dims)
        if bias in network.parameters and bias not in network.exact and network.parameters[bias].shape == dimensions[:1]:
            found[weight] = bias
    return found


def _generators(network: Network, name: str, how: Decomposition) -> list[TensorProto]:
    return [TensorProto(name=part, dims=network.parameters[part].shape, data_type=TensorProto.FLOAT) for part in how.names(name)]


def _diagonal_sums(name: str, how: Decomposition) -> Iterator[NodeProto]:
    """Nodes that give the value ``name`` from G and H: rows are moved so that diagonals become columns, and summed down."""
    rows = how.rows
    columns = int(np.prod(how.dimensions)) // rows
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
        ("Reshape", [list(how.dimensions)]),
    ]
    flow = f"{name}/product"
    yield helper.make_node("MatMul", list(how.names(name)), [flow])
    for number, (operator, arguments) in enumerate(steps):
        constants = [f"{name}/{number}.{place}" for place in range(len(arguments))]
        for constant, value in zip(constants, arguments, strict=True):
            yield helper.make_node("Constant", [], [constant], value=numpy_helper.from_array(np.array(value, np.int64)))
        result = name if number == len(steps) - 1 else f"{name}/{number}"
        yield helper.make_node(operator, [flow, *constants], [result])
        flow = result
