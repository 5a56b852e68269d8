"""Annex D: Keras models to a stream and back to a model that runs.

In a session of its own (tensorflow).
"""

import io
import json
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_TEF
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.keras_safety import checked_configuration
from nnc_conformance.reference.topology.tensorflow import extract, restore
from nnc_conformance.storage.model_files import read_model

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


def run_commands(*commands: list[str]) -> None:
    for words in commands:
        done = CliRunner().invoke(build_app(), words)
        assert done.exit_code == 0, done.output


def test_updates_go_back_to_a_model(model: bytes, folder: Path) -> None:
    """The second update adds a layer: the graph travels along."""
    rng = np.random.default_rng(1)
    trained = keras.saving.load_model(folder / "model.keras")
    trained.set_weights([values + 0.1 * rng.standard_normal(values.shape).astype(np.float32) ** 2 for values in trained.get_weights()])
    trained.save(folder / "trained.keras")
    grown = keras.Model(trained.inputs, keras.layers.Dense(3, name="head")(trained.outputs[0]))
    grown.save(folder / "grown.keras")
    base, first, second, out = (str(folder / name) for name in ("base.nnr", "first.nnr", "second.nnr", "out.keras"))
    run_commands(
        ["encode", str(folder / "model.keras"), base, "--qp", "-40"],
        ["encode", "--base", base, str(folder / "trained.keras"), first, "--qp", "-40"],
        ["decode", base, first, out],
    )
    expected = answered((folder / "trained.keras").read_bytes(), folder)
    assert np.abs(answered(Path(out).read_bytes(), folder) - expected).max() < 0.02 < np.abs(answered(model, folder) - expected).max()
    run_commands(
        ["encode", "--base", base, "--base", first, str(folder / "grown.keras"), second, "--qp", "-40"],
        ["decode", base, first, second, out],
    )
    assert np.abs(answered(Path(out).read_bytes(), folder) - answered((folder / "grown.keras").read_bytes(), folder)).max() < 0.05


def test_an_update_cannot_remove_layers(model: bytes, folder: Path) -> None:
    given = keras.Input((8, 8, 1))
    keras.Model(given, keras.layers.Conv2D(4, 3)(given)).save(folder / "less.keras")
    run_commands(["encode", str(folder / "model.keras"), str(folder / "whole.nnr")])
    words = ["encode", "--base", str(folder / "whole.nnr"), str(folder / "less.keras"), str(folder / "less.nnr")]
    done = CliRunner().invoke(build_app(), words)
    assert done.exit_code != 0
    assert "an update cannot remove tensors; encode the model without --base" in str(done.exception) + done.output


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
    """An input of 800 million values before a dense layer: its kernel would take 9.6 GB, the
    stream's has one row.
    """
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
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])  # Keras gives memory to variables that wait for it
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize("statistics", [{"mean": 1.0, "variance": 1.0}, {}])
def test_statistics_take_no_large_memory(folder: Path, statistics: dict[str, float]) -> None:
    """A normalization after an input of 800 million values, by one number or by as many."""
    keras.Sequential([keras.Input((4,)), keras.layers.Normalization(**statistics)]).save(folder / "n.keras")
    parts = extract((folder / "n.keras").read_bytes())
    assert restore(parts.topology, parts.parameters)
    configuration = json.loads(parts.topology)
    configuration["config"].pop("build_input_shape", None)
    for entry in (configuration, *configuration["config"]["layers"]):
        entry.pop("build_config", None)
    configuration["config"]["layers"][0]["config"]["batch_shape"] = [None, 800_000_000]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match="more than its weights"):
        restore(json.dumps(configuration).encode(), parts.parameters)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def kept(model: keras.Model, folder: Path, given: Any) -> None:
    """Assert that a model answers alike after it was taken apart and put together."""
    model.save(folder / "kept.keras")
    parts = extract((folder / "kept.keras").read_bytes())
    back = restore(parts.topology, parts.parameters)
    (folder / "back.keras").write_bytes(back)
    after = keras.saving.load_model(folder / "back.keras")
    for mine, theirs in zip(keras.tree.flatten(after(given)), keras.tree.flatten(model(given)), strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))
    assert extract(back).topology == parts.topology


WORDS = keras.ops.convert_to_tensor(np.array([["hello morning"]]))


