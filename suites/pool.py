"""The slots of a run: processes that each execute one case at a time, watched from here."""

import contextlib
import selectors
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import TypeAdapter

from nnc_conformance.storage.suite_folder import SuiteError
from nnc_conformance.suites.task import Broken, Finished, Ready, Setup, Task

_MESSAGES: Final[TypeAdapter[Ready | Finished | Broken]] = TypeAdapter(Ready | Finished | Broken)
_END_SECONDS: Final = 10.0
_TRIES: Final = 2


class HarnessError(Exception):
    """The harness itself failed; nothing follows about a decoder. The message says what is known, at best a traceback."""


class _Slot:
    """A slot's process; it has at most one task, so at most one line of it is under way."""

    def __init__(self, setup: Setup) -> None:
        self.task: Task | None = None
        self.ready = False
        self.last_decoder: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nnc_conformance.suites.slot"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self.answers = self._process.stdin, self._process.stdout
        self._send(setup)

    def _send(self, message: Setup | Task) -> None:
        try:
            self._requests.write(message.model_dump_json().encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError:
            return  # its end is met when its answer is awaited

    def give(self, task: Task) -> None:
        self.task, self.last_decoder = task, task.decoder
        self._send(task)

    def receive(self) -> Ready | Finished | Broken | None:
        """Returns the message that is there, or None when the process has ended without."""
        line = self.answers.readline()
        return _MESSAGES.validate_json(line) if line.endswith(b"\n") else None

    def hang_up(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()

    def close(self) -> int:
        """Ends the process and returns its exit code."""
        self.hang_up()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.answers.close()
        return self._process.wait()


class Pool:
    """Up to ``jobs`` slots; closes them, and with them every decoder, when left. ``network`` is what the slots say of theirs."""

    def __init__(self, setup: Setup, jobs: int) -> None:
        self._setup, self._jobs = setup, jobs
        self._slots: list[_Slot] = []
        self._selector = selectors.DefaultSelector()
        self.network = ""

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            slot.hang_up()
        for slot in list(self._slots):
            self._remove(slot)
        self._selector.close()

    def _add(self) -> None:
        slot = _Slot(self._setup)
        self._slots.append(slot)
        self._selector.register(slot.answers, selectors.EVENT_READ, slot)

    def _remove(self, slot: _Slot) -> int:
        self._selector.unregister(slot.answers)
        self._slots.remove(slot)
        return slot.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Finished | None]]:
        """Yields each task as it ends, with its result, or None where it killed its slot at every try.

        Raises `SuiteError` where a vector cannot be read, and `HarnessError` where the harness is at fault.
        """
        waiting = deque(tasks)
        lost: Counter[Task] = Counter()
        for _ in range(min(self._jobs, len(waiting))):
            self._add()
        while any(slot.task is not None or not slot.ready for slot in self._slots):
            for key, _ in self._selector.select():
                slot: _Slot = key.data
                message, task, slot.task = slot.receive(), slot.task, None
                if isinstance(message, Broken):
                    raise SuiteError(message.error) if message.suite_fault else HarnessError(message.error)
                if isinstance(message, Ready):
                    slot.ready, self.network = True, message.network
                elif task is None or (message is None and self._remove(slot) >= 0):
                    raise HarnessError("a process of the harness ended by itself")
                elif message is None:
                    self._add()
                    lost[task] += 1
                    if lost[task] < _TRIES:
                        waiting.appendleft(task)
                    else:
                        yield task, None
                    continue
                else:
                    yield task, message
                if waiting:
                    slot.give(_next(waiting, slot.last_decoder))


def _next(waiting: deque[Task], decoder: int | None) -> Task:
    """Takes the next task, one of ``decoder`` if there is any: a worker need not be started anew."""
    for index, task in enumerate(waiting):
        if task.decoder == decoder:
            del waiting[index]
            return task
    return waiting.popleft()
