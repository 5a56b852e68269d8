"""Decoders of kind worker: a process that stays and decodes one stream after another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypedDict

from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import (
    CaseFiles,
    DecoderEnding,
    Execution,
    ending_fault,
    ending_text,
    log_of,
    read_output,
    refusal,
    single_files,
    step_files,
)
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.run_document import NO_LOG, CaseLog
from nnc_conformance.suites.sandbox.bounded_process import BoundedProcess
from nnc_conformance.suites.sandbox.limits import LimitExceededError, Limits

START_SECONDS: Final = 120.0
"""Seconds a worker may take to start, if the per-case limit is not longer."""
_END_SECONDS: Final = 1.0
"""Seconds to wait for the end of a worker that was asked to stop or closed its output."""
_SECOND_ANSWER_SECONDS: Final = 0.05
"""Seconds to wait, at a worker's first case only, for a second answer to one request."""
_REPLACED: Final = (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError)
"""Errors on writing a stream that only the decoder can have caused."""


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

    def execution(self) -> Execution:
        """Return the execution of the case at which it ended."""
        return Execution(self.ending, str(self), self.fault, log=self.log)

    def again(self) -> Execution:
        """Return the execution of a later case, for which the worker was not started again."""
        log = NO_LOG.model_copy(update={"stderr": self.log.stderr})
        return Execution(self.ending, str(self), self.fault, log=log)


