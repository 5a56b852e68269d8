"""The committed networks: their accuracy, what they are made of, and the way through topology and
parameters.
"""

import json
from hashlib import sha256
from importlib.resources import files

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from sklearn.datasets import load_digits

from nnc_conformance.generator.networks import adapting
from nnc_conformance.generator.networks.packaged_networks import STEP, held_data, model_bytes, names, sequence_models
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.classes import Coding, Role, coding, role
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import exact_parameters, extract, restore

FOLDER = files("nnc_conformance.generator.networks")
STATED = json.loads(FOLDER.joinpath("networks.json").read_text())
LEAST = {
    "digits-cnn": 0.97,
    "digits-depthwise": 0.97,
    "digits-gru": 0.95,
    "digits-mlp": 0.95,
    "digits-qdq": 0.95,
    "digits-transformer": 0.96,
    "magika-types": 0.80,
}
LARGEST_TOPOLOGY = {"digits-qdq": 0.15, "digits-transformer": 0.11}
"""The graph's share of a model, where it is more than 0.06: of small models with many nodes."""


def logits(model: bytes, inputs: dict[str, np.ndarray]) -> np.ndarray:
    (result,) = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, inputs)
    return result


def initializers(model: bytes) -> dict[str, tuple[int, tuple[int, ...], bytes]]:
    tensors = onnx.load_from_string(model).graph.initializer
    return {tensor.name: (tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()) for tensor in tensors}


def test_the_networks_are_those_of_the_summary() -> None:
    assert names() == tuple(LEAST)
    for name, entry in STATED["networks"].items():
        assert sha256(model_bytes(name)).hexdigest() == entry["sha256"]
        assert len(model_bytes(name)) < 200_000
        assert sum(array.size for array in extract(model_bytes(name)).parameters.values()) == entry["parameters"]
    for stated in (STATED["data"], STATED["networks"]["magika-types"]):
        assert sha256(FOLDER.joinpath(stated["held_file"]).read_bytes()).hexdigest() == stated["held_sha256"]


@pytest.mark.parametrize("name", LEAST)
def test_a_network_comes_back_from_a_stream_and_answers(name: str) -> None:
    """At fine steps: what must not change at all (integers, scales, shapes) is exact, the rest
    near.
    """
    parts = extract(model_bytes(name))
    options = EncoderOptions(qp=-48, nonweight_qp=-64, exact=exact_parameters(parts.topology))
    decoded = decode(encode(parts.parameters, topology=Topology(NNR_TPL_ONNX, parts.topology), options=options))
    assert decoded.topology is not None
    assert decoded.topology.data == parts.topology
    for key, array in parts.parameters.items():
        if array.dtype.kind != "f" or key in options.exact:
            np.testing.assert_array_equal(decoded.parameters[key], array)
    inputs, _ = held_data(name)
    before, after = logits(model_bytes(name), inputs), logits(restore(decoded.topology.data, decoded.parameters), inputs)
    assert np.mean(before.argmax(axis=1) == after.argmax(axis=1)) >= 0.997
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.999


def test_the_scales_and_zero_points_of_the_quantized_network_are_exact() -> None:
    exact = exact_parameters(extract(model_bytes("digits-qdq")).topology)
    scales = {f"fc{number}.{part}_scale" for number in (1, 2, 3) for part in ("in", "weight", "bias")}
    assert exact == scales | {f"fc{number}.{part}_zero" for number in (1, 2, 3) for part in ("in", "weight")}


def test_an_unknown_network_is_refused() -> None:
    for read in (model_bytes, held_data):
        with pytest.raises(ModelError, match=r"unknown network 'digits-lstm'; choose from digits-cnn"):
            read("digits-lstm")


@pytest.mark.parametrize("name", LEAST)
def test_a_network_is_as_accurate_as_stated(name: str) -> None:
    inputs, labels = held_data(name)
    right = int((logits(model_bytes(name), inputs).argmax(axis=1) == labels).sum())
    entry = STATED["networks"][name]
    assert abs(right - entry["held_correct"]) <= 1, "another processor may round one image over the edge"
    assert right / len(labels) >= LEAST[name]
    assert entry["held_accuracy"] == round(entry["held_correct"] / len(labels), 6)


def test_the_adapted_layer_is_what_training_on_its_features_gives() -> None:
    """Another order of additions may round a change to the next step; training goes on from that."""
    for number, (made, model) in enumerate(zip(adapting.rounds(), sequence_models(adapting.SEQUENCE)[1:], strict=True), 1):
        committed = extract(model).parameters
        assert set(committed) == set(made)
        for name, array in made.items():
            assert np.abs(array - committed[name]).max() <= number * STEP, (number, name)


def test_the_held_images_are_digits_of_scikit_learn() -> None:
    digits = load_digits()
    known = {image.astype(np.float32).tobytes(): label for image, label in zip(digits.images, digits.target, strict=True)}
    inputs, labels = held_data("digits-cnn")
    (images,) = inputs.values()
    assert (images.shape, images.dtype, labels.dtype) == ((450, 1, 8, 8), np.float32, np.int64)
    assert [known[(image * 16).tobytes()] for image in images] == labels.tolist()
    assert min(np.bincount(labels)) >= 40


@pytest.mark.parametrize("name", LEAST)
def test_any_batch_runs_and_images_do_not_meet(name: str) -> None:
    inputs, _ = held_data(name)
    (key,) = inputs
    whole = logits(model_bytes(name), inputs)
    one = logits(model_bytes(name), {key: inputs[key][7:8]})
    np.testing.assert_allclose(one, whole[7:8], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", LEAST)
def test_a_network_comes_back_bit_for_bit(name: str) -> None:
    data = model_bytes(name)
    parts = extract(data)
    restored = restore(parts.topology, parts.parameters)
    before, after = (initializers(each) for each in (data, restored))
    assert before == after
    assert parts.unchanged == ()
    inputs, _ = held_data(name)
    np.testing.assert_array_equal(logits(restored, inputs), logits(data, inputs))
    assert len(parts.topology) < LARGEST_TOPOLOGY.get(name, 0.06) * len(data)


@pytest.mark.parametrize(
    ("name", "operators", "weights", "vectors", "others"),
    [
        ("digits-cnn", {"BatchNormalization": 3, "Conv": 3, "Gemm": 2}, 5, 14, 0),
        ("digits-mlp", {"Gemm": 3, "Reshape": 1}, 3, 3, 1),
        ("digits-depthwise", {"Conv": 7, "Clip": 7, "Constant": 2, "Gemm": 1}, 8, 8, 2),
        ("digits-gru", {"GRU": 1, "Gemm": 1, "Transpose": 2}, 4, 1, 1),
        ("digits-transformer", {"LayerNormalization": 5, "Softmax": 2, "MatMul": 13, "Constant": 6}, 11, 20, 6),
        ("magika-types", {"Gemm": 1}, 1, 1, 0),
        ("digits-qdq", {"QuantizeLinear": 3, "DequantizeLinear": 9, "Gemm": 3}, 0, 6, 16),
    ],
)
def test_what_a_network_is_made_of(name: str, operators: dict[str, int], weights: int, vectors: int, others: int) -> None:
    nodes = [node.op_type for node in onnx.load_from_string(model_bytes(name)).graph.node]
    assert {operator: nodes.count(operator) for operator in operators} == operators
    parameters = extract(model_bytes(name)).parameters
    roles = [role(array) for array in parameters.values()]
    assert [roles.count(each) for each in (Role.WEIGHT, Role.VECTOR, Role.OTHER)] == [weights, vectors, others]
    assert all(coding(array) is not Coding.UNCHANGED for array in parameters.values())
