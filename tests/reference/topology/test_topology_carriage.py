"""Annex E: containers whose tensors hold data units come back exactly, and say clearly what they
are to readers that do not know.
"""

import json
import re
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from helpers import topology_models as made
from helpers.exact_streams import exact_options, exact_stream
from helpers.reduction_networks import packaged
from helpers.samples import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from safetensors import safe_open
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.generator.models import MODELS
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.composer import layer_parameter_set, model_parameter_set, start_unit
from nnc_conformance.reference.errors import EncodeError, ModelError, NNCError
from nnc_conformance.reference.reduction.document import validate
from nnc_conformance.reference.reduction.pipeline import run as run_pipeline
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_NNEF, NNR_TPL_ONNX
from nnc_conformance.reference.topology import carriage_nnef, carriage_onnx
from nnc_conformance.reference.topology.carriage import metadata_document, parse_metadata, split_stream, with_other_length
from nnc_conformance.reference.topology.classes import Coding, coding
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.nnef import parse_header
from nnc_conformance.reference.topology.onnx import extract, restore
from nnc_conformance.storage.carriage_files import Carried, is_packed, pack_safetensors, unpack_safetensors
from nnc_conformance.storage.model_files import read_model, read_stream
from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import Level

NNEF_GRAPH = b"""version 1.0;
graph net(input) -> (output)
{
    input = external<scalar>(shape = [1, 4]);
    filter = variable<scalar>(shape = [3, 4], label = 'dense/filter');
    bias = variable<scalar>(shape = [1, 3], label = 'dense/bias');
    table = variable<integer>(shape = [2], label = 'table');
    output = linear(input, filter, bias);
}
"""
VALUES = {
    "dense/filter": np.random.default_rng(0).normal(0, 0.3, (3, 4)).astype(np.float32),
    "dense/bias": np.array([[0.5, -1.0, 2.0]], np.float32),
    "table": np.array([-7, 9], np.int32),
}


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return list(left) == list(right) and all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()) for a, b in zip(left.values(), right.values(), strict=True)
    )


def nnef_stream() -> bytes:
    return encode(VALUES, topology=Topology(NNR_TPL_NNEF, NNEF_GRAPH))


@pytest.mark.parametrize("name", [model.id for model in MODELS])
def test_the_streams_of_networks_come_back_from_onnx_bit_for_bit(name: str) -> None:
    stream = next(model for model in MODELS if model.id == name).stream()
    container = carriage_onnx.pack(stream)
    assert carriage_onnx.is_packed(container)
    assert carriage_onnx.unpack(container) == stream


@pytest.mark.parametrize("build", [made.all_types, made.nested, made.constant_forms, made.loop_and_scan, made.with_function])
def test_tensors_of_all_types_and_depths_are_carried_in_onnx(build) -> None:
    model = build()
    container = carriage_onnx.pack(exact_stream(model))
    decoded = decode(carriage_onnx.unpack(container))
    parts = extract(model)
    assert decoded.topology is not None
    assert decoded.topology.data == parts.topology
    assert restore(decoded.topology.data, decoded.parameters) == restore(parts.topology, parts.parameters)


def test_an_initializer_states_type_and_dims_as_decoded_and_holds_one_unit() -> None:
    stream = next(model for model in MODELS if model.id == "model-digits-mlp-dq").stream()
    opened = onnx.load_from_string(carriage_onnx.pack(stream))
    (weight,) = [tensor for tensor in opened.graph.initializer if tensor.name == "fc1.weight"]
    assert (list(weight.dims), weight.data_type) == ([128, 64], onnx.TensorProto.FLOAT)
    assert int.from_bytes(weight.raw_data[:2]) == len(weight.raw_data)
    assert weight.raw_data in stream
    (entry,) = opened.metadata_props
    assert entry.key == "nnr"
    sets, holders = parse_metadata(entry.value)
    assert stream.startswith(sets)
    assert holders["fc1.weight"] == "fc1.weight"


def test_the_tensors_of_a_block_stand_where_its_weight_does() -> None:
    stream = next(model for model in MODELS if model.id == "model-digits-cnn-blocks-dq").stream()
    opened = onnx.load_from_string(carriage_onnx.pack(stream))
    held = {tensor.name: len(tensor.raw_data) for tensor in opened.graph.initializer}
    assert held["conv1.weight"] > 0
    assert {held[f"bn1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")} == {0}


