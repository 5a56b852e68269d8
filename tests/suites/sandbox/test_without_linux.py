"""A system without Linux: `run` says in one line what it needs.

Reports can still be written there.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import support

from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import select

HIDDEN = "import sys, psutil; sys.modules['fcntl'] = sys.modules['resource'] = None\n"
"""Hides two modules of Unix, but not from psutil, which needs them on Linux only."""
MAIN = "from nnc_conformance.cli.main import main; main()"
IMPORT_ALL = """
import pkgutil, importlib
import nnc_conformance.suites as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""
WITHOUT_PROC = (
    shutil.which("unshare") or "unshare",
    *("--user", "--map-root-user", "--mount", "sh", "-c"),
    'mount -t tmpfs none /proc && exec "$@"',
    "sh",
)
"""Prefix of a command that has an empty /proc."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite, and the results of a run of it."""
    folder = tmp_path_factory.mktemp("results")
    support.write_suite(folder / "suite", support.good_vectors(2))
    decoders = support.decoders(support.command("toy.py"))
    run(select(folder / "suite"), decoders, folder, levels=[Level.CORE], options=RunOptions(jobs=1))
    return folder


def python(code: str, *words: str, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    command = [*prefix, sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_every_module_can_be_imported() -> None:
    done = python(HIDDEN + IMPORT_ALL)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_report_can_be_written(results: Path, tmp_path: Path) -> None:
    done = python(HIDDEN + MAIN, "report", str(results / "results.json"), "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("command", "code", "prefix", "missing"),
    [
        ("run", HIDDEN, (), "no module 'fcntl'"),
        ("check-decoder", "", WITHOUT_PROC, "/proc"),
        pytest.param("run", "", WITHOUT_PROC, "/proc", marks=pytest.mark.slow),
        pytest.param("check-decoder", HIDDEN, (), "no module 'fcntl'", marks=pytest.mark.slow),
    ],
)
def test_running_decoders_needs_linux(
    results: Path, tmp_path: Path, command: str, code: str, prefix: tuple[str, ...], missing: str
) -> None:
    words = ["run", str(results / "suite"), "--output", str(tmp_path / "out")] if command == "run" else ["check-decoder", "in-tree"]
    done = python(code + MAIN, *words, prefix=prefix)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("nnc-conformance: error: running decoders needs Linux")
    assert missing in line
    assert not (tmp_path / "out").exists()
