"""Pipelines: documents are checked before anything runs, maps hold what was measured, and streams
decode to models that run.
"""

import itertools
import re
import resource
from pathlib import Path

import numpy as np
import plain_decoder
import pytest
from helpers.reduction_networks import NAMES, held, packaged
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.reduction.document import parse, validate
from nnc_conformance.reference.reduction.maps import MOST_CLASSES, PruningRow, performance_maps
from nnc_conformance.reference.reduction.network import Accuracy, Network
from nnc_conformance.reference.reduction.pipeline import PipelineResult, run
from nnc_conformance.reference.reduction.scoring import Samples, answers, samples_for
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.topology.onnx import restore

QUANTIZATION = {"tool": "quantization", "qp": -18, "nonweight_qp": -24, "dq": True}
FINISH = ["batch_norm_folding", QUANTIZATION, "local_scaling"]
KINDS = {
    "sparsification": ("sparsification", {"thresholds": [0.002, 0.004]}),
    "micro_structured_pruning": ("sparsification", {"ratios": [0.05, 0.1]}),
    "pruning": ("pruning", {"ratios": [0.02, 0.1]}),
    "unification": ("unification", {"thresholds": [0.002, 0.01]}),
    "low_rank": ("decomposition", {"mse_thresholds": [1e-5, 2e-4]}),
    "low_displacement_rank": ("decomposition", {"mse_thresholds": [1e-5, 1e-4], "tensors": ["fc2*"]}),
}
"""Each tool with a map: the map's kind, and parameters that make two rows."""


def top1(stream: bytes, samples: Samples) -> float:
    """What somebody measures who has the stream only."""
    decoded = decode(stream, recombine=True)
    model = restore(decoded.topology.data, decoded.parameters)
    return float(np.mean(answers(model, samples.inputs).argmax(axis=1) == samples.labels))


def maps_in(stream: bytes) -> dict:
    units = list(read_units(stream, StreamContext(), interpretation=Interpretation()))
    return {name.removesuffix("_performance_map"): value for name, value in units[1].payload.items() if name.endswith("_performance_map")}


def ran(name: str, tools: list, samples: Samples | None = None, **more) -> PipelineResult:
    return run(packaged(name), validate({"tools": tools, **more}), EncoderOptions(), held=samples)


# documents


def tenfold(first: str, line: str) -> str:
    """Nine anchors, each with ten aliases of the one before: a billion values from 900 bytes."""
    names = [f"x{number}" for number in range(10)]
    return first + "".join(line.format(name=name, ten=", ".join([f"*{old}"] * 10)) for old, name in itertools.pairwise(names))