class Worker:
    """A running worker that has answered ``start``; unusable after `WorkerError` and `close`.

    Args:
        decoder: The decoder to start.
        folder: Empty folder for the worker, by its absolute path without links.
        limits: Limits of each case.
        watched: File descriptor that becomes readable when nobody wants the result any more.

    Raises `WorkerError`, and `AbandonedError` when ``watched`` becomes readable.
    """

    def __init__(self, decoder: DecoderSpec, folder: Path, limits: Limits, watched: int | None) -> None:
        self.folder = folder
        self._decoder, self._limits = decoder, limits
        self._cases = 0
        try:
            self._process = BoundedProcess(
                decoder.command,
                folder,
                limits,
                talks=True,
                watched=watched,
                wall_seconds=max(START_SECONDS, limits.wall_seconds),
            )
        except OSError as error:
            raise WorkerError(DecoderEnding.CRASH, Fault.NOT_STARTED, f"it could not be started: {error.strerror}") from None
        try:
            answer = self._ask(protocol.start_request(decoder.protocol))
            if not isinstance(answer, protocol.StartedAnswer | protocol.SessionStartedAnswer):
                raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_ORDER, f"start was answered with {answer.type}")
        except WorkerError as error:
            self.close()
            raise WorkerError(error.ending, error.fault, f"at its start: {error}", log_of(self._process)) from None
        except BaseException:
            self.close()
            raise

    def _ask(self, request: protocol.Request) -> protocol.Answer:
        """Send a request and return the one answer; raise `WorkerError`."""
        try:
            self._process.send(protocol.request_line(request))
            line = self._process.receive(protocol.LONGEST_LINE)
            if line is None:
                raise self._output_ended()
            return protocol.parse_answer(line, self._decoder.protocol)
        except LimitExceededError as error:
            raise WorkerError(DecoderEnding(error.kind), Fault(error.kind), str(error)) from None
        except protocol.AnswerError as error:
            raise WorkerError(DecoderEnding.PROTOCOL, error.fault, str(error)) from None

    def _output_ended(self) -> WorkerError:
        code = self._process.ended(_END_SECONDS)
        if code is None:
            return WorkerError(DecoderEnding.PROTOCOL, Fault.STDOUT_CLOSED, "it closed its standard output")
        return WorkerError(DecoderEnding.CRASH, ending_fault(code), f"{ending_text(code)} in place of an answer")

    def decode(self, stream: bytes, folder: Path) -> Execution:
        """Decode ``stream`` in ``folder``, which is empty and below the worker's own.

        A worker that dies, exceeds a limit or breaks the protocol is closed; check `alive`.
        """
        files = single_files(folder)
        files.stream.write_bytes(stream)
        return self._execute(protocol.DecodeRequest(id=self._next_id(), **_paths(files)), files)

    def decode_session(self, streams: Sequence[bytes], session: str, folder: Path) -> list[Execution]:
        """Decode streams in order, as far as they are decoded, in ``folder`` as `decode`.

        Args:
            streams: The streams of the session.
            session: Its name, another for each session of this worker.
            folder: Empty folder below the worker's own.
        """
        executions: list[Execution] = []
        for step, stream in enumerate(streams):
            files = step_files(folder, step)
            try:
                _remove_results(folder, step - 1)
                with files.stream.open("xb") as file:  # whatever the decoder left there, such as a pipe, is not opened
                    file.write(stream)
            except _REPLACED as error:
                executions.append(self._folder_fault(step, error))
                break
            model = str(files.model) if self._decoder.gives_model else None
            request = protocol.SessionDecodeRequest(id=self._next_id(), session=session, step=step, model=model, **_paths(files))
            executions.append(self._execute(request, files))
            if executions[-1].ending is not DecoderEnding.DECODED:
                break
        return executions

    def _folder_fault(self, step: int, error: OSError) -> Execution:
        message = f"stream {step} cannot be written into the case's folder: {error.strerror}"
        return Execution(DecoderEnding.PROTOCOL, message, Fault.FOLDER_REPLACED, log=log_of(self._process))

    def _next_id(self) -> str:
        self._cases += 1
        return str(self._cases)

    def _execute(self, request: protocol.DecodeRequest, files: CaseFiles) -> Execution:
        self._process.forget_stderr()
        self._process.begin()
        try:
            return self._decode(request, files)
        except WorkerError as error:
            self.close()
            error.log = log_of(self._process)
            return error.execution()

    def _decode(self, request: protocol.DecodeRequest, files: CaseFiles) -> Execution:
        """Send the request and read answer and output; raise `WorkerError`."""
        answer = self._ask(request)
        if isinstance(answer, protocol.StartedAnswer | protocol.SessionStartedAnswer):
            raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_ORDER, "decode was answered with started")
        if answer.id != request.id:
            raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_ID, "an answer carries the id of another request")
        if isinstance(request, protocol.SessionDecodeRequest) and (wrong := protocol.other_step(answer, request)):
            raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_ID, wrong)
        try:
            self._process.check()
        except LimitExceededError as error:
            raise WorkerError(DecoderEnding(error.kind), Fault(error.kind), str(error)) from None
        if isinstance(answer, protocol.DecodedAnswer):
            execution = read_output(files, self._limits.output_bytes, log_of(self._process), model=self._decoder.gives_model)
        elif isinstance(answer, protocol.RefusedAnswer):
            log = log_of(self._process, answer.message)
            execution = refusal(self._decoder, answer.model_dump(), answer.message, log)
        else:
            log = log_of(self._process, answer.message)
            execution = Execution(DecoderEnding.UNSUPPORTED, "it says that it does not support this", log=log)
        if self._process.unread(_SECOND_ANSWER_SECONDS if self._cases == 1 else 0.0):
            raise WorkerError(DecoderEnding.PROTOCOL, Fault.ANSWER_TWICE, "it wrote more than one answer to a request")
        return execution

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return not self._process.closed

    def stop(self) -> None:
        """Ask it to stop, and end it if it does not."""
        if self.alive:
            self._process.send(protocol.request_line(protocol.StopRequest()))
            self._process.ended(_END_SECONDS)
            self.close()

    def close(self) -> None:
        """End its whole process tree."""
        if self.alive:
            self._process.close()


class _Paths(TypedDict):
    """Paths that every request to decode has."""

    stream: str
    output: str
    topology: str


def _paths(files: CaseFiles) -> _Paths:
    return {"stream": str(files.stream), "output": str(files.output), "topology": str(files.topology)}


def _remove_results(folder: Path, step: int) -> None:
    """Remove the results of a step of a session, if there is one: they do not count as output of the next."""
    for path in step_files(folder, step).written() if step >= 0 else ():
        if path.is_symlink() or path.is_file():
            path.unlink(missing_ok=True)
