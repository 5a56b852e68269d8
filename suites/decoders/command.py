"""Decoders of kind command: a program started anew for each stream, without a shell."""

from pathlib import Path
from typing import Final

from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import (
    OUTPUT_NAME,
    STREAM_NAME,
    TOPOLOGY_NAME,
    DecoderEnding,
    Execution,
    ending_fault,
    ending_text,
    last_record,
    log_of,
    read_output,
    refusal,
)
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.sandbox.bounded_process import BoundedProcess
from nnc_conformance.suites.sandbox.limits import LimitExceededError, Limits

EXIT_DECODED: Final = 0
EXIT_REFUSED: Final = 65
EXIT_UNSUPPORTED: Final = 69


def fill(words: tuple[str, ...], folder: Path) -> list[str]:
    """Return the command with {stream}, {output} and {topology} replaced by files in ``folder``."""
    files = {"{stream}": STREAM_NAME, "{output}": OUTPUT_NAME, "{topology}": TOPOLOGY_NAME}
    filled = []
    for word in words:
        for placeholder, name in files.items():
            word = word.replace(placeholder, str(folder / name))
        filled.append(word)
    return filled


def run_command(decoder: DecoderSpec, stream: bytes, folder: Path, limits: Limits, watched: int | None) -> Execution:
    """Decode ``stream`` with a decoder of kind command; leave no process of it running.

    Args:
        decoder: The decoder; its command has placeholders.
        stream: Bytes of the stream.
        folder: Empty folder for the case, by its absolute path without links.
        limits: Limits of the case.
        watched: File descriptor that becomes readable when nobody wants the result any more.

    Raises `AbandonedError` when ``watched`` becomes readable.
    """
    (folder / STREAM_NAME).write_bytes(stream)
    try:
        process = BoundedProcess(fill(decoder.command, folder), folder, limits, watched=watched)
    except OSError as error:
        return Execution(DecoderEnding.CRASH, f"it could not be started: {error.strerror}", Fault.NOT_STARTED)
    exceeded: LimitExceededError | None = None
    code, left_behind = 0, 0
    try:
        code = process.wait()
    except LimitExceededError as error:
        exceeded = error
    finally:
        left_behind = process.close()
    if exceeded is not None:
        return Execution(DecoderEnding(exceeded.kind), str(exceeded), Fault(exceeded.kind), log=log_of(process))
    log = log_of(process, left_behind=left_behind)
    if code == EXIT_DECODED:
        return read_output(folder, limits.output_bytes, log)
    if code == EXIT_REFUSED:
        return refusal(decoder, last_record(process.stderr), process.stderr, log)
    if code == EXIT_UNSUPPORTED:
        return Execution(DecoderEnding.UNSUPPORTED, "it says that it does not support this", log=log)
    return Execution(DecoderEnding.CRASH, ending_text(code), ending_fault(code), log=log)
