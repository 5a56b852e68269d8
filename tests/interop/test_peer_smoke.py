"""The independent codec runs as a black box, and the plain decoder decodes its streams to the
tensors that it decodes them to.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import plain_decoder
import pytest
from helpers.peer_driver import Peer, PeerError

from nnc_conformance.generator.coverage.costs import PORTABLE_DIMENSIONS
from nnc_conformance.reference import encode

Array = npt.NDArray[Any]


def laplace(seed: int, *shape: int, scale: float = 0.1) -> Array:
    return np.random.default_rng(seed).laplace(0, scale, shape).astype(np.float32)


def as_binary32(array: Array) -> Array:
    """The codec gives tensors with a codebook as binary64."""
    return array.astype(np.float32) if array.dtype == np.float64 else array


BLOCK = {
    "l.weight": laplace(1, 17, 5, 3),
    "l.weight_scaling": np.linspace(0.5, 1.5, 17, dtype=np.float32),
    "l.bias": laplace(2, 17),
    "l.bn.beta": laplace(3, 17),
    "l.bn.gamma": laplace(4, 17),
    "l.bn.mean": laplace(5, 17),
    "l.bn.var": np.abs(laplace(6, 17)) + np.float32(0.1),
}
TYPES = ["weight", "weight.ls", "bias", "bn.beta", "bn.gamma", "bn.mean", "bn.var"]
BLOCKS = {"block_identifier": dict.fromkeys(BLOCK, "l"), "parameter_type": dict(zip(BLOCK, TYPES, strict=True))}

MODELS: dict[str, tuple[dict[str, Array], dict[str, Any]]] = {
    "rows": ({"w": laplace(7, 20, 30), "b": laplace(8, 20)}, {"qp": -20, "use_dq": False}),
    "trellis in blocks": ({"w": laplace(9, 40, 3, 3, 2)}, {"qp": -24, "use_dq": True, "scan_order": 1}),
    "codebook": ({"w": np.round(laplace(10, 16, 16) * 8) / np.float32(8)}, {"qp": -16, "use_dq": False, "codebook_mode": 1}),
    "integers": ({"w": np.arange(-60, 60, dtype=np.int32).reshape(10, 12)}, {"qp": -16, "use_dq": False, "cabac_unary_length_minus1": 0}),
    "block": (BLOCK, {"qp": -20, "nonweight_qp": -40, "use_dq": True, "blocks": BLOCKS}),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_plain_decoder_decodes_as_the_peer_does(peer: Peer, name: str) -> None:
    parameters, options = MODELS[name]
    stream = peer.encode(parameters, **options)
    expected = {key: as_binary32(array) for key, array in peer.decode(stream).items()}
    decoded = plain_decoder.decode(stream).parameters
    assert set(expected) == set(parameters)
    assert {key: (array.dtype, array.shape, array.tobytes()) for key, array in decoded.items()} == {
        key: (array.dtype, array.shape, array.tobytes()) for key, array in expected.items()
    }


def test_a_refusal_leaves_the_process_running(peer: Peer) -> None:
    stream = peer.encode(MODELS["rows"][0], **MODELS["rows"][1])
    starts = peer.starts
    with pytest.raises(PeerError):
        peer.decode(stream[:-20])
    assert set(peer.decode(stream)) == {"w", "b"}
    assert peer.starts == starts


def test_core_asks_for_no_more_dimensions_than_the_codec_holds(peer: Peer) -> None:
    most = {"w": np.zeros((1,) * (PORTABLE_DIMENSIONS - 1) + (2,), np.int32)}
    assert peer.decode(encode(most))["w"].shape == most["w"].shape
    with pytest.raises(PeerError):
        peer.decode(encode({"w": most["w"].reshape(1, *most["w"].shape)}))
