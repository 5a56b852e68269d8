"""ONNX models made by hand for the tests of the topology: every element type, nested graphs, all
forms of Constant.
"""

from collections.abc import Sequence

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
INT64 = TensorProto.INT64


def model(graph: onnx.GraphProto, *, functions: Sequence[onnx.FunctionProto] = (), opset: int = 21) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=10)


def output(name: str, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, None)


def raw(name: str, array: np.ndarray) -> TensorProto:
    return numpy_helper.from_array(array, name)


def constant(name: str, **attribute: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], **attribute)


def typed_initializers() -> list[TensorProto]:
    """Each codable type, once in raw_data and once in its own field, and those that are not
    codable.
    """
    arrays = {
        "float32": np.array([[1.5, -0.0, np.inf], [np.nan, 1e-45, -3e38]], np.float32),
        "float16": np.array([1.5, -0.0, 65504, 6e-8, np.nan, -np.inf], np.float16),
        "int8": np.array([-128, 127, 0], np.int8),
        "uint8": np.array([0, 255], np.uint8),
        "int16": np.array([-32768, 32767], np.int16),
        "uint16": np.array([0, 65535], np.uint16),
        "int32": np.array([-(2**31) + 1, 2**31 - 1], np.int32),
        "int64": np.array([-(2**31) + 1, 0, 2**31 - 1], np.int64),
        "uint32": np.array([0, 2**31 - 1], np.uint32),
        "uint64": np.array([7, 2**31 - 1], np.uint64),
        "bool": np.array([[True], [False]]),
        "float64": np.array([0.1, 1e300]),
        "int64_wide": np.array([2**31, 0], np.int64),
        "int32_least": np.array([-(2**31)], np.int32),
        "complex64": np.array([1 + 2j], np.complex64),
        "empty": np.zeros((3, 0, 2), np.float32),
        "scalar": np.array(0.25, np.float32),
        "scalar_int": np.array(-9, np.int64),
    }
    made = [raw(name, array) for name, array in arrays.items()]
    made += [
        helper.make_tensor(
            f"{name}_field", helper.np_dtype_to_tensor_dtype(arrays[name].dtype), arrays[name].shape, arrays[name].flatten().tolist()
        )
        for name in ("int8", "uint8", "int16", "uint16", "int32", "int64", "uint32", "uint64", "bool", "scalar")
    ]
    floats = helper.make_tensor("float32_field", FLOAT, (3,), [1.5, -0.0, 3e38])
    halves = TensorProto(name="float16_field", data_type=TensorProto.FLOAT16, dims=(2,), int32_data=(0x3C00, 0xFBFF))
    brains = TensorProto(name="bfloat16_field", data_type=TensorProto.BFLOAT16, dims=(2,), int32_data=(0x3F80, 0xFF7F))
    brain_raw = TensorProto(name="bfloat16", data_type=TensorProto.BFLOAT16, dims=(3,))
    brain_raw.raw_data = np.array([1.5, -0.0, 3e38], ml_dtypes.bfloat16).tobytes()
    nibbles = TensorProto(name="int4", data_type=TensorProto.INT4, dims=(3,), raw_data=b"\x78\x0f")
    unsigned_nibbles = TensorProto(name="uint4", data_type=TensorProto.UINT4, dims=(5,), int32_data=(0xF0, 0x21, 0x0A))
    nan_field = helper.make_tensor("nan_field", FLOAT, (2,), [float("nan"), 1.0])
    strings = helper.make_tensor("strings", TensorProto.STRING, (2,), [b"a", b"b\xff"])
    odd_bool = TensorProto(name="odd_bool", data_type=TensorProto.BOOL, dims=(2,), raw_data=b"\x02\x00")
    return [*made, floats, halves, brains, brain_raw, nibbles, unsigned_nibbles, nan_field, strings, odd_bool]


UNCHANGED_TYPES = {"float64", "int64_wide", "int32_least", "complex64", "empty", "nan_field", "strings", "odd_bool"}


def all_types() -> onnx.ModelProto:
    """All of `typed_initializers`, one also a graph input, and a running path through two of them
    (one used twice).
    """
    nodes = [
        helper.make_node("Mul", ["x", "scalar"], ["scaled"]),
        helper.make_node("Add", ["scaled", "scalar"], ["shifted"]),
        helper.make_node("DequantizeLinear", ["int4", "scalar"], ["wide"]),
        helper.make_node("Add", ["shifted", "wide"], ["y"]),
        helper.make_node("Identity", ["float64"], ["double"]),
        helper.make_node("Cast", ["bool_field"], ["truth"], to=INT64),
        helper.make_node("Reshape", ["float32_field", "target"], ["column"]),
    ]
    target = helper.make_tensor("target", INT64, (2,), [-1, 1])
    inputs = [helper.make_tensor_value_info("x", FLOAT, [3]), helper.make_tensor_value_info("scalar", FLOAT, [])]
    outputs = [output("y"), output("double", TensorProto.DOUBLE), output("truth", INT64), output("column")]
    return model(helper.make_graph(nodes, "types", inputs, outputs, [*typed_initializers(), target]))


