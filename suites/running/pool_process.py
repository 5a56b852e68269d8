"""Pool process as its owner sees it: started, given one task at a time, closed."""

import contextlib
import subprocess
import sys
from typing import Final, Generic

from nnc_conformance.storage.suite_folder import SuiteError
from nnc_conformance.suites.running.messages import Answer, FinishedCase, ResultT, Setup, SpecT, Task
from nnc_conformance.suites.running.task_kind import TaskKind
from nnc_conformance.suites.sandbox.isolation import Isolation
from nnc_conformance.suites.sandbox.linux import require_linux

ATTEMPTS: Final = 2
"""Attempts per task before the end of its pool process is blamed on the implementation."""
_END_SECONDS: Final = 10.0
"""Seconds that a pool process may take to end before it is killed."""


class HarnessError(Exception):
    """The harness itself failed, which says nothing about a decoder.

    Has a traceback if possible.
    """


class PoolProcess(Generic[SpecT, ResultT]):
    """A pool process, which works on one task at most.

    ``busy`` tells whether it owes an answer: the first one when it is ready, then one to each task.
    Raises `LinuxRequiredError` on another system.
    """

    def __init__(self, kind: TaskKind[SpecT, ResultT], setup: Setup[SpecT]) -> None:
        require_linux()
        self.busy = True
        self.last_implementation: int | None = None
        self._answer_type = kind.answer_type
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

    def _send(self, message: Setup[SpecT] | Task) -> None:
        with contextlib.suppress(BrokenPipeError):  # its end is noticed when its answer is read
            self._requests.write(message.model_dump_json().encode() + b"\n")
            self._requests.flush()

    def give(self, task: Task) -> None:
        """Send it a task to execute."""
        self.busy, self.last_implementation = True, task.implementation
        self._send(task)

    def receive(self) -> Answer[ResultT] | None:
        """Wait for its next answer; return None if the process ended.

        Raises `SuiteError` if a case's files cannot be read, `HarnessError` if the harness failed.
        """
        line = self.answers.readline()
        answer = self._answer_type.model_validate_json(line) if line.endswith(b"\n") else None
        if answer is not None and answer.broken is not None:
            raise SuiteError(answer.broken.error) if answer.broken.bad_input else HarnessError(answer.broken.error)
        self.busy = False
        return answer

    def hang_up(self) -> None:
        """Close its requests, so that it and the decoders it started end; do not wait."""
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()

    def close(self) -> None:
        """End the process."""
        self.hang_up()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.answers.close()
        self._process.wait()


class RestartingProcess(Generic[SpecT, ResultT]):
    """A pool process for one task after another in the caller's thread.

    It is started when first needed, and again after it ended.
    """

    def __init__(self, kind: TaskKind[SpecT, ResultT], setup: Setup[SpecT]) -> None:
        self._kind, self._setup = kind, setup
        self._process: PoolProcess[SpecT, ResultT] | None = None
        self.isolation = Isolation()

    @property
    def last_implementation(self) -> int | None:
        """Index of the implementation of its last case."""
        return self._process.last_implementation if self._process is not None else None

    def run_task(self, task: Task) -> FinishedCase[ResultT] | None:
        """Execute a task; return None if it ended the process at every attempt.

        Raises what `PoolProcess` raises.
        """
        for _ in range(ATTEMPTS):
            process = self._started()
            process.give(task)
            answer = process.receive()
            if answer is not None and answer.finished is not None:
                return answer.finished
            self.close()
        return None

    def _started(self) -> PoolProcess[SpecT, ResultT]:
        """Return the running process; if there is none, start it first.

        Raises `HarnessError` if the process ends before it is ready.
        """
        if self._process is None:
            self._process = PoolProcess(self._kind, self._setup)
            answer = self._process.receive()
            if answer is None or answer.ready is None:
                raise HarnessError("a pool process ended before it was ready")
            self.isolation = answer.ready
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.close()
            self._process = None
