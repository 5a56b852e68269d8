"""Commands killed with SIGKILL at moments drawn by a seed, and what stands then.

A trial is a forked child that runs one command line. Every other one is killed by time, the others
by themselves at the n-th change of the file system that they are about to make, where files are
half-written if they ever are.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nnc_conformance.cli.main import main

EVENTS = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"})
"""Audit events of changes of the file system; of ``open`` those that write."""


@dataclass(frozen=True)
class Moment:
    """When a command is killed: after a number of seconds, or before its n-th change of the file
    system (counted from 1).
    """

    seconds: float | None = None
    change: int | None = None


@dataclass(frozen=True)
class Whole:
    """An undisturbed command: its seconds, its changes of the file system below the folder."""

    seconds: float
    changes: int


def _changes(folder: Path, event: str, arguments: tuple[object, ...]) -> bool:
    if event not in EVENTS or not isinstance(arguments[0], str | bytes) or not os.fsdecode(arguments[0]).startswith(str(folder)):
        return False
    return event != "open" or bool(isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _child(words: list[str], folder: Path, change: int | None, report_fd: int) -> None:
    """The command, which ends by itself before a change.

    How many there were is written to a pipe at its end.
    """
    count, own = 0, os.getpid()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if os.getpid() == own and _changes(folder, event, arguments):
            count += 1
            if count == change:
                os.kill(own, signal.SIGKILL)

    sys.addaudithook(hook)
    code = 1
    try:
        quiet = os.open(os.devnull, os.O_RDWR)
        os.dup2(quiet, 1)
        main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os.write(report_fd, str(count).encode())
        os._exit(code)


def start(words: list[str], folder: Path, moment: Moment) -> tuple[int, str]:
    """Runs a command until it ends or its moment comes: its wait status, and the text that it wrote
    to its pipe.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(words, folder, moment.change, writer)
    os.close(writer)
    if moment.seconds is not None:
        time.sleep(moment.seconds)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reader) as file:
        return status, file.read()


def whole(words: list[str], folder: Path) -> Whole:
    """Runs a command to its end, which must be good."""
    began = time.monotonic()
    status, reported = start(words, folder, Moment())
    assert status == 0, (words, status)
    return Whole(time.monotonic() - began, int(reported))


def moments(seed: int, count: int, of: Whole) -> Iterator[Moment]:
    """Moments of a command: in time, and before a change, in turn."""
    numbers = random.Random(seed)
    for number in range(count):
        if number % 2:
            yield Moment(seconds=numbers.uniform(0, of.seconds))
        else:
            yield Moment(change=numbers.randint(1, of.changes))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@dataclass(frozen=True)
class Tally:
    """What became of the trials of one command: those killed, those that had ended before, and
    those whose output was whole by then.
    """

    trials: int
    killed: int
    stood_whole: int


def try_out(
    words: list[str],
    folder: Path,
    *,
    seed: int,
    count: int,
    prepare: Callable[[], None],
    sound: Callable[[], bool],
    finished: Callable[[], object],
    again: list[str] | None = None,
    once: bool = False,
    goes_on: bool = False,
) -> Tally:
    """Kills ``words`` at ``count`` moments, then completes it by ``again`` (by itself, where None).

    With ``once`` the command is refused when it is run again on whole output. With ``goes_on`` it
    would go on from there, and is not run again.

    ``prepare`` makes the state before each; ``sound`` says after a kill whether the output passes
    for whole, and raises where it passes without being so; ``finished`` gives what must be the same
    after each completion as after an undisturbed run.
    """
    prepare()
    undisturbed = whole(words, folder)
    expected = finished()
    killed = stood = 0
    for moment in moments(seed, count, undisturbed):
        prepare()
        status, _ = start(words, folder, moment)
        killed += os.WIFSIGNALED(status)
        stands = sound()
        stood += stands
        if not (goes_on and stands):
            status, _ = start(again or words, folder, Moment())
            assert (status != 0) == (once and stands), (words, moment, status)
        assert finished() == expected, (words, moment)
        assert sound()
    return Tally(count, killed, stood)