LISTS = tenfold("x0: &x0 [0.1]\n", "{name}: &{name} [{ten}]\n")
MERGED = tenfold("x0: &x0 {a: 1}\n", "{name}: &{name} {{<<: [{ten}], {name}: 1}}\n")
BOMBS = {
    "aliases as tools": f"{LISTS}tools: *x9\n",
    "aliases as a value": f"{LISTS}tools: [{{tool: sparsification, thresholds: *x9}}]\n",
    "aliases as a file": f"{LISTS}tools: [sparsification]\nheld: *x9\n",
    "merged mappings": f"{MERGED}tools: [*x9]\n",
    "a list in itself": "tools: &t [*t]\n",
    "a mapping in itself": "tools: [&t {tool: sparsification, thresholds: [*t]}]\n",
    "deep lists": "[" * 100_000,
    "deep entries": "- " * 100_000,
    "many digits": f"tools: []\nclasses: {'1' * 100_000}\n",
    "an object of Python": "tools: [!!python/object/apply:os.abort []]\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_yaml_that_grows_is_refused(bomb: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    with pytest.raises(ModelError) as raised:
        parse(BOMBS[bomb])
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert len(str(raised.value)) < 500
    assert after.ru_utime - before.ru_utime < 10
    assert after.ru_maxrss - before.ru_maxrss < 100_000


def test_yaml_and_python_mean_the_same():
    text = """
    held: digits.safetensors
    classes: true
    tools:
      - tool: sparsification
        thresholds: [0.01, 0.02]
      - batch_norm_folding
      - {tool: quantization, qp: -20, dq: yes, codebook: none}
      - {tool: local_scaling, tensors: ["conv*"], train: {epochs: 3}}
    """
    python = {
        "held": "digits.safetensors",
        "classes": True,
        "tools": (
            {"tool": "sparsification", "thresholds": (0.01, 0.02)},
            {"tool": "batch_norm_folding"},
            {"tool": "quantization", "qp": -20, "dq": True, "codebook": "none"},
            {"tool": "local_scaling", "tensors": ["conv*"], "train": {"epochs": 3}},
        ),
    }
    assert parse(text) == validate(python)
    assert parse("- batch_norm_folding\n- local_scaling") == validate(["batch_norm_folding", {"tool": "local_scaling"}])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("3", "a pipeline must be a list of tools, or a mapping with that list under 'tools'"),
        ("", "a pipeline must be a list of tools"),
        ("tools: pruning", "a pipeline must be a list of tools"),
        (
            "- shrinking",
            r"tool 1 of the pipeline: unknown tool 'shrinking'; choose from pruning, sparsification, micro_str",
        ),
        ("- [pruning]", "tool 1 of the pipeline must be a name, or a mapping"),
        ("- {tool: [1]}", "tool 1 of the pipeline must be a name, or a mapping"),
        ("- {tool: pruning, rate: 1}", r"tool 1 of the pipeline \(pruning\) needs the parameter 'ratios'"),
        ("- {tool: pruning, ratios: [0.5], rate: 1}", r"tool 1 of the pipeline \(pruning\) has no parameter 'rate'"),
        ("- {tool: pruning, ratios: [1.5]}", r"tool 1 of the pipeline \(pruning\): ratios.0: must be below 1"),
        ("- {tool: pruning, ratios: [0.5], train: {epoch: 3}}", r"\(pruning\) has no parameter 'train.epoch'"),
        ("- local_scaling\n- {tool: quantization, dq: 7}", r"tool 2 of the pipeline \(quantization\): dq: must be true or false"),
        ("- sparsification", r"\(sparsification\): give either thresholds or zeros"),
        ("- {tool: sparsification, thresholds: [.nan]}", r"\(sparsification\): thresholds.0: must be"),
        ("tools: []\nspeed: 3", "the pipeline has no parameter 'speed'"),
        ("- local_scaling\n- batch_norm_folding", r"the pipeline runs batch_norm_folding after local_scaling; .* \(clause 5.3\)"),
        ("- quantization\n- quantization", "the pipeline contains quantization more than once"),
        ("- {tool: pruning", "the pipeline is not valid YAML, line 1: "),
        ("- !!python/object:os.system x", "the pipeline is not valid YAML, line 1: could not determine a constructor"),
        ("a: \x00", "the pipeline is not valid YAML: "),
        ("[" * 4000, "the pipeline is not valid YAML"),
        ("&a [*a]", "tool 1 of the pipeline must be a name, or a mapping"),
        ("- &a {tool: low_rank, mse_thresholds: [*a]}", r"\(low_rank\): mse_thresholds.0: must be a number"),
        ("- &a {tool: low_rank, mse_thresholds: &b [*b]}", r"\(low_rank\): mse_thresholds.0: must be a number"),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_told_in_one_line(content, message):
    with pytest.raises(ModelError, match=message) as caught:
        parse(content)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)))
def test_no_python_value_breaks_the_check(content):
    for value in (content, {"tools": content}, [content], [{"tool": "pruning", "ratios": content}]):
        try:
            validate(value)
        except ModelError as error:
            assert "\n" not in str(error)


# maps