def test_readers_that_know_nothing_of_it_say_so() -> None:
    container = carriage_onnx.pack(next(model for model in MODELS if model.id == "model-digits-mlp-dq").stream())
    with pytest.raises(Exception, match=r"raw_data size .* does not match"):
        onnxruntime.InferenceSession(container)
    opened = onnx.load_from_string(container)
    with pytest.raises(ValueError, match=r"reshape|buffer size"):
        numpy_helper.to_array(opened.graph.initializer[1])
    with pytest.raises(ModelError, match="hold NNR data units"):
        extract(container)
    with pytest.raises(ModelError, match="unsupported item type 0x4e4e0000 with 32 bits"):
        from nnc_conformance.reference.topology.nnef import extract as plain_nnef

        plain_nnef(carriage_nnef.pack(nnef_stream()))


@pytest.mark.parametrize(("size", "plain"), [(20, 20), (20, 24), (40_000, 40_000)])
def test_a_unit_is_never_as_long_as_the_values_it_stands_for(size: int, plain: int) -> None:
    short = size < 1 << 15
    unit = (size.to_bytes(2) if short else (1 << 31 | size).to_bytes(4)) + bytes(size - (2 if short else 4))
    if size == plain and not short:
        with pytest.raises(EncodeError, match="has the same length as"):
            with_other_length(unit, plain)
        return
    found = with_other_length(unit, plain)
    assert len(found) != plain
    if size == plain:
        assert int.from_bytes(found[:4]) == 1 << 31 | len(found)
        assert with_other_length(found, len(found)) == unit


def test_a_unit_in_its_other_form_decodes_the_same() -> None:
    stream = encode({"w": np.arange(12, dtype=np.int32).reshape(3, 4)})
    carriage, _ = split_stream(stream)
    longer = carriage.parameter_sets + with_other_length(carriage.units["w"], len(carriage.units["w"]))
    assert len(longer) == len(stream) + 2
    assert same(decode(longer).parameters, decode(stream).parameters)


def test_nnef_comes_back_bit_for_bit() -> None:
    stream = nnef_stream()
    files = carriage_nnef.pack(stream)
    assert set(files) == {"graph.nnef", "nnr.json", "dense/filter.dat", "dense/bias.dat", "table.dat"}
    shape, bits, item, _, unit = parse_header(files["dense/filter.dat"], "x")
    assert (shape, bits, item) == ((3, 4), 32, 0x4E4E0000)
    assert unit in stream
    assert parse_header(files["table.dat"], "x")[2] == 0x4E4E0004
    assert carriage_nnef.unpack(files) == stream


TENSORS = {
    "w": np.random.default_rng(1).normal(0, 1, (4, 5)).astype(np.float32),
    "half": np.array([1.5, -0.25], np.float16),
    "brain": np.array([[1.5], [3.0]], ml_dtypes.bfloat16),
    "scalar": np.array(2.5, np.float32),
    "truth": np.array([True, False]),
    "wide": np.array([1 << 40], np.int64),
    "double": np.array([0.1]),
    "none": np.zeros((0, 3), np.float32),
    "bytes": np.array([1, 200, 3], np.uint8),
}


def test_safetensors_hold_units_as_bytes_and_the_rest_as_it_is(tmp_path: Path) -> None:
    plain = {name: array for name, array in TENSORS.items() if coding(array) is Coding.UNCHANGED}
    coded = {name: array for name, array in TENSORS.items() if name not in plain}
    assert set(plain) == {"wide", "double", "none"}
    stream = encode(coded, options=exact_options(coded))
    kinds = {name: (array.dtype, array.shape) for name, array in coded.items()}
    data = pack_safetensors(Carried(stream, kinds, plain))
    assert is_packed(data)
    found = unpack_safetensors(data)
    assert len(found.stream) == len(stream)
    finished = found.finished(decode(found.stream).parameters)
    assert same({name: finished[name] for name in TENSORS}, TENSORS)
    path = tmp_path / "c.safetensors"
    path.write_bytes(data)
    with safe_open(path, "np") as opened:
        assert set(opened.metadata()) == {"nnr", "nnr_tensors"}
        assert opened.get_tensor("w").dtype == np.uint8
        assert opened.get_tensor("w").tobytes() in stream
    with pytest.raises(ModelError, match="hold NNR data units"):
        read_model(path)


