"""Two networks that read a digit row by row, as ONNX graphs.

They are a GRU and a small transformer.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, helper

from nnc_conformance.generator.networks.graphs import IMAGE, LOGITS, NetworkTensors, dense, finished

_ROWS: Final = 8
_GRU_WAYS: Final = ("l0", "l0_reverse")
"""The two directions of torch's GRU."""
HEADS: Final = 4
BLOCKS: Final = 2


def gru(state: NetworkTensors) -> ModelProto:
    """Build a bidirectional GRU over the eight rows of an image.

    A dense layer follows on its last states.

    The graph orders the gates z, r, h and holds both directions in one tensor, [2, ...].

    Args:
        state: ``gru.{weight_ih,weight_hh,bias_ih,bias_hh}_l0`` and the same with ``_reverse``,
            gates in torch's order r, z, n; ``fc.{weight,bias}``.
    """

    def gates(name: str) -> npt.NDArray[Any]:
        reset, update, new = np.split(state[name], 3)
        return np.concatenate((update, reset, new))

    tensors = {
        "rows": np.array([-1, _ROWS, _ROWS], np.int64),
        "gru.W": np.stack([gates(f"gru.weight_ih_{way}") for way in _GRU_WAYS]),
        "gru.R": np.stack([gates(f"gru.weight_hh_{way}") for way in _GRU_WAYS]),
        "gru.B": np.stack([np.concatenate((gates(f"gru.bias_ih_{way}"), gates(f"gru.bias_hh_{way}"))) for way in _GRU_WAYS]),
        "fc.weight": state["fc.weight"],
        "fc.bias": state["fc.bias"],
    }
    hidden = tensors["gru.R"].shape[2]
    nodes = [
        helper.make_node("Reshape", [IMAGE, "rows"], ["sequence"]),
        helper.make_node("Transpose", ["sequence"], ["steps"], perm=[1, 0, 2]),
        helper.make_node(
            "GRU",
            ["steps", "gru.W", "gru.R", "gru.B"],
            ["", "last"],
            hidden_size=hidden,
            direction="bidirectional",
            linear_before_reset=1,
        ),
        helper.make_node("Transpose", ["last"], ["sides"], perm=[1, 0, 2]),
        helper.make_node("Flatten", ["sides"], ["flat"], axis=1),
        dense("flat", "fc", LOGITS),
    ]
    return finished("digits-gru", nodes, tensors)


def gru_state(parameters: NetworkTensors) -> NetworkTensors:
    """Return the torch state that `gru` makes these parameters of a graph from."""
    state = {"fc.weight": parameters["fc.weight"], "fc.bias": parameters["fc.bias"]}
    for number, way in enumerate(_GRU_WAYS):
        inward, outward = np.split(parameters["gru.B"][number], 2)
        parts = {"weight_ih": parameters["gru.W"][number], "weight_hh": parameters["gru.R"][number], "bias_ih": inward, "bias_hh": outward}
        for part, array in parts.items():
            update, reset, new = np.split(array, 3)
            state[f"gru.{part}_{way}"] = np.concatenate((reset, update, new))
    return state


