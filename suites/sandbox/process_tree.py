"""The tree of processes under this one: who is in it, what it uses, and its certain end."""

import os
import signal
import time
from pathlib import Path

import psutil

from nnc_conformance.suites.sandbox import linux

_outside: int | None = None
"""The process namespace that this process came from, where it is in one of its own."""


def own_namespace(outside: int) -> None:
    """Declares that all processes of this namespace but its first are this one's descendants; ``outside`` is the one it came from.

    Raises `RuntimeError` where this process is still there.
    """
    global _outside  # noqa: PLW0603 (one process is in one namespace)
    if linux.process_namespace() in (0, outside):
        raise RuntimeError("this process is in no process namespace of its own")
    _outside = outside


def _children(pid: int) -> list[int]:
    """Returns the children's ids from /proc; empty for a process that has gone."""
    try:
        files = [Path(entry.path, "children") for entry in os.scandir(f"/proc/{pid}/task")]
        return [int(child) for file in files for child in file.read_bytes().split()]
    except OSError:
        return []


def descendants() -> list[psutil.Process]:
    """Returns all living processes below this one (no zombies), parents before children."""
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        found = psutil.Process().children(recursive=True)
    else:
        found, pending = [], _children(os.getpid())
        while pending:
            pid = pending.pop()
            try:
                found.append(psutil.Process(pid))
            except psutil.NoSuchProcess:
                continue
            pending.extend(_children(pid))
    return [process for process in found if _alive(process)]


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def resident_bytes(processes: list[psutil.Process], enough: int) -> int:
    """Returns the resident bytes of ``processes``.

    The plain sum counts shared pages in each process; only when it passes ``enough`` are they counted by share.
    """
    plain = 0
    for process in processes:
        try:
            plain += process.memory_info().rss
        except psutil.Error:
            continue
    if plain <= enough or len(processes) == 1:
        return plain
    shared = 0
    for process in processes:
        try:
            full = process.memory_full_info()
            shared += getattr(full, "pss", full.rss)
        except psutil.Error:
            continue
    return shared


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Returns the user and system time of ``processes``, of the children they have waited for, and of those this process has."""
    ended = os.times()
    total = ended.children_user + ended.children_system
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def kill_descendants(*, keep: int, patience: float = 5.0) -> int:
    """Ends every process below this one by SIGKILL and reaps all but ``keep``; returns how many were met.

    In a namespace of its own one signal goes to all at once; elsewhere all are stopped first, so that none can fork on.
    Gives up after ``patience`` seconds on processes that the kernel does not let go.
    """
    met: set[int] = set()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        living = descendants()
        _end(living)
        met.update(process.pid for process in living)
        if not reap(keep=keep) and not living:  # what is reaped may have left orphans, who come to this process unseen
            break
        time.sleep(0.001)
    return len(met)


def _end(living: list[psutil.Process]) -> None:
    if not living:
        return
    if _outside is not None and linux.process_namespace() not in (0, _outside):
        os.kill(-1, signal.SIGKILL)  # all but this process and the namespace's first
        return
    for act in (psutil.Process.suspend, psutil.Process.kill):
        for process in living:
            try:
                act(process)
            except psutil.Error:
                continue


def reap(*, keep: int) -> list[int]:
    """Waits for all ended children but ``keep`` without blocking, and returns their ids."""
    reaped = []
    for pid in _children(os.getpid()):
        if pid != keep:
            try:
                done, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
            if done:
                reaped.append(done)
    return reaped
