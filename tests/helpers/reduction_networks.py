"""Networks for the tests of clause 8: those of the package, and small ones made by hand."""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.checker import check_model

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference.reduction.network import Network, runnable
from nnc_conformance.reference.reduction.scoring import Samples, answers
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import extract, restore

NAMES = ("digits-cnn", "digits-depthwise", "digits-mlp")
"""Networks of convolutions and dense layers, through all of which pruning can follow channels."""


def network_of(model: bytes | ModelProto) -> Network:
    parts = extract(model)
    return Network(parts.parameters, Topology(2, parts.topology))


def packaged(name: str) -> Network:
    return network_of(packaged_networks.model_bytes(name))


def held(name: str, count: int = 450) -> Samples:
    inputs, labels = packaged_networks.held_data(name)
    return Samples({key: array[:count] for key, array in inputs.items()}, labels[:count])


def outputs(network: Network, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What ONNX Runtime gives for a network as it stands, checked as a model of its own first."""
    model = restore(network.topology.data, runnable(network))
    check_model(ModelProto.FromString(model), full_check=True)
    return answers(model, inputs)


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def node(operator: str, inputs: str, output: str, **attributes: object) -> NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def made(nodes: list[NodeProto], tensors: dict[str, np.ndarray], shape: list[int | str], outputs_: str = "y", opset: int = 17) -> Network:
    """A network from ``x`` of a shape to ``y``, which has as many dimensions but where a Reshape
    gives it two.
    """
    rank = 2 if any(each.op_type == "Reshape" for each in nodes) else len(shape)
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank) for name in outputs_.split()],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return network_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8))