def test_rows_of_a_map_carry_the_accuracy_of_each_class_where_asked():
    row = PruningRow(0.25, Accuracy(0.5, {3: 0.25, 0: 0.75}))
    assert performance_maps([row])["pruning"]["entry"][0]["ppm_count_classes"] == 0
    entry = performance_maps([row], classes=True)["pruning"]["entry"][0]
    assert (entry["ppm_count_classes"], entry["ppm_class_bitmask"], entry["ppm_nn_class_accuracy"]) == (2, 0b1001, [0.75, 0.25])
    with pytest.raises(ModelError, match="the pruning map would have 256 rows; it can hold 255"):
        performance_maps([row] * 256)
    with pytest.raises(ModelError, match="classes 0 to 62 only"):
        performance_maps([PruningRow(0.1, Accuracy(1, {MOST_CLASSES: 1}))], classes=True)


@pytest.mark.slow
@pytest.mark.parametrize("tool", KINDS)
def test_a_map_holds_what_the_decoded_streams_of_its_settings_measure(tool):
    kind, parameters = KINDS[tool]
    samples = held("digits-mlp", 100)
    outcome = ran("digits-mlp", [{"tool": tool, **parameters, "accuracy_loss": 1}, QUANTIZATION, "local_scaling"], samples, classes=True)
    (found,) = maps_in(outcome.stream).items()
    assert found[0] == kind
    prefix = {"sparsification": "spm", "pruning": "ppm", "unification": "upm", "decomposition": "dpm"}[kind]
    swept = next(name for name, value in parameters.items() if name != "tensors" and len(value) == 2)
    for entry, value in zip(found[1]["entry"], parameters[swept], strict=True):
        alone = ran("digits-mlp", [{"tool": tool, **parameters, swept: [value]}, QUANTIZATION, "local_scaling"])
        assert not maps_in(alone.stream)
        assert entry[f"{prefix}_nn_accuracy"] == np.float32(top1(alone.stream, samples))
        by_class = [np.mean(top1_of_class(alone.stream, samples, kind)) for kind in range(10)]
        np.testing.assert_allclose(entry[f"{prefix}_nn_class_accuracy"], by_class, rtol=1e-6)
        if "dpm" not in prefix:
            assert entry[f"{prefix}_class_bitmask"] == 1023
    assert outcome.after.overall == top1(outcome.stream, samples)
    assert np.float32(outcome.after.overall) == found[1]["entry"][-1][f"{prefix}_nn_accuracy"]
    assert outcome.before.overall == top1(encode_untouched("digits-mlp"), samples)


def top1_of_class(stream: bytes, samples: Samples, kind: int) -> np.ndarray:
    decoded = decode(stream, recombine=True)
    output = answers(restore(decoded.topology.data, decoded.parameters), samples.inputs)
    return (output.argmax(axis=1) == samples.labels)[samples.labels == kind]


def encode_untouched(name: str) -> bytes:
    network = packaged(name)
    return encode(network.parameters, topology=network.topology, options=EncoderOptions(exact=frozenset(network.parameters)))


def test_what_the_rows_say_beside_the_accuracy():
    samples = held("digits-mlp", 50)
    network = packaged("digits-mlp")
    weights = np.concatenate([array.reshape(-1) for array in network.parameters.values() if array.ndim == 2])
    tools = [
        {"tool": "pruning", "ratios": [0.25]},
        {"tool": "sparsification", "thresholds": [0.05]},
        {"tool": "unification", "thresholds": [0.01], "block": [2, 4], "super_block": [8, 16], "tensors": ["fc2.weight"]},
        {"tool": "low_rank", "mse_thresholds": [1e-3]},
    ]
    maps = maps_in(ran("digits-mlp", [*tools, QUANTIZATION], samples).stream)
    (pruning,) = maps["pruning"]["entry"]
    left = 96 * 64 + 48 * 96 + 10 * 48 + 96 + 48 + 10
    assert pruning["pruning_ratio"] == np.float32(1 - left / (weights.size + 128 + 64 + 10))
    (unification,) = maps["unification"]["entry"]
    assert (unification["count_reshaped_tensor_dimension"], unification["reshaped_tensor_dimensions"]) == (3, [48, 96])
    assert (unification["super_block_dimensions"], unification["block_dimensions"]) == ([8, 16], [2, 4])
    assert unification["unification_threshold"] == np.float32(0.01)
    (sparse,) = maps_in(ran("digits-mlp", tools[1:2], samples).stream)["sparsification"]["entry"]
    assert sparse["sparsification_threshold"] == np.float32(0.05)
    assert sparse["non_zero_ratio"] == np.float32(np.mean(np.abs(weights) >= np.float32(0.05)))
    (decomposition,) = maps["decomposition"]["entry"]
    assert decomposition["mse_threshold"] == np.float32(1e-3)
    assert 0 < decomposition["nn_reduction_ratio"] < 1


