"""encode, decode, inspect and trace: what they write, print and refuse."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.command_line import nnc
from helpers.samples import DATA

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.storage.tensors import read_tensors, write_tensors

SAMPLE = DATA / "agreed-samples" / "basic-so1-dq0.nnr"


def test_a_network_goes_to_a_stream_and_back(tmp_path: Path) -> None:
    source, stream, back = tmp_path / "net work.onnx", tmp_path / "é.nnr", tmp_path / "back.onnx"
    source.write_bytes(packaged_networks.model_bytes("digits-mlp"))
    done = nnc("encode", source, stream, "--dq", "--qp", "-20", "--nonweight-qp", "-44")
    assert (done.returncode, done.stderr) == (0, "")
    assert stream.stat().st_size < source.stat().st_size / 5
    assert nnc("decode", stream, back).returncode == 0
    onnx.checker.check_model(onnx.load(back))
    listed = json.loads(nnc("inspect", stream, "--json").stdout)
    assert [row["type"] for row in listed[:3]] == ["NNR_STR", "NNR_MPS", "NNR_TPL"]
    assert sum(row["size"] for row in listed) == stream.stat().st_size


def test_steps_by_deviation_are_finer_for_small_tensors(tmp_path: Path) -> None:
    source, stream = tmp_path / "in.npz", tmp_path / "x.nnr"
    values = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    write_tensors(source, {"large": values, "quiet": values[:32, :32] / 4})
    assert nnc("encode", source, stream, "--qp", "-12", "--steps", "deviation").returncode == 0
    traced = [json.loads(line) for line in nnc("trace", stream, "--json").stdout.splitlines()]
    bins = "".join(str(line["value"]) for line in traced if line["element"] == "qp_delta")
    assert bins == f"{0:08b}{256 - 12:08b}"
    refused = nnc("encode", source, stream, "--steps", "deviation", "--pipeline", tmp_path / "none.yaml")
    assert refused.returncode == 2
    assert "tensor_qp" in refused.stderr


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_tensor_files(tmp_path: Path, suffix: str) -> None:
    source, stream, back = tmp_path / f"in.{suffix}", tmp_path / "x.nnr", tmp_path / f"out.{suffix}"
    write_tensors(source, {"ints": np.arange(-6, 6, dtype=np.int32).reshape(3, 4)})
    assert nnc("encode", source, stream).returncode == 0
    assert nnc("decode", stream, back).returncode == 0
    assert (read_tensors(back)["ints"] == read_tensors(source)["ints"]).all()


def test_trace_accounts_for_every_bit() -> None:
    lines = [json.loads(line) for line in nnc("trace", SAMPLE, "--json").stdout.splitlines()]
    elements = [line for line in lines if line["bin"] is None]
    position = 0
    for line in elements:
        assert 8 * line["byte"] + line["bit"] == position, line
        position += line["length"]
    assert position == 8 * SAMPLE.stat().st_size


def test_trace_bins_and_plain_lines() -> None:
    text = nnc("trace", SAMPLE, "--bins").stdout
    assert "NNR_NDU" in text
    assert "unit 2 NNR_NDU: 6 nnr_compressed_data_unit_header" in text
    assert "19.4  tensor_dimensions[0]" in text
    assert "end_of_codeword" in text.splitlines()[-1]
    assert sum("sig_flag" in line for line in text.splitlines()) == 37 * 6
    assert max(map(len, text.splitlines())) <= 80


def test_inspect_in_plain_lines() -> None:
    lines = nnc("inspect", SAMPLE).stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith("      ")] == ["0", "1", "2"]
    assert "scan 1, 4 entry points" in " ".join(map(str.strip, lines))
    assert max(map(len, lines)) <= 80


def test_inspect_gives_fields() -> None:
    *_, unit = json.loads(nnc("inspect", SAMPLE, "--json", "--values").stdout)
    content = unit["content"]
    assert (content["payload_type"], content["scan_order"], content["entry_points"], content["dq"]) == ("NNR_PT_FLOAT", 1, 4, False)
    (name,) = content["ids"]
    assert unit["tensors"][name]["shape"] == content["dimensions"] == [37, 6]
    density, qp = content["qp_density"], unit["qp"][name]
    assert unit["step"][name] == (1 + (qp % 2**density) / 2**density) * 2.0 ** (qp // 2**density)


@pytest.mark.parametrize("command", ["decode", "inspect", "trace"])
def test_a_damaged_stream_gives_one_line_and_2(tmp_path: Path, command: str) -> None:
    cut = tmp_path / "cut.nnr"
    cut.write_bytes(SAMPLE.read_bytes()[:40])
    done = nnc(command, cut, *([tmp_path / "out.npz"] if command == "decode" else []))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "unit 2" in done.stderr
    assert "byte 14.0" in done.stderr
    assert not (tmp_path / "out.npz").exists()


def test_usage_errors(tmp_path: Path) -> None:
    for words in (
        ("decode", tmp_path / "none.nnr", tmp_path / "out.npz"),
        ("decode", SAMPLE, tmp_path / "out.onnx"),
        ("decode", SAMPLE, tmp_path / "out.unknown"),
        ("decode", SAMPLE, tmp_path / "out.npz", "--interpretation", "nothing=x"),
        ("encode", SAMPLE, tmp_path / "out.nnr"),
        ("encode", tmp_path / "none.npz", tmp_path / "out.nnr"),
    ):
        done = nnc(*words)
        assert done.returncode == 2, done
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_disputed_choice_reaches_the_decoder(tmp_path: Path) -> None:
    done = nnc("decode", SAMPLE, tmp_path / "out.npz", "--interpretation", "alignment_bits=checked")
    assert done.returncode == 0
    assert nnc("decode", SAMPLE, tmp_path / "lenient.npz", "--lenient").returncode == 0
