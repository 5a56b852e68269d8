"""encode: which tensors are not quantized is said and reported, and every type and shape comes
back.
"""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from helpers.command_line import nnc
from onnx import TensorProto, helper, numpy_helper

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.topology.nnef import read_tensor, write_tensor
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors

WEIGHTS = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)

ODD = {
    "bool": np.array([True, False]),
    "scalar": np.array(7),
    "float scalar": np.array(0.1, np.float32),
    "uint8": np.array([0, 255], np.uint8),
    "uint16": np.array([0, 65535], np.uint16),
    "uint32": np.array([0, 2**31 - 1], np.uint32),
    "uint64": np.array([1, 2**64 - 1], np.uint64),
    "large int64": np.array([2**40]),
    "empty": np.zeros((0, 3), np.float32),
    "complex": np.array([1 - 2j], np.complex64),
    "float8": np.array([1, -448], np.float32).astype(ml_dtypes.float8_e4m3fn),
    "float4": np.array([1.5, -6], np.float32).astype(ml_dtypes.float4_e2m1fn),
    "bfloat16": np.array([1, -3], ml_dtypes.bfloat16),
    "double": np.array([1e300, 1 / 3]),
    "one double": np.array([1 / 3]),
    "NaN in half precision": np.array([np.nan, 1], np.float16),
}


@pytest.mark.parametrize("stream", ["m.nnr", "m.safetensors"])
def test_every_type_and_shape_comes_back_next_to_weights(tmp_path: Path, stream: str) -> None:
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors({"w": WEIGHTS, **ODD}))
    encoded = nnc("encode", tmp_path / "in.safetensors", tmp_path / stream, "--report", tmp_path / "report.json")
    assert (encoded.returncode, encoded.stderr) == (0, "")
    assert nnc("decode", tmp_path / stream, tmp_path / "out.safetensors").returncode == 0
    back = load_safetensors((tmp_path / "out.safetensors").read_bytes())
    assert {name: (array.dtype, array.shape) for name, array in back.items() if name != "w"} == {
        name: (array.dtype, array.shape) for name, array in ODD.items()
    }
    lossy = {"bfloat16"}
    assert all(back[name].tobytes() == array.tobytes() for name, array in ODD.items() if name not in lossy)
    assert np.abs(back["w"] - WEIGHTS).max() < 0.002
    for name in ("large int64", "empty", "complex", "float8"):
        assert name in (tmp_path / "report.json").read_text()


def nnef_of_doubles(folder: Path, scalar: float) -> Path:
    folder.mkdir()
    (folder / "graph.nnef").write_text(
        "version 1.0;\n\ngraph net(x) -> (y)\n{\n    x = external<scalar>(shape = [1, 16]);\n"
        "    w = variable<scalar>(shape = [16, 16], label = 'w');\n    b = variable<scalar>(shape = [1, 1], label = 'b');\n"
        "    m = matmul(x, w);\n    y = add(m, b);\n}\n"
    )
    (folder / "w.dat").write_bytes(write_tensor(WEIGHTS.astype(np.float64) / 3, "w"))
    (folder / "b.dat").write_bytes(write_tensor(np.array([[scalar]]), "b"))
    return folder


def test_exact_doubles_of_a_graph_without_values_are_rounded_to_binary32_and_listed(tmp_path: Path) -> None:
    """A regression in binary64 ends with a single bias, which neither stream nor graph can hold."""
    model = nnef_of_doubles(tmp_path / "m.nnef", 0.1)
    done = nnc("encode", model, tmp_path / "m.nnr")
    assert (done.returncode, done.stderr) == (0, "")
    assert "exact, a single value, but rounded to binary32: b" in done.stdout
    assert nnc("decode", tmp_path / "m.nnr", tmp_path / "out.nnef").returncode == 0
    found = read_tensor((tmp_path / "out.nnef" / "b.dat").read_bytes(), "b")
    assert "float64, comes back as float32: w, b" in done.stdout
    assert (found.dtype, found.tolist()) == (np.float32, [[0.10000000149011612]])
    asked = nnc("encode", model, tmp_path / "m.nnr", "--exact", "b")
    assert asked.returncode == 2
    assert "'b' cannot be coded (--exact b; binary32 cannot hold its values), nor kept in the graph" in asked.stderr


