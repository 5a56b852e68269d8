"""Inputs of operators that are no weights: the tables hold what the schemas name, and names are
followed to the tensors.
"""

import re

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorAnnotation, TensorProto, helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state

from nnc_conformance.reference.topology.onnx import exact_parameters, extract, variance_parameters
from nnc_conformance.reference.topology.special_inputs import EXACT_INPUTS, exact_inputs

SPECIAL = re.compile(r"scale|zero_?point|mask|cos_cache|sin_cache|rois?$|window|absmax|attention_bias", re.IGNORECASE)
"""Input names in schemas that say that values are no weights."""
LEARNED = {
    *((name, 1) for name in ("BatchNormalization", "BranchwiseRMSNorm", "GatedRMSNorm", "GroupNormalization", "InstanceNormalization")),
    *(
        (name, 1)
        for name in (
            "HyperConnectionLowRankMix",
            "LayerNormalization",
            "RMSNormalization",
            "RMSNormRotary",
            "ScaledSiLU",
            "SimplifiedLayerNormalization",
        )
    ),
    *((name, 2) for name in ("LinearAttentionGate", "MatMulNBitsMlp", "MatMulNBitsQkv", "QOrderedLayerNormalization")),
    *(("EngramGate", place) for place in (3, 4, 5)),
    ("DecoderAttention", 11),
    ("TorchEmbedding", 3),
}
"""Inputs with such a name that are learned, or single truth values."""
SCALE = np.array([1.234e-4, 3.3e-3, 7.7e-5, 2e-6], np.float32)


def test_every_input_that_a_schema_names_so_is_exact() -> None:
    missing = set()
    for schema in (*onnx.defs.get_all_schemas(), *onnxruntime_pybind11_state.get_all_operator_schema()):
        if schema.domain not in EXACT_INPUTS:
            continue
        node = NodeProto(op_type=schema.name, domain=schema.domain, input=["x"] * len(schema.inputs))
        named = {place for place, each in enumerate(schema.inputs) if SPECIAL.search(each.name) and (schema.name, place) not in LEARNED}
        missing |= {(schema.domain, schema.name, place) for place in named - set(exact_inputs(node))}
    assert not missing


def model(nodes: list[NodeProto], functions: tuple[onnx.FunctionProto, ...] = (), **values: np.ndarray) -> ModelProto:
    graph = helper.make_graph(nodes, "g", [], [], [numpy_helper.from_array(array, name) for name, array in values.items()])
    opsets = [helper.make_opsetid(domain, version) for domain, version in (("", 21), ("com.microsoft", 1), ("local", 1))]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions))


def exact(made: ModelProto) -> frozenset[str]:
    return exact_parameters(extract(made).topology)


def dequantize(scale: str, output: str = "w") -> NodeProto:
    return helper.make_node("DequantizeLinear", ["q", scale], [output], axis=0)


@pytest.mark.parametrize("operator", ["Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Cast"])
def test_a_scale_is_followed_through_nodes_that_pass_it_on(operator: str) -> None:
    nodes = [helper.make_node(operator, ["s"], ["between"]), helper.make_node("Identity", ["between"], ["same"]), dequantize("same")]
    assert exact(model(nodes, q=np.arange(4, dtype=np.int8), s=SCALE, other=SCALE)) == {"s"}


def test_a_scale_of_a_constant_node_is_exact() -> None:
    constant = helper.make_node("Constant", [], ["s"], value=numpy_helper.from_array(SCALE))
    assert exact(model([constant, dequantize("s")], q=np.arange(4, dtype=np.int8))) == {"s"}
    floats = helper.make_node("Constant", [], ["s"], value_floats=SCALE.tolist())
    assert exact(model([floats, dequantize("s")], q=np.arange(4, dtype=np.int8))) == {"s"}


def test_a_scale_is_followed_into_functions_that_call_functions() -> None:
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    inner = helper.make_function("local", "Inner", ["x", "s"], ["y"], [helper.make_node("DequantizeLinear", ["x", "s"], ["y"])], opsets)
    calls = [helper.make_node("Identity", ["t"], ["u"]), helper.make_node("Inner", ["x", "u"], ["y"], domain="local")]
    outer = helper.make_function("local", "Outer", ["t", "x"], ["y"], calls, opsets)
    call = helper.make_node("Outer", ["scale", "q"], ["w"], domain="local")
    for functions in ((inner, outer), (outer, inner)):
        assert exact(model([call], functions, q=np.arange(4, dtype=np.int8), scale=SCALE, other=SCALE)) == {"scale"}


def test_a_scale_of_the_graph_around_is_exact() -> None:
    then = helper.make_graph([dequantize("s", "t")], "then", [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, [4])])
    other = helper.make_graph([helper.make_node("Identity", ["s"], ["e"])], "else", [], [])
    node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    assert exact(model([node], c=np.array(True), q=np.arange(4, dtype=np.int8), s=SCALE)) == {"s"}


def test_what_quantization_annotations_name_is_exact() -> None:
    made = model([helper.make_node("Relu", ["x"], ["y"])], s=SCALE, z=SCALE, other=SCALE)
    annotation = TensorAnnotation(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")
    annotation.quant_parameter_tensor_names.add(key="ZERO_POINT_TENSOR", value="z")
    made.graph.quantization_annotation.append(annotation)
    assert exact(made) == {"s", "z"}


def test_the_inputs_of_a_concatenation_have_scales() -> None:
    node = helper.make_node("QLinearConcat", ["ys", "yz", "a", "as", "az", "b", "bs", "bz"], ["y"], domain="com.microsoft")
    values = dict.fromkeys(("ys", "yz", "a", "as", "az", "b", "bs", "bz"), SCALE)
    assert exact(model([node], **values)) == {"ys", "yz", "as", "az", "bs", "bz"}


def test_an_operator_of_another_domain_is_not_meant() -> None:
    node = helper.make_node("DequantizeLinear", ["q", "s"], ["w"], domain="elsewhere")
    assert exact(model([node], q=np.arange(4, dtype=np.int8), s=SCALE)) == frozenset()


def test_variances_are_found_through_identity() -> None:
    nodes = [helper.make_node("Identity", ["v"], ["same"])]
    nodes.append(helper.make_node("BatchNormalization", ["x", "scale", "bias", "mean", "same"], ["y"]))
    made = model(nodes, scale=SCALE, bias=SCALE, mean=SCALE, v=SCALE)
    assert variance_parameters(extract(made).topology) == {"v"}