def test_of_several_settings_the_strongest_within_the_loss_is_taken():
    samples = held("digits-mlp", 100)
    tool = {"tool": "sparsification", "zeros": [0.1, 0.3, 0.97], "accuracy_loss": 0.03}
    outcome = ran("digits-mlp", [tool, QUANTIZATION], samples)
    assert outcome.steps[0].non_zero_ratio == pytest.approx(0.7, abs=1e-3)
    assert [row.accuracy.overall > 0.9 for row in outcome.rows] == [True, True, False]
    nothing = ran("digits-mlp", [{**tool, "zeros": [0.97, 0.98]}, QUANTIZATION], samples)
    assert nothing.steps[0].non_zero_ratio > 0.99
    with pytest.raises(ModelError, match="choosing among 3 strengths needs held-out samples"):
        ran("digits-mlp", [tool])


# streams


def test_a_transformer_is_pruned_between_its_dense_layers():
    tools = [
        {"tool": "pruning", "ratios": [0.2], "tensors": ["block?.fc1.weight"]},
        {"tool": "low_rank", "mse_thresholds": [2e-4], "tensors": ["*fc1.weight"]},
        {"tool": "quantization", "qp": -18, "nonweight_qp": -24, "dq": True},
        "local_scaling",
    ]
    outcome = ran("digits-transformer", tools)
    assert outcome.network.pruned["block1.fc1.weight"] == (32, 52)
    assert top1(outcome.stream, held("digits-transformer")) > 0.9
    with pytest.raises(ModelError, match=r"reach LayerNormalization 'block0.n1', which pruning does not follow; name the layers"):
        ran("digits-transformer", [{"tool": "pruning", "ratios": [0.2]}])


def test_a_recurrent_network_goes_through_the_tools_that_need_no_channels():
    quantization = {"tool": "quantization", "qp": -18, "nonweight_qp": -24, "dq": True, "tensor_qp": {"gru.B": -24}}
    outcome = ran("digits-gru", [{"tool": "sparsification", "zeros": [0.2]}, quantization, "local_scaling"])
    assert set(outcome.network.scaled) == {"gru.W", "gru.R", "gru.B", "fc.weight"}
    assert top1(outcome.stream, held("digits-gru")) > 0.93


def test_a_network_in_eight_bits_has_no_weights_to_reduce():
    with pytest.raises(ModelError, match="has no weights"):
        ran("digits-qdq", [{"tool": "sparsification", "zeros": [0.2]}])


@pytest.mark.parametrize("name", NAMES)
def test_all_tools_together_give_a_model_that_runs(name):
    tools = [
        {"tool": "pruning", "ratios": [0.1], "criterion": "diffusion"},
        {"tool": "sparsification", "zeros": [0.2]},
        {"tool": "micro_structured_pruning", "ratios": [0.05]},
        {"tool": "unification", "thresholds": [0.002]},
        {"tool": "low_rank", "mse_thresholds": [2e-4], "tensors": ["*1.weight"]},
        {"tool": "low_displacement_rank", "mse_thresholds": [1e-3], "tensors": ["*2.weight"]},
        {"tool": "batch_norm_folding", "into": "scaling"},
        QUANTIZATION,
        "local_scaling",
    ]
    outcome = ran(name, tools)
    decoded = decode(outcome.stream, recombine=True)
    model = restore(decoded.topology.data, decoded.parameters)
    output = answers(model, held(name, 20).inputs)
    assert output.shape == (20, 10)
    assert np.isfinite(output).all()
    assert {element["element_id"]: tuple(element["dim"]) for element in decoded.pruning["pruned_element"]} == outcome.network.pruned
    apart = decode(outcome.stream).parameters
    assert {each.removesuffix("_LS") for each in apart if each.endswith("_LS")} == set(outcome.network.scaled)
    assert all(np.array_equal(apart[name], outcome.network.parameters[name]) for name in outcome.network.indexes)


