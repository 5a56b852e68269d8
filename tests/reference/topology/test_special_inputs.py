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

SPECIAL = re.compile(
    r"scale|zero_?point|mask|cos_cache|sin_cache|cosine|^sine$|rois?$|window|absmax|attention_bias|grid|boxes|anchors|offset|theta"
    r"|threshold|constant_value|depth|^(start|limit|delta|min|max|tiles)$",
    re.IGNORECASE,
)
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
        floats = [place for place, each in enumerate(schema.inputs) if any("float" in kind for kind in each.types)]
        named = {place for place in floats if SPECIAL.search(schema.inputs[place].name) and (schema.name, place) not in LEARNED}
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


@pytest.mark.parametrize(
    "operator", ["Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Cast", "CastLike", "Gather", "Split", "Concat"]
)
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


def test_every_part_of_a_concatenated_or_selected_scale_is_exact() -> None:
    nodes = [helper.make_node("Concat", ["a", "b"], ["ab"], axis=0), helper.make_node("Where", ["c", "ab", "d"], ["s"]), dequantize("s")]
    values = {"a": SCALE[:2], "b": SCALE[2:], "c": np.array([1.5, 2]), "d": SCALE}
    assert exact(model(nodes, q=np.arange(4, dtype=np.int8), **values)) == {"a", "b", "d"}


def test_a_scale_is_followed_out_of_functions() -> None:
    opsets = [helper.make_opsetid("", 21)]
    constant = helper.make_node("Constant", [], ["v"], value=numpy_helper.from_array(SCALE))
    functions = (
        helper.make_function(
            "local", "Make", [], ["other", "v"], [helper.make_node("Constant", [], ["other"], value_float=2.0), constant], opsets
        ),
        helper.make_function("local", "Pass", ["t", "u"], ["y"], [helper.make_node("Identity", ["u"], ["y"])], opsets),
    )
    nodes = [helper.make_node("Make", [], ["o", "made"], domain="local"), helper.make_node("Pass", ["x", "given"], ["p"], domain="local")]
    found = exact(
        model([*nodes, dequantize("made"), dequantize("p", "w2")], functions, q=np.arange(4, dtype=np.int8), x=SCALE, given=SCALE)
    )
    assert found == {"|~function|local|Make||v", "given"}


def info(name: str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, None)


def test_a_scale_is_followed_into_and_out_of_a_loop() -> None:
    nodes = [
        dequantize("carried", "d"),
        helper.make_node("Identity", ["next"], ["after"]),
        helper.make_node("Add", ["sum", "d"], ["total"]),
    ]
    inputs = [info("i", TensorProto.INT64), info("c", TensorProto.BOOL), info("sum"), info("carried")]
    outputs = [info("c", TensorProto.BOOL), info("total"), info("after"), info("row")]
    constant = helper.make_node("Constant", [], ["row"], value=numpy_helper.from_array(SCALE))
    body = helper.make_graph([*nodes, constant], "body", inputs, outputs, [numpy_helper.from_array(SCALE, "next")])
    loop = helper.make_node("Loop", ["n", "", "start", "first"], ["y", "last", "rows"], body=body)
    values = {"n": np.array(2), "q": np.arange(4, dtype=np.int8), "start": SCALE, "first": SCALE}
    assert exact(model([loop], **values)) == {"first", "|y|body|next"}
    assert exact(model([loop, dequantize("rows")], **values)) == {"first", "|y|body|next", "|y|body|row"}


def test_a_scale_is_followed_into_and_out_of_a_scan() -> None:
    nodes = [dequantize("s", "d"), dequantize("slice", "e"), helper.make_node("Identity", ["s"], ["t"])]
    body = helper.make_graph(nodes, "body", [info("s"), info("slice")], [info("t"), info("d"), info("e")])
    scan = helper.make_node("Scan", ["first", "rows"], ["last", "y", "z"], body=body, num_scan_inputs=1)
    values = {"q": np.arange(4, dtype=np.int8), "first": SCALE, "rows": np.stack([SCALE, SCALE])}
    assert exact(model([scan], **values)) == {"first", "rows"}


def test_a_scale_is_followed_into_both_branches() -> None:
    constant = helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(SCALE))
    then = helper.make_graph([constant], "then", [], [info("a")])
    other = helper.make_graph([helper.make_node("Identity", ["s"], ["e"])], "else", [], [info("e")])
    node = helper.make_node("If", ["c"], ["chosen"], then_branch=then, else_branch=other)
    assert exact(model([node, dequantize("chosen")], c=np.array(True), q=np.arange(4, dtype=np.int8), s=SCALE)) == {
        "s",
        "|chosen|then_branch|a",
    }


@pytest.mark.parametrize("operator", ["Mul", "Div", "Add", "Sub", "Max", "Pow"])
def test_a_scale_is_followed_through_arithmetic(operator: str) -> None:
    nodes = [helper.make_node(operator, ["a", "b"], ["ab"]), helper.make_node("Exp", ["ab"], ["s"]), dequantize("s")]
    values = {"a": SCALE, "b": SCALE.reshape(4, 1), "other": SCALE}
    assert exact(model(nodes, q=np.arange(4, dtype=np.int8), **values)) == {"a", "b"}


