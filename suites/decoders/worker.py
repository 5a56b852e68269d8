"""Decoders of kind worker: a process that stays and decodes one stream after another."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypedDict

from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import (
    UNSUPPORTED_TEXT,
    CaseFiles,
    DecoderEnding,
    Execution,
    log_of,
    read_output,
    refusal,
    single_files,
    step_files,
)
from nnc_conformance.suites.decoders.worker_process import WorkerError, WorkerProcess
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.sandbox.limits import Limits

_REPLACED: Final = (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError)
"""Errors on writing a stream that only the decoder can have caused."""


class Worker(WorkerProcess[protocol.Answer]):
    """A running worker that has answered ``start``; see `WorkerProcess`.

    Args:
        decoder: The decoder to start.
        folder: Empty folder for the worker, by its absolute path without links.
        limits: Limits of each case.
        watched: File descriptor that becomes readable when nobody wants the result any more.
    """

    def __init__(self, decoder: DecoderSpec, folder: Path, limits: Limits, watched: int | None) -> None:
        self._decoder = decoder
        super().__init__(
            decoder.command,
            folder,
            limits,
            watched,
            start=protocol.start_request(decoder.protocol),
            parse=partial(protocol.parse_answer, protocol=decoder.protocol),
            started=(protocol.StartedAnswer, protocol.SessionStartedAnswer),
        )

    def decode(self, stream: bytes, folder: Path) -> Execution:
        """Decode ``stream`` in ``folder``, which is empty and below the worker's own.

        A worker that dies, exceeds a limit or breaks the protocol is closed; check `alive`.
        """
        files = single_files(folder)
        files.stream.write_bytes(stream)
        return self._execute(protocol.DecodeRequest(id=self.next_id(), **_paths(files)), files)

    def decode_session(self, streams: Sequence[bytes], session: str, folder: Path) -> list[Execution]:
        """Decode streams in order up to the first that is not decoded, as `decode` does.

        Results of a step are removed before the next. The last execution is that of the stream that
        was not decoded, if there is one.

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
            request = protocol.SessionDecodeRequest(id=self.next_id(), session=session, step=step, model=model, **_paths(files))
            executions.append(self._execute(request, files))
            if executions[-1].ending is not DecoderEnding.DECODED:
                break
        return executions

    def _folder_fault(self, step: int, error: OSError) -> Execution:
        message = f"stream {step} cannot be written into the case's folder: {error.strerror}"
        return Execution(DecoderEnding.PROTOCOL, message, Fault.FOLDER_REPLACED, log=log_of(self.process))

    def _execute(self, request: protocol.DecodeRequest, files: CaseFiles) -> Execution:
        """Send a request to the worker and return what it did.

        A worker that breaks the protocol, dies or exceeds a limit is closed, and the result has
        that ending with the worker's log.
        """
        self.begin_case()
        try:
            return self._decode(request, files)
        except WorkerError as error:
            self.close()
            error.log = log_of(self.process)
            return error.execution()

    def _decode(self, request: protocol.DecodeRequest, files: CaseFiles) -> Execution:
        """Send the request and read answer and output; raise `WorkerError`."""
        answer = self.ask(request)
        if isinstance(answer, protocol.StartedAnswer | protocol.SessionStartedAnswer):
            raise WorkerError.protocol(Fault.ANSWER_ORDER, "decode was answered with started")
        if answer.id != request.id:
            raise WorkerError.protocol(Fault.ANSWER_ID, "an answer carries the id of another request")
        if isinstance(request, protocol.SessionDecodeRequest) and (wrong := protocol.other_step(answer, request)):
            raise WorkerError.protocol(Fault.ANSWER_ID, wrong)
        self.check_limits()
        if isinstance(answer, protocol.DecodedAnswer):
            execution = read_output(files, self.limits.output_bytes, log_of(self.process), model=self._decoder.gives_model)
        elif isinstance(answer, protocol.RefusedAnswer):
            log = log_of(self.process, answer.message)
            execution = refusal(self._decoder, answer.model_dump(), answer.message, log)
        else:
            log = log_of(self.process, answer.message)
            execution = Execution(DecoderEnding.UNSUPPORTED, UNSUPPORTED_TEXT, log=log)
        self.check_silence()
        return execution


class _Paths(TypedDict):
    """Paths that every request to decode has."""

    stream: str
    output: str
    topology: str


def _paths(files: CaseFiles) -> _Paths:
    return {"stream": str(files.stream), "output": str(files.output), "topology": str(files.topology)}


def _remove_results(folder: Path, step: int) -> None:
    """Remove the results of a step of a session, if there is one.

    So they do not count as output of the next.
    """
    for path in step_files(folder, step).written() if step >= 0 else ():
        if path.is_symlink() or path.is_file():
            path.unlink(missing_ok=True)
