"""Host of encoders: gives tensors to encoders of every kind, one at a time."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from nnc_conformance.encoders import protocol
from nnc_conformance.encoders.encoder_spec import BASE_WORD, OPTIONS_WORD, EncoderKind, EncoderSpec
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.suites.decoders.command import EXIT_REFUSED, EXIT_UNSUPPORTED, run_program
from nnc_conformance.suites.decoders.execution import UNSUPPORTED_TEXT, ending_fault, ending_text, log_of
from nnc_conformance.suites.decoders.host import KILLED_ONCE, emptied
from nnc_conformance.suites.decoders.worker_host import WorkerHost
from nnc_conformance.suites.decoders.worker_process import WorkerError, WorkerProcess
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.run_document import NO_LOG, CaseLog

EXIT_ENCODED: Final = 0
"""Exit code of a command that wrote a stream."""
OUTPUT_NAME: Final = "output.nnr"
"""Name of the stream file that an encoder is asked to write."""


class EncoderEnding(StrEnum):
    """How an encoder's work on a step ended."""

    ENCODED = "encoded"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    CRASH = "crash"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    PROTOCOL = "protocol"


@dataclass(frozen=True)
class EncodeRun:
    """Work of an encoder on one step.

    Attributes:
        ending: How its work ended.
        message: What the harness saw, or the encoder's reason to refuse.
        fault: Kind of fault, if the encoder broke the protocol or ended.
        stream: The stream, or None.
        log: Time, memory and messages.
    """

    ending: EncoderEnding
    message: str = ""
    fault: Fault | None = None
    stream: bytes | None = None
    log: CaseLog = NO_LOG


@dataclass(frozen=True)
class EncodeJob:
    """What an encoder is asked in one step.

    Attributes:
        tensors: The input, a ``.safetensors`` file.
        options: Our options, with qp as qp.
        base: The earlier streams of the session, oldest first.
        files: Further files by name, which words of options name as {value}.
    """

    tensors: bytes
    options: Mapping[str, str]
    base: Sequence[bytes] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


