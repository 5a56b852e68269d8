"""Process tree below this process.

It gives its members, what they use, and how to end them all.
"""

import os
import signal
import time
from pathlib import Path

import psutil

from nnc_conformance.suites.sandbox import linux

_outer_namespace: int | None = None
"""Process namespace that this process was started in, if it has since got one of its own."""


def own_namespace(outer: int) -> None:
    """Declare all processes of this namespace but the first to be descendants of this one.

    Args:
        outer: Number of the namespace that this process was started in.

    Raises `RuntimeError` if this process is still in it.
    """
    global _outer_namespace  # noqa: PLW0603 (one process is in one namespace)
    if linux.process_namespace() in (0, outer):
        raise RuntimeError("this process has no process namespace of its own")
    _outer_namespace = outer


def _children(pid: int) -> list[int]:
    """Return the ids of a process's children as /proc lists them.

    Empty if the process has ended.
    """
    try:
        files = [Path(entry.path, "children") for entry in os.scandir(f"/proc/{pid}/task")]
        return [int(child) for file in files for child in file.read_bytes().split()]
    except OSError:
        return []


def descendants() -> list[psutil.Process]:
    """Return all living processes below this one (no zombies), parents before children."""
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


def resident_bytes(processes: list[psutil.Process], limit: int) -> int:
    """Return the resident bytes of ``processes``.

    The plain sum counts shared pages once for each process; only a sum above ``limit`` is measured
    again with shared pages split.
    """
    plain = 0
    for process in processes:
        try:
            plain += process.memory_info().rss
        except psutil.Error:
            continue
    if plain <= limit or len(processes) == 1:
        return plain
    proportional = 0
    for process in processes:
        try:
            full = process.memory_full_info()
            proportional += getattr(full, "pss", full.rss)
        except psutil.Error:
            continue
    return proportional


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return user and system seconds of ``processes`` and of all children waited for."""
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
    """Kill every process below this one and reap all but ``keep``.

    Return how many there were.

    In a process namespace of its own one signal reaches all at once; elsewhere all are stopped
    first, so that none can fork meanwhile.

    Args:
        keep: Id of the child that the caller waits for itself; 0 for none.
        patience: Seconds to wait for processes that the kernel does not release.
    """
    seen: set[int] = set()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        living = descendants()
        _kill(living)
        seen.update(process.pid for process in living)
        if not reap(keep=keep) and not living:  # reaped processes may have left orphans that become children of this process only now
            break
        time.sleep(0.001)
    return len(seen)


def _kill(living: list[psutil.Process]) -> None:
    """Kill processes by SIGKILL; in a namespace of its own, all processes there.

    Elsewhere they are first suspended, so that none starts another. Those already gone are skipped.
    """
    if not living:
        return
    if _outer_namespace is not None and linux.process_namespace() not in (0, _outer_namespace):
        os.kill(-1, signal.SIGKILL)  # all but this process and the first of the namespace
        return
    for act in (psutil.Process.suspend, psutil.Process.kill):
        for process in living:
            try:
                act(process)
            except psutil.Error:
                continue


def reap(*, keep: int) -> list[int]:
    """Wait, without blocking, for all children that have ended but ``keep``; return their ids."""
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
