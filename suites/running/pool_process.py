"""A slot's process as its owner sees it: started, given one task at a time, closed."""

import contextlib
import subprocess
import sys
from typing import Final

from pydantic import TypeAdapter

from nnc_conformance.storage.suite_folder import SuiteError
from nnc_conformance.suites.running.task import Broken, Finished, Ready, Setup, Task
from nnc_conformance.suites.sandbox.isolation import Isolation

ATTEMPTS: Final = 2
"""So often a task is given to a slot that ends at it; then the decoder has ended it."""

_MESSAGES: Final[TypeAdapter[Ready | Finished | Broken]] = TypeAdapter(Ready | Finished | Broken)
_END_SECONDS: Final = 10.0


class HarnessError(Exception):
    """The harness itself failed; nothing follows about a decoder. The message says what is known, at best a traceback."""


class PoolProcess:
    """A slot's process; it has at most one task, so at most one line of it is under way."""

    def __init__(self, setup: Setup) -> None:
        self.task: Task | None = None
        self.ready = False
        self.last_decoder: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nnc_conformance.suites.running.pool_process_main"],
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
        """Gives it a task."""
        self.task, self.last_decoder = task, task.decoder
        self._send(task)

    def receive(self) -> Ready | Finished | None:
        """Returns the message that is there, or comes; None when the process has ended without.

        Raises `SuiteError` where a vector cannot be read, and `HarnessError` where the harness is at fault.
        """
        line = self.answers.readline()
        message = _MESSAGES.validate_json(line) if line.endswith(b"\n") else None
        if isinstance(message, Broken):
            raise SuiteError(message.error) if message.suite_fault else HarnessError(message.error)
        return message

    def hang_up(self) -> None:
        """Tells it to end, with its decoder, without waiting for that."""
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


class RestartingProcess:
    """A slot for one task after the other, in the caller's thread; started when first needed, and anew after one that ended."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._slot: PoolProcess | None = None
        self.isolation = Isolation()

    @property
    def last_decoder(self) -> int | None:
        """The index of the decoder that it executed last."""
        return self._slot.last_decoder if self._slot is not None else None

    def execute(self, task: Task) -> Finished | None:
        """Executes a task; None where it ended the slot at every try. Raises what `PoolProcess.receive` raises."""
        for _ in range(ATTEMPTS):
            slot = self._started()
            slot.give(task)
            message = slot.receive()
            if isinstance(message, Finished):
                return message
            self.close()
        return None

    def _started(self) -> PoolProcess:
        if self._slot is None:
            self._slot = PoolProcess(self._setup)
            ready = self._slot.receive()
            if not isinstance(ready, Ready):
                raise HarnessError("a process of the harness ended by itself")
            self.isolation = Isolation(ready.network, ready.processes)
        return self._slot

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._slot is not None:
            self._slot.close()
            self._slot = None
