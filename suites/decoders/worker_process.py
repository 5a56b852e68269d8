"""Process that answers requests, one JSON line each: what workers of decoders and encoders share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from pydantic import BaseModel

from nnc_conformance.storage.documents import Frozen
from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution, ending_fault, ending_text, log_of
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.run_document import NO_LOG, CaseLog
from nnc_conformance.suites.sandbox.bounded_process import BoundedProcess
from nnc_conformance.suites.sandbox.limits import LimitExceededError, Limits

START_SECONDS: Final = 120.0
"""Seconds a worker may take to start, if the per-case limit is not longer."""
END_SECONDS: Final = 1.0
"""Seconds to wait for the end of a worker that was asked to stop."""
DYING_SECONDS: Final = 5.0
"""Seconds in which a worker whose output ended must end too, or it has closed its output only."""
SECOND_ANSWER_SECONDS: Final = 0.05
"""Seconds to wait, at a worker's first case only, for a second answer to one request."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)
"""Answers of a protocol."""


class WorkerError(Exception):
    """A worker that cannot be asked any more.

    Attributes:
        ending: How its work on the stream ended.
        fault: What was wrong with it.
        log: Log of the case, or of the start at which it failed.
    """

    def __init__(self, ending: DecoderEnding, fault: Fault, message: str, log: CaseLog = NO_LOG) -> None:
        super().__init__(message)
        self.ending, self.fault, self.log = ending, fault, log

    @classmethod
    def protocol(cls, fault: Fault, message: str) -> "WorkerError":
        """Return the error of a worker that broke the protocol."""
        return cls(DecoderEnding.PROTOCOL, fault, message)

    def execution(self) -> Execution:
        """Return the execution of the case at which it ended."""
        return Execution(self.ending, str(self), self.fault, log=self.log)

    def again(self) -> "WorkerError":
        """Return the error of a later case, for which the worker was not started again."""
        return WorkerError(self.ending, self.fault, str(self), NO_LOG.model_copy(update={"stderr": self.log.stderr}))


class WorkerProcess(Generic[AnswerT]):
    """A running worker that has answered ``start``; unusable after `WorkerError` and `close`.

    Args:
        command: Program and arguments.
        folder: Empty folder for the worker, by its absolute path without links.
        limits: Limits of each case.
        watched: File descriptor that becomes readable when nobody wants the result any more.
        start: The first request.
        parse: Parses an answer's line; raises `AnswerError`.
        started: Types of the answer to ``start``.

    Raises `WorkerError`, and `AbandonedError` when ``watched`` becomes readable.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        limits: Limits,
        watched: int | None,
        *,
        start: Frozen,
        parse: Callable[[bytes], AnswerT],
        started: tuple[type[AnswerT], ...],
    ) -> None:
        self.folder, self.limits = folder, limits
        self._parse = parse
        self._cases = 0
        try:
            self.process = BoundedProcess(
                command,
                folder,
                limits,
                talks=True,
                watched=watched,
                wall_seconds=max(START_SECONDS, limits.wall_seconds),
            )
        except OSError as error:
            raise WorkerError(DecoderEnding.CRASH, Fault.NOT_STARTED, f"it could not be started: {error.strerror}") from None
        try:
            answer = self.ask(start)
            if not isinstance(answer, started):
                raise WorkerError.protocol(Fault.ANSWER_ORDER, f"start was answered with {getattr(answer, 'type', '?')}")
        except WorkerError as error:
            self.close()
            raise WorkerError(error.ending, error.fault, f"at its start: {error}", log_of(self.process)) from None
        except BaseException:
            self.close()
            raise

    def ask(self, request: Frozen) -> AnswerT:
        """Send a request and return the one answer; raise `WorkerError`."""
        try:
            self.process.send(protocol.request_line(request))
            line = self.process.receive(protocol.LONGEST_LINE)
            if line is None:
                raise self._output_ended()
            return self._parse(line)
        except LimitExceededError as error:
            raise WorkerError(DecoderEnding(error.kind), Fault(error.kind), str(error)) from None
        except protocol.AnswerError as error:
            raise WorkerError.protocol(error.fault, str(error)) from None

    def _output_ended(self) -> WorkerError:
        """Return the error for a worker whose standard output ended before its answer.

        It is a crash if the process ended, else a violation of the protocol.
        """
        code = self.process.ended(DYING_SECONDS)
        if code is None:
            return WorkerError.protocol(Fault.STDOUT_CLOSED, "it closed its standard output")
        return WorkerError(DecoderEnding.CRASH, ending_fault(code), f"{ending_text(code)} in place of an answer")

    def next_id(self) -> str:
        """Return the id of the next case."""
        self._cases += 1
        return str(self._cases)

    def begin_case(self) -> None:
        """Begin to measure a case."""
        self.process.forget_stderr()
        self.process.begin()

    def check_limits(self) -> None:
        """Raise `WorkerError` if the case exceeded a limit."""
        try:
            self.process.check()
        except LimitExceededError as error:
            raise WorkerError(DecoderEnding(error.kind), Fault(error.kind), str(error)) from None

    def check_silence(self) -> None:
        """Raise `WorkerError` if there is a second answer to the request."""
        if self.process.unread(SECOND_ANSWER_SECONDS if self._cases == 1 else 0.0):
            raise WorkerError.protocol(Fault.ANSWER_TWICE, "it wrote more than one answer to a request")

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return not self.process.closed

    def stop(self) -> None:
        """Ask it to stop, and end it if it does not."""
        if self.alive:
            self.process.send(protocol.request_line(protocol.StopRequest()))
            self.process.ended(END_SECONDS)
            self.close()

    def close(self) -> None:
        """End its whole process tree."""
        if self.alive:
            self.process.close()
