"""Ctrl-C: exit code 130 and one line, during imports, in compiled code, on threads, and with worker
processes.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A shell without job control lets its background processes ignore Ctrl-C."""
RUN = "from nnc_conformance.cli.__main__ import run\nrun()\n"
PRESSED_AT = """
import sys
class Presses:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Presses())
"""
PRESSED_IN = """
import threading, time, os
from nnc_conformance.{module} import {name} as place
def pressed(*words, **options):
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    {body}
import nnc_conformance.{module} as module
module.{name} = pressed
"""


def ended(program: str, *words: str, cwd: Path) -> tuple[int, str, str, float]:
    """Exit code, what was printed, and the seconds of a command that is interrupted.

    All its processes must be gone.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", HEARD + program, *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err, time.monotonic() - began


@pytest.fixture
def model(tmp_path: Path) -> Path:
    np.savez(tmp_path / "m.npz", **{f"w{number}": np.ones((400, 400), np.float32) for number in range(4)})
    return tmp_path


@pytest.mark.parametrize(
    "module",
    ["typer", "nnc_conformance.cli.main", "pydantic", "nnc_conformance.cli.encode", "numpy", "nnc_conformance.reference.encoder", "numba"],
)
def test_during_imports(model: Path, module: str) -> None:
    code, out, err, _ = ended(PRESSED_AT.format(module=module) + RUN, "encode", "m.npz", "m.nnr", cwd=model)
    assert (code, out, err) == (130, "", "nnc-conformance: error: interrupted\n")
    assert not (model / "m.nnr").exists()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_tensors_that_are_being_coded_are_not_waited_for(model: Path, threads: str) -> None:
    """The coder of each tensor sleeps, as compiled code does from Python's point of view on another
    thread.
    """
    program = PRESSED_IN.format(module="reference.encoder", name="encode_job", body="time.sleep(30)")
    code, out, err, seconds = ended(program + RUN, "encode", "m.npz", "m.nnr", "--threads", threads, cwd=model)
    assert (code, out, err) == (130, "", "nnc-conformance: error: interrupted\n")
    assert seconds < 25


def test_compiled_code_in_the_main_thread_is_not_waited_for(model: Path) -> None:
    """`time.sleep` of the C library, called without Python's checks for signals, stands for a
    kernel on a large tensor.
    """
    body = "import ctypes; end = time.monotonic() + 30; lib = ctypes.CDLL(None); [lib.sleep(5) for _ in ' ' * 1]; lib.poll(None, 0, 30000)"
    program = PRESSED_IN.format(module="reference.encoder", name="encode_job", body=body)
    code, out, err, seconds = ended(program + RUN, "encode", "m.npz", "m.nnr", cwd=model)
    assert (code, out, err) == (130, "", "nnc-conformance: error: interrupted\n")
    assert seconds < 25


def test_an_error_that_a_library_makes_of_it_is_still_an_interrupt(model: Path) -> None:
    body = "\n    try:\n        time.sleep(30)\n    except BaseException:\n        raise ImportError('initialization failed')"
    program = PRESSED_IN.format(module="reference.encoder", name="encode_job", body=body)
    code, out, err, _ = ended(program + RUN, "encode", "m.npz", "m.nnr", cwd=model)
    assert (code, out, err) == (130, "", "nnc-conformance: error: interrupted\n")


@pytest.mark.slow
def test_in_a_finalizer_it_is_not_lost(model: Path) -> None:
    body = "\n    class Gone:\n        def __del__(self): time.sleep(3)\n    gone = Gone(); del gone; time.sleep(30)"
    program = PRESSED_IN.format(module="reference.encoder", name="encode_job", body=body)
    code, out, err, seconds = ended(program + RUN, "encode", "m.npz", "m.nnr", cwd=model)
    assert (code, out, err) == (130, "", "nnc-conformance: error: interrupted\n")
    assert seconds < 25


@pytest.mark.slow
def test_the_second_time_nothing_is_waited_for(model: Path) -> None:
    body = "\n    try:\n        time.sleep(30)\n    finally:\n        os.kill(os.getpid(), signal.SIGINT); time.sleep(30)"
    program = PRESSED_IN.format(module="reference.encoder", name="encode_job", body=body)
    code, out, err, seconds = ended(program + RUN, "encode", "m.npz", "m.nnr", cwd=model)
    assert (code, out, err) == (130, "", "nnc-conformance: error: interrupted\n")
    assert seconds < 25


@pytest.mark.slow
def test_the_second_time_after_the_message_nothing_is_repeated(model: Path) -> None:
    body = "import atexit; atexit.register(signal.raise_signal, signal.SIGINT); time.sleep(30)"
    program = PRESSED_IN.format(module="reference.encoder", name="encode_job", body=body)
    code, out, err, _ = ended(program + RUN, "encode", "m.npz", "m.nnr", cwd=model)
    assert (code, out, err) == (130, "", "nnc-conformance: error: interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["generate", "suite", "--level", "core", "--jobs", "2"], ["coverage", "streams", "--jobs", "2"]])
def test_worker_processes_end_without_a_word(tmp_path: Path, words: list[str]) -> None:
    """The terminal sends Ctrl-C to all processes of the group."""
    (tmp_path / "streams").mkdir()
    for number in range(400):
        (tmp_path / "streams" / f"{number}.nnr").write_bytes(b"\0\4\0\0" + bytes([number % 256]))
    process = subprocess.Popen(
        [sys.executable, "-c", HEARD + RUN, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(group(process.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "nnc-conformance: error: interrupted\n")
    while group(process.pid) and time.monotonic() < deadline + 60:
        time.sleep(0.05)
    assert group(process.pid) == []


def group(leader: int) -> list[int]:
    """The processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
def test_where_it_is_ignored_it_stays_ignored(model: Path) -> None:
    program = PRESSED_IN.format(module="reference.encoder", name="encode_job", body="time.sleep(1); return place(*words, **options)")
    ignoring = program.replace(HEARD, "") + "signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + RUN
    code, out, err, _ = ended(ignoring, "encode", "m.npz", "m.nnr", cwd=model)
    assert (code, err) == (0, "")
    assert "4 parameters" in out
