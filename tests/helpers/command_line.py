"""The command line in this process, for tests of what it does.

A start of Python and its imports cost a second each. Signals, closed standard streams and the start
itself are tested by processes of their own.
"""

import os
import select
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nnc_conformance.cli.main import main


@dataclass(frozen=True)
class Done:
    """How a command line ended: its exit code and what it and its children printed."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def _redirected(name: str, number: int, file: BinaryIO) -> Iterator[None]:
    """Lead the descriptor of a standard stream, and the stream, into a file."""
    stream, kept = getattr(sys, name), os.dup(number)
    stream.flush()
    os.dup2(file.fileno(), number)
    setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    try:
        yield
    finally:
        getattr(sys, name).flush()
        setattr(sys, name, stream)
        os.dup2(kept, number)
        os.close(kept)


def nnc(*words: object, cwd: Path | None = None) -> Done:
    """Run one command line in ``cwd``."""
    with ExitStack() as stack:
        out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        with chdir(cwd or Path.cwd()), _redirected("stdout", 1, out), _redirected("stderr", 2, err):
            code = _exit_code(list(map(str, words)))
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return Done(code, *texts)


@dataclass(frozen=True)
class PipedDone:
    """How a command line between pipes ended: its exit code and the bytes that it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes


def piped(*words: str, cwd: Path, stdin: bytes = b"") -> PipedDone:
    """Run one command line in ``cwd`` whose three standard streams are pipes."""
    with ExitStack() as stack:
        ended = threading.Event()
        given, into = (stack.enter_context(file) for file in _pipe())
        feeder = threading.Thread(target=_feed, args=[into, stdin])
        feeder.start()
        kept, sys.stdin, inherited = sys.stdin, open(0, encoding="utf-8", closefd=False), os.dup(0)  # noqa: SIM115
        os.dup2(given.fileno(), 0)
        drains = []
        try:
            with chdir(cwd), ExitStack() as redirected:
                for name, number in (("stdout", 1), ("stderr", 2)):
                    out, write_end = (stack.enter_context(file) for file in _pipe())
                    drains.append(_Drain(out, ended))
                    redirected.enter_context(_redirected(name, number, write_end))
                code = _exit_code(list(words))
        finally:
            sys.stdin = kept
            os.dup2(inherited, 0)
            os.close(inherited)
            given.close()
            ended.set()
            feeder.join()
            for drain in drains:
                drain.join()
    return PipedDone(code, *(bytes(drain.found) for drain in drains))


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """Return both ends of a pipe, to read and to write."""
    reader, writer = os.pipe()
    return os.fdopen(reader, "rb", buffering=0), os.fdopen(writer, "wb", buffering=0)


def _feed(file: BinaryIO, data: bytes) -> None:
    """Write bytes to a pipe whose reader may go away, and close it."""
    with suppress(BrokenPipeError), file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]


class _Drain(threading.Thread):
    """Reads a pipe until a command has ended.

    Processes that outlive it, such as Python's resource tracker, hold the other end open.
    """

    def __init__(self, file: BinaryIO, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.found = bytearray()
        self._file, self._ended = file, ended
        self.start()

    def run(self) -> None:
        """Read; after the end only what is there already."""
        while True:
            last = self._ended.is_set()
            while select.select([self._file], [], [], 0 if last else 0.02)[0]:
                if not (data := self._file.read(1 << 16)):
                    return
                self.found += data
            if last:
                return


def _exit_code(words: list[str]) -> int:
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)
    raise AssertionError("main ends its process")