def test_vocabularies_travel_in_the_configuration(folder: Path) -> None:
    text = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=4)
    text.adapt(["hello world", "good morning"])
    inner = keras.Sequential([keras.Input((1,), dtype="string"), text, keras.layers.Embedding(50, 4)])
    kept(inner, folder, WORDS)
    outer = keras.Input((1,), dtype="string")
    kept(keras.Model(outer, inner(outer)), folder, WORDS)
    numbers = keras.layers.IntegerLookup()
    numbers.adapt([7, 8, 10**12])
    kept(keras.Sequential([keras.Input((1,), dtype="int64"), numbers, keras.layers.Embedding(9, 4)]), folder, np.array([[8]]))


def test_operations_and_layers_with_learned_statistics_are_kept(folder: Path) -> None:
    given = keras.Input((8, 8, 1))
    scaled = keras.layers.Normalization(axis=None)
    scaled.adapt(IMAGES)
    x = scaled(keras.layers.RandomFlip()(given)) * 2.0 + np.ones(1, np.float32) - 1e30
    left, right = keras.ops.split(keras.ops.concatenate([x, given], axis=-1), 2, axis=-1)
    rows = keras.ops.reshape(keras.activations.relu(left + right)[:, 1:, ..., 0], (-1, 56))
    kept(keras.Model(given, keras.ops.softmax(keras.layers.Dense(3)(rows))), folder, IMAGES)


QUANTIZATIONS = {
    "int8": {"mode": "int8"},
    "int4": {"mode": "int4"},
    "float8": {"mode": "float8"},
    "int8 weights only": {"config": keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)},
    "int4 by channel": {"config": keras.quantizers.Int4QuantizationConfig(block_size=-1)},
}


@pytest.mark.parametrize("how", QUANTIZATIONS)
def test_quantized_models_come_back_with_exact_scales(folder: Path, how: str) -> None:
    given = keras.Input((6,), dtype="int32")
    inner = keras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 12), bias_axes="d")(keras.layers.Embedding(20, 16)(given))
    made = keras.Model(given, keras.layers.Dense(5)(inner))
    made.quantize(**QUANTIZATIONS[how])
    kept(made, folder, np.arange(12).reshape(2, 6))
    model = read_model(folder / "kept.keras")
    owners = {name.rpartition("/")[0] for name, array in model.parameters.items() if array.dtype == np.int8}
    assert bool(owners) == how.startswith("int")
    scales = {name for name in model.parameters if name.rpartition("/")[0] in owners and name.endswith(("_scale", "g_idx"))}
    assert scales <= set(model.exact)


def test_a_model_that_keras_cannot_load_is_refused_with_its_whole_reason(folder: Path) -> None:
    given = keras.Input((5, 8))
    made = keras.Model(given, keras.layers.MultiHeadAttention(2, 4)(given, given))
    made.quantize("int8")
    made.save(folder / "attention.keras")
    try:
        keras.saving.load_model(folder / "attention.keras")
    except ValueError:
        with pytest.raises(ModelError, match=r"could not be loaded.*: Layer '\w+' expected 2 variables, but received 0"):
            extract((folder / "attention.keras").read_bytes())
    else:
        assert extract((folder / "attention.keras").read_bytes()).parameters


@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetV2B0"])
def test_networks_of_keras_applications_are_known(folder: Path, name: str) -> None:
    keras.applications.__dict__[name](weights=None).save(folder / "known.keras")
    assert extract((folder / "known.keras").read_bytes()).parameters


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted(name for name, made in vars(keras.applications).items() if name[0].isupper() and callable(made)))
def test_every_network_of_keras_applications_is_known(name: str) -> None:
    """Only the configuration is checked: each network has hundreds of megabytes of weights."""
    with keras.StatelessScope(initialize_variables=False):
        made = keras.applications.__dict__[name](weights=None)
    checked_configuration(made.to_json().encode())


def test_learned_state_that_a_stream_cannot_store_is_refused_with_a_remedy(folder: Path) -> None:
    text = keras.layers.TextVectorization(max_tokens=50, output_mode="tf_idf", name="words")
    text.adapt(["hello world", "good morning"])
    keras.Sequential([keras.Input((1,), dtype="string"), text, keras.layers.Dense(4)]).save(folder / "text.keras")
    with pytest.raises(ModelError, match=r"'words'.*TextVectorization.*idf_weights.*code the weights"):
        extract((folder / "text.keras").read_bytes())


def test_optimizer_losses_and_metrics_are_listed_as_left_out(folder: Path) -> None:
    compiled = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, dtype="float64")])
    compiled.save(folder / "plain.keras")
    compiled.compile("adam", "mse")
    compiled.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    compiled.save(folder / "compiled.keras")
    assert read_model(folder / "plain.keras").left_out == {}
    assert list(read_model(folder / "compiled.keras").left_out) == ["compile_config"]
    done = CliRunner().invoke(build_app(), ["encode", str(folder / "compiled.keras"), str(folder / "compiled.nnr")])
    assert (done.exit_code, done.exception) == (0, None)
    assert "exact, a single value, but rounded to binary32: dense" in done.output
    assert "compile the decoded model to train it: compile_config" in done.output


