"""Every tensor type, in initializers and Constant nodes at any depth: from a model to a stream and
back to a model that runs.
"""

import numpy as np
import onnxruntime
import pytest
from helpers import topology_models as made
from helpers.exact_streams import exact_stream
from onnx import GraphProto, NodeProto, TensorProto, helper

from nnc_conformance.reference import decode
from nnc_conformance.reference.topology.onnx import extract, restore

TYPED = [tensor for tensor in made.typed_initializers() if tensor.data_type not in (TensorProto.COMPLEX64, TensorProto.COMPLEX128)]
"""Complex tensors have no kernel in ONNX Runtime."""
CAST = (TensorProto.BFLOAT16, TensorProto.INT4, TensorProto.UINT4)
"""Types that NumPy lacks; a graph gives these tensors out as float."""


def given_out(tensor: TensorProto, name: str, *, initializer: bool) -> tuple[list[TensorProto], list[NodeProto]]:
    """A tensor as an initializer or the value of a Constant, and a node that gives it out as
    ``name``.
    """
    own = TensorProto.FromString(tensor.SerializeToString())
    if tensor.data_type == TensorProto.STRING:
        own.string_data[:] = [b"a", "b\u00df".encode()]  # ONNX Runtime's Python takes UTF-8 only
    own.name = f"{name}.{'held' if initializer else 'constant'}"
    out = helper.make_node("Identity", [own.name], [name])
    if tensor.data_type in CAST:
        out = helper.make_node("Cast", [own.name], [name], to=TensorProto.FLOAT)
    return ([own], [out]) if initializer else ([], [helper.make_node("Constant", [], [own.name], value=own), out])


def body(name: str, depth: int, *, initializer: bool) -> GraphProto:
    """All types given out by a graph ``depth`` levels down, each level an If on ``choice``."""
    kinds = [TensorProto.FLOAT if tensor.data_type in CAST else tensor.data_type for tensor in TYPED]
    outs = [made.output(f"{name}.{tensor.name}", kind) for tensor, kind in zip(TYPED, kinds, strict=True)]
    if depth == 0:
        parts = [given_out(tensor, out.name, initializer=initializer) for tensor, out in zip(TYPED, outs, strict=True)]
        tensors, nodes = [each for held, _ in parts for each in held], [node for _, nodes in parts for node in nodes]
        return helper.make_graph(nodes, name, [], outs, tensors)
    branches = {f"{side}_branch": body(f"{name}{side[0]}", depth - 1, initializer=side == "then") for side in ("then", "else")}
    node = helper.make_node("If", ["choice"], [out.name for out in outs], **branches)
    return helper.make_graph([node], name, [], outs)


def model(depth: int, *, initializer: bool) -> bytes:
    graph = body("m", depth, initializer=initializer)
    graph.input.append(helper.make_tensor_value_info("choice", TensorProto.BOOL, []))
    graph.node.append(helper.make_node("Identity", ["choice"], ["chosen"]))
    graph.output.append(made.output("chosen", TensorProto.BOOL))
    return made.model(graph).SerializeToString()


def outputs(data: bytes, choice: bool) -> list[tuple[object, ...]]:
    """What ONNX Runtime gives, with its bits; without its optimizer, which has no kernels for
    constants of some types.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found = session.run(None, {"choice": np.array(choice)})
    return [(array.dtype, array.shape, array.tolist() if array.dtype == object else array.tobytes()) for array in found]


def through_a_stream(data: bytes) -> bytes:
    """Encoded with nothing quantized, decoded, and put together again."""
    decoded = decode(exact_stream(data))
    assert decoded.topology is not None
    return restore(decoded.topology.data, decoded.parameters)


@pytest.mark.parametrize(("depth", "initializer"), [(0, True), (0, False), (1, True), (3, True)])
def test_every_type_survives_at_every_depth(depth: int, initializer: bool) -> None:
    data = model(depth, initializer=initializer)
    after = through_a_stream(data)
    parts = extract(data)
    copies = 2**depth
    assert len(parts.parameters) + len(parts.unchanged) == copies * len(TYPED)
    assert len(parts.unchanged) == copies * len(made.UNCHANGED_TYPES - {"complex64"})
    for choice in (True, False):
        before = outputs(data, choice)
        assert len(before) > 25
        assert outputs(after, choice) == before
