"""A slip in the order of the arguments: no command overwrites what it reads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.command_line import nnc
from helpers.keys import key_files
from hostile import support
from onnx import TensorProto, helper, numpy_helper

PROGRAM = (sys.executable, "-c", "from nnc_conformance.cli.__main__ import run; run()")
WEIGHTS = np.linspace(-1, 1, 256, dtype=np.float32).reshape(16, 16)
PIPELINE = "held: held.npz\nclasses: true\ntools:\n  - {tool: sparsification, thresholds: [0.01]}\n"


def onnx_with_data(folder: Path) -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16])  # noqa: E731
    graph = helper.make_graph([node], "g", [value("x")], [value("y")], [numpy_helper.from_array(WEIGHTS, "w")])
    model = helper.make_model(graph)
    onnx.save_model(model, folder / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)


def nnef(folder: Path) -> None:
    assert nnc("encode", "m.npz", "m.nnr", cwd=folder).returncode == 0
    header = np.zeros(32, "<u4")
    header[:4] = 0x0001EF4E, WEIGHTS.nbytes, 2, 16
    header[4], header[11] = 16, 32
    (folder / "n").mkdir()
    (folder / "n" / "w.dat").write_bytes(header.tobytes() + WEIGHTS.tobytes())
    (folder / "n" / "graph.nnef").write_text("version 1.0;\ngraph net(x) -> (y)\n{\n  w = variable(shape = [16, 16], label = 'w');\n}\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("slips")
    np.savez(made / "m.npz", w=WEIGHTS)
    np.savez(made / "held.npz", x=WEIGHTS)
    (made / "pipeline.yaml").write_text(PIPELINE)
    onnx_with_data(made)
    nnef(made)
    (made / "link.npz").symlink_to("m.npz")
    (made / "dangling").symlink_to("nowhere")
    support.decoder_toml(made, "d", "command", support.command("toy.py").removeprefix("command:"))
    (made / "hard.npz").hardlink_to(made / "m.npz")
    support.write_suite(made / "suite", support.good_vectors(1))
    assert nnc("package", "build", "suite", "p.tar", cwd=made).returncode == 0
    (made / "key.pem").write_bytes(key_files(made)[0].read_bytes())
    (made / "key.tar.sig").write_bytes((made / "key.pem").read_bytes())
    assert nnc("run", "suite", "--decoder", support.command("toy.py"), "--output", "results", cwd=made).returncode == 0
    (made / "pages").mkdir()
    (made / "pages" / "report.md").write_bytes((made / "results" / "results.json").read_bytes())
    (made / "fuzzed" / "corpus").mkdir(parents=True)
    (made / "fuzzed" / "corpus" / "00000001.nnr").write_bytes((made / "m.nnr").read_bytes())
    (made / "shrunk" / "full" / "own").mkdir(parents=True)
    (made / "shrunk" / "full" / "own" / "stream.nnr").write_bytes((made / "m.nnr").read_bytes())
    (made / "known").mkdir()
    (made / "known" / "report.md").write_text('format = "nnc-expected-failures/1"\n')
    (made / "certified").mkdir()
    (made / "certified" / "certificate.json").write_bytes((made / "key.pem").read_bytes())
    return made


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


SLIPS = [
    "encode m.npz m.npz",
    "encode m.npz ./results/../m.npz",
    "encode m.npz link.npz",
    "encode m.npz hard.npz",
    "encode link.npz m.npz",
    "encode m.onnx m.onnx",
    "encode m.onnx m.data",
    "encode n n/graph.nnef",
    "encode n n/w.dat",
    "encode m.npz pipeline.yaml --pipeline pipeline.yaml",
    "encode m.npz held.npz --pipeline pipeline.yaml",
    "decode m.nnr m.nnr --output-format npz",
    "decode m.nnr back.npz --state m.nnr --restart",
    "trace m.nnr --html m.nnr",
    "coverage m.nnr --json m.nnr --jobs 1",
    "package build suite suite/manifest.json",
    "package build suite p.tar --previous p.tar",
    "package build suite key.pem --key key.pem",
    "package build suite key.tar --key key.tar.sig",
    "report pages/report.md --output pages",
    "report results --output new --releases results/results.json",
    "explain results good-0 --cache results/results.json",
    "fuzz fuzzed/corpus --decoder in-tree --output fuzzed --executions 1",
    "shrink shrunk/full/own --decoder in-tree --output shrunk --name own",
    "certify issue results --key certified/certificate.json --output certified",
    "run suite --decoder d.toml --output known --expect-failures known/report.md",
    "run suite --decoder d.toml --output new --write-expect-failures d.toml",
]
SHARED = [
    "encode m.npz new --report new",
    "encode m.npz new --report results/../new",
    "encode m.npz dangling --report nowhere",
    "encode m.npz - --report -",
    "encode m.npz new.nncstate --state new.nncstate --edition 2024",
    "decode m.nnr new.npz --state new.npz",
    "coverage m.nnr --jobs 1 --html new --json new/index.html",
    "run suite --decoder d.toml --output new --write-expect-failures new/results.json",
    "mutation --output new --page new/mutation.jsonl",
    "mutation --output new --page dangling/../new/mutation.jsonl",
    "validate m.nnr --json new --sarif new",
    "validate m.nnr --sarif dangling --junit nowhere",
    "validate m.nnr --json - --junit /dev/stdout",
]
"""Command lines that name one place for two outputs."""
NO_FOLDERS = [
    "report results --output {out}",
    "coverage m.nnr --jobs 1 --html {out}",
    "generate {out} --level core",
    "run suite --decoder d.toml --output {out}",
    "fuzz --decoder in-tree --output {out} --executions 1",
    "mutation --output {out}",
    "shrink suite/core/good-000 --decoder d.toml --output {out} --tries 1",
]
"""Command lines that write into a folder ``{out}``."""


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_refused_and_nothing_changes(folder: Path, slip: str) -> None:
    before = tree(folder)
    done = nnc(*slip.split(), cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "the input" in done.stderr or "is written to" in done.stderr
    assert tree(folder) == before


@pytest.mark.parametrize("words", SHARED)
def test_two_outputs_in_one_place_are_refused(folder: Path, words: str) -> None:
    before = tree(folder)
    done = nnc(*words.split(), cwd=folder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "are the same output" in done.stderr
    assert tree(folder) == before


@pytest.mark.parametrize("place", ["m.npz", "/dev/null", "dangling", "m.npz/deeper"])
@pytest.mark.parametrize("words", NO_FOLDERS)
def test_what_cannot_be_a_folder_is_refused_and_nothing_changes(folder: Path, words: str, place: str) -> None:
    before = tree(folder)
    done = nnc(*words.format(out=place).split(), cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert place in done.stderr
    assert tree(folder) == before


def test_a_cache_that_is_no_regular_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    done = nnc("explain", "results", "good-0", "--cache", "fifo", cwd=folder)
    assert (done.returncode, done.stderr) == (2, "nnc-conformance: error: fifo is not a regular file; name a new file\n")
    (folder / "fifo").unlink()


def test_appending_to_the_input_is_seen_through(folder: Path) -> None:
    before = tree(folder)
    with (folder / "m.npz").open("ab") as out:
        done = subprocess.run([*PROGRAM, "encode", "m.npz", "-"], cwd=folder, stdout=out, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert b"the same file as the input" in done.stderr
    assert tree(folder) == before


def test_what_is_no_slip_works(folder: Path) -> None:
    for words in ("encode m.npz /dev/null", "report results --output results", "encode n n/new.nnr"):
        assert nnc(*words.split(), cwd=folder).returncode == 0
    (folder / "n" / "new.nnr").unlink()
