"""Isolation of a pool process: no network, and a process namespace.

Nothing that it starts can outlive the namespace.

A pool process consists of three processes:

- The *guard* stays outside the namespace. It ends when the others end, and ends them when the run
  is gone.
- The *first process* of the namespace starts the serving process. When it ends, the kernel kills
  all that is left in the namespace.
- The *serving process* runs the cases. It is not the first process itself: a decoder whose parent
  has id 1 may believe it is orphaned.

If the kernel refuses a process namespace, there are only guard and serving process. Both adopt
orphans: the guard ends what a killed serving process leaves, and a serving process without guard
ends what it started. Only if both are killed at once may a process survive.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nnc_conformance.suites.sandbox import linux, process_tree

GRACE_SECONDS: Final = 2.0
"""Seconds that a pool process has to end and to remove its files after the run is gone."""
_POLL_SECONDS: Final = 0.1
_SIGNAL_OFFSET: Final = 128
"""Added to the number of the signal that ended the serving process.

The first process of a namespace cannot die by a signal of its own.
"""


@dataclass(frozen=True)
class Isolation:
    """Isolation that the kernel granted: "" for what is isolated, else the reason why not."""

    network: str = ""
    processes: str = ""

    def combined(self, other: "Isolation") -> "Isolation":
        """Return the isolation that holds for both."""
        return Isolation(other.network or self.network, other.processes or self.processes)

    @property
    def network_text(self) -> str:
        """Network access of the decoders, in words for reports."""
        return self.network or "none"

    @property
    def processes_text(self) -> str:
        """Containment of the decoders' processes, in words for reports."""
        if self.processes:
            return f"orphans adopted; no namespace: {self.processes}"
        return "a namespace for each pool process"


def isolated(serve: Callable[[Isolation], None]) -> int:
    """Call ``serve`` in a child, as isolated as the kernel allows; return the exit code.

    Call it while the process has one thread and no children.
    """
    run = os.getppid()
    linux.become_subreaper()
    namespaces, isolation = _granted()
    outer = linux.process_namespace()
    linux.enter(namespaces)
    alive, ours = os.pipe()
    child = os.fork()
    if child:
        os.close(alive)
        _release_standard_streams()
        code = _guard(child, run)
        if isolation.processes:
            process_tree.kill_descendants(keep=0)
        return _end_like(code)
    os.close(ours)
    if isolation.processes:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        _die_with_guard(alive, signal.SIGTERM)
        linux.become_subreaper()
        serve(isolation)
        return 0
    _die_with_guard(alive, signal.SIGKILL)
    return _first_of_namespace(serve, isolation, outer)


def _granted() -> tuple[int, Isolation]:
    """Return the namespaces that the kernel grants and what they isolate.

    Try each in a child.
    """
    error = _error_of(linux.NEW_NETWORK | linux.NEW_PROCESSES)
    if not error:
        return linux.NEW_NETWORK | linux.NEW_PROCESSES, Isolation()
    granted = next((part for part in (linux.NEW_NETWORK, linux.NEW_PROCESSES) if not _error_of(part)), 0)
    why = f"the kernel does not allow it: {os.strerror(error)}{linux.restriction()}"
    return granted, Isolation("" if granted == linux.NEW_NETWORK else why, "" if granted == linux.NEW_PROCESSES else why)


def _error_of(namespaces: int) -> int:
    """Return the error number that a child meets on entering ``namespaces``; 0 if it succeeds."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        linux.enter(namespaces)
        if namespaces & linux.NEW_PROCESSES:
            first = os.fork()
            if first:
                os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]))
            linux.mount_proc()
    except OSError as error:
        os._exit(error.errno or 1)
    os._exit(0)


def _release_standard_streams() -> None:
    """Leave standard input and output to the serving process alone."""
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1):
        os.dup2(null, handle)
    os.close(null)


def _die_with_guard(alive: int, by: signal.Signals) -> None:
    """End this process by a signal when its parent ends.

    At once if the pipe ``alive`` shows that it has.
    """
    linux.die_with_parent(os.getppid(), by)
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)


def _guard(child: int, run: int) -> int:
    """Wait for the end of ``child`` and return its exit code.

    Kill it `GRACE_SECONDS` after the parent ``run`` ended.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    deadline = None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if deadline is None and os.getppid() != run:
            deadline = time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        signal.sigtimedwait([signal.SIGCHLD], _POLL_SECONDS)


def _end_like(code: int) -> int:
    """Return the serving process's exit code, or end by the signal that ended it."""
    number = -code if code < 0 else max(code - _SIGNAL_OFFSET, 0)
    if number:
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return code


def _first_of_namespace(serve: Callable[[Isolation], None], isolation: Isolation, outer: int) -> int:
    """Fork the serving process, and reap orphans as the namespace's first process.

    The serving process returns 0 after ``serve``; this one ends with its exit code when it ends.

    Args:
        serve: What the serving process does.
        isolation: What the namespaces isolate.
        outer: Number of the process namespace outside.
    """
    linux.mount_proc()
    serving = os.fork()
    if not serving:
        linux.become_subreaper()
        process_tree.own_namespace(outer)
        serve(isolation)
        return 0
    _release_standard_streams()
    while True:
        done, status = os.wait()
        if done == serving:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else _SIGNAL_OFFSET - code)