@pytest.mark.parametrize("sample", SAMPLES[::9], ids=lambda path: path.stem)
def test_peer_streams_come_back_from_safetensors(sample: Path) -> None:
    stream = sample.read_bytes()
    try:
        data = pack_safetensors(Carried(stream))
    except EncodeError:
        assert "lps" in sample.stem
        return
    back = decode(unpack_safetensors(data).stream).parameters
    expected = decode(stream).parameters
    assert same({name: back[name] for name in expected}, expected)


VECTORS = Path(__file__).parents[3] / "vectors" / "inferred"
WITH_AGGREGATES = [
    stored.folder
    for stored in load_suite(VECTORS.parent, levels=(Level.INFERRED,)).vectors
    if "aggregate" in stored.vector.flags and stored.vector.negative is None
]


def test_aggregates_are_carried_whole() -> None:
    carried = 0
    for folder in WITH_AGGREGATES:
        stream = (folder / "stream.nnr").read_bytes()
        try:
            back = unpack_safetensors(pack_safetensors(Carried(stream))).stream
        except EncodeError as error:
            assert re.search("NNR_(LPS|MPS|TPL|QNT)|no order", str(error))
            continue
        carried += 1
        expected = decode(stream).parameters
        found = decode(back).parameters
        assert same({name: found[name] for name in expected}, expected)
    assert carried >= 3


def test_a_parameter_set_of_a_layer_cannot_be_carried() -> None:
    stream = write_units([start_unit(), model_parameter_set(Quantization(2, -8)), layer_parameter_set(Quantization(2, -9))])
    with pytest.raises(EncodeError, match="a container has no order"):
        split_stream(stream)


GOOD = json.loads(metadata_document(split_stream(nnef_stream())[0]))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"edition": 2024}, "its edition is 2024; only 2022 is supported"),
        ({"compressed": True}, "its keys must be edition, parameter_sets and coded"),
        ({"parameter_sets": "?"}, "cannot read the metadata entry 'nnr'"),
        ({"coded": ["a"]}, "'coded' must map tensor names"),
        ({"coded": {"a": "b"}}, "does not hold its own unit"),
    ],
)
def test_a_metadata_entry_that_is_not_known_is_refused(changed: dict[str, object], message: str) -> None:
    files = carriage_nnef.pack(nnef_stream())
    with pytest.raises(ModelError, match=message):
        carriage_nnef.unpack({**files, "nnr.json": json.dumps({**GOOD, **changed}).encode()})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"nnr.json": None}, "no nnr.json"),
        ({"table.dat": None}, "'table' has no file"),
        ({"table.dat": b"short"}, "table.dat has 5 bytes"),
        ({"graph.nnef": b"graph g() -> () {}"}, "lists tensors that are missing in the graph"),
    ],
)
def test_a_folder_that_contradicts_itself_is_refused(changed: dict[str, bytes | None], message: str) -> None:
    files = carriage_nnef.pack(nnef_stream()) | changed
    with pytest.raises(ModelError, match=message):
        carriage_nnef.unpack({name: data for name, data in files.items() if data is not None})


def test_plain_models_are_no_containers() -> None:
    with pytest.raises(ModelError, match="no metadata entry 'nnr'"):
        carriage_onnx.unpack(made.nested().SerializeToString())
    with pytest.raises(ModelError, match="has no ONNX topology"):
        carriage_onnx.pack(nnef_stream())
    with pytest.raises(ModelError, match="must be both a tensor of the graph and"):
        parts = extract(made.nested())
        carriage_onnx.pack(encode({"other": VALUES["table"]}, topology=Topology(NNR_TPL_ONNX, parts.topology)))


