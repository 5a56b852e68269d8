"""The process of a command line.

It covers the standard streams, Ctrl-C at any moment, and the end.

Only the standard library is imported, and little of it, so that Ctrl-C is answered almost from the
start.
"""

import atexit
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from types import FrameType
from typing import Final, NoReturn, TextIO

PROGRAM: Final = "nnc-conformance"
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C."""
PATIENCE: Final = 1.0
"""Seconds that compiled code may hold the main thread after Ctrl-C before the process ends without
it.
"""

_AGAIN: Final = 0.05
"""Seconds after which a lost `KeyboardInterrupt` is raised once more."""
_SAID: Final = threading.Event()
"""Set once the line about the interruption is printed, so that a second Ctrl-C repeats nothing."""


def say(kind: str, message: str) -> None:
    """Print ``nnc-conformance: KIND: MESSAGE`` to standard error; ignore a failing write.

    Args:
        kind: Kind of the message, such as ``error`` or ``warning``.
        message: The message, in one line.
    """
    with suppress(OSError):
        print(f"{PROGRAM}: {kind}: {message}", file=sys.stderr, flush=True)


def say_interrupted() -> None:
    """Print one line about the interruption; Ctrl-C meanwhile is ignored."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    say("error", "interrupted")
    _SAID.set()
    if in_main_thread:
        signal.signal(signal.SIGINT, before)


def leave_interrupted(*_: object) -> NoReturn:
    """End the process at once with one line, and clean nothing up.

    It is a handler of SIGINT.
    """
    if not _SAID.is_set():
        with suppress(OSError):
            os.write(2, f"{PROGRAM}: error: interrupted\n".encode())
    os._exit(INTERRUPTED)


def leave(code: int) -> NoReturn:
    """End the process with an exit code after what is printed is written.

    Threads that still compute are not awaited after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            _discard(stream)
            if not isinstance(error, BrokenPipeError) and code == 0:
                say("error", f"{stream.name}: {error.strerror}")
                code = 2
    if code == INTERRUPTED:
        gc.collect()
        atexit._run_exitfuncs()  # temporary folders and semaphores go; threads are not joined here
        os._exit(code)
    sys.exit(code)


def _discard(stream: TextIO) -> None:
    """Lead a stream that cannot be written to the null device.

    Otherwise Python's flush at the end would fail.
    """
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def open_standard_streams() -> None:
    """Give standard streams that were closed at the start the null device.

    The others escape what they cannot encode.

    A closed descriptor would be given to the next file that is opened, and messages would go into
    that.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: PTH123, SIM115
        elif mode == "w" and isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


class Interrupts:
    """Ctrl-C within a context: a `KeyboardInterrupt` at the first.

    The process ends at the second, or if the first is not taken note of.

    ``came`` says whether Ctrl-C was pressed: libraries turn a `KeyboardInterrupt` into other
    errors.
    """

    def __init__(self) -> None:
        self.came = False
        self._noted = threading.Event()

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Handle Ctrl-C within the context, as `_interrupt` and `_watch` say.

        It does nothing if Ctrl-C is ignored or handled by somebody else, or outside the main
        thread.
        """
        before = signal.getsignal(signal.SIGINT)
        if before not in (signal.default_int_handler, leave_interrupted) or threading.current_thread() is not threading.main_thread():
            yield
            return
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        threading.Thread(target=self._watch, args=[reader], daemon=True).start()
        os.register_at_fork(after_in_child=_forget_signals)
        hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        signal.signal(signal.SIGINT, self._interrupt)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            signal.set_wakeup_fd(-1)
            sys.unraisablehook = hook
            os.close(writer)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> NoReturn:
        """Handle Ctrl-C: raise `KeyboardInterrupt` the first time, end the process the second."""
        self._noted.set()
        if self.came:
            leave_interrupted()
        self.came = True
        raise KeyboardInterrupt

    def _watch(self, reader: int) -> None:
        """End the process at a Ctrl-C that the main thread does not notice.

        It has `PATIENCE` to note it, which compiled code may prevent. This runs in a thread, which
        ends when the pipe is closed.

        Args:
            reader: The end of the pipe to which Python writes the numbers of signals.
        """
        while signals := os.read(reader, 1):
            if signals[0] == signal.SIGINT and not self._noted.wait(PATIENCE):
                leave_interrupted()
        os.close(reader)

    def _unraisable(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Raise a `KeyboardInterrupt` again that Python could only print."""
        if unraisable.exc_type is KeyboardInterrupt:
            self.came = False
            threading.Timer(_AGAIN, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
        else:
            sys.__unraisablehook__(unraisable)


def _forget_signals() -> None:
    """Keep a forked child from reporting its signals to its parent's watching thread."""
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)
