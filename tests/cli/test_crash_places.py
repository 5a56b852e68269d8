"""Full disks, read-only folders, long and non-ASCII names: commands succeed, or one line says what
is wrong.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import nnc
from hostile import support

from nnc_conformance.storage import outputs
from nnc_conformance.storage.suite_folder import built_in_root
from nnc_conformance.storage.tensors import write_tensors
from nnc_conformance.suites.running.decoder_run import JOURNAL_FILE

PROGRAM = (sys.executable, "-c", "from nnc_conformance.cli.main import main; main()")
MOUNTED = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
FULL = 'mount -t tmpfs -o size=4k none "$PLACE" && echo > "$PLACE/filler" && exec "$@"'
READ_ONLY = 'mount -t tmpfs -o ro none "$PLACE" && exec "$@"'
STATES = {"full": (FULL, "No space left on device"), "read-only": (READ_ONLY, "Read-only file system")}
ODD = "ä 空 'x' $HOME"
"""Blanks, quotes, characters beyond ASCII, and what a shell would replace."""
COMMANDS = {
    "run": ["run", "suite", "--decoder", support.command("toy.py"), "--jobs", "1", "--output", "PLACE"],
    "package build": ["package", "build", "suite", "PLACE/vectors.tar"],
    "decode": ["decode", "stream.nnr", "PLACE/out.safetensors"],
    "encode": ["encode", "tensors.safetensors", "PLACE/out.nnr", "--no-dq"],
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a suite, a package, and a long stream."""
    work = tmp_path_factory.mktemp("work")
    support.write_suite(work / "suite", support.good_vectors(10))
    stream = max(built_in_root().glob("core/*/stream.nnr"), key=lambda path: (path.parent / "expected.safetensors").stat().st_size)
    shutil.copy(stream, work / "stream.nnr")
    write_tensors(work / "tensors.safetensors", {"a": np.arange(40000, dtype="<f4") % 251})
    (work / ODD).mkdir()
    return work


def words_of(command: str, place: str) -> list[str]:
    """Return a command line that writes to a path."""
    return [word.replace("PLACE", place) for word in COMMANDS[command]]


@pytest.mark.parametrize(
    ("command", "state"),
    [
        *((command, state) for command in ("run", "package build") for state in STATES),
        ("decode", "full"),
        ("encode", "read-only"),
        pytest.param("decode", "read-only", marks=pytest.mark.exhaustive),
        pytest.param("encode", "full", marks=pytest.mark.exhaustive),
    ],
)
def test_one_line_where_a_place_takes_nothing(work: Path, tmp_path: Path, command: str, state: str) -> None:
    mounting, message = STATES[state]
    place = tmp_path / "place"
    place.mkdir()
    words = [*PROGRAM, *words_of(command, str(place))]
    done = subprocess.run(
        [*MOUNTED, mounting, "sh", "sh", "-c", '"$@"; code=$?; ls -A "$PLACE" > "$PLACE.listing"; exit $code', "sh", *words],
        cwd=work,
        env=os.environ | {"PLACE": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert message in done.stderr
    assert "internal" not in done.stderr
    assert set(Path(f"{place}.listing").read_text().split()) <= {"filler", JOURNAL_FILE}


@pytest.mark.parametrize("command", COMMANDS)
def test_any_name_will_do(work: Path, tmp_path: Path, command: str) -> None:
    folder = tmp_path / ODD
    shutil.copytree(work, folder)
    done = nnc(*words_of(command, ODD), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "internal" not in done.stderr


def test_any_name_can_be_printed_in_ascii(work: Path, tmp_path: Path) -> None:
    folder = tmp_path / ODD
    shutil.copytree(work, folder)
    done = subprocess.run(
        [*PROGRAM, *words_of("run", ODD)],
        cwd=folder,
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"internal" not in done.stderr


def test_a_suite_whose_name_is_no_utf8_is_one_line(work: Path, tmp_path: Path) -> None:
    folder = tmp_path / "\udcff"
    shutil.copytree(work, folder)
    done = subprocess.run([*PROGRAM, *words_of("run", "out")], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "not valid UTF-8" in done.stderr


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127 + "x")
    outputs.write_bytes(path, b"whole")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(path.name, b"whole")]


def test_a_longer_one_is_one_line(work: Path) -> None:
    done = nnc("decode", "stream.nnr", "x" * 300 + ".npz", cwd=work)
    assert done.returncode == 2
    assert done.stderr.endswith("File name too long\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.exhaustive
def test_without_a_place_for_compiled_code_it_works(work: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = os.environ | {"NNC_CACHE_DIR": str(tmp_path / "file")}
    words = [*PROGRAM, "decode", "stream.nnr", str(tmp_path / "out.npz")]
    done = subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "compiled code is not kept" in done.stderr
