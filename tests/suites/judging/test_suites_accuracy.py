"""Accuracy of a real network with decoded parameters, compared with figures from its training."""

import json
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.onnx import extract
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.load import load_decoders
from nnc_conformance.suites.judging.accuracy import accuracy, added_up
from nnc_conformance.suites.judging.expected_output import ExpectedOutput
from nnc_conformance.suites.judging.layers import distance
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.result_files import load_results
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import parse_filter, select

TRAINED = json.loads(files("nnc_conformance.generator.networks").joinpath("networks.json").read_text())["networks"]


@pytest.mark.slow
@pytest.mark.parametrize("network", sorted(TRAINED))
def test_the_original_parameters_give_the_accuracy_of_the_training(network: str) -> None:
    model = extract(packaged_networks.model_bytes(network))
    original, reference, decoded = accuracy(network, model.topology, model.parameters, model.parameters)
    samples = len(packaged_networks.held_data(network)[1])
    for row in (original, reference, decoded):
        assert row.top1 == pytest.approx(TRAINED[network]["held_accuracy"], abs=1e-6)
        assert (row.agreement, row.max_error, row.mean_error, row.samples) == (1.0, 0.0, 0.0, samples)


def test_wrong_parameters_show() -> None:
    model = extract(packaged_networks.model_bytes("digits-mlp"))
    swapped = {name: np.flip(array) if array.ndim == 2 else array for name, array in model.parameters.items()}
    _, reference, decoded = accuracy("digits-mlp", model.topology, model.parameters, swapped)
    assert reference.top1 > 0.95
    assert decoded.top1 < 0.5
    assert decoded.agreement < 0.5
    assert decoded.max_error is not None
    assert decoded.max_error > 1


def test_parameters_that_are_no_numbers_or_do_not_fit() -> None:
    model = extract(packaged_networks.model_bytes("digits-mlp"))
    nan = {name: np.full_like(array, np.nan) if array.dtype.kind == "f" else array for name, array in model.parameters.items()}
    decoded = accuracy("digits-mlp", model.topology, model.parameters, nan)[-1]
    assert (decoded.parameters, decoded.max_error, decoded.mean_error) == ("decoded", None, None)
    rows = accuracy("digits-mlp", model.topology, model.parameters, {})
    assert [row.parameters for row in rows] == ["original", "reference"]
    with pytest.raises(ModelError):
        accuracy("none", model.topology, model.parameters, model.parameters)


def test_the_distances_are_those_of_the_arithmetic() -> None:
    found, origin = np.array([[3.0, 4.0]]), np.array([[0.0, 5.0]])
    far = distance(found, origin)
    assert (far.max_error, far.mean_error) == (3.0, 2.0)
    assert far.relative_error == pytest.approx(10**0.5 / 5, abs=1e-5)
    assert far.cosine == pytest.approx(20 / 25, abs=1e-5)
    assert distance(origin, origin).model_dump() == {"max_error": 0.0, "mean_error": 0.0, "relative_error": 0.0, "cosine": 1.0}
    none = distance(np.array([np.inf, 1.0]), np.array([1.0, 1.0]))
    assert (none.max_error, none.relative_error, none.cosine) == (None, None, None)
    assert distance(np.ones(2), np.zeros(2)).relative_error is None


def test_layers_drift_from_the_first_node_that_reads_what_was_changed() -> None:
    model = extract(packaged_networks.model_bytes("digits-mlp"))
    scaled = {name: array * np.float32(2) if name == "fc2.bias" else array for name, array in model.parameters.items()}
    original, reference, decoded = accuracy("digits-mlp", model.topology, model.parameters, scaled)
    assert original.layers == ()
    assert {layer.distance.max_error for layer in reference.layers} == {0.0}
    assert [(layer.output, layer.operator) for layer in decoded.layers] == [
        ("flat", "Reshape"),
        ("fc1", "Gemm"),
        ("relu1", "Relu"),
        ("fc2", "Gemm"),
        ("relu2", "Relu"),
        ("logits", "Gemm"),
    ]
    drifts = {layer.output: layer.distance.max_error for layer in decoded.layers}
    assert [drifts[name] for name in ("flat", "fc1", "relu1")] == [0.0, 0.0, 0.0]
    assert drifts["fc2"] == pytest.approx(np.abs(model.parameters["fc2.bias"]).max(), rel=1e-4)
    assert decoded.first_drift == "fc2"
    assert decoded.to_reference is not None
    assert (decoded.to_reference.max_error, decoded.to_reference.cosine) == (decoded.max_error, decoded.cosine)
    assert reference.to_reference is None