@pytest.mark.parametrize("value", [1e-40, 1e39])
def test_a_double_that_binary32_would_lose_is_refused(tmp_path: Path, value: float) -> None:
    done = nnc("encode", nnef_of_doubles(tmp_path / "m.nnef", value), tmp_path / "m.nnr")
    assert done.returncode == 2
    assert "'b' cannot be coded (a single value; binary32 cannot hold its values), nor kept in the graph" in done.stderr


NOT_PORTABLE = ["uint64", "large int64", "empty", "complex", "float8", "float4", "double", "one double", "least int32"]


@pytest.mark.parametrize("name", NOT_PORTABLE)
def test_portable_refuses_each_tensor_that_no_data_unit_holds(tmp_path: Path, name: str) -> None:
    array = np.array([-(2**31), 1], np.int32) if name == "least int32" else ODD[name]
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors({"w": WEIGHTS, name: array}))
    done = nnc("encode", "--portable", tmp_path / "in.safetensors", tmp_path / "s.nnr")
    assert done.returncode == 2
    assert f"'{name}' cannot be coded" in done.stderr
    assert not (tmp_path / "s.nnr").exists()
    assert nnc("encode", "--portable", tmp_path / "in.safetensors", tmp_path / "s.safetensors").returncode == 0


def test_portable_streams_hold_every_other_tensor_in_data_units(tmp_path: Path) -> None:
    tensors = {"w": WEIGHTS, **{name: array for name, array in ODD.items() if name not in NOT_PORTABLE}}
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors(tensors))
    assert nnc("encode", "--portable", tmp_path / "in.safetensors", tmp_path / "s.nnr").returncode == 0
    assert set(decode((tmp_path / "s.nnr").read_bytes()).parameters) == set(tensors)


def test_a_pattern_keeps_tensors_exact_and_the_report_says_so(tmp_path: Path) -> None:
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors({"a.embed": WEIGHTS, "b.embed": WEIGHTS, "w": WEIGHTS, "n": np.arange(3)}))
    words = ["encode", tmp_path / "in.safetensors", tmp_path / "s.nnr", "--exact", "a.*", "--exact", "*.embed"]
    done = nnc(*words, "--report", tmp_path / "report.json")
    assert "exact, --exact a.*: a.embed" not in done.stderr
    assert "exact, --exact *.embed: a.embed, b.embed" in done.stdout
    assert "exact integers" in done.stdout
    document = json.loads((tmp_path / "report.json").read_text())
    rows = {row["name"]: row for row in document["tensors"]}
    assert {name: row["treatment"] for name, row in rows.items()} == {
        "a.embed": "exact", "b.embed": "exact", "w": "quantized", "n": "exact integers"
    }  # fmt: skip
    assert (rows["w"]["qp"], rows["w"]["step"], rows["w"]["shape"], rows["w"]["type"]) == (-38, 1.5 * 2**-10, [16, 16], "float32")
    assert document["stream_bytes"] == (tmp_path / "s.nnr").stat().st_size
    assert nnc("decode", tmp_path / "s.nnr", tmp_path / "out.safetensors").returncode == 0
    assert load_safetensors((tmp_path / "out.safetensors").read_bytes())["b.embed"].tobytes() == WEIGHTS.tobytes()


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors({"w": WEIGHTS}))
    done = nnc("encode", tmp_path / "in.safetensors", tmp_path / "s.nnr", "--exact", "embed*")
    assert done.returncode == 2
    assert "'embed*'" in done.stderr


def test_a_report_does_not_overwrite_the_input(tmp_path: Path) -> None:
    source = tmp_path / "in.safetensors"
    source.write_bytes(before := dump_safetensors({"w": WEIGHTS}))
    assert nnc("encode", source, tmp_path / "s.nnr", "--report", source).returncode == 2
    assert source.read_bytes() == before


def test_a_stream_of_odd_tensors_cannot_become_an_npz(tmp_path: Path) -> None:
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors({"w": WEIGHTS, "odd": ODD["float8"]}))
    assert nnc("encode", tmp_path / "in.safetensors", tmp_path / "s.nnr").returncode == 0
    refused = nnc("decode", tmp_path / "s.nnr", tmp_path / "out.npz")
    assert refused.returncode == 2
    assert "'odd'" in refused.stderr
    assert ".safetensors" in refused.stderr