def branch(depth: int, side: str) -> onnx.GraphProto:
    """A branch that adds an initializer and a constant of its own, and ``outer``, to what its inner
    If gives.

    Sibling branches use the same names; ONNX lets no name hide one of a graph around it, so names
    differ by depth.
    """
    weight, bias, own, total, result = (f"{name}{depth}" for name in ("w", "c", "own", "total", "result"))
    value = float(10**depth + (side == "else"))
    nodes = [
        constant(bias, value=raw("", np.array([value / 2], np.float32))),
        helper.make_node("Add", [weight, bias], [own]),
        helper.make_node("Add", [own, "outer"], [total]),
    ]
    if depth == 3:
        nodes.append(helper.make_node("Identity", [total], [result]))
    else:
        inner = {f"{name}_branch": branch(depth + 1, name) for name in ("then", "else")}
        nodes += [
            helper.make_node("If", ["choice"], [f"inner{depth}"], **inner),
            helper.make_node("Add", [total, f"inner{depth}"], [result]),
        ]
    return helper.make_graph(nodes, f"{side}{depth}", [], [output(result)], [raw(weight, np.array([value], np.float32))])


def nested() -> onnx.ModelProto:
    """If within If within If; 14 branches, siblings with tensors of the same names."""
    nodes = [
        helper.make_node("If", ["choice"], ["chosen"], **{f"{name}_branch": branch(1, name) for name in ("then", "else")}),
        constant("c", value_floats=[0.5]),
        helper.make_node("Add", ["chosen", "w"], ["sum"]),
        helper.make_node("Add", ["sum", "c"], ["y"]),
    ]
    tensors = [raw("outer", np.array([7], np.float32)), raw("w", np.array([3], np.float32))]
    choice = helper.make_tensor_value_info("choice", TensorProto.BOOL, [])
    return model(helper.make_graph(nodes, "nested", [choice], [output("y")], tensors))


def constant_forms() -> onnx.ModelProto:
    """Every form of Constant, each given out."""
    sparse = helper.make_sparse_tensor(helper.make_tensor("sv", FLOAT, (1,), [4.0]), helper.make_tensor("si", INT64, (1,), [2]), (5,))
    nodes = [
        constant("tensor", value=helper.make_tensor("t", FLOAT, (2, 1), [1.0, 2.0])),
        constant("float", value_float=0.1),
        constant("floats", value_floats=[0.1, -0.0]),
        constant("int", value_int=-3),
        constant("ints", value_ints=[1, 2, 0]),
        constant("int_wide", value_int=2**40),
        constant("string", value_string="s"),
        constant("strings", value_strings=["s", "t"]),
    ]
    kinds = {"float": FLOAT, "tensor": FLOAT, "floats": FLOAT, "string": TensorProto.STRING, "strings": TensorProto.STRING}
    outputs = [output(node.output[0], kinds.get(node.output[0], INT64)) for node in nodes]
    nodes += [
        constant("sparse", sparse_value=sparse),
        constant("nans", value_floats=[float("nan")]),
        constant("no_floats"),
        helper.make_node("ConstantOfShape", ["ints"], ["filled"], value=helper.make_tensor("f", FLOAT, (1,), [2.0])),
    ]
    nodes[-2].attribute.append(helper.make_attribute("value_floats", [], attr_type=onnx.AttributeProto.FLOATS))
    sparse_initializer = helper.make_sparse_tensor(
        helper.make_tensor("sparse_weights", FLOAT, (1,), [4.0]), helper.make_tensor("at", INT64, (1,), [2]), (5,)
    )
    graph = helper.make_graph(nodes, "forms", [], outputs, sparse_initializer=[sparse_initializer])
    return model(graph)


def loop_and_scan() -> onnx.ModelProto:
    """A Loop whose body has an initializer and a Scan whose body has a Constant.

    Both bodies call theirs ``w``.
    """
    loop_body = helper.make_graph(
        [
            helper.make_node("Add", ["carried", "w"], ["carried_out"]),
            helper.make_node("Identity", ["go"], ["go_out"]),
        ],
        "loop_body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", FLOAT, [2]),
        ],
        [helper.make_tensor_value_info("go_out", TensorProto.BOOL, []), helper.make_tensor_value_info("carried_out", FLOAT, [2])],
        [raw("w", np.array([1, 2], np.float32))],
    )
    scan_body = helper.make_graph(
        [constant("w", value=raw("", np.array(0.5, np.float32))), helper.make_node("Mul", ["element", "w"], ["scaled"])],
        "scan_body",
        [helper.make_tensor_value_info("element", FLOAT, [])],
        [helper.make_tensor_value_info("scaled", FLOAT, [])],
    )
    nodes = [
        helper.make_node("Loop", ["trips", "", "x"], ["looped"], body=loop_body),
        helper.make_node("Scan", ["looped"], ["y"], body=scan_body, num_scan_inputs=1),
    ]
    x = helper.make_tensor_value_info("x", FLOAT, [2])
    return model(helper.make_graph(nodes, "loops", [x], [output("y")], [helper.make_tensor("trips", INT64, (), [3])]))


def with_function() -> onnx.ModelProto:
    """A local function with a Constant and an attribute reference."""
    function = helper.make_function(
        "local",
        "Scale",
        ["a"],
        ["b"],
        [
            constant("factor", value_float=3.0),
            helper.make_node("Mul", ["a", "factor"], ["scaled"]),
            helper.make_node("Identity", ["scaled"], ["b"]),
        ],
        [helper.make_opsetid("", 21)],
    )
    nodes = [helper.make_node("Scale", ["x"], ["z"], domain="local"), helper.make_node("Add", ["z", "factor"], ["y"])]
    x = helper.make_tensor_value_info("x", FLOAT, [2])
    graph = helper.make_graph(nodes, "calls", [x], [output("y")], [raw("factor", np.array([1, 2], np.float32))])
    return model(graph, functions=[function])
