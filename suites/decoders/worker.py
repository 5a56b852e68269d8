"""A decoder that stays: a process that is asked, one stream at a time, over its standard input and output."""

from pathlib import Path
from typing import Final

from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import (
    OUTPUT_NAME,
    STREAM_NAME,
    TOPOLOGY_NAME,
    DecoderEnding,
    Execution,
    ending_fault,
    ending_text,
    log_of,
    read_output,
    refusal,
)
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.run_document import NO_LOG, CaseLog
from nnc_conformance.suites.sandbox.bounded_process import BoundedProcess
from nnc_conformance.suites.sandbox.limits import LimitExceededError, Limits

START_SECONDS: Final = 120.0
"""So long a worker may take to be ready, whatever a case may take."""
_LAST_WORDS_SECONDS: Final = 1.0
_SECOND_ANSWER_SECONDS: Final = 0.05
"""So long a second answer to a worker's first request is waited for: one that answers twice is found at its first case."""


class WorkerError(Exception):
    """The worker cannot be asked any more: how it ended, and what was found."""

    def __init__(self, ending: DecoderEnding, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.ending, self.fault = ending, fault

    def execution(self, log: CaseLog = NO_LOG) -> Execution:
        """Returns the execution that ended so."""
        return Execution(self.ending, str(self), self.fault, log=log)


class Worker:
    """A running worker, started and greeted; after `WorkerError` or `close` there is none any more.

    ``folder`` is empty, absolute, and no link is in its path. Raises `WorkerError`, and `AbandonedError` when ``watched`` becomes readable.
    """

    def __init__(self, spec: DecoderSpec, folder: Path, limits: Limits, watched: int | None) -> None:
        self.folder = folder
        self._spec, self._limits = spec, limits
        self._asked = 0
        try:
            self._child = BoundedProcess(
                spec.command,
                folder,
                limits,
                talks=True,
                watched=watched,
                wall_seconds=max(START_SECONDS, limits.wall_seconds),
            )
        except OSError as error:
            raise WorkerError(DecoderEnding.CRASH, Fault.NOT_STARTED, f"it could not be started: {error.strerror}") from None
        try:
            answer = self._ask(protocol.StartRequest())
            if not isinstance(answer, protocol.StartedAnswer):
                raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_ORDER, f"start was answered with {answer.type}")
        except WorkerError as error:
            self.close()
            raise WorkerError(error.ending, error.fault, f"at its start: {error}") from None
        except BaseException:
            self.close()
            raise

    def _ask(self, request: protocol.Request) -> protocol.Answer:
        """Sends a request and returns the one answer; raises `WorkerError`."""
        try:
            self._child.send(protocol.request_line(request))
            line = self._child.receive(protocol.LONGEST_LINE)
            if line is None:
                raise self._fallen_silent()
            return protocol.parse_answer(line)
        except LimitExceededError as breach:
            raise WorkerError(DecoderEnding(breach.kind), Fault(breach.kind), str(breach)) from None
        except protocol.AnswerError as error:
            raise WorkerError(DecoderEnding.PROTOCOL, error.fault, str(error)) from None

    def _fallen_silent(self) -> WorkerError:
        code = self._child.ended(_LAST_WORDS_SECONDS)
        if code is None:
            return WorkerError(DecoderEnding.PROTOCOL, Fault.STDOUT_CLOSED, "it closed its standard output")
        return WorkerError(DecoderEnding.CRASH, ending_fault(code), f"{ending_text(code)} in place of an answer")

    def decode(self, stream: bytes, folder: Path) -> Execution:
        """Decodes ``stream`` in ``folder`` (below the worker's own) and returns what happened.

        After its death, a limit passed or a breach of the protocol's talk the worker is closed: `alive` tells.
        """
        (folder / STREAM_NAME).write_bytes(stream)
        self._asked += 1
        request = protocol.DecodeRequest(
            id=str(self._asked),
            stream=str(folder / STREAM_NAME),
            output=str(folder / OUTPUT_NAME),
            topology=str(folder / TOPOLOGY_NAME),
        )
        self._child.forget_stderr()
        self._child.begin()
        try:
            return self._judged(request, folder)
        except WorkerError as error:
            self.close()
            return error.execution(log_of(self._child))

    def _judged(self, request: protocol.DecodeRequest, folder: Path) -> Execution:
        answer = self._ask(request)
        if isinstance(answer, protocol.StartedAnswer):
            raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_ORDER, "decode was answered with started")
        if answer.id != request.id:
            raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_ID, "an answer carries the id of another request")
        try:
            self._child.check()
        except LimitExceededError as breach:
            raise WorkerError(DecoderEnding(breach.kind), Fault(breach.kind), str(breach)) from None
        if isinstance(answer, protocol.DecodedAnswer):
            execution = read_output(folder, self._limits.output_bytes, log_of(self._child))
        elif isinstance(answer, protocol.RefusedAnswer):
            execution = refusal(self._spec, answer.model_dump(), answer.message, log_of(self._child, answer.message))
        else:
            execution = Execution(
                DecoderEnding.UNSUPPORTED, "it says that it does not support this", log=log_of(self._child, answer.message)
            )
        if self._child.unread(_SECOND_ANSWER_SECONDS if self._asked == 1 else 0.0):
            raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_TWICE, "it wrote more than one answer to a request")
        return execution

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return not self._child.closed

    def stop(self) -> None:
        """Asks it to end, and ends it where it does not."""
        if self.alive:
            self._child.send(protocol.request_line(protocol.StopRequest()))
            self._child.ended(_LAST_WORDS_SECONDS)
            self.close()

    def close(self) -> None:
        """Ends its whole tree."""
        if self.alive:
            self._child.close()