@pytest.mark.parametrize("operator", ["GridSample", "Resize", "RoiAlign", "DeformConv", "AffineGrid"])
def test_coordinates_are_exact_and_weights_before_them_are_not(operator: str) -> None:
    """A head of weights computes offsets to constant coordinates."""
    place = {"DeformConv": 2, "AffineGrid": 0}.get(operator, 1)
    inputs = ["x", "w", "at", "bias"]
    inputs[place], inputs[2] = "at", inputs[place]
    nodes = [
        helper.make_node("Conv", ["x", "head"], ["moved"]),
        helper.make_node("Add", ["moved", "grid"], ["at"]),
        helper.make_node(operator, inputs[: max(place + 1, 2)], ["y"]),
    ]
    weights = {"head": SCALE.reshape(2, 2, 1, 1), "w": SCALE.reshape(1, 2, 2, 1)}
    assert exact(model(nodes, grid=SCALE.reshape(1, 2, 2, 1), **weights)) == {"grid"}


def test_what_a_network_compares_with_is_exact_but_not_what_it_computes() -> None:
    nodes = [
        helper.make_node("Reshape", ["bounds", "shape"], ["flat"]),
        helper.make_node("Add", ["x", "bias"], ["y"]),
        helper.make_node("Less", ["y", "flat"], ["below"]),
    ]
    assert exact(model(nodes, bounds=SCALE, shape=np.array([4]), bias=SCALE)) == {"bounds"}


def test_scales_of_weights_that_are_dequantized_by_hand_are_exact() -> None:
    nodes = [
        helper.make_node("Cast", ["q"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["f", "zero"], ["centred"]),
        helper.make_node("Mul", ["scale", "centred"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Add", ["y", "bias"], ["z"]),
        helper.make_node("Mul", ["z", "gain"], ["out"]),
    ]
    values = {"scale": SCALE.reshape(4, 1), "zero": SCALE, "bias": SCALE, "gain": SCALE}
    assert exact(model(nodes, q=np.arange(16, dtype=np.int8).reshape(4, 4), **values)) == {"scale", "zero"}
    assert exact(model(nodes, q=np.arange(16).reshape(4, 4), **values)) == frozenset()


def test_scales_of_products_of_integers_are_exact_where_they_are_combined() -> None:
    """As ONNX Runtime writes them where it quantizes dynamically, in the body of an If."""
    inner = [
        helper.make_node("MatMulInteger", ["a", "q"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["given", "scale"], ["both"]),
        helper.make_node("Mul", ["floats", "both"], ["y"]),
    ]
    then = helper.make_graph(inner, "then", [], [info("y")])
    other = helper.make_graph([helper.make_node("Identity", ["bias"], ["e"])], "else", [], [info("e")])
    node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    values = {"c": np.array(True), "scale": SCALE, "bias": SCALE, "q": np.arange(16, dtype=np.int8).reshape(4, 4)}
    assert exact(model([node], **values)) == {"scale"}


def test_a_long_chain_is_followed_in_linear_time() -> None:
    """Ten thousand nodes in a row, each read as a scale, and a function that calls itself."""
    nodes = [helper.make_node("Identity", [f"s{i}"], [f"s{i + 1}"]) for i in range(10_000)]
    nodes += [dequantize(f"s{i}", f"w{i}") for i in range(10_000)]
    assert exact(model(nodes, s0=SCALE, q=np.arange(4, dtype=np.int8))) == {"s0"}
    nodes = [helper.make_node("Mul", [f"s{i}", "t"], [f"s{i + 1}"]) for i in range(10_000)]
    assert exact(model(nodes, s0=np.arange(4, dtype=np.int8), t=SCALE, other=SCALE)) == {"t"}
    again = helper.make_function(
        "local",
        "Again",
        ["s"],
        ["y"],
        [helper.make_node("Again", ["s"], ["y"], domain="local"), dequantize("y")],
        [helper.make_opsetid("", 21)],
    )
    call = helper.make_node("Again", ["s"], ["y"], domain="local")
    assert exact(model([call], (again,), s=SCALE, q=np.arange(4, dtype=np.int8))) == frozenset()


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


DENOMINATORS = {
    "a batch normalization": ([("Add", ["v", "eps"], "a"), ("Sqrt", ["a"], "b"), ("Div", ["x", "b"], "y")], {"v", "eps"}),
    "a power": ([("Add", ["v", "eps"], "a"), ("Pow", ["a", "half"], "b"), ("Mul", ["x", "b"], "y")], {"v", "eps"}),
    "a bound": ([("Reshape", ["v", "shape"], "f"), ("Max", ["f", "eps"], "a"), ("Reciprocal", ["a"], "y")], {"v", "eps"}),
    "a division": ([("Div", ["x", "v"], "y")], {"v"}),
    "a squared weight": ([("Pow", ["v", "two"], "a"), ("Mul", ["x", "v"], "y")], set()),
    "a normalized weight": (
        [("Pow", ["v", "two"], "a"), ("ReduceSum", ["a"], "b"), ("Sqrt", ["b"], "c"), ("Div", ["v", "c"], "y")],
        set(),
    ),
}


@pytest.mark.parametrize(("nodes", "found"), DENOMINATORS.values(), ids=DENOMINATORS)
def test_what_is_divided_by_is_a_variance(nodes: list[tuple[str, list[str], str]], found: set[str]) -> None:
    made = model([helper.make_node(kind, inputs, [output]) for kind, inputs, output in nodes], v=SCALE.reshape(1, 4, 1, 1), eps=SCALE)
    assert variance_parameters(extract(made).topology) == found