FAULTY = """
from nnc_conformance.reference import decode as right

def decode(stream):
    parameters = right(stream).parameters
    parameters["bn2.weight"], parameters["bn2.running_var"] = parameters["bn2.running_var"], parameters["bn2.weight"]
    return parameters
"""

ALTERING = """
import json, sys
from pathlib import Path
from nnc_conformance.reference import decode
from nnc_conformance.storage.tensors import write_tensors

decoded = decode(Path(sys.argv[1]).read_bytes())
write_tensors(Path(sys.argv[2]), decoded.parameters)
Path(sys.argv[3]).write_bytes(decoded.topology.data.replace(b"Relu", b"Sign"))
"""


def judged(tmp_path: Path, name: str, source: str, kind: str, command: str) -> CaseResult:
    """Run one network's vector on a decoder and return its case."""
    (tmp_path / f"{name}.py").write_text(source)
    document = [f'name = "{name}"', 'version = "1"', f'kind = "{kind}"', f"command = '{command}'"]
    document.append('capabilities = ["float", "block", "dq", "int", "raw-float", "deflate", "topology", "block-scan"]')
    (tmp_path / "decoder.toml").write_text("\n".join(document))
    suite = select(Path(__file__).parents[3] / "vectors", [Level.MODELS], [parse_filter("id=model-digits-cnn-plain")])
    decoders = load_decoders([str(tmp_path / "decoder.toml")])
    run(suite, decoders, tmp_path / "out", levels=[Level.MODELS], options=RunOptions(jobs=1))
    (case,) = load_results(tmp_path / "out").cases
    return case


@pytest.mark.slow
def test_a_decoder_that_swaps_two_tensors_of_equal_shape_is_caught(tmp_path: Path) -> None:
    case = judged(tmp_path, "swapping", FAULTY, "python", "swapping:decode")
    assert case.outcome is Outcome.FAIL
    assert {difference.tensor for difference in case.differences} == {"bn2.weight", "bn2.running_var"}
    original, reference, decoded = case.accuracy
    assert reference.top1 >= original.top1 - 0.01
    assert decoded.first_drift == "bn2"
    assert decoded.agreement < 1
    layers = {layer.output: layer.distance.relative_error for layer in decoded.layers}
    assert layers["conv2"] == {layer.output: layer.distance.relative_error for layer in reference.layers}["conv2"]
    assert layers["bn2"] is not None
    assert layers["bn2"] > 0.1


@pytest.mark.slow
def test_a_decoder_that_alters_the_graph_is_caught_where_it_declares_the_topology(tmp_path: Path) -> None:
    command = f"{sys.executable} {{here}}/altering.py {{stream}} {{output}} {{topology}}"
    case = judged(tmp_path, "altering", ALTERING, "command", command)
    assert case.outcome is Outcome.FAIL
    assert "the topology differs from byte" in case.message
    decoded = case.accuracy[-1]
    assert decoded.parameters == "decoded"
    assert decoded.first_drift == "relu1"
    assert decoded.top1 < case.accuracy[0].top1


def test_differences_of_a_session_are_added_up() -> None:
    base = {"w": np.array([1, 2], "<f4"), "n": np.array([5], "<i4"), "b": np.array([1], "<f4")}
    update = {"w": np.array([0.5, -1], "<f4"), "n": np.array([-7], "<i4"), "b": np.array([3], "<f4")}
    model = {"w": np.array([1.5, 1], "<f4"), "n": np.array([-2], "<i4"), "b": np.array([3], "<f4")}
    expected = (ExpectedOutput(base, None), ExpectedOutput(update, None, model=model))
    found = added_up(expected, [base, update])
    assert found is not None
    assert {name: (array.dtype, array.tolist()) for name, array in found.items()} == {
        name: (array.dtype, array.tolist()) for name, array in model.items()
    }
    assert added_up(expected, [base, None]) is None
    assert added_up(expected[:1], [base]) == base
