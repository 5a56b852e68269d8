"""The command line in this process, for tests of what it does.

A start of Python and its imports cost a second each.

Signals, standard streams and the start itself are tested by processes of their own.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
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


def _exit_code(words: list[str]) -> int:
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)
    raise AssertionError("main ends its process")