def test_a_decoder_that_shares_no_code_reads_a_reduced_stream_alike():
    tools = [
        {"tool": "pruning", "ratios": [0.7]},
        {"tool": "low_rank", "mse_thresholds": [4e-3], "tensors": ["fc1*"]},
        {"tool": "low_displacement_rank", "mse_thresholds": [1e-2], "tensors": ["fc2*"]},
        QUANTIZATION,
        "local_scaling",
    ]
    stream = ran("digits-mlp", tools, held("digits-mlp", 20), classes=True).stream
    assert set(maps_in(stream)) == {"pruning", "decomposition"}
    plain, ours = plain_decoder.decode(stream).parameters, decode(stream).parameters
    assert {"fc1.weight_G", "fc1.weight_LS", "fc2.weight.G"} < set(ours)
    assert {name: array.tobytes() for name, array in plain.items()} == {name: array.tobytes() for name, array in ours.items()}


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("scan_order", [0, 1])
def test_local_scaling_fits_the_weights_that_a_decoder_has(dq, scan_order):
    quantization = {
        "tool": "quantization",
        "qp": -10,
        "nonweight_qp": -75,
        "dq": dq,
        "scan_order": scan_order,
        "tensor_qp": {"fc2.weight": -13},
    }
    original = packaged("digits-mlp").parameters
    decoded = decode(ran("digits-mlp", [quantization, "local_scaling"]).stream).parameters
    plain = decode(ran("digits-mlp", [quantization]).stream).parameters
    for name in ("fc1.weight", "fc2.weight", "fc3.weight"):
        q, factors = decoded[name].astype(np.float64), decoded[f"{name}_LS"].astype(np.float64)
        expected = np.sum(original[name] * q, axis=1) / np.maximum(np.sum(q * q, axis=1), 1e-30)
        np.testing.assert_allclose(factors[q.any(axis=1)], expected[q.any(axis=1)], atol=1e-5)
        error = np.mean((original[name] - q * factors[:, None]) ** 2)
        assert error < np.mean((original[name] - plain[name]) ** 2)


def test_the_digits_cnn_fits_in_6_percent_within_a_point():
    network, samples = packaged("digits-cnn"), held("digits-cnn")
    tools = ["batch_norm_folding", {**QUANTIZATION, "qp": -15, "nonweight_qp": -16, "rdo": 1.0}, "local_scaling"]
    outcome = ran("digits-cnn", tools, samples)
    binary32 = 4 * network.size
    assert binary32 == 4 * 40730
    assert len(outcome.stream) < 0.06 * binary32, "the graph included"
    assert top1(outcome.stream, samples) >= outcome.before.overall - 0.01


def test_a_network_without_a_graph_takes_the_tools_that_need_none():
    parameters = packaged("digits-mlp").parameters
    tools = [{"tool": "sparsification", "zeros": [0.5]}, {"tool": "low_rank", "mse_thresholds": [1e-3]}, QUANTIZATION, "local_scaling"]
    outcome = run(Network(parameters), validate(tools), EncoderOptions())
    decoded = decode(outcome.stream, recombine=True)
    assert {name: array.shape for name, array in decoded.parameters.items()} == {name: array.shape for name, array in parameters.items()}
    for tool in ("batch_norm_folding", {"tool": "pruning", "ratios": [0.5]}):
        with pytest.raises(ModelError, match="this tool needs an ONNX model with its graph"):
            run(Network(parameters), validate([tool]), EncoderOptions())
    with pytest.raises(ModelError, match="accuracy can be measured on ONNX models only"):
        run(Network(parameters), validate(tools), EncoderOptions(), held=held("digits-mlp", 5))


