"""Work of a decoder on one stream, read from its output, answers and exit code.

Of a session there is one `Execution` for each step.
"""

import json
import os
import re
import signal
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nnc_conformance.reference.errors import Category, ModelError
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.run_document import NO_LOG, CaseLog

if TYPE_CHECKING:
    from nnc_conformance.suites.sandbox.bounded_process import BoundedProcess

TENSORS_SUFFIX: Final = ".safetensors"
UNSUPPORTED_TEXT: Final = "it says that it does not support this"
"""Message about a case for which an implementation answers unsupported."""
DETAIL_LENGTH: Final = 2000
"""Characters of the decoder's own message that a log keeps."""


@dataclass(frozen=True)
class CaseFiles:
    """Files of one step in a case's folder, by their absolute paths.

    Attributes:
        folder: The folder.
        stream: The stream.
        output: The tensors that the stream codes.
        topology: The topology that the stream carries.
        model: The parameters of the model after the step.
    """

    folder: Path
    stream: Path
    output: Path
    topology: Path
    model: Path

    def written(self) -> tuple[Path, ...]:
        """Return every path at which the decoder may have written a result."""
        return (*_tensor_files(self.output), *_tensor_files(self.model), self.topology)


def single_files(folder: Path) -> CaseFiles:
    """Return the files of a stream that is decoded by itself."""
    return _files(folder, "")


def step_files(folder: Path, step: int) -> CaseFiles:
    """Return the files of a step of a session.

    Their names have its number, so that a file written late is never taken for that of a later
    step.
    """
    return _files(folder, f"step-{step}-")


def _files(folder: Path, prefix: str) -> CaseFiles:
    paths = [folder / f"{prefix}{name}" for name in ("stream.nnr", f"output{TENSORS_SUFFIX}", "topology.bin", f"model{TENSORS_SUFFIX}")]
    return CaseFiles(folder, *paths)


def _tensor_files(path: Path) -> tuple[Path, ...]:
    """Return the files in which tensors are looked for; only one may exist.

    `numpy.savez` adds ".npz" to a name without it, which gives the last one.
    """
    return path, path.with_suffix(".npz"), path.with_name(f"{path.name}.npz")


class DecoderEnding(StrEnum):
    """How a decoder's work on a stream ended."""

    DECODED = "decoded"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    CRASH = "crash"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    PROTOCOL = "protocol"


@dataclass(frozen=True)
class Execution:
    """Work of a decoder on one stream.

    Attributes:
        ending: How its work ended.
        message: What the harness saw; the same in every run.
        fault: Kind of fault, if the decoder broke the protocol or ended.
        tensors: Decoded tensors, or None.
        topology: Decoded topology; None if there is none or it is empty.
        model: Parameters of the model after the step of a session; None if the decoder was not
            asked for them, or gave none that can be read.
        category: Category of a refusal, if the decoder gives one.
        unit: Number of the unit where it refused, if given.
        byte: Byte offset where it refused, if given.
        log: Time, memory and messages.
    """

    ending: DecoderEnding
    message: str = ""
    fault: Fault | None = None
    tensors: Tensors | None = None
    topology: bytes | None = None
    model: Tensors | None = None
    category: Category | None = None
    unit: int | None = None
    byte: int | None = None
    log: CaseLog = NO_LOG


def log_of(process: "BoundedProcess", detail: str = "", left_behind: int = 0) -> CaseLog:
    """Return the log of the case that a process has just run.

    Args:
        process: The process, for its time, memory and standard error.
        detail: What it said about a refusal; cut if long.
        left_behind: Number of processes that it left running.
    """
    use = process.use
    return CaseLog(
        seconds=use.seconds,
        cpu_seconds=use.cpu_seconds,
        peak_bytes=use.peak_bytes,
        detail=detail[:DETAIL_LENGTH],
        stderr=process.stderr,
        left_behind=left_behind,
    )