class EncoderHost(WorkerHost[EncoderSpec, WorkerProcess[protocol.Answer]]):
    """Runs encoders on the steps of cases; see `WorkerHost`."""

    def _start(self, implementation: EncoderSpec, folder: Path) -> WorkerProcess[protocol.Answer]:
        return WorkerProcess(
            implementation.command,
            folder,
            self._limits,
            self._watched,
            start=protocol.EncoderStartRequest(),
            parse=protocol.parse_answer,
            started=(protocol.EncoderStartedAnswer,),
        )

    def encode(self, encoder: EncoderSpec, job: EncodeJob) -> EncodeRun:
        """Encode one step; raise `AbandonedError` if the run that wants the result has ended.

        An encoder that SIGKILL from outside ends, as by an out-of-memory killer, is tried once
        more.
        """
        run = self._encode_once(encoder, job)
        if run.fault is not Fault.KILLED or ending_text(-signal.SIGKILL) not in run.message:
            return run
        again = self._encode_once(encoder, job)
        return replace(again, log=again.log.model_copy(update={"retried": KILLED_ONCE}))

    def _encode_once(self, encoder: EncoderSpec, job: EncodeJob) -> EncodeRun:
        """Run an encoder once on a job, as a command or through its worker.

        A worker that breaks the protocol or dies gives a run with that ending, not an exception.
        """
        if encoder.kind is EncoderKind.COMMAND:
            return self._in_fresh_folder(lambda folder: self._run_command(encoder, job, folder))
        try:
            return self._with_worker(encoder, lambda worker: self._ask_worker(worker, encoder, job))
        except WorkerError as error:
            return _ended(error)

    def _run_command(self, encoder: EncoderSpec, job: EncodeJob, folder: Path) -> EncodeRun:
        """Start the encoder's command in a folder and return its stream or how it ended.

        The tensors, and the base stream of an update, are written to the folder first. The exit
        code says whether the encoder encoded, refused or does not support the job; any other counts
        as a crash.
        """
        source, base, options = _written(encoder, job, folder)
        output = folder / OUTPUT_NAME
        words: list[str] = []
        for word in encoder.command:
            if word == OPTIONS_WORD:
                words += options
            elif word == BASE_WORD:
                words += encoder.base_words(base)
            else:
                words.append(word.replace("{input}", str(source)).replace("{output}", str(output)))
        words += options if OPTIONS_WORD not in encoder.command else []
        try:
            end = run_program(words, folder, self._limits, self._watched)
        except OSError as error:
            return EncodeRun(EncoderEnding.CRASH, f"it could not be started: {error.strerror}", Fault.NOT_STARTED)
        if end.exceeded is not None:
            return EncodeRun(EncoderEnding(end.exceeded.kind), str(end.exceeded), Fault(end.exceeded.kind), log=end.log)
        if end.code == EXIT_ENCODED:
            return _read_stream(folder, output, self._limits.output_bytes, end.log)
        if end.code == EXIT_REFUSED:
            return EncodeRun(EncoderEnding.REFUSED, _last_line(end.stderr), log=end.log)
        if end.code == EXIT_UNSUPPORTED:
            return EncodeRun(EncoderEnding.UNSUPPORTED, _last_line(end.stderr) or UNSUPPORTED_TEXT, log=end.log)
        return EncodeRun(EncoderEnding.CRASH, ending_text(end.code), ending_fault(end.code), log=end.log)

    def _ask_worker(self, worker: WorkerProcess[protocol.Answer], encoder: EncoderSpec, job: EncodeJob) -> EncodeRun:
        try:
            return self._encode(worker, encoder, job)
        except WorkerError as error:
            worker.close()
            return replace(_ended(error), log=log_of(worker.process))

    def _encode(self, worker: WorkerProcess[protocol.Answer], encoder: EncoderSpec, job: EncodeJob) -> EncodeRun:
        """Send the request and read answer and stream; raise `WorkerError`."""
        folder = emptied(worker.folder / "case")
        source, base, options = _written(encoder, job, folder)
        output = folder / OUTPUT_NAME
        request = protocol.EncodeRequest(
            id=worker.next_id(), input=str(source), output=str(output), options=tuple(options), base=tuple(base)
        )
        worker.begin_case()
        answer = worker.ask(request)
        if isinstance(answer, protocol.EncoderStartedAnswer):
            raise WorkerError.protocol(Fault.ANSWER_ORDER, "encode was answered with started")
        if answer.id != request.id:
            raise WorkerError.protocol(Fault.ANSWER_ID, "an answer carries the id of another request")
        worker.check_limits()
        log = log_of(worker.process, getattr(answer, "message", ""))
        if isinstance(answer, protocol.EncodedAnswer):
            run = _read_stream(folder, output, self._limits.output_bytes, log)
        elif isinstance(answer, protocol.EncoderRefusedAnswer):
            run = EncodeRun(EncoderEnding.REFUSED, answer.message, log=log)
        else:
            run = EncodeRun(EncoderEnding.UNSUPPORTED, answer.message or UNSUPPORTED_TEXT, log=log)
        worker.check_silence()
        return run


def _written(encoder: EncoderSpec, job: EncodeJob, folder: Path) -> tuple[Path, list[str], list[str]]:
    """Write what an encoder is given.

    Return the input, the earlier streams and the options' words.
    """
    source = folder / "input.safetensors"
    source.write_bytes(job.tensors)
    base = []
    for number, stream in enumerate(job.base):
        path = folder / f"base-{number}.nnr"
        path.write_bytes(stream)
        base.append(str(path))
    options = dict(job.options)
    for name, data in job.files.items():
        (folder / name).write_bytes(data)
    options |= {name: str(folder / value) for name, value in options.items() if value in job.files}
    return source, base, encoder.option_words(options)


def _read_stream(folder: Path, output: Path, max_bytes: int, log: CaseLog) -> EncodeRun:
    """Read the stream that an encoder left in its folder."""
    if os.path.realpath(folder) != os.fspath(folder):
        return EncodeRun(EncoderEnding.PROTOCOL, "the case's folder was replaced", Fault.FOLDER_REPLACED, log=log)
    if not os.path.lexists(output):
        return EncodeRun(EncoderEnding.PROTOCOL, "no output was written", Fault.OUTPUT_MISSING, log=log)
    try:
        return EncodeRun(EncoderEnding.ENCODED, stream=read_regular(output, max_bytes=max_bytes), log=log)
    except ModelError as error:
        return EncodeRun(EncoderEnding.PROTOCOL, str(error), Fault.OUTPUT_UNREADABLE, log=log)


def _ended(error: WorkerError) -> EncodeRun:
    return EncodeRun(EncoderEnding(error.ending.value), str(error), error.fault, log=error.log)


def _last_line(stderr: str) -> str:
    return stderr.strip().rpartition("\n")[2]
