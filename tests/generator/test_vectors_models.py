"""Vectors of real networks: data once made, they decode to parameters with which the networks still
answer.
"""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from nnc_conformance.generator.models import MODELS, SEQUENCES, ModelRecipe, SequenceRecipe
from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import decode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.topology.onnx import extract, restore
from nnc_conformance.storage.suite_folder import StoredVector, load_suite
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.judging.accuracy import accuracy, answers, steps_to_measure
from nnc_conformance.suites.judging.expected_output import read_expected_steps

ALL = {stored.vector.id: stored for stored in load_suite(Path(__file__).parents[2] / "vectors", levels=(Level.MODELS,)).vectors}
TRAINED = json.loads(files("nnc_conformance.generator.networks").joinpath("networks.json").read_text())["sequences"]
LARGEST_LOSS = 0.01
LARGEST_LOSS_ON_OTHER_IMAGES = 0.02
"""Before the first update a network has not been trained on the images that it is measured on."""


def decoded(stored: StoredVector) -> dict[str, np.ndarray]:
    return decode(stored.read(stored.vector.stream)).parameters


def test_every_network_is_there_plainly_with_dependent_quantization_and_in_blocks() -> None:
    assert set(ALL) == {recipe.id for recipe in (*MODELS, *SEQUENCES)}
    plain = [ALL[model.id] for model in MODELS]
    assert {stored.vector.network for stored in plain} == {"digits-cnn", "digits-depthwise", "digits-mlp"} < set(packaged_networks.names())
    flags = [set(stored.vector.flags) for stored in plain]
    assert all("topology" in found for found in flags)
    assert any({"dq", "block"} <= found for found in flags)
    assert any("dq" not in found and "block" not in found for found in flags)
    assert any({"block", "block-scan"} <= found for found in flags)


@pytest.mark.slow
@pytest.mark.parametrize("name", [model.id for model in MODELS])
def test_the_network_still_answers(name: str) -> None:
    stored = ALL[name]
    vector = stored.vector
    assert vector.network is not None
    assert vector.expected is not None
    assert vector.topology is not None
    expected, topology = load_tensors(stored.read(vector.expected)), stored.read(vector.topology)
    original, reference = accuracy(vector.network, topology, expected, expected)[:2]
    assert reference.top1 >= original.top1 - LARGEST_LOSS


@pytest.mark.parametrize("model", MODELS, ids=[model.id for model in MODELS])
def test_parameters_are_near_the_networks_own(model: ModelRecipe) -> None:
    stored = ALL[model.id]
    options = model.options
    own = extract(packaged_networks.model_bytes(str(stored.vector.network))).parameters
    found = decoded(stored)
    assert set(found) == set(own)
    step = float(step_size(options.qp_density, options.qp))
    for name, values in own.items():
        assert found[name].shape == values.shape
        assert np.abs(found[name].astype(np.float64) - values).max() <= 4 * step, name


def test_the_model_without_loss_is_the_model() -> None:
    stored = ALL["model-digits-mlp-exact"]
    assert stored.vector.topology is not None
    model = restore(stored.read(stored.vector.topology), decoded(stored))
    inputs, _ = packaged_networks.held_data("digits-mlp")
    assert (answers(model, inputs) == answers(packaged_networks.model_bytes("digits-mlp"), inputs)).all()
    own = extract(packaged_networks.model_bytes("digits-mlp")).parameters
    assert {name: values.tobytes() for name, values in decoded(stored).items() if values.dtype == np.float32} == {
        name: values.tobytes() for name, values in own.items() if values.dtype == np.float32
    }


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SEQUENCES, ids=[recipe.id for recipe in SEQUENCES])
def test_a_network_answers_after_every_update(recipe: SequenceRecipe) -> None:
    stored = ALL[recipe.id]
    expected = read_expected_steps(stored)
    topology = expected[0].topology
    assert topology is not None
    trained = TRAINED[recipe.network]["held_accuracy"]
    steps = steps_to_measure(str(recipe.network), len(expected))
    assert len(steps) == len(trained)
    for number, (step, accuracy_in_training) in zip(steps, zip(expected, trained, strict=True), strict=True):
        model = step.model or step.tensors
        assert model is not None
        original, reference = accuracy(str(recipe.network), topology, model, model, step=number)[:2]
        assert original.network == f"{recipe.network}, step {number}"
        assert original.top1 == pytest.approx(accuracy_in_training, abs=1e-6)
        allowed = LARGEST_LOSS if number > 0 else LARGEST_LOSS_ON_OTHER_IMAGES
        assert reference.top1 >= original.top1 - allowed


def test_updates_are_smaller_than_the_first_model() -> None:
    for recipe in SEQUENCES:
        first, *updates = [step.stream.size for step in ALL[recipe.id].vector.steps]
        assert max(updates) < 0.6 * first


def test_a_sequence_of_another_length_is_refused() -> None:
    with pytest.raises(ModelError, match="has 9 models, the vector 3 steps"):
        steps_to_measure("digits-cnn-moved", 3)
