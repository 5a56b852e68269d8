"""Updates of a shipped network with a layer adapted: answers and sizes after every update."""

import numpy as np
import pytest

from nnc_conformance.generator.networks import adapting, packaged_networks
from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.reference.quantization.steps import by_deviation
from nnc_conformance.reference.topology.onnx import exact_parameters, extract
from nnc_conformance.storage.safetensors_format import load_safetensors
from wild.adapting import BIAS, WEIGHTS, cut, magika_adaptation
from wild.networks import shipped

ROUNDS = 4
QP = -34
"""qp of the largest tensor of the base and of the changed layer."""


@pytest.mark.slow
@pytest.mark.parametrize("dq", [False, True])
def test_the_answers_follow_each_update(dq: bool) -> None:
    adaptation = magika_adaptation()
    parts = extract(adaptation.model)
    exact = exact_parameters(parts.topology)
    steps = by_deviation({name: array for name, array in parts.parameters.items() if name not in exact}, QP)
    options = EncoderOptions(edition=2024, dq=dq, qp=QP, tensor_qp=steps, exact=exact)
    whole = encode(parts.parameters, options=options)
    model = decode(whole, base=BaseModel()).model
    assert model is not None
    shipped = adaptation.accuracy(dict(parts.parameters))
    decoded = dict(decode(whole).parameters)
    for number, trained in enumerate(adaptation.rounds(ROUNDS), 1):
        update = encode(dict(model.parameters) | {name: trained[name] for name in (WEIGHTS, BIAS)}, base=model, options=options)
        step = decode(update, base=model)
        assert step.model is not None
        assert set(step.parameters) == {WEIGHTS, BIAS}
        model = step.model
        decoded = dict(model.parameters)
        assert abs(adaptation.accuracy(decoded) - adaptation.accuracy(trained)) <= 0.02, f"update {number}"
        assert len(update) < len(whole) / 20
    assert adaptation.accuracy(decoded) > shipped + 0.02
    np.testing.assert_allclose(decoded[WEIGHTS], trained[WEIGHTS], atol=2 ** (QP / 4 + 2))


def test_the_packaged_layer_is_cut_out_of_the_shipped_network() -> None:
    classes = load_safetensors((adapting.HERE / adapting.HELD_FILE).read_bytes())["classes"]
    cut_out = cut(shipped("magika", "models", "standard_v3_3", "model.onnx"), classes)
    packaged = extract(packaged_networks.model_bytes(adapting.NETWORK)).parameters
    assert {name: array.tobytes() for name, array in packaged.items()} == {name: array.tobytes() for name, array in cut_out.items()}
