"""Bad models and topologies give a ModelError that names the place; never another exception."""

import numpy as np
import onnx
import pytest
from helpers import topology_models as made
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.graphs import MAX_DEPTH
from nnc_conformance.reference.topology.onnx import exact_parameters, extract, parameter_shapes, restore

W = np.array([[1, 2], [3, 4]], np.float32)


def single(tensor: TensorProto) -> onnx.ModelProto:
    return made.model(helper.make_graph([], "one", [], [], [tensor]))


def topology(**fields: object) -> bytes:
    return single(TensorProto(**{"name": "w", "data_type": TensorProto.FLOAT, "dims": (2, 2)} | fields)).SerializeToString()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "1 parameters of the topology are missing: 'w'"),
        ({"w": W.reshape(4)}, r"'w' has shape \(4,\); the topology declares \(2, 2\)"),
        ({"w": W.T[None]}, r"'w' has shape \(1, 2, 2\)"),
        ({"w": W.astype(complex)}, "'w': complex128 cannot be converted to the declared float32"),
        ({"w": W.astype(str)}, "'w': <U32 cannot be converted"),
        ({"w": np.full((2, 2), 1e300)}, "'w': a value of float64 overflows the declared float32"),
    ],
)
def test_restore_names_the_bad_parameter(parameters: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        restore(topology(), parameters)


def test_restore_names_ten_missing_parameters() -> None:
    tensors = [TensorProto(name=f"w{i}", data_type=1, dims=(2,)) for i in range(12)]
    with pytest.raises(ModelError, match=r"12 parameters .*'w9', \.\.\.$"):
        restore(made.model(helper.make_graph([], "many", [], [], tensors)).SerializeToString(), {})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dims": (2, -2)}, "'w' has a negative dimension"),
        ({"dims": (1 << 62,) * 200_000}, "'w' has 200000 dimensions; at most 64 are supported"),
        ({"data_type": TensorProto.STRING}, "'w' of the topology has no data, and its element type cannot be decoded"),
        ({"data_type": 99}, "'w' of the topology has no data"),
        ({"data_location": TensorProto.EXTERNAL}, "'w' of the topology refers to a file"),
    ],
)
def test_a_bad_topology_is_refused_by_all_its_readers(fields: dict[str, object], message: str) -> None:
    for read in (parameter_shapes, lambda data: restore(data, {"w": W})):
        with pytest.raises(ModelError, match=message):
            read(topology(**fields))


def test_a_topology_may_not_point_to_files_in_other_attributes() -> None:
    elsewhere = TensorProto(data_type=1, dims=(1,), data_location=TensorProto.EXTERNAL)
    node = helper.make_node("ConstantOfShape", ["s"], ["y"], value=elsewhere)
    data = made.model(helper.make_graph([node], "points", [], [])).SerializeToString()
    with pytest.raises(ModelError, match=r"'\|y\|~attribute\|value' of the topology refers to a file"):
        restore(data, {})


def test_external_data_may_not_leave_the_folder(tmp_path) -> None:
    (tmp_path / "secret").write_bytes(W.tobytes())
    (tmp_path / "model").mkdir()
    tensor = TensorProto(name="w", data_type=1, dims=(2, 2), data_location=TensorProto.EXTERNAL)
    for location in ("../secret", str(tmp_path / "secret")):
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=location)
        with pytest.raises(ModelError, match="'w' cannot be read"):
            extract(single(tensor), base_dir=tmp_path / "model")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (TensorProto(name="w", data_type=1, dims=(2, 2)), "'w' has 4 elements but no data"),
        (TensorProto(name="w", data_type=1, dims=(2, 2), raw_data=b"1234"), "'w' has 4 bytes of data; expected 16"),
        (TensorProto(name="w", data_type=1, dims=(2, 2), float_data=[1]), "'w' has 1 values in float_data; expected 4"),
        (TensorProto(name="w", data_type=1, dims=(2, 2), int32_data=[1] * 4), "'w' has 0 values in float_data; expected 4"),
        (TensorProto(name="w", data_type=1, dims=(1 << 62, 1 << 62), raw_data=b"1"), "'w' has 1 bytes of data"),
        (TensorProto(name="w", data_type=22, dims=(3,), int32_data=[1]), "'w' has 1 values in int32_data; expected 2"),
    ],
)
def test_extract_names_the_bad_tensor(tensor: TensorProto, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        extract(single(tensor))


def test_two_tensors_of_one_name_are_refused() -> None:
    graph = helper.make_graph([made.constant("w", value_float=1.0)], "twice", [], [], [made.raw("w", W)])
    with pytest.raises(ModelError, match="two tensors named 'w'"):
        extract(made.model(graph))


def test_a_name_that_no_string_element_can_hold_travels_unchanged() -> None:
    assert extract(single(made.raw("a\0b", W))).unchanged == ("a\0b",)


def test_names_that_are_not_utf8_are_refused() -> None:
    data = single(made.raw("abcd", W)).SerializeToString().replace(b"abcd", b"ab\xff\xfe")
    with pytest.raises(ModelError, match="not UTF-8"):
        extract(data)


def test_long_names_above_many_tensors_do_not_fill_the_memory() -> None:
    inner = helper.make_graph([], "g", [], [], [TensorProto(name=str(i), data_type=1, dims=(1,)) for i in range(10_000)])
    node = helper.make_node("If", ["c"], ["o" * 1_000_000], then_branch=inner)
    with pytest.raises(ModelError, match="characters"):
        parameter_shapes(made.model(helper.make_graph([node], "g", [], [])).SerializeToString())


def deep(levels: int) -> onnx.ModelProto:
    """``levels`` graphs within the main graph, put together from the inside as bytes."""
    graph = helper.make_graph([], "g", [], [], [made.raw("w", W)])
    for _ in range(levels):
        graph = helper.make_graph([helper.make_node("If", ["c"], ["o"], then_branch=graph)], "g", [], [])
    return made.model(graph)


def test_depth_is_bounded() -> None:
    parts = extract(deep(MAX_DEPTH - 1))
    assert parts.parameters["|o|then_branch" * (MAX_DEPTH - 1) + "|w"].tolist() == W.tolist()
    with pytest.raises(ModelError, match="depth of 32"):
        extract(deep(MAX_DEPTH))


def wire_bomb(levels: int) -> bytes:
    """A model nested beyond what protobuf reads: field 5 graph, field 1 node, field 6 attribute g,
    written by hand.
    """

    def field(tag: int, content: bytes) -> bytes:
        length, size = len(content), b""
        while length > 127:
            size += bytes([length & 127 | 128])
            length >>= 7
        return bytes([tag]) + size + bytes([length]) + content

    graph = b""
    for _ in range(levels):
        graph = field(0x0A, field(0x2A, field(0x32, graph)))
    return field(0x3A, graph)


@pytest.mark.parametrize(
    "data", [b"\xff", b"", wire_bomb(30)[:-1], wire_bomb(2000), b"\x3a\x05ab"], ids=["garbage", "empty", "cut", "bomb", "short"]
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    for read in (extract, parameter_shapes, exact_parameters, lambda data: restore(data, {})):
        with pytest.raises(ModelError):
            read(data)


GOOD = extract(made.nested())


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_topology_gives_a_model_or_a_model_error(data: st.DataObject) -> None:
    damaged = bytearray(GOOD.topology)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        restored = restore(bytes(damaged), GOOD.parameters)
        exact_parameters(bytes(damaged))
        extract(restored)
    except ModelError:
        return
