"""Annex D: Keras models to a stream and back to a model that runs. In a session of its own (tensorflow)."""

import io
import json
import resource
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_TEF
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.tensorflow import extract, restore

IMAGES = np.random.default_rng(0).normal(0, 1, (3, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras")


@pytest.fixture(scope="module")
def model(folder: Path) -> bytes:
    keras.utils.set_random_seed(0)
    given = keras.Input((8, 8, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(given))
    x = keras.layers.Add()([x, keras.layers.Conv2D(4, 1)(x)])
    rows = keras.layers.Reshape((6, 24))(keras.layers.Dropout(0.1)(x))
    made = keras.Model(given, keras.layers.Dense(10)(keras.layers.GRU(5)(rows)))
    made.save(folder / "model.keras")
    return (folder / "model.keras").read_bytes()


def answered(model: bytes, folder: Path) -> np.ndarray:
    (folder / "asked.keras").write_bytes(model)
    return keras.saving.load_model(folder / "asked.keras")(IMAGES, training=False).numpy()


def test_a_model_is_taken_apart_and_put_together(model: bytes, folder: Path) -> None:
    parts = extract(model)
    assert any(name.endswith("gru_cell/recurrent_kernel") for name in parts.parameters)
    assert b"GRU" in parts.topology
    back = restore(parts.topology, parts.parameters)
    np.testing.assert_array_equal(answered(back, folder), answered(model, folder))
    assert extract(back).topology == parts.topology


def test_a_model_runs_after_a_stream(model: bytes, folder: Path) -> None:
    parts = extract(model)
    exact = frozenset(parts.parameters)
    for options, bound in ((EncoderOptions(exact=exact), 0.0), (EncoderOptions(qp=-40, nonweight_qp=-50), 0.02)):
        decoded = decode(encode(parts.parameters, topology=Topology(NNR_TPL_TEF, parts.topology), options=options))
        assert decoded.topology is not None
        after = answered(restore(decoded.topology.data, decoded.parameters), folder)
        assert np.abs(after - answered(model, folder)).max() <= bound


def test_at_the_command_line(model: bytes, folder: Path) -> None:
    app, run = build_app(), CliRunner().invoke
    assert run(app, ["encode", str(folder / "model.keras"), str(folder / "s.nnr"), "--qp", "-40"]).exit_code == 0
    assert run(app, ["decode", str(folder / "s.nnr"), str(folder / "back.keras")]).exit_code == 0
    assert np.abs(answered((folder / "back.keras").read_bytes(), folder) - answered(model, folder)).max() < 0.02


def test_what_is_no_model_or_does_not_fit_is_refused(model: bytes) -> None:
    parts = extract(model)
    name = next(iter(parts.parameters))
    for bad in (b"", b"PK\x05\x06" + bytes(18), model[:200]):
        with pytest.raises(ModelError, match="not a Keras model"):
            extract(bad)
    for topology in (b"{", b"{}", io.BytesIO(b"\xff").getvalue()):
        with pytest.raises(ModelError, match="is not a Keras model"):
            restore(topology, parts.parameters)
    with pytest.raises(ModelError, match=f"{name}.* is missing"):
        restore(parts.topology, {key: array for key, array in parts.parameters.items() if key != name})
    with pytest.raises(ModelError, match="has shape"):
        restore(parts.topology, {**parts.parameters, name: np.zeros(1, np.float32)})


def test_a_small_topology_takes_no_large_memory() -> None:
    """An input of 800 million values before a dense layer: its kernel would take 9.6 GB, the stream's has one row."""
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="d")])
    configuration = json.loads(made.to_json())
    configuration["config"].pop("build_input_shape", None)
    configuration.pop("build_config", None)
    for layer in configuration["config"]["layers"]:
        layer.pop("build_config", None)
    configuration["config"]["layers"][0]["config"]["batch_shape"] = [None, 800_000_000]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for scope in ("", "sequential/"):
        with pytest.raises(ModelError, match=r"is missing|has shape"):
            restore(
                json.dumps(configuration).encode(),
                {f"{scope}d/kernel": np.zeros((1, 3), np.float32), f"{scope}d/bias": np.zeros(3, np.float32)},
            )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_a_vocabulary_is_refused_with_the_layer_and_a_remedy(folder: Path) -> None:
    text = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=4, name="words")
    text.adapt(["hello world", "good morning"])
    keras.Sequential([keras.Input((1,), dtype="string"), text, keras.layers.Embedding(50, 4)]).save(folder / "text.keras")
    with pytest.raises(ModelError, match=r"'words'.*TextVectorization.*code the weights"):
        extract((folder / "text.keras").read_bytes())