def ending_text(code: int) -> str:
    """Describe an exit code; -N is signal N."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def ending_fault(code: int) -> Fault:
    """Return the fault of ending with an exit code, or by a signal."""
    return Fault.EXIT_CODE if code >= 0 else Fault.KILLED


def ended_by_sigkill(execution: Execution) -> bool:
    """Return whether SIGKILL ended the decoder, as an out-of-memory killer does; not at a limit."""
    return execution.fault is Fault.KILLED and ending_text(-signal.SIGKILL) in execution.message


def last_record(stderr: str) -> dict[str, Any]:
    """Parse the last line of standard error as a JSON object.

    Return {} if it is not one.
    """
    lines = stderr.rstrip().rsplit("\n", 1)
    try:
        record = json.loads(lines[-1])
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def refusal(decoder: DecoderSpec, record: dict[str, Any], text: str, log: CaseLog) -> Execution:
    """Return the execution of a refusal.

    Args:
        decoder: The decoder that refused; maps its messages to categories.
        record: What it said: ``category``, ``unit``, ``byte``, each optional and unchecked.
        text: Its message, searched for the map's patterns if ``record`` has no valid category.
        log: The case's log.
    """
    named = record.get("category")
    category = Category(named) if isinstance(named, str) and named in set(Category) else None
    if category is None:
        category = next((mapped for pattern, mapped in decoder.errors if re.search(pattern, text)), None)
    unit, byte = _natural(record.get("unit")), _natural(record.get("byte"))
    return Execution(DecoderEnding.REFUSED, category=category, unit=unit, byte=byte, log=log)


def _natural(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 63 else None


def read_output(files: CaseFiles, max_bytes: int, log: CaseLog, *, model: bool = False) -> Execution:
    """Read the tensors, and the topology if any, that a decoder left in its folder.

    No output, two of them, and anything unreadable give an execution that ends as ``protocol``, not
    an exception. Only the model after the step may be unreadable; then the log says why.

    Args:
        files: Where the decoder was to write.
        max_bytes: Largest file that is read.
        log: The case's log.
        model: Whether the model after the step was asked for.
    """
    if os.path.realpath(files.folder) != os.fspath(files.folder):
        return Execution(DecoderEnding.PROTOCOL, "the case's folder was replaced", Fault.FOLDER_REPLACED, log=log)
    present = [path for path in _tensor_files(files.output) if os.path.lexists(path)]
    if not present:
        return Execution(DecoderEnding.PROTOCOL, "no output was written", Fault.OUTPUT_MISSING, log=log)
    if len(present) > 1:
        names = ", ".join(path.name for path in present)
        return Execution(DecoderEnding.PROTOCOL, f"several outputs: {names}", Fault.OUTPUT_TWICE, log=log)
    try:
        tensors = load_tensors(read_regular(present[0], max_bytes=max_bytes), max_bytes=max_bytes)
        carried = read_regular(files.topology, max_bytes=max_bytes) if os.path.lexists(files.topology) else None
    except ModelError as error:
        return Execution(DecoderEnding.PROTOCOL, str(error), Fault.OUTPUT_UNREADABLE, log=log)
    execution = Execution(DecoderEnding.DECODED, tensors=tensors, topology=carried or None, log=log)
    return _with_model(execution, files, max_bytes) if model else execution


def _with_model(execution: Execution, files: CaseFiles, max_bytes: int) -> Execution:
    """Return the execution with the model after its step.

    If the model cannot be read, the log says why.
    """
    try:
        for path in _tensor_files(files.model):
            if os.path.lexists(path):
                return replace(execution, model=load_tensors(read_regular(path, max_bytes=max_bytes), max_bytes=max_bytes))
    except ModelError as error:
        detail = f"the model after the step cannot be read: {error}"[:DETAIL_LENGTH]
        return replace(execution, log=execution.log.model_copy(update={"detail": detail}))
    return execution