@pytest.mark.parametrize("options", [[], ["--dq"], ["--rdo", "20"], ["--steps", "deviation"], ["--qp", "-20", "--codebook", "kmeans"]])
def test_small_rows_that_become_0_are_counted_with_a_remedy(tmp_path: Path, options: list[str]) -> None:
    """Rows of 1e-4 next to rows of 0.2; a vector next to them keeps its values."""
    weights = WEIGHTS.repeat(4, axis=1) * np.where(np.arange(16) < 12, 1e-4, 0.2).astype(np.float32)[:, None]
    scale = np.geomspace(1e-6, 1, 16, dtype=np.float32)
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors({"w": weights, "scale": scale}))
    words = ["encode", tmp_path / "in.safetensors", tmp_path / "s.nnr", "--report", tmp_path / "report.json", *options]
    done = nnc(*words)
    assert nnc("decode", tmp_path / "s.nnr", tmp_path / "out.safetensors").returncode == 0
    back = load_safetensors((tmp_path / "out.safetensors").read_bytes())
    zeros = np.count_nonzero(back["w"] == 0)
    assert np.abs(back["scale"] / scale - 1).max() < 0.1
    assert f"--exact NAME or a smaller --qp prevents: w ({zeros} of 1024 non-zero values" in done.stdout
    (row,) = (row for row in json.loads((tmp_path / "report.json").read_text())["tensors"] if row["name"] == "w")
    assert row["zeroed"] == zeros
    assert f"{zeros} of 1024 non-zero values" in row["reason"]
    kept = nnc(*words, "--exact", "w")
    assert kept.returncode == 0
    assert "became 0" not in kept.stdout


def test_nonweight_qp_decides_what_vectors_lose(tmp_path: Path) -> None:
    scale = np.geomspace(1e-4, 1, 16, dtype=np.float32)
    (tmp_path / "in.safetensors").write_bytes(dump_safetensors({"w": WEIGHTS, "scale": scale}))
    for qp, listed in (("-16", True), ("-70", False)):
        done = nnc("encode", tmp_path / "in.safetensors", tmp_path / "s.nnr", "--steps", "deviation", "--nonweight-qp", qp)
        assert ("a smaller --nonweight-qp prevents: scale (" in done.stdout) is listed


@pytest.mark.parametrize("options", [[], ["--steps", "deviation", "--qp", "-20"], ["--steps", "deviation", "--qp", "-20", "--dq"]])
def test_a_batch_normalization_made_of_operators_keeps_variances_and_gains(tmp_path: Path, options: list[str]) -> None:
    """Variances from 1e-4 to 60 and gains from 0.02 to 2 of shape (1, C, 1, 1), as exporters write them."""
    shape = (1, 32, 1, 1)
    values = {
        "w": np.random.default_rng(1).normal(size=(32, 32, 1, 1)).astype(np.float32),
        "mean": np.random.default_rng(2).normal(size=shape).astype(np.float32),
        "variance": np.geomspace(1e-4, 60, 32, dtype=np.float32).reshape(shape),
        "epsilon": np.array(1e-5, np.float32),
        "gain": np.geomspace(0.02, 2, 32, dtype=np.float32).reshape(shape),
    }
    steps = (("Conv", "x w", "c"), ("Sub", "c mean", "d"), ("Add", "variance epsilon", "v"), ("Sqrt", "v", "s"), ("Div", "d s", "n"))
    nodes = [helper.make_node(kind, inputs.split(), [output]) for kind, inputs, output in (*steps, ("Mul", "n gain", "y"))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 32, 4, 4]) for name in "xy"]
    tensors = [numpy_helper.from_array(array, name) for name, array in values.items()]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)), tmp_path / "m.onnx")
    assert nnc("encode", tmp_path / "m.onnx", tmp_path / "s.nnr", *options).returncode == 0
    assert nnc("decode", tmp_path / "s.nnr", tmp_path / "out.safetensors").returncode == 0
    back = load_safetensors((tmp_path / "out.safetensors").read_bytes())
    for name, most in (("variance", 0.01), ("gain", 0.05), ("mean", 0.1)):
        assert (np.abs(back[name] - values[name]) <= most * np.abs(values[name])).all(), name