def transformer(state: NetworkTensors) -> ModelProto:
    """Build a pre-norm transformer over the eight rows: `BLOCKS` blocks of `HEADS` heads.

    Shapes and the scale stand in Constant nodes. Linear weights are transposed, because the graph
    multiplies from the right.

    Args:
        state: ``embed.{weight,bias}``, ``place`` [8, width]; for I = 0..
            ``blockI.{norm1,qkv,out,norm2,fc1,fc2}.{weight,bias}``; ``norm.{weight,bias}``,
            ``fc.{weight,bias}``.
    """
    width = state["place"].shape[1]
    tensors = transformer_state(state)
    nodes = [
        helper.make_node("Constant", [], ["rows"], value_ints=[-1, _ROWS, _ROWS]),
        helper.make_node("Constant", [], ["split_heads"], value_ints=[0, _ROWS, 3, HEADS, width // HEADS]),
        helper.make_node("Constant", [], ["join_heads"], value_ints=[0, _ROWS, width]),
        helper.make_node("Constant", [], ["scale"], value_float=float(np.float32((width // HEADS) ** -0.5))),
        helper.make_node("Reshape", [IMAGE, "rows"], ["tokens"]),
        *_linear("tokens", "embed", "embedded"),
        helper.make_node("Add", ["embedded", "place"], ["x0"]),
    ]
    for number in range(BLOCKS):
        nodes += _block(number)
    nodes += [
        helper.make_node("LayerNormalization", [f"x{BLOCKS}", "norm.weight", "norm.bias"], ["normed"], axis=-1),
        helper.make_node("ReduceMean", ["normed"], ["mean"], axes=[1], keepdims=0),
        dense("mean", "fc", LOGITS),
    ]
    return finished("digits-transformer", nodes, tensors)


def transformer_state(parameters: NetworkTensors) -> NetworkTensors:
    """Return the state that `transformer` builds a graph with these parameters from, and vice
    versa.
    """
    return {
        name: np.ascontiguousarray(array.T) if array.ndim == 2 and name not in ("place", "fc.weight") else array
        for name, array in parameters.items()
    }


def _linear(source: str, name: str, target: str) -> list[NodeProto]:
    return [
        helper.make_node("MatMul", [source, f"{name}.weight"], [f"{target}.product"]),
        helper.make_node("Add", [f"{target}.product", f"{name}.bias"], [target]),
    ]


def _block(number: int) -> list[NodeProto]:
    """Make the ONNX nodes of a transformer block: attention, then two linear layers.

    They read ``x{number}`` and give ``x{number + 1}``.
    """
    own = f"block{number}"
    return [
        helper.make_node("LayerNormalization", [f"x{number}", f"{own}.norm1.weight", f"{own}.norm1.bias"], [f"{own}.n1"], axis=-1),
        *_linear(f"{own}.n1", f"{own}.qkv", f"{own}.three"),
        helper.make_node("Reshape", [f"{own}.three", "split_heads"], [f"{own}.heads"]),
        helper.make_node("Transpose", [f"{own}.heads"], [f"{own}.moved"], perm=[2, 0, 3, 1, 4]),
        helper.make_node("Split", [f"{own}.moved"], [f"{own}.{part}1" for part in "qkv"], axis=0),
        helper.make_node("Constant", [], [f"{own}.first"], value_ints=[0]),
        *(helper.make_node("Squeeze", [f"{own}.{part}1", f"{own}.first"], [f"{own}.{part}"]) for part in "qkv"),
        helper.make_node("Transpose", [f"{own}.k"], [f"{own}.kt"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", [f"{own}.q", f"{own}.kt"], [f"{own}.scores"]),
        helper.make_node("Mul", [f"{own}.scores", "scale"], [f"{own}.scaled"]),
        helper.make_node("Softmax", [f"{own}.scaled"], [f"{own}.attention"], axis=-1),
        helper.make_node("MatMul", [f"{own}.attention", f"{own}.v"], [f"{own}.mixed"]),
        helper.make_node("Transpose", [f"{own}.mixed"], [f"{own}.back"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [f"{own}.back", "join_heads"], [f"{own}.joined"]),
        *_linear(f"{own}.joined", f"{own}.out", f"{own}.projected"),
        helper.make_node("Add", [f"x{number}", f"{own}.projected"], [f"{own}.middle"]),
        helper.make_node("LayerNormalization", [f"{own}.middle", f"{own}.norm2.weight", f"{own}.norm2.bias"], [f"{own}.n2"], axis=-1),
        *_linear(f"{own}.n2", f"{own}.fc1", f"{own}.wide"),
        helper.make_node("Relu", [f"{own}.wide"], [f"{own}.relu"]),
        *_linear(f"{own}.relu", f"{own}.fc2", f"{own}.narrow"),
        helper.make_node("Add", [f"{own}.middle", f"{own}.narrow"], [f"x{number + 1}"]),
    ]
