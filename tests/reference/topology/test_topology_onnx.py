"""Taking ONNX models apart and putting them together again."""

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers import topology_models as made
from onnx import TensorProto, helper, numpy_helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.onnx import exact_parameters, extract, parameter_shapes, restore

MODELS = {
    "types": (made.all_types, {"x": np.array([1, 2, 3], np.float32)}),
    "then": (made.nested, {"choice": np.array(True)}),
    "else": (made.nested, {"choice": np.array(False)}),
    "forms": (made.constant_forms, {}),
    "loops": (made.loop_and_scan, {"x": np.array([0.25, 4], np.float32)}),
    "function": (made.with_function, {"x": np.array([5, -6], np.float32)}),
}


def run(model: bytes, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def bits(tensor: TensorProto) -> tuple[object, ...]:
    """Type, shape and content of a tensor as onnx itself reads it."""
    strings = tensor.data_type == TensorProto.STRING
    return tensor.data_type, tuple(tensor.dims), list(tensor.string_data) if strings else numpy_helper.to_array(tensor).tobytes()


def runnable(build) -> onnx.ModelProto:
    """The model without the parts that ONNX Runtime has no kernel for.

    They are compared as tensors elsewhere.
    """
    model = build()
    del model.graph.sparse_initializer[:]
    nodes = [node for node in model.graph.node if node.output[0] not in {"sparse", "no_floats"}]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    if model.graph.name == "types":
        kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_the_restored_model_computes_the_same(name: str) -> None:
    build, feeds = MODELS[name]
    model = runnable(build)
    parts = extract(model)
    before, after = run(model.SerializeToString(), feeds), run(restore(parts.topology, parts.parameters), feeds)
    assert before, "the model gives something to compare"
    for left, right in zip(before, after, strict=True):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


def test_the_two_branches_compute_different_things() -> None:
    model = made.nested().SerializeToString()
    assert run(model, {"choice": np.array(True)}) != run(model, {"choice": np.array(False)})


def test_each_initializer_comes_back_with_its_bits() -> None:
    model = made.all_types()
    parts = extract(model.SerializeToString())
    restored = onnx.load_from_string(restore(parts.topology, parts.parameters))
    before, after = ({tensor.name: bits(tensor) for tensor in each.graph.initializer} for each in (model, restored))
    assert before == after
    assert len(before) == len(made.typed_initializers()) + 1


def test_what_cannot_be_coded_travels_unchanged_and_is_listed() -> None:
    parts = extract(made.all_types())
    assert set(parts.unchanged) == made.UNCHANGED_TYPES
    assert not made.UNCHANGED_TYPES & set(parts.parameters)
    assert {tensor.name for tensor in made.typed_initializers()} | {"target"} == set(parts.parameters) | made.UNCHANGED_TYPES


def test_a_parameter_has_the_dtype_of_its_tensor() -> None:
    parameters = extract(made.all_types()).parameters
    for name in (
        "float32",
        "float16",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "int64",
        "uint32",
        "uint64",
        "bool",
        "bfloat16",
        "int4",
        "uint4",
    ):
        assert parameters[name].dtype.name == name
    assert parameters["int4"].astype(int).tolist() == [-8, 7, -1]
    assert parameters["uint4"].astype(int).tolist() == [0, 15, 1, 2, 10]
    assert parameters["bfloat16_field"].astype(float).tolist() == [1.0, -3.3895313892515355e38]
    assert parameters["float16_field"].tolist() == [1.0, -65504.0]
    assert parameters["scalar"].shape == ()


def test_the_topology_is_a_model_without_data() -> None:
    model = made.all_types()
    parts = extract(model)
    stripped = {tensor.name: tensor for tensor in onnx.load_from_string(parts.topology).graph.initializer}
    for tensor in model.graph.initializer:
        left = stripped[tensor.name]
        assert (left.dims, left.data_type) == (tensor.dims, tensor.data_type)
        if tensor.name in parts.parameters:
            assert left.ByteSize() == TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type).ByteSize()