def test_samples_fit_the_graph():
    topology = packaged("digits-mlp").topology
    labels = np.arange(3)
    assert set(samples_for(topology, {"any": np.zeros((3, 1, 8, 8), np.float32), "labels": labels}).inputs) == {"image"}
    for tensors, message in (
        ({"image": np.zeros((3, 1, 8, 8))}, "no tensor 'labels'"),
        ({"labels": labels}, r"the sample file has the inputs \[\]; the graph needs \['image'\]"),
        ({"image": np.zeros((4, 1)), "labels": labels}, "inputs with the same number of samples"),
        ({"image": np.zeros((3, 1)), "labels": labels / 2}, "samples need a vector of integer labels"),
    ):
        with pytest.raises(ModelError, match=message):
            samples_for(topology, tensors)
    network = packaged("digits-mlp")
    with pytest.raises(ModelError, match="ONNX Runtime cannot run the model"):
        ran("digits-mlp", [], Samples({"image": np.zeros((3, 1), np.float32)}, labels))
    assert network.size == 17226


# the command line


def test_encode_with_a_pipeline_and_decode_to_a_model_that_runs(tmp_path: Path):
    from safetensors.numpy import save_file

    samples = held("digits-cnn", 100)
    (tmp_path / "digits.onnx").write_bytes(packaged_networks.model_bytes("digits-cnn"))
    (tmp_path / "pipeline").mkdir()
    save_file({"image": samples.inputs["image"], "labels": samples.labels}, tmp_path / "pipeline" / "held.safetensors")
    (tmp_path / "pipeline" / "p.yaml").write_text(
        "held: held.safetensors\ntools:\n- {tool: pruning, ratios: [0.05]}\n- batch_norm_folding\n"
        "- {tool: quantization, qp: -20, nonweight_qp: -28, dq: true}\n- local_scaling\n"
    )
    files = [str(tmp_path / name) for name in ("digits.onnx", "s.nnr", "pipeline/p.yaml", "back.onnx")]
    result = CliRunner().invoke(build_app(), ["encode", files[0], files[1], "--pipeline", files[2]], catch_exceptions=False)
    assert result.exit_code == 0
    assert "pruning: " in result.output
    assert re.search(r"accuracy on held samples: 0\.\d{4} before, 0\.\d{4} after", result.output)
    result = CliRunner().invoke(build_app(), ["decode", files[1], files[3]], catch_exceptions=False)
    assert result.exit_code == 0
    output = answers(Path(files[3]).read_bytes(), samples.inputs)
    assert np.mean(output.argmax(axis=1) == samples.labels) > 0.9
    assert maps_in(Path(files[1]).read_bytes())["pruning"]["ppm_count_pruning_ratios"] == 1


def test_a_trained_form_without_pytorch_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    document = validate([{"tool": "sparsification", "zeros": [0.5], "train": {"epochs": 1}}])
    with pytest.raises(ModelError, match=r"^'train' needs PyTorch: pip install 'nnc-conformance\[train\]'$"):
        run(packaged("digits-mlp"), document, EncoderOptions(), training=held("digits-mlp", 10))
    with pytest.raises(ModelError, match="'train' needs training samples"):
        run(packaged("digits-mlp"), document, EncoderOptions())


def test_vectors_keep_their_small_values_unless_a_step_is_asked_for() -> None:
    """Layer scales of 1e-6, and variances, which keep theirs in any case."""
    scale, variance = (np.geomspace(least, 1e-3, 16, dtype=np.float32) for least in (1e-6, 1e-5))
    network = Network({"w": np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32), "scale": scale, "bn.running_var": variance})
    for asked, kept in (({}, True), ({"nonweight_qp": -16}, False)):
        document = validate({"tools": [{"tool": "quantization", "qp": -16, **asked}]})
        back = decode(run(network, document, EncoderOptions(), variances={"bn.running_var"}).stream).parameters
        assert bool((np.abs(back["scale"] - scale) < 0.1 * scale).all()) is kept
        assert (np.abs(back["bn.running_var"] - variance) < 0.01 * variance).all()
