"""Accuracy of decoded parameters in a real network, against figures that were measured when it was trained."""

import json
from importlib.resources import files

import numpy as np
import pytest

from nnc_conformance.generator.networks import catalogue
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.onnx import extract
from nnc_conformance.suites.accuracy import accuracy

TRAINED = json.loads(files("nnc_conformance.generator.networks").joinpath("networks.json").read_text())["networks"]


@pytest.mark.parametrize("network", sorted(TRAINED))
def test_the_original_parameters_give_the_accuracy_of_the_training(network: str) -> None:
    model = extract(catalogue.model_bytes(network))
    original, reference, decoded = accuracy(network, model.topology, model.parameters, model.parameters)
    for row in (original, reference, decoded):
        assert row.top1 == pytest.approx(TRAINED[network]["held_accuracy"], abs=1e-6)
        assert (row.agreement, row.max_error, row.mean_error, row.samples) == (1.0, 0.0, 0.0, 450)


def test_wrong_parameters_show() -> None:
    model = extract(catalogue.model_bytes("digits-mlp"))
    swapped = {name: np.flip(array) if array.ndim == 2 else array for name, array in model.parameters.items()}
    _, reference, decoded = accuracy("digits-mlp", model.topology, model.parameters, swapped)
    assert reference.top1 > 0.95
    assert decoded.top1 < 0.5
    assert decoded.agreement < 0.5
    assert decoded.max_error is not None
    assert decoded.max_error > 1


def test_parameters_that_are_no_numbers_or_do_not_fit() -> None:
    model = extract(catalogue.model_bytes("digits-mlp"))
    nan = {name: np.full_like(array, np.nan) if array.dtype.kind == "f" else array for name, array in model.parameters.items()}
    decoded = accuracy("digits-mlp", model.topology, model.parameters, nan)[-1]
    assert (decoded.parameters, decoded.max_error, decoded.mean_error) == ("decoded", None, None)
    rows = accuracy("digits-mlp", model.topology, model.parameters, {})
    assert [row.parameters for row in rows] == ["original", "reference"]
    with pytest.raises(ModelError):
        accuracy("none", model.topology, model.parameters, model.parameters)