def test_equal_names_in_different_graphs_have_different_ids() -> None:
    expected = ["outer", "w", "c"]
    sides = ("else_branch", "then_branch")  # as the node lists them
    for first in sides:
        expected += [f"|chosen|{first}|{name}1" for name in "wc"]
        for second in sides:
            expected += [f"|chosen|{first}|inner1|{second}|{name}2" for name in "wc"]
            for third in sides:
                expected += [f"|chosen|{first}|inner1|{second}|inner2|{third}|{name}3" for name in "wc"]
    parts = extract(made.nested())
    assert list(parts.parameters) == expected
    assert parts.parameters["|chosen|else_branch|inner1|then_branch|inner2|else_branch|c3"].tolist() == [500.5]
    assert parts.parameters["|chosen|then_branch|inner1|else_branch|w2"].tolist() == [101]


def test_loops_and_functions_have_ids() -> None:
    assert {name: array.tolist() for name, array in extract(made.loop_and_scan()).parameters.items()} == {
        "trips": 3,
        "|looped|body|w": [1, 2],
        "|y|body|w": 0.5,
    }
    assert {name: array.tolist() for name, array in extract(made.with_function()).parameters.items()} == {
        "factor": [1, 2],
        "|~function|local|Scale||factor": 3,
    }


def test_all_forms_of_constant_are_parameters() -> None:
    parts = extract(made.constant_forms())
    found = {name: (str(array.dtype), array.shape, array.tolist()) for name, array in parts.parameters.items()}
    tenth = float(np.float32(0.1))
    assert found == {
        "tensor": ("float32", (2, 1), [[1.0], [2.0]]),
        "float": ("float32", (), tenth),
        "floats": ("float32", (2,), [tenth, -0.0]),
        "int": ("int64", (), -3),
        "ints": ("int64", (3,), [1, 2, 0]),
    }
    assert np.signbit(parts.parameters["floats"][1])
    assert parts.unchanged == ("sparse_weights", "int_wide", "string", "strings", "sparse", "nans", "no_floats", "|filled|~attribute|value")


def test_what_travels_unchanged_comes_back_as_it_was() -> None:
    model = made.constant_forms()
    parts = extract(model)
    restored = onnx.load_from_string(restore(parts.topology, parts.parameters))
    assert restored.graph.sparse_initializer == model.graph.sparse_initializer
    kept = {"string", "strings", "sparse", "nans", "filled"}
    before, after = ({n.output[0]: n.SerializeToString() for n in each.graph.node if n.output[0] in kept} for each in (model, restored))
    assert before == after
    assert len(before) == len(kept)


def test_training_graphs_and_defaults_of_functions_are_met() -> None:
    model = made.with_function()
    training = model.training_info.add()
    training.algorithm.initializer.append(made.raw("rate", np.array([0.1], np.float32)))
    default = helper.make_attribute("table", made.raw("t", np.array([1.0], np.float32)))
    model.functions[0].attribute_proto.append(default)
    parts = extract(model)
    assert "|~training|0|algorithm|rate" in parts.parameters
    assert parts.unchanged == ("|~function|local|Scale||~default|~attribute|table",)
    assert onnx.load_from_string(restore(parts.topology, parts.parameters)).training_info[0] == training


def test_lists_of_graphs_and_graphs_within_functions_are_met() -> None:
    def leaf(value: float) -> onnx.GraphProto:
        return helper.make_graph([made.constant("k", value_float=value)], "leaf", [], [made.output("k")])

    model = made.with_function()
    model.graph.node.append(helper.make_node("Choose", ["x"], ["many"], domain="local", cases=[leaf(1.0), leaf(2.0)]))
    model.functions[0].node.append(helper.make_node("If", ["a"], ["picked"], then_branch=leaf(3.0), else_branch=leaf(4.0)))
    parts = extract(model)
    assert {name: array.item() for name, array in parts.parameters.items() if array.ndim == 0} == {
        "|many|cases|~#0|k": 1,
        "|many|cases|~#1|k": 2,
        "|~function|local|Scale||factor": 3,
        "|~function|local|Scale||picked|then_branch|k": 3,
        "|~function|local|Scale||picked|else_branch|k": 4,
    }
    assert extract(restore(parts.topology, parts.parameters)).parameters.keys() == parts.parameters.keys()


