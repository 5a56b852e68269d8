"""Vectors of real networks: data once made, they decode to parameters with which the networks still
answer.
"""

from pathlib import Path

import numpy as np
import pytest

from nnc_conformance.generator.models import MODELS, ModelRecipe
from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import decode
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.topology.onnx import extract, restore
from nnc_conformance.storage.suite_folder import StoredVector, load_suite
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.judging.accuracy import accuracy, answers

ALL = {stored.vector.id: stored for stored in load_suite(Path(__file__).parents[2] / "vectors", levels=(Level.MODELS,)).vectors}
LARGEST_LOSS = 0.01


def decoded(stored: StoredVector) -> dict[str, np.ndarray]:
    return decode(stored.read(stored.vector.stream)).parameters


def test_every_network_is_there_plainly_with_dependent_quantization_and_in_blocks() -> None:
    assert set(ALL) == {model.id for model in MODELS}
    assert (
        {stored.vector.network for stored in ALL.values()}
        == {"digits-cnn", "digits-depthwise", "digits-mlp"}
        < set(packaged_networks.names())
    )
    flags = [set(stored.vector.flags) for stored in ALL.values()]
    assert all("topology" in found for found in flags)
    assert any({"dq", "block"} <= found for found in flags)
    assert any("dq" not in found and "block" not in found for found in flags)
    assert any({"block", "block-scan"} <= found for found in flags)


@pytest.mark.parametrize("name", ALL)
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
