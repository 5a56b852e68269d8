"""Decoders of kind command: a program started anew for each stream, without a shell."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nnc_conformance.suites.decoders.decoder_spec import STREAMS_WORD, DecoderSpec
from nnc_conformance.suites.decoders.execution import (
    UNSUPPORTED_TEXT,
    CaseFiles,
    DecoderEnding,
    Execution,
    ending_fault,
    ending_text,
    last_record,
    log_of,
    read_output,
    refusal,
    single_files,
    step_files,
)
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.run_document import CaseLog
from nnc_conformance.suites.sandbox.bounded_process import BoundedProcess
from nnc_conformance.suites.sandbox.limits import LimitExceededError, Limits

EXIT_DECODED: Final = 0
EXIT_REFUSED: Final = 65
EXIT_UNSUPPORTED: Final = 69
"""Exit codes of a decoder that is a command; any other is a crash."""


def fill(words: tuple[str, ...], files: CaseFiles, streams: Sequence[Path]) -> list[str]:
    """Return the command with its placeholders replaced by files.

    The word {streams} becomes one word for each of ``streams``.
    """
    places = {"{stream}": files.stream, "{output}": files.output, "{topology}": files.topology, "{model}": files.model}
    filled: list[str] = []
    for word in words:
        if word == STREAMS_WORD:
            filled += map(str, streams)
            continue
        for placeholder, path in places.items():
            word = word.replace(placeholder, str(path))
        filled.append(word)
    return filled


@dataclass(frozen=True)
class ProgramEnd:
    """How a program ended.

    Attributes:
        code: Its exit code; -N for signal N, 0 if it exceeded a limit.
        exceeded: The limit that it exceeded, if it did.
        stderr: End of its standard error.
        log: Time, memory and messages.
    """

    code: int
    exceeded: LimitExceededError | None
    stderr: str
    log: CaseLog


def run_program(words: Sequence[str], folder: Path, limits: Limits, watched: int | None) -> ProgramEnd:
    """Run a program to its end, and leave no process of it running.

    Processes that it leaves behind count unless they were ended with it at a limit.
    Raises `OSError` if it cannot be started, and `AbandonedError` when ``watched`` becomes
    readable.
    """
    process = BoundedProcess(words, folder, limits, watched=watched)
    exceeded: LimitExceededError | None = None
    code, left_behind = 0, 0
    try:
        code = process.wait()
    except LimitExceededError as error:
        exceeded = error
    finally:
        left_behind = process.close()
    log = log_of(process, left_behind=0 if exceeded is not None else left_behind)
    return ProgramEnd(code, exceeded, process.stderr, log)


def run_command(decoder: DecoderSpec, streams: Sequence[bytes], folder: Path, limits: Limits, watched: int | None) -> Execution:
    """Decode the last of ``streams`` with a decoder of kind command.

    Leave no process of it running.

    Args:
        decoder: The decoder; its command has placeholders.
        streams: Bytes of the streams of a session up to the one to decode; of a decoder without
            {streams} the one stream.
        folder: Empty folder for the case, by its absolute path without links.
        limits: Limits of the step.
        watched: File descriptor that becomes readable when nobody wants the result any more.

    Raises `AbandonedError` when ``watched`` becomes readable.
    """
    steps = [step_files(folder, step) for step in range(len(streams))] if decoder.takes_sessions else [single_files(folder)]
    for step, stream in zip(steps, streams, strict=True):
        step.stream.write_bytes(stream)
    files = steps[-1]
    try:
        words = fill(decoder.command, files, [step.stream for step in steps])
        end = run_program(words, folder, limits, watched)
    except OSError as error:
        return Execution(DecoderEnding.CRASH, f"it could not be started: {error.strerror}", Fault.NOT_STARTED)
    if end.exceeded is not None:
        return Execution(DecoderEnding(end.exceeded.kind), str(end.exceeded), Fault(end.exceeded.kind), log=end.log)
    if end.code == EXIT_DECODED:
        return read_output(files, limits.output_bytes, end.log, model=decoder.gives_model)
    if end.code == EXIT_REFUSED:
        return refusal(decoder, last_record(end.stderr), end.stderr, end.log)
    if end.code == EXIT_UNSUPPORTED:
        return Execution(DecoderEnding.UNSUPPORTED, UNSUPPORTED_TEXT, log=end.log)
    return Execution(DecoderEnding.CRASH, ending_text(end.code), ending_fault(end.code), log=end.log)
