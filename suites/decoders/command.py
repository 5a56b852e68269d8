"""A decoder that is started for each stream: words with {stream}, {output} and {topology}, no shell."""

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
    """Returns the command with its placeholders replaced by the files of the case's folder."""
    files = {"{stream}": STREAM_NAME, "{output}": OUTPUT_NAME, "{topology}": TOPOLOGY_NAME}
    filled = []
    for word in words:
        for placeholder, name in files.items():
            word = word.replace(placeholder, str(folder / name))
        filled.append(word)
    return filled


def run_command(spec: DecoderSpec, stream: bytes, folder: Path, limits: Limits, watched: int | None) -> Execution:
    """Decodes ``stream`` in ``folder`` (empty, absolute, no link in its path) and returns what happened.

    Raises `AbandonedError` when the file descriptor ``watched`` becomes readable; the process tree is gone then, as in every other case.
    """
    (folder / STREAM_NAME).write_bytes(stream)
    try:
        child = BoundedProcess(fill(spec.command, folder), folder, limits, watched=watched)
    except OSError as error:
        return Execution(DecoderEnding.CRASH, f"it could not be started: {error.strerror}", Fault.NOT_STARTED)
    breach: LimitExceededError | None = None
    code, left_behind = 0, 0
    try:
        code = child.wait()
    except LimitExceededError as error:
        breach = error
    finally:
        left_behind = child.close()
    if breach is not None:
        return Execution(DecoderEnding(breach.kind), str(breach), Fault(breach.kind), log=log_of(child))
    log = log_of(child, left_behind=left_behind)
    if code == EXIT_DECODED:
        return read_output(folder, limits.output_bytes, log)
    if code == EXIT_REFUSED:
        return refusal(spec, last_record(child.stderr), child.stderr, log)
    if code == EXIT_UNSUPPORTED:
        return Execution(DecoderEnding.UNSUPPORTED, "it says that it does not support this", log=log)
    return Execution(DecoderEnding.CRASH, ending_text(code), ending_fault(code), log=log)
