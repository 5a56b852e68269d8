"""Whichever process of the harness is killed, nothing that a decoder started survives."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from helpers.sampling import sampled
from hostile import support

from nnc_conformance.suites.results.result_files import load_run

SECONDS = 30
DAEMONS = 3
"""Processes: the decoder, its child, and a grandchild in another session whose parent ended."""
WITHOUT_NAMESPACES = (
    shutil.which("unshare") or "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    'echo 0 > /proc/sys/user/max_pid_namespaces && exec "$@"',
    "sh",
)
"""Prefix of a command to which the kernel then refuses a process namespace."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite")
    support.write_suite(root, support.good_vectors(1))
    return root


def running(mark: str) -> set[int]:
    """Return the ids of the decoder's processes, which have ``mark`` on their command line."""
    found = set()
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if mark in words and "daemon.py" in " ".join(words[:4]) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.add(process.pid)
    return found


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def command_line(root: Path, output: Path, decoder: str) -> list[str]:
    words = ["run", str(root), "--decoder", decoder, "--output", str(output), "--jobs", "1", "--time-limit", "60"]
    return [sys.executable, "-c", "from nnc_conformance.cli.main import main; main()", *words]


@contextmanager
def a_run(root: Path, output: Path, prefix: tuple[str, ...]) -> Iterator[tuple[psutil.Process, set[int], str]]:
    """Start a run.

    Return its process, the ids of all the decoder's processes, and their mark.
    """
    mark = str(output / "mark")
    decoder = f"command:{sys.executable} -S {support.HERE / 'daemon.py'} {mark} {{stream}} {{output}}"
    process = psutil.Popen([*prefix, *command_line(root, output, decoder)], stdout=subprocess.DEVNULL)
    try:
        assert until(Path(mark).exists)
        decoder_processes = running(mark)
        assert len(decoder_processes) == DAEMONS
        yield process, decoder_processes, mark
    finally:
        process.kill()
        process.wait()
        for pid in running(mark) if not until(lambda: not running(mark)) else ():
            psutil.Process(pid).kill()


def harness(process: psutil.Process) -> list[psutil.Process]:
    """Return the run's process, guard, first process of the namespace if any, serving process."""
    found = [process]
    while True:
        below = [child for child in found[-1].children() if "nnc_conformance.suites.running.pool_process_main" in child.cmdline()]
        if not below:
            return found
        found.append(below[0])


ENDS = {
    "the run": lambda chain: chain[:1],
    "the guard": lambda chain: chain[1:2],
    "the guard's child": lambda chain: chain[2:3],
    "the serving process": lambda chain: chain[-1:],
    "run and serving process": lambda chain: (chain[0], chain[-1]),
}


@pytest.mark.slow
@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize(("prefix", "length"), [((), 4), (WITHOUT_NAMESPACES, 3)], ids=["namespace", "no namespace"])
def test_no_process_of_a_decoder_outlives_a_killed_harness(
    root: Path, tmp_path: Path, prefix: tuple[str, ...], length: int, ends: Callable[[list[psutil.Process]], list[psutil.Process]]
) -> None:
    with a_run(root, tmp_path, prefix) as (process, decoder, mark):
        chain = harness(process)
        assert len(chain) == length
        for victim in ends(chain):
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
        assert until(lambda: not decoder & running(mark))


def test_in_a_namespace_nothing_lives_on_even_when_all_of_the_harness_is_killed_at_once(root: Path, tmp_path: Path) -> None:
    with a_run(root, tmp_path, ()) as (process, _, mark):
        chain = harness(process)
        for victim in chain:
            victim.suspend()
        for victim in chain:
            with suppress(psutil.NoSuchProcess):  # gone with the one before
                victim.kill()
        assert until(lambda: not running(mark))


OURS, ADOPTED = "a namespace for each pool process", "orphans adopted; no namespace: the kernel does not allow it: "
UNPRIVILEGED = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
MASKED_PROC = (
    *("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c"),
    'mount -t tmpfs none /proc/irq && exec "$@"',
    "sh",
)
"""Prefix of a command with a partly hidden /proc, as in a container, which may mount no other."""
GRANTED = {
    "with the rights of these tests": ((), OURS),
    "without any rights": (UNPRIVILEGED, OURS),
    "without namespaces": (WITHOUT_NAMESPACES, f"{ADOPTED}No space left on device"),
    "in a container": ((*MASKED_PROC, *UNPRIVILEGED), f"{ADOPTED}Operation not permitted"),
}


UBUNTU = """
import errno, os, pathlib
read, write = pathlib.Path.read_text, pathlib.Path.write_text

def refused(path, *words, **named):
    if str(path) == "/proc/self/uid_map":
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    return write(path, *words, **named)

def setting(path, *words, **named):
    return "1\\n" if str(path) == "/proc/sys/kernel/apparmor_restrict_unprivileged_userns" else read(path, *words, **named)

pathlib.Path.write_text, pathlib.Path.read_text = refused, setting
"""
"""A sitecustomize.py with which user namespaces are restricted as by AppArmor on Ubuntu 24.04: one
can be made, but no user is mapped into it.
"""


def test_a_run_goes_on_where_user_namespaces_are_restricted(root: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(UBUNTU)
    words = command_line(root, tmp_path / "out", support.command("toy.py"))
    (tmp_path / "out").mkdir(mode=0o777)
    done = subprocess.run([*UNPRIVILEGED, *words], check=False, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0
    document = load_run(tmp_path / "out")
    why = "the kernel does not allow it: Operation not permitted (kernel.apparmor_restrict_unprivileged_userns is 1)"
    assert document.network == why
    assert document.processes == f"orphans adopted; no namespace: {why}"


@pytest.mark.parametrize(("prefix", "processes"), sampled(list(GRANTED.items()), 2))
def test_a_run_says_what_holds_its_decoders(root: Path, tmp_path: Path, prefix: tuple[str, ...], processes: str) -> None:
    words = command_line(root, tmp_path, support.command("toy.py"))
    assert subprocess.run([*prefix, *words], check=False, stdout=subprocess.DEVNULL).returncode == 0
    document = load_run(tmp_path)
    assert document.processes == processes
    assert document.network == "none", "the one may be refused where the other is not"