PACKED = {
    "safetensors": (pack_safetensors(Carried(encode(VALUES))), lambda data: unpack_safetensors(data).stream),
    "onnx": (carriage_onnx.pack(exact_stream(made.nested())), carriage_onnx.unpack),
    "nnr.json": (carriage_nnef.pack(nnef_stream())["nnr.json"], lambda data: unpacked_nnef("nnr.json", data)),
    "graph.nnef": (NNEF_GRAPH, lambda data: unpacked_nnef("graph.nnef", data)),
    "table.dat": (carriage_nnef.pack(nnef_stream())["table.dat"], lambda data: unpacked_nnef("table.dat", data)),
}
"""By name: a file of a container, and what reads the container with that file changed."""


def unpacked_nnef(name: str, data: bytes) -> bytes:
    return carriage_nnef.unpack({**carriage_nnef.pack(nnef_stream()), name: data})


@pytest.mark.parametrize("name", PACKED)
@settings(max_examples=60)
@given(data=st.data())
def test_damaged_containers_give_typed_errors(name: str, data: st.DataObject) -> None:
    good, read = PACKED[name]
    container = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        container[data.draw(st.integers(0, len(container) - 1))] = data.draw(st.integers(0, 255))
    try:
        stream = read(bytes(container))
    except NNCError:
        return
    assert isinstance(stream, bytes)


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])
def test_at_the_command_line(tmp_path: Path, suffix: str) -> None:
    app, run = build_app(), CliRunner().invoke
    source, container, back, direct = tmp_path / "in.onnx", tmp_path / f"packed{suffix}", tmp_path / "back.onnx", tmp_path / "direct.nnr"
    source.write_bytes(made.nested().SerializeToString())
    for out in (container, direct):
        done = run(app, ["encode", str(source), str(out)])
        assert done.exit_code == 0, done.output
    assert run(app, ["decode", str(container), str(back)]).exit_code == 0
    expected = decode(direct.read_bytes(), recombine=True)
    assert expected.topology is not None
    assert back.read_bytes() == restore(expected.topology.data, expected.parameters)
    again = run(app, ["encode", str(container), str(tmp_path / "again.nnr")])
    assert isinstance(again.exception, ModelError)
    assert "hold NNR data units (Annex E)" in str(again.exception)
    assert read_stream(direct).stream == direct.read_bytes()


def test_nnef_at_the_command_line(tmp_path: Path) -> None:
    app, run = build_app(), CliRunner().invoke
    stream = tmp_path / "s.nnr"
    stream.write_bytes(nnef_stream())
    assert run(app, ["decode", str(stream), str(tmp_path / "plain.nnef")]).exit_code == 0
    assert run(app, ["encode", str(tmp_path / "plain.nnef"), str(tmp_path / "packed.nnef")]).exit_code == 0
    assert run(app, ["decode", str(tmp_path / "packed.nnef"), str(tmp_path / "back.nnef")]).exit_code == 0
    validated = run(app, ["validate", str(tmp_path / "packed.nnef")])
    assert (validated.exit_code, validated.output.splitlines()[-1]) == (0, "1 of 1 streams conforming")
    plain, back = read_model(tmp_path / "plain.nnef"), read_model(tmp_path / "back.nnef")
    assert list(plain.parameters) == list(VALUES)
    for name, array in plain.parameters.items():
        assert np.abs(array - VALUES[name]).max() < 2e-3
        assert np.abs(back.parameters[name] - array).max() < 2e-3
    taken = run(app, ["decode", str(stream), str(tmp_path / "plain.nnef")])
    assert "exists and is not an empty folder" in str(taken.exception)


def test_a_reduced_network_is_carried_whole() -> None:
    """Decomposed weights, local scaling and the pruning container: G, H and LS stand in their
    weight's place.
    """
    tools = [
        {"tool": "pruning", "ratios": [0.1]},
        {"tool": "low_rank", "mse_thresholds": [2e-4], "tensors": ["fc1.weight"]},
        "batch_norm_folding",
        {"tool": "quantization", "qp": -18, "nonweight_qp": -24, "dq": True},
        "local_scaling",
    ]
    stream = run_pipeline(packaged("digits-cnn"), validate(tools), EncoderOptions()).stream
    assert {"fc1.weight_G", "fc1.weight_H", "conv2.weight_LS"} <= set(decode(stream).parameters)
    container = carriage_onnx.pack(stream)
    assert carriage_onnx.unpack(container) == stream
    assert {tensor.name for tensor in onnx.load_from_string(container).graph.initializer} == set(decode(stream, recombine=True).parameters)