def test_files_that_no_layer_reads_are_listed(folder: Path) -> None:
    words = keras.layers.StringLookup()
    words.adapt(["a", "b"])
    keras.Sequential([keras.Input((1,), dtype="string"), words, keras.layers.Embedding(4, 2)]).save(folder / "lookup.keras")
    strange = {"assets/d/vocabulary.txt", "assets/layers/embedding/notes.txt", "assets/a-b.bin", "README.md"}
    with zipfile.ZipFile(folder / "lookup.keras", "a") as archive:
        assert any(name.startswith("assets/") for name in archive.namelist())
        for name in strange:
            archive.writestr(name, "text")
    assert set(extract((folder / "lookup.keras").read_bytes()).left_out) == strange
    assert set(read_model(folder / "lookup.keras").left_out) == strange


def test_a_layer_of_bfloat16_comes_back(folder: Path) -> None:
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype="bfloat16", bias_initializer="ones")])
    made.save(folder / "half.keras")
    parts = extract((folder / "half.keras").read_bytes())
    assert {str(array.dtype) for array in parts.parameters.values()} == {"bfloat16"}
    (folder / "back.keras").write_bytes(restore(parts.topology, decode(encode(parts.parameters)).parameters))
    for before, after in zip(made.weights, keras.saving.load_model(folder / "back.keras").weights, strict=True):
        assert before.dtype == after.dtype == "bfloat16"
        np.testing.assert_allclose(np.float32(after.numpy()), np.float32(before.numpy()), atol=0.005)


def changed(model: bytes, folder: Path, *, weights: Callable[[h5py.File], None] = lambda _: None, configuration: Any = None) -> bytes:
    """The .keras file with other weights, or another configuration."""
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (folder / "w.h5").write_bytes(members["model.weights.h5"])
    with h5py.File(folder / "w.h5", "r+") as file:
        weights(file)
    members["model.weights.h5"] = (folder / "w.h5").read_bytes()
    if configuration is not None:
        members["config.json"] = json.dumps(configuration).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def replaced(make: Callable[[h5py.Group], None]) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        group = file["layers/dense/vars"]
        del group["0"]
        make(group)

    return change


HOSTILE_WEIGHTS = {
    "a link": lambda group: group.__setitem__("0", h5py.ExternalLink("/etc/hostname", "/x")),
    "soft link: a link": lambda group: group.__setitem__("0", h5py.SoftLink("/x")),
    "not an array of numbers": lambda group: group.create_dataset("0", (4, 3), "f4", external=[("/etc/hostname", 0, 48)]),
    "words: not an array of numbers": lambda group: group.create_dataset("0", data=["a", "b"], dtype=h5py.string_dtype()),
    "bytes: not an array of numbers": lambda group: group.create_dataset("0", data=np.zeros((4, 3), "V2")),
    "under two names": lambda group: group.__setitem__("0", group["1"]),
    "unpack to more": lambda group: group.create_dataset("0", (1 << 16, 1 << 16), "f4", chunks=(1 << 10, 1 << 10), compression="gzip"),
    "chunk: unpack to more": lambda group: group.create_dataset("0", (1, 1), "f4", chunks=(1 << 14, 1 << 14), maxshape=(None, None)),
}


@pytest.mark.parametrize("fault", HOSTILE_WEIGHTS)
def test_weights_that_lead_out_of_the_file_or_beyond_its_size_are_refused(folder: Path, fault: str) -> None:
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")]).save(folder / "d.keras")
    hostile = changed((folder / "d.keras").read_bytes(), folder, weights=replaced(HOSTILE_WEIGHTS[fault]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=fault.rpartition(": ")[2]):
        extract(hostile)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_a_configuration_larger_than_its_weights_is_refused_before_memory_is_taken(folder: Path) -> None:
    """A dense layer of 800 million rows in the configuration, of 4 in the weights."""
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")]).save(folder / "d.keras")
    whole = (folder / "d.keras").read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        configuration = json.loads(archive.read("config.json"))
    configuration["config"].pop("build_input_shape", None)
    for entry in (configuration, *configuration["config"]["layers"]):
        entry.pop("build_config", None)
    configuration["config"]["layers"][0]["config"]["batch_shape"] = [None, 800_000_000]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"variables of 96\d+ bytes, more than its weights"):
        extract(changed(whole, folder, configuration=configuration))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
