"""Standard input and output as ``-``, closed, full and broken streams: data or one line, never an
internal error.
"""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import piped as nnc
from hostile import support

from nnc_conformance.storage.package import verify
from nnc_conformance.storage.tensors import load_tensors

PROGRAM = (sys.executable, "-c", "from nnc_conformance.cli.__main__ import run; run()")
WEIGHTS = np.linspace(-1, 1, 256, dtype=np.float32).reshape(16, 16)


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which ``nnc`` is the command.

    The exit code is that of the first command of the pipe.
    """
    words = " ".join(f"'{word}'" for word in PROGRAM)
    script = f'set -o pipefail; nnc() {{ {words} "$@"; }}\n{line}; exit "${{PIPESTATUS[0]}}"'
    return subprocess.run(["bash", "-c", script], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("streams")
    np.savez(made / "m.npz", w=WEIGHTS)
    assert nnc("encode", "m.npz", "m.nnr", cwd=made).returncode == 0
    return made


def test_a_process_of_its_own_reads_and_writes_pipes(folder: Path, stream: bytes) -> None:
    words = [*PROGRAM, "encode", "-", "-"]
    encoded = subprocess.run(words, cwd=folder, input=(folder / "m.npz").read_bytes(), capture_output=True, check=False, timeout=120)
    assert (encoded.returncode, encoded.stdout) == (0, stream)


@pytest.fixture(scope="module")
def stream(folder: Path) -> bytes:
    return (folder / "m.nnr").read_bytes()


def test_a_model_goes_through_a_pipe_and_back(folder: Path, stream: bytes) -> None:
    encoded = nnc("encode", "-", "-", cwd=folder, stdin=(folder / "m.npz").read_bytes())
    assert (encoded.returncode, encoded.stdout) == (0, stream)
    assert encoded.stderr.startswith(b"1 parameters -> /dev/stdout")
    decoded = nnc("decode", "-", "-", cwd=folder, stdin=stream)
    assert decoded.returncode == 0
    assert decoded.stdout[8:9] == b"{"
    assert np.abs(load_tensors(decoded.stdout)["w"] - WEIGHTS).max() < 0.01
    assert not (folder / "-").exists()


def test_formats_are_chosen_by_an_option_where_no_suffix_does(folder: Path, stream: bytes) -> None:
    packed = nnc("encode", "m.npz", "-", "--output-format", "safetensors", cwd=folder).stdout
    decoded = nnc("decode", "-", "-", "--input-format", "safetensors", "--output-format", "npz", cwd=folder, stdin=packed)
    assert np.abs(np.load(io.BytesIO(decoded.stdout))["w"] - WEIGHTS).max() < 0.01
    (folder / "fifo").unlink(missing_ok=True)
    assert nnc("decode", "m.nnr", "named.bin", "--output-format", "npz", cwd=folder).returncode == 0
    assert (folder / "named.bin").read_bytes()[:2] == b"PK"
    refused = nnc("decode", "-", "-", "--output-format", "tflite", cwd=folder, stdin=stream)
    assert refused.returncode == 2
    assert b"unknown format 'tflite'; choose from" in refused.stderr
    folder_out = nnc("decode", "-", "-", "--output-format", "nnef", cwd=folder, stdin=stream)
    assert (folder_out.returncode, folder_out.stderr.count(b"\n")) == (2, 1)


def test_a_file_whose_name_is_a_dash_is_one(folder: Path, tmp_path: Path) -> None:
    assert nnc("encode", str(folder / "m.npz"), "./-", cwd=tmp_path).returncode == 0
    assert (tmp_path / "-").read_bytes() == (folder / "m.nnr").read_bytes()
    assert b"NNR_NDU" in nnc("inspect", "./-", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    "words",
    [
        "decode m.nnr new.npz --state -",
        "encode m.npz new.nnr --state -",
        "certify withdraw - --key key.pem --vector a@1 --reason r",
        "explain results x --cache -",
    ],
)
def test_a_file_that_is_read_and_written_is_no_dash(tmp_path: Path, words: str) -> None:
    done = nnc(*words.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"the file is read and written; name one" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["inspect", "-"], ["trace", "-"], ["coverage", "-", "--jobs", "1"], ["coverage", "-", "--jobs", "2"]])
def test_streams_are_read_from_standard_input(folder: Path, stream: bytes, words: list[str]) -> None:
    done = nnc(*words, cwd=folder, stdin=stream)
    assert done.returncode == 0
    assert done.stdout


def test_pages_go_to_standard_output_alone(folder: Path, stream: bytes) -> None:
    page = nnc("trace", "--html", "-", "-", cwd=folder, stdin=stream)
    assert page.stdout.startswith(b"<!DOCTYPE html>")
    assert page.stdout.rstrip().endswith(b"</html>")
    goals = nnc("coverage", "m.nnr", "--json", "-", "--jobs", "1", cwd=folder)
    assert goals.stdout.startswith(b"{")
    assert goals.stdout.rstrip().endswith(b"}")
    assert b"1 streams" in goals.stderr


def test_a_package_goes_through_a_pipe(tmp_path: Path) -> None:
    support.write_suite(tmp_path / "suite", support.good_vectors(1))
    built = nnc("package", "build", "suite", "-", cwd=tmp_path)
    (tmp_path / "p.tar").write_bytes(built.stdout)
    assert verify(tmp_path / "p.tar").vectors == 1
    assert b"whole: " in nnc("package", "verify", "-", cwd=tmp_path, stdin=built.stdout).stdout
    (tmp_path / "key.pem").write_bytes(b"")
    assert b"no place for the signature" in nnc("package", "build", "suite", "-", "--key", "key.pem", cwd=tmp_path).stderr


@pytest.mark.parametrize("line", ["nnc inspect m.nnr >&-", "nnc encode m.npz other.nnr >&-", "nnc list --level core >&-", "nnc --help >&-"])
def test_closed_standard_output_is_none_of_our_business(folder: Path, line: str) -> None:
    done = shell(line, folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_stream_is_not_the_next_file_that_is_opened(folder: Path, stream: bytes) -> None:
    done = shell("nnc encode m.npz clean.nnr <&- >&- 2>&-", folder)
    assert done.returncode == 0
    assert (folder / "clean.nnr").read_bytes() == stream


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nnc encode m.npz - >&-", "/dev/stdout: standard output is closed"),
        ("nnc inspect - <&-", "/dev/stdin: standard input is closed"),
        ("nnc inspect m.nnr > /dev/full", "No space left on device"),
        ("nnc encode m.npz - > /dev/full", "No space left on device"),
        ("nnc encode m.npz /dev/full", "/dev/full: No space left on device"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(folder: Path, line: str, message: str) -> None:
    done = shell(line, folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert message in done.stderr


def test_a_closed_standard_error_hides_messages_and_nothing_else(folder: Path) -> None:
    done = shell("nnc inspect missing.nnr 2>&-", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert shell("nnc inspect missing.nnr 2> /dev/full", folder).returncode == 2


@pytest.mark.parametrize("line", ["nnc list | head -1", "nnc trace m.nnr --bins | head -1", "nnc list --json | head -c 10"])
def test_a_reader_that_goes_away_is_no_error(folder: Path, line: str) -> None:
    done = shell(line, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_judgement_that_nobody_heard_is_no_pass(tmp_path: Path) -> None:
    """The pipe breaks while cases are still to be run: that must not look like success."""
    support.write_suite(tmp_path / "suite", support.good_vectors(3))
    reader, writer = os.pipe()
    os.close(reader)
    failing = f"command:{sys.executable} -c 'raise SystemExit(9)' {{stream}} {{output}}"
    words = ("run", "suite", "--decoder", failing, "--output", "results")
    done = subprocess.run([*PROGRAM, *words], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=120)
    os.close(writer)
    assert done.returncode not in (0, 4)
    assert b"Traceback" not in done.stderr