def test_external_data_are_read(tmp_path) -> None:
    model = made.nested()
    model.graph.initializer.append(made.raw("doubles", np.arange(4.0)))
    expected = extract(model)
    onnx.save_model(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0, convert_attribute=True)
    stored = (tmp_path / "m.onnx").read_bytes()
    parts = extract(stored, base_dir=tmp_path)
    assert list(parts.parameters) == list(expected.parameters)
    for name, array in expected.parameters.items():
        np.testing.assert_array_equal(parts.parameters[name], array)
    assert parts.unchanged == ("doubles",)
    restored = onnx.load_from_string(restore(parts.topology, parts.parameters))
    assert numpy_helper.to_array(restored.graph.initializer[-1]).tolist() == [0, 1, 2, 3]
    with pytest.raises(ModelError, match=r"'outer'.*no folder"):
        extract(stored)
    (tmp_path / "m.data").unlink()
    with pytest.raises(ModelError, match="'outer' cannot be read"):
        extract(stored, base_dir=tmp_path)


def test_a_given_model_is_left_as_it_is() -> None:
    model = made.constant_forms()
    before = model.SerializeToString(deterministic=True)
    extract(model)
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("name", MODELS)
def test_a_model_taken_apart_again_gives_the_same(name: str) -> None:
    first = extract(MODELS[name][0]())
    again = extract(restore(first.topology, first.parameters))
    assert (again.topology, again.unchanged) == (first.topology, first.unchanged)
    assert parameter_shapes(first.topology) == {key: array.shape for key, array in first.parameters.items()}
    for key, array in first.parameters.items():
        assert again.parameters[key].tobytes() == array.tobytes()


def test_decoded_arrays_take_the_declared_type() -> None:
    parts = extract(made.all_types())
    decoded = {
        name: np.asarray(array, np.float32 if array.dtype.name in {"float32", "float16", "bfloat16"} else np.int32)
        for name, array in parts.parameters.items()
    }
    decoded["scalar"] = decoded["scalar"].reshape(1)
    decoded["not asked for"] = np.zeros(3, np.float32)
    assert restore(parts.topology, decoded) == restore(parts.topology, parts.parameters)


def test_scales_and_sizes_are_to_be_exact() -> None:
    branches = {
        f"{side}_branch": helper.make_graph(
            [constant_scale, helper.make_node("DequantizeLinear", ["q", scale], ["d"], axis=0)], side, [], [made.output("d")]
        )
        for side, scale in (("then", "scale"), ("else", "inner"))
        for constant_scale in [made.constant("inner", value_floats=[1.0, 2.0])]
    }
    nodes = [
        helper.make_node("If", ["choice"], ["z"], **branches),
        helper.make_node("Resize", ["z", "", "sizes"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["y"]),
    ]
    arrays = {
        "q": np.ones((2, 3), np.int8),
        "scale": np.ones(2, np.float32),
        "sizes": np.ones(2, np.float32),
        "w": np.ones((3, 3), np.float32),
    }
    tensors = [made.raw(name, array) for name, array in arrays.items()]
    choice = helper.make_tensor_value_info("choice", TensorProto.BOOL, [])
    parts = extract(made.model(helper.make_graph(nodes, "scales", [choice], [made.output("y")], tensors)))
    assert exact_parameters(parts.topology) == {"scale", "sizes", "|z|else_branch|inner"}
    assert "|z|then_branch|inner" in parts.parameters
