"""Networks that packages ship: taken apart and put together exactly, and what they answer after a
stream. In the session ``models``.
"""

import numpy as np
import onnx
import pytest

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.quantization.steps import by_deviation
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.carriage import split_stream
from nnc_conformance.reference.topology.carriage_onnx import pack, unpack
from nnc_conformance.reference.topology.classes import Role, role
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import exact_parameters, extract, restore
from wild.networks import WildNetwork, magika, session, shipped, silero_vad

MODELS = {
    "magika": ("magika", "models", "standard_v3_3", "model.onnx"),
    **{
        name: ("silero_vad", "data", f"{name}.onnx")
        for name in ("silero_vad", "silero_vad_16k_op15", "silero_vad_half", "silero_vad_16k_sequence", "silero_vad_op18_ifless")
    },
}
PARAMETERS = {"magika": 784223, "silero-vad": 545286}
"""Floating point parameters, counted in the published files."""
QP = {"magika": -23, "silero-vad": -16}
"""Of the largest tensor."""
SHARE = 0.14
AGREEMENT = 0.98


@pytest.fixture(scope="module", params=["magika", "silero-vad"])
def network(request: pytest.FixtureRequest) -> WildNetwork:
    return magika() if request.param == "magika" else silero_vad(voices=3, sentences=3)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_bit_for_bit(name: str) -> None:
    model = shipped(*MODELS[name])
    parts = extract(model)
    restored = restore(parts.topology, parts.parameters)
    again = extract(restored)
    assert (again.topology, again.unchanged) == (parts.topology, parts.unchanged)
    for key, array in parts.parameters.items():
        assert again.parameters[key].dtype == array.dtype
        assert again.parameters[key].tobytes() == array.tobytes()
    assert [value.name for value in session(restored).get_outputs()] == [value.name for value in session(model).get_outputs()]


def test_all_weights_of_silero_vad_lie_under_an_if() -> None:
    model = shipped(*MODELS["silero_vad"])
    parts = extract(model)
    weights = [name for name, array in parts.parameters.items() if role(array) is not Role.OTHER]
    assert len(weights) > 25
    assert all(name.startswith("|If_0_outputs_0|") for name in weights)
    assert {name.split("|")[2] for name in weights} == {"then_branch", "else_branch"}
    assert {node.op_type for node in onnx.load_from_string(model).graph.node} == {"Constant", "Equal", "If", "Identity"}


def test_the_same_answers_after_a_stream_without_loss(network: WildNetwork) -> None:
    parts = extract(network.model)
    floats = frozenset(name for name, array in parts.parameters.items() if array.dtype.kind == "f")
    assert sum(parts.parameters[name].size for name in floats) == PARAMETERS[network.name]
    stream = encode(parts.parameters, topology=Topology(NNR_TPL_ONNX, parts.topology), options=EncoderOptions(exact=floats))
    assert unpack(pack(stream)) == stream
    decoded = decode(stream)
    assert decoded.topology is not None
    truth, found = network.answers(network.model), network.answers(restore(decoded.topology.data, decoded.parameters))
    assert len(truth) == network.samples
    np.testing.assert_array_equal(found, truth)
    assert len(set(truth.tolist())) > 1


def test_the_answers_stay_at_a_seventh_of_the_size(network: WildNetwork) -> None:
    parts = extract(network.model)
    exact = exact_parameters(parts.topology)
    lossy = {name: array for name, array in parts.parameters.items() if name not in exact}
    qp = QP[network.name]
    options = EncoderOptions(qp=qp, dq=True, tensor_qp=by_deviation(lossy, qp), exact=exact)
    stream = encode(parts.parameters, topology=Topology(NNR_TPL_ONNX, parts.topology), options=options)
    carriage, _ = split_stream(stream)
    size = len(carriage.parameter_sets) + sum(map(len, carriage.units.values()))
    assert size < SHARE * 4 * PARAMETERS[network.name]
    found = network.answers(restore(parts.topology, decode(stream).parameters))
    assert np.mean(found == network.answers(network.model)) > AGREEMENT
