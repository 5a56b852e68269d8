"""A network that is really trained: its updates by each codec, decoded by both to the same tensors."""

import os
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from interop.codec import Tensors, difference
from interop.sessions import SessionPeer

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.topology.onnx import extract

NETWORK = "digits-mlp"
LAYERS = ("fc1", "fc2", "fc3")
ROUNDS = 3
"""Updates."""
EPOCHS = 4
"""Passes over the images for each update."""
LEARNING_RATE = 0.3
QP = -28


@pytest.fixture(scope="module")
def session_peer() -> Iterator[SessionPeer]:
    with SessionPeer(os.environ["NNC_PEER_PYTHON"]) as running:
        yield running


@cache
def new_images() -> tuple[np.ndarray, np.ndarray]:
    """Held-out digits moved by a pixel, which the network has not learnt, and their labels."""
    images, labels = packaged_networks.held_data(NETWORK)
    (digits,) = images.values()
    moved = [np.roll(digits, shift, axis) for shift, axis in ((1, 2), (-1, 2), (1, 3), (-1, 3))]
    return np.concatenate(moved).reshape(-1, 64), np.tile(labels, len(moved))


def layer_outputs(model: Tensors, images: np.ndarray) -> list[np.ndarray]:
    """The images, then what each layer gives; the last are logits."""
    outputs = [images]
    for name in LAYERS:
        given = outputs[-1] @ model[f"{name}.weight"].T + model[f"{name}.bias"]
        outputs.append(given if name == LAYERS[-1] else np.maximum(given, 0))
    return outputs


def accuracy(model: Tensors) -> float:
    images, labels = new_images()
    return float((layer_outputs(model, images)[-1].argmax(axis=1) == labels).mean())


def trained_once(model: Tensors, rng: np.random.Generator) -> Tensors:
    """The network after some passes of gradient descent on the cross-entropy of the new images."""
    images, labels = new_images()
    after = {name: values.astype(np.float64) for name, values in model.items()}
    for batch in (part for _ in range(EPOCHS) for part in np.array_split(rng.permutation(len(labels)), len(labels) // 64)):
        outputs = layer_outputs(after, images[batch])
        chances = np.exp(outputs[-1] - outputs[-1].max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = (chances - np.eye(10)[labels[batch]]) / len(batch)
        for name, given in reversed(list(zip(LAYERS, outputs, strict=False))):
            below = (gradient @ after[f"{name}.weight"]) * (given > 0)
            after[f"{name}.weight"] -= LEARNING_RATE * gradient.T @ given
            after[f"{name}.bias"] -= LEARNING_RATE * gradient.sum(axis=0)
            gradient = below
    return {name: values.astype(np.float32) for name, values in after.items()}


@cache
def models() -> tuple[Tensors, ...]:
    """The network as packaged, and after each round of further training."""
    rng = np.random.default_rng(28)
    parameters = extract(packaged_networks.model_bytes(NETWORK)).parameters
    rounds: list[Tensors] = [{name: parameters[name] for layer in LAYERS for name in (f"{layer}.weight", f"{layer}.bias")}]
    for _ in range(ROUNDS):
        rounds.append(trained_once(rounds[-1], rng))
    return tuple(rounds)


def decoded_by_both(streams: list[bytes], peer: SessionPeer) -> BaseModel:
    """The model after a session of which both codecs decode each stream to the same tensors."""
    base = BaseModel()
    for stream, others in zip(streams, peer.decode_session(streams), strict=True):
        decoded = decode(stream, base=base)
        assert difference(decoded.parameters, others) == ""
        base = decoded.model or base
    return base


def farthest(base: BaseModel, model: Tensors) -> float:
    return max(float(np.abs(base.parameters[name] - values).max()) for name, values in model.items())


def test_the_network_is_trained() -> None:
    before, *after = [accuracy(model) for model in models()]
    assert before < 0.8
    assert after[-1] > 0.95


@pytest.mark.parametrize("tools", ["auto", "on", "off"])
@pytest.mark.parametrize("dq", [False, True])
def test_our_updates(session_peer: SessionPeer, tools: str, dq: bool) -> None:
    base, streams = BaseModel(), []
    options = EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, dq=dq, row_skip=tools, tca=tools, hdsp=tools)
    for number, model in enumerate(models()):
        streams.append(encode(model, base=base if number else None, options=options))
        base = decode(streams[-1], base=base).model or base
    last = decoded_by_both(streams, session_peer)
    assert farthest(last, models()[-1]) <= (4 if dq else 2) * step_size(2, QP)
    assert accuracy(last.parameters) > 0.95
    assert max(map(len, streams[1:])) < 0.7 * len(streams[0])


@pytest.mark.parametrize("tools", [False, True])
@pytest.mark.parametrize("dq", [False, True])
def test_the_peers_updates(session_peer: SessionPeer, tools: bool, dq: bool) -> None:
    differences = [{name: after[name] - before[name] for name in after} for before, after in pairwise(models())]
    options = {"use_dq": dq, "row_skipping": tools, "tca": tools, "hdsp": tools, "root": "depth0"}
    streams = session_peer.encode_session([models()[0], *differences], qp=QP, nonweight_qp=QP, **options)
    last = decoded_by_both(streams, session_peer)
    assert farthest(last, models()[-1]) <= (ROUNDS + 1) * (2 if dq else 1) * step_size(2, QP)
    assert accuracy(last.parameters) > 0.95
