"""The dense network in eight bits: int8 weights and uint8 activations, by QuantizeLinear and
DequantizeLinear.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from nnc_conformance.generator.networks.graphs import IMAGE, LOGITS, finished

LAYERS: Final = ("fc1", "fc2", "fc3")
"""Names of the dense layers, in order."""
_LEAST_SCALE: Final = 1e-8


def qdq(model: bytes, activations: dict[str, npt.NDArray[np.float32]]) -> ModelProto:
    """Quantize the dense network ``model`` (`graphs.mlp`) to eight bits.

    A weight has a scale for each output that maps its largest magnitude to 127. An activation has
    one scale that maps its largest value to 255. A bias is int32 in the product of both scales.

    Args:
        model: The network as a serialised ModelProto.
        activations: The inputs of each of `LAYERS` on calibration images; float32, not negative.
    """
    trained = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(model).graph.initializer}
    tensors: dict[str, npt.NDArray[Any]] = {"flat_shape": trained["flat_shape"]}
    nodes: list[NodeProto] = [helper.make_node("Reshape", [IMAGE, "flat_shape"], ["fc1.in"])]
    for number, name in enumerate(LAYERS):
        weight, bias = trained[f"{name}.weight"], trained[f"{name}.bias"]
        entering = np.array(activations[name].max() / 255, np.float32)
        scales = np.maximum(np.abs(weight).max(axis=1) / 127, _LEAST_SCALE).astype(np.float32)
        both = scales.astype(np.float64) * entering
        tensors |= {
            f"{name}.in_scale": entering,
            f"{name}.in_zero": np.array(0, np.uint8),
            f"{name}.weight": np.rint(weight / scales[:, None]).astype(np.int8),
            f"{name}.weight_scale": scales,
            f"{name}.weight_zero": np.zeros(len(scales), np.int8),
            f"{name}.bias": np.rint(bias / both).astype(np.int32),
            f"{name}.bias_scale": both.astype(np.float32),
        }
        target = LOGITS if name == LAYERS[-1] else f"{name}.out"
        nodes += [
            helper.make_node("QuantizeLinear", [f"{name}.in", f"{name}.in_scale", f"{name}.in_zero"], [f"{name}.q"]),
            helper.make_node("DequantizeLinear", [f"{name}.q", f"{name}.in_scale", f"{name}.in_zero"], [f"{name}.x"]),
            helper.make_node("DequantizeLinear", [f"{name}.weight", f"{name}.weight_scale", f"{name}.weight_zero"], [f"{name}.w"], axis=0),
            helper.make_node("DequantizeLinear", [f"{name}.bias", f"{name}.bias_scale"], [f"{name}.b"], axis=0),
            helper.make_node("Gemm", [f"{name}.x", f"{name}.w", f"{name}.b"], [target], transB=1),
        ]
        if target != LOGITS:
            nodes.append(helper.make_node("Relu", [target], [f"{LAYERS[number + 1]}.in"]))
    return finished("digits-qdq", nodes, tensors)
