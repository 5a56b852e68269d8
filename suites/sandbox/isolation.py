"""Where a slot of a run lives: without network, and in a process namespace of its own, so that nothing it starts can outlive it.

Three processes: the *guard* stays outside, ends with the slot, and ends the slot when whoever asked for it is gone; the *first* process of
the namespace takes all others with it when it ends, since the kernel then kills whatever is in the namespace, in whatever session; the
*slot* does the work. The slot is not the first process itself: a decoder whose parent has the id 1 may take itself for an orphan.

Where the kernel allows no namespace there are guard and slot only. Both adopt orphans, so what a killed slot leaves is ended by the guard;
a slot whose guard is gone ends what it started; only what the two leave when both are killed at once lives on.
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
"""So long a slot has to end, and to remove its files, after whoever asked for it is gone."""
_POLL_SECONDS: Final = 0.1
_BY_SIGNAL: Final = 128
"""The first process of a namespace cannot be ended by a signal of its own: it ends with this much more than the slot's."""


@dataclass(frozen=True)
class Isolation:
    """What the kernel granted: for each, "" or why not."""

    network: str = ""
    processes: str = ""

    def beside(self, other: "Isolation") -> "Isolation":
        """Returns what is granted here and there."""
        return Isolation(other.network or self.network, other.processes or self.processes)

    @property
    def network_text(self) -> str:
        """What a report says of the network."""
        return self.network or "none"

    @property
    def processes_text(self) -> str:
        """What a report says of what holds a decoder's processes together."""
        return f"orphans adopted; no namespace: {self.processes}" if self.processes else "a namespace for each slot"


def isolated(serve: Callable[[Isolation], None]) -> int:
    """Calls ``serve`` in a child, as isolated as the kernel allows; returns what is to be this process's exit code.

    To be called while the process has one thread and no children.
    """
    if not linux.AVAILABLE:
        why = f"{sys.platform} has no namespaces"
        serve(Isolation(why, why))
        return 0
    asker = os.getppid()
    linux.become_subreaper()
    namespaces, isolation = _granted()
    outside = linux.process_namespace()
    linux.enter(namespaces)
    living, ours = os.pipe()
    child = os.fork()
    if child:
        os.close(living)
        _let_go_of_streams()
        code = _guard(child, asker)
        if isolation.processes:
            process_tree.kill_descendants(keep=0)
        return _ended_alike(code)
    os.close(ours)
    if isolation.processes:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        _die_without(living, signal.SIGTERM)
        linux.become_subreaper()
        return _served(serve, isolation)
    _die_without(living, signal.SIGKILL)
    return _first_of_namespace(serve, isolation, outside)


def _granted() -> tuple[int, Isolation]:
    """Returns the namespaces that the kernel grants, both where it can be, tried out in a child each time; and what follows from them."""
    refusal = _refusal(linux.NEW_NETWORK | linux.NEW_PROCESSES)
    if not refusal:
        return linux.NEW_NETWORK | linux.NEW_PROCESSES, Isolation()
    granted = next((part for part in (linux.NEW_NETWORK, linux.NEW_PROCESSES) if not _refusal(part)), 0)
    why = f"the kernel does not allow it: {os.strerror(refusal)}"
    return granted, Isolation("" if granted == linux.NEW_NETWORK else why, "" if granted == linux.NEW_PROCESSES else why)


def _refusal(namespaces: int) -> int:
    """Returns the number of the error that a child meets on its way into ``namespaces``, or 0."""
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


def _let_go_of_streams() -> None:
    """Leaves standard input and output to the slot alone, whose end is then theirs."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1):
        os.dup2(nothing, handle)
    os.close(nothing)


def _die_without(living: int, by: signal.Signals) -> None:
    """Ends this process by a signal with its parent, of which it has a pipe's reading end, even where that has ended already."""
    linux.die_with_parent(os.getppid(), by)
    if select.select([living], [], [], 0)[0]:
        os._exit(1)


def _guard(child: int, asker: int) -> int:
    """Waits for the end of ``child`` and returns its exit code; ends it `GRACE_SECONDS` after the end of ``asker``, this one's parent."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    deadline = None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if deadline is None and os.getppid() != asker:
            deadline = time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        signal.sigtimedwait([signal.SIGCHLD], _POLL_SECONDS)


def _ended_alike(code: int) -> int:
    """Returns the exit code of the slot, or ends as it did, by a signal."""
    number = -code if code < 0 else max(code - _BY_SIGNAL, 0)
    if number:
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return code


def _first_of_namespace(serve: Callable[[Isolation], None], isolation: Isolation, outside: int) -> int:
    """As the first process of the namespace: starts the slot, waits for its end and for that of all orphans until then."""
    linux.mount_proc()
    slot = os.fork()
    if not slot:
        linux.become_subreaper()
        process_tree.own_namespace(outside)
        return _served(serve, isolation)
    _let_go_of_streams()
    while True:
        done, status = os.wait()
        if done == slot:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else _BY_SIGNAL - code)


def _served(serve: Callable[[Isolation], None], isolation: Isolation) -> int:
    serve(isolation)
    return 0
