"""Networks as ONNX graphs, built by hand from trained tensors.

They have opset 17, IR version 8 and a dynamic batch.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.checker import check_model

NetworkTensors = Mapping[str, npt.NDArray[Any]]

IMAGE: Final = "image"
FEATURES: Final = "features"
LOGITS: Final = "logits"
"""Names of the networks' inputs and of their output."""
_IMAGE_SHAPE: Final = ("batch", 1, 8, 8)
_CLASSES: Final = 10
_EPSILON: Final = 1e-5


def cnn(state: NetworkTensors) -> ModelProto:
    """Build three 3x3 convolutions with BatchNormalization and ReLU, two poolings, two dense
    layers.

    Args:
        state: ``convI.weight``, ``bnI.{weight,bias,running_mean,running_var}`` for I = 1..3, and
            ``fcI.{weight,bias}``; float32.
    """
    nodes, flow = [], IMAGE
    for index, pooled in ((1, False), (2, True), (3, True)):
        nodes += [
            helper.make_node("Conv", [flow, f"conv{index}.weight"], [f"conv{index}"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            helper.make_node("BatchNormalization", [f"conv{index}", *_norm(index)], [f"bn{index}"], epsilon=_EPSILON),
            helper.make_node("Relu", [f"bn{index}"], [f"relu{index}"]),
        ]
        flow = f"relu{index}"
        if pooled:
            nodes.append(helper.make_node("MaxPool", [flow], [f"pool{index}"], kernel_shape=[2, 2], strides=[2, 2]))
            flow = f"pool{index}"
    nodes += [
        helper.make_node("Flatten", [flow], ["flat"], axis=1),
        dense("flat", "fc1", "fc1"),
        helper.make_node("Relu", ["fc1"], ["relu4"]),
        dense("relu4", "fc2", LOGITS),
    ]
    return finished("digits-cnn", nodes, {name: state[name] for name in state if not name.endswith("num_batches_tracked")})


def mlp(state: NetworkTensors) -> ModelProto:
    """Build three dense layers after a Reshape to a shape given by an int64 initializer.

    Args:
        state: ``fcI.{weight,bias}`` for I = 1..3.
    """
    nodes = [
        helper.make_node("Reshape", [IMAGE, "flat_shape"], ["flat"]),
        dense("flat", "fc1", "fc1"),
        helper.make_node("Relu", ["fc1"], ["relu1"]),
        dense("relu1", "fc2", "fc2"),
        helper.make_node("Relu", ["fc2"], ["relu2"]),
        dense("relu2", "fc3", LOGITS),
    ]
    return finished("digits-mlp", nodes, {"flat_shape": np.array([-1, 64], np.int64), **state})


def depthwise(state: NetworkTensors, strides: Mapping[str, int]) -> ModelProto:
    """Build a stem and depthwise-separable blocks with folded batch norm and ReLU6.

    ReLU6 is a Clip with its bounds in Constant nodes.

    Args:
        state: ``stem.*``, ``depthI.*``, ``pointI.*`` with weight and batch norm,
            ``fc.{weight,bias}``.
        strides: The stride of each convolution, in order.
    """
    nodes = [
        helper.make_node("Constant", [], ["low"], value_float=0.0),
        helper.make_node("Constant", [], ["high"], value_float=6.0),
    ]
    tensors: dict[str, npt.NDArray[Any]] = {}
    flow = IMAGE
    for name, stride in strides.items():
        weight, bias = _folded(state, name)
        tensors |= {f"{name}.weight": weight, f"{name}.bias": bias}
        size = weight.shape[2]
        nodes += [
            helper.make_node(
                "Conv",
                [flow, f"{name}.weight", f"{name}.bias"],
                [f"{name}.conv"],
                group=weight.shape[0] if name.startswith("depth") else 1,
                kernel_shape=[size, size],
                pads=[size // 2] * 4,
                strides=[stride, stride],
            ),
            helper.make_node("Clip", [f"{name}.conv", "low", "high"], [f"{name}.relu6"]),
        ]
        flow = f"{name}.relu6"
    nodes += [
        helper.make_node("GlobalAveragePool", [flow], ["average"]),
        helper.make_node("Flatten", ["average"], ["flat"], axis=1),
        dense("flat", "fc", LOGITS),
    ]
    return finished("digits-depthwise", nodes, tensors | {name: state[name] for name in ("fc.weight", "fc.bias")})


def _norm(index: int) -> list[str]:
    return [f"bn{index}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]


def dense(source: str, name: str, target: str) -> NodeProto:
    """Build a dense layer of the tensors ``name.weight`` [outputs, inputs] and ``name.bias``."""
    return helper.make_node("Gemm", [source, f"{name}.weight", f"{name}.bias"], [target], transB=1)


def _folded(state: NetworkTensors, name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Fold the batch norm of a convolution into its weight and a bias, both float32.

    Args:
        state: The tensors of the network.
        name: The convolution's name, which its tensors begin with.
    """
    norm = {part: state[f"{name}.bn.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")}
    scale = norm["weight"] / np.sqrt(norm["running_var"] + _EPSILON)
    weight = state[f"{name}.weight"].astype(np.float64) * scale[:, None, None, None]
    return weight.astype(np.float32), (norm["bias"] - norm["running_mean"] * scale).astype(np.float32)


def types_layer(name: str, state: NetworkTensors) -> ModelProto:
    """Build a dense layer from `FEATURES` alone.

    Args:
        name: The graph's name.
        state: ``types.weight``, float32 [features, types], and ``types.bias``, float32 [types].
    """
    features, types = state["types.weight"].shape
    nodes = [helper.make_node("Gemm", [FEATURES, "types.weight", "types.bias"], [LOGITS])]
    return finished(name, nodes, state, source=(FEATURES, ("batch", features)), classes=types)


def finished(
    name: str, nodes: list[NodeProto], tensors: NetworkTensors, *, source: tuple[str, Any] = (IMAGE, _IMAGE_SHAPE), classes: int = _CLASSES
) -> ModelProto:
    """Make the ONNX model of a graph to `LOGITS`, and check it.

    Args:
        name: The graph's name.
        nodes: Its nodes.
        tensors: Its initializers by name.
        source: Name and shape of its input.
        classes: Number of logits.
    """
    graph: GraphProto = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, source[1])],
        [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ("batch", classes))],
        [numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), key) for key, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="nnc-conformance")
    check_model(model, full_check=True)
    return model
