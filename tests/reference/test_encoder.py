"""The encoder: what is written is read, types and shapes come back, and what cannot be coded is
refused.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.encoder_options import Block
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import exact_parameters, extract, restore

GENERATOR = np.random.default_rng(7)
WEIGHT = GENERATOR.laplace(0, 0.05, (24, 6, 3, 3)).astype(np.float32)
BIAS = GENERATOR.normal(0, 0.1, 24).astype(np.float32)


@pytest.mark.parametrize("density", [0, 2, 7])
def test_nearest_is_within_half_a_step(density: int) -> None:
    options = EncoderOptions(qp=-5 << density, nonweight_qp=-5 << density, qp_density=density, rdo=0)
    decoded = decode(encode({"w": WEIGHT, "b": BIAS}, options=options)).parameters
    for name, values in (("w", WEIGHT), ("b", BIAS)):
        assert np.abs(decoded[name] - values).max() <= 2.0**-5 / 2
        assert (decoded[name] % 2.0**-5 == 0).all()


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("scan_order", [0, 1, 4])
@pytest.mark.parametrize("codebook", ["none", "kmeans", "integer"])
def test_options_change_size_but_not_truth(dq: bool, scan_order: int, codebook: str) -> None:
    options = EncoderOptions(qp=-20, nonweight_qp=-30, dq=dq, scan_order=scan_order, codebook=codebook, unary_length=5)
    decoded = decode(encode({"w": WEIGHT, "b": BIAS}, options=options)).parameters
    assert np.abs(decoded["w"] - WEIGHT).max() < 0.2
    assert np.sqrt(np.mean((decoded["w"] - WEIGHT) ** 2)) < 0.03


@settings(max_examples=60)
@given(
    st.sampled_from(["int8", "int16", "int32", "int64", "uint8", "bool", "float16", "float32", "float64"]),
    st.lists(st.integers(1, 5), max_size=4),
    st.integers(0, 2**32),
)
def test_types_and_shapes_come_back(dtype: str, shape: list[int], seed: int) -> None:
    values = (np.random.default_rng(seed).normal(0, 30, shape)).astype(dtype)
    (decoded,) = decode(encode({"x": values}, options=EncoderOptions(qp=-40, nonweight_qp=-60))).parameters.values()
    assert decoded.shape == (tuple(shape) or (1,))
    if np.dtype(dtype).kind in "iub":
        assert (decoded == values).all()
        assert decoded.dtype == (np.int32 if dtype in ("uint8", "bool") else dtype)
    else:
        assert decoded.dtype == dtype
        assert np.allclose(decoded, values, atol=0.02, rtol=1e-3)


def test_what_is_not_finite_travels_without_loss() -> None:
    values = np.array([[1.5, np.nan], [-0.0, np.inf]], dtype=np.float32)
    assert decode(encode({"x": values})).parameters["x"].tobytes() == values.tobytes()
    assert decode(encode({"x": WEIGHT}, options=EncoderOptions(exact=frozenset({"x"})))).parameters["x"].tobytes() == WEIGHT.tobytes()


def test_a_block_keeps_its_parts_together() -> None:
    rows = {name: GENERATOR.normal(0, 1, 24).astype(np.float32) for name in ("ls", "beta", "gamma", "mean", "var")}
    kinds = {"w": "weight", "b": "bias", "ls": "weight.ls", "beta": "bn.beta", "gamma": "bn.gamma", "mean": "bn.mean", "var": "bn.var"}
    blocks = {"block_identifier": dict.fromkeys(kinds, "layer"), "parameter_type": kinds}
    options = EncoderOptions(qp=-24, nonweight_qp=-60, blocks=blocks, dq=True)
    parameters = {"w": WEIGHT, "b": BIAS, **rows}
    stream = encode(parameters, options=options)
    decoded = decode(stream).parameters
    assert list(decoded) == ["w", "ls", "beta", "gamma", "mean", "var", "b"]
    for name in (*rows, "b"):
        assert np.abs(decoded[name] - parameters[name]).max() < 1e-3
    scaled = decode(stream, recombine=True).parameters
    assert set(scaled) == set(decoded) - {"ls"}
    assert (scaled["w"] == decoded["w"] * decoded["ls"].reshape(24, 1, 1, 1)).all()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", packaged_networks.names())
def test_networks_come_back_runnable(name: str, threads: int) -> None:
    model = extract(packaged_networks.model_bytes(name))
    options = EncoderOptions(qp=-20, nonweight_qp=-44, dq=True, exact=exact_parameters(model.topology))
    stream = encode(model.parameters, topology=Topology(2, model.topology), options=options, threads=threads)
    assert stream == encode(model.parameters, topology=Topology(2, model.topology), options=options)
    decoded = decode(stream, threads=threads)
    assert decoded.topology is not None
    assert extract(restore(decoded.topology.data, decoded.parameters)).topology == model.topology


def test_what_cannot_be_coded_is_refused() -> None:
    for parameters, options in (
        ({"x": np.array([2**40])}, {}),
        ({"x": np.zeros((0, 3), np.float32)}, {}),
        ({"x": np.array(["text"])}, {}),
        ({"x": WEIGHT}, {"tensor_qp": {"x": 4000}}),
        ({"x": WEIGHT}, {"blocks": (Block({"weight": "x", "bias": "y"}),)}),
        ({"x": np.zeros(3, np.complex64)}, {}),
    ):
        with pytest.raises(EncodeError):
            encode(parameters, options=EncoderOptions(**options))


@pytest.mark.parametrize(
    "options",
    [{"qp_density": 8}, {"scan_order": 5}, {"unary_length": 0}, {"qp": 5000}, {"rdo": -1}, {"codebook": "x"}, {"rdo": float("nan")}],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(EncodeError):
        EncoderOptions(**options)  # type: ignore[arg-type]
