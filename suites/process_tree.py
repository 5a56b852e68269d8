"""The tree of processes under this one: who is in it, what it uses, and its certain end (what is Linux only does nothing elsewhere)."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Final

import psutil

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1
_LINUX: Final = sys.platform == "linux"
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if _LINUX else None


def become_subreaper() -> bool:
    """Makes orphans of this process's descendants its own children, whatever session they moved to; says whether the system can."""
    return _LIBC is not None and _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def die_with_parent(parent: int) -> None:
    """Ends this process by SIGKILL when its parent, of id ``parent``, ends. For a child between fork and exec."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def leave_network() -> str:
    """Moves this process, and so all that it starts, into a network of its own where only the loopback is; returns "" or why it cannot.

    To be called while the process has one thread: without the right to do so it needs a user namespace, too.
    """
    if _LIBC is None:
        return f"{sys.platform} has no network namespaces"
    uid, gid = os.geteuid(), os.getegid()
    if _LIBC.unshare(_CLONE_NEWNET) != 0:
        if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            return f"the kernel does not allow it: {os.strerror(ctypes.get_errno())}"
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        name, flags = struct.unpack("16sh", fcntl.ioctl(probe, _SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh", name, flags | _IFF_UP))
    return ""


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
    """Ends every process below this one by SIGKILL, stopping all first so that none can fork on; reaps all but ``keep``.

    Returns how many were met. Gives up after ``patience`` seconds on processes that the kernel does not let go.
    """
    met: set[int] = set()
    deadline = time.monotonic() + patience
    while (living := descendants()) and time.monotonic() < deadline:
        for act in (psutil.Process.suspend, psutil.Process.kill):
            for process in living:
                try:
                    act(process)
                except psutil.Error:
                    continue
        met.update(process.pid for process in living)
        reap(keep=keep)
        time.sleep(0.001)
    reap(keep=keep)
    return len(met)


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
