"""examples/federated with the independent codec, run as its README says, with fewer rounds."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from helpers import example_runs
from interop.sessions import PROGRAM

SCRIPT = example_runs.EXAMPLES / "federated" / "federated.py"


def run(python: str | Path, *words: str, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), "--rounds", "2", "--clients", "2", "--peer", str(python), *words]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_exchange_through_the_peer_gives_both_decoders_equal_models(tmp_path: Path) -> None:
    done = run(os.environ["NNC_PEER_PYTHON"], "--output", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    for whose in ("ours", "the peer's"):
        assert f"streams of {whose}: both decoders hold equal models in 9 of 9 cases" in done.stdout
    with (tmp_path / "rounds.csv").open() as file:
        rounds = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert all(row["peer_down"] < row["full"] / 2 for row in rounds[1:])
    assert all(row["down"] <= row["peer_down"] for row in rounds)
    assert rounds[-1]["peer_accuracy"] > rounds[0]["peer_accuracy"] + 0.1
    plot = (tmp_path / "rounds.svg").read_text()
    assert plot.count('fill="#f59e0b"') == len(rounds)


def test_a_model_that_differs_is_an_error(tmp_path: Path) -> None:
    """With a codec whose decoder gives another value, as a defect would."""
    faulty = tmp_path / "python"
    change = (
        "import runpy, sys, safetensors.numpy as files; save = files.save_file; "
        "files.save_file = lambda tensors, path: save({name: values + 1 for name, values in tensors.items()}, path); "
        f"sys.path.insert(0, {str(PROGRAM.parent)!r}); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    faulty.write_text(f'#!/bin/sh\nexec {os.environ["NNC_PEER_PYTHON"]} -c "{change}" "$@"\n')
    faulty.chmod(0o755)
    done = run(faulty)
    assert done.returncode == 1
    assert "both decoders hold equal models in 0 of 9 cases" in done.stderr


def test_a_script_without_its_repository_is_refused(tmp_path: Path) -> None:
    copied = tmp_path / SCRIPT.name
    copied.write_bytes(SCRIPT.read_bytes())
    done = run(os.environ["NNC_PEER_PYTHON"], script=copied)
    assert done.returncode == 1
    assert "checkout of the repository" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_python_without_the_codec_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path / "python")
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "tests/peer/setup" in done.stderr
    assert "Traceback" not in done.stderr
