"""Work of a decoder on one stream, read from its output, answers and exit code."""

import json
import os
import re
import signal
from dataclasses import dataclass
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

STREAM_NAME: Final = "stream.nnr"
OUTPUT_NAME: Final = "output.safetensors"
OUTPUT_NAMES: Final = (OUTPUT_NAME, "output.npz", "output.safetensors.npz")
"""Files in which tensors are looked for; `numpy.savez` makes the last of the first."""
TOPOLOGY_NAME: Final = "topology.bin"
DETAIL_LENGTH: Final = 2000
"""Characters of the decoder's own message that a log keeps."""


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
    category: Category | None = None
    unit: int | None = None
    byte: int | None = None
    log: CaseLog = NO_LOG


def log_of(process: "BoundedProcess", detail: str = "", left_behind: int = 0) -> CaseLog:
    """Return the log of the case that ``process`` has just run."""
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


def last_record(stderr: str) -> dict[str, Any]:
    """Parse the last line of standard error as a JSON object; return {} if it is not one."""
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


def read_output(folder: Path, max_bytes: int, log: CaseLog) -> Execution:
    """Read what a decoder left in its case folder: tensors, and the topology if there is one.

    Anything unreadable ends as ``protocol``.
    """
    if os.path.realpath(folder) != os.fspath(folder):
        return Execution(DecoderEnding.PROTOCOL, "the case's folder was replaced", Fault.FOLDER_REPLACED, log=log)
    present = [name for name in OUTPUT_NAMES if os.path.lexists(folder / name)]
    if not present:
        return Execution(DecoderEnding.PROTOCOL, "no output was written", Fault.OUTPUT_MISSING, log=log)
    if len(present) > 1:
        return Execution(DecoderEnding.PROTOCOL, f"several outputs: {', '.join(present)}", Fault.OUTPUT_TWICE, log=log)
    try:
        tensors = load_tensors(read_regular(folder / present[0], max_bytes=max_bytes), max_bytes=max_bytes)
        topology = folder / TOPOLOGY_NAME
        carried = read_regular(topology, max_bytes=max_bytes) if os.path.lexists(topology) else None
    except ModelError as error:
        return Execution(DecoderEnding.PROTOCOL, str(error), Fault.OUTPUT_UNREADABLE, log=log)
    return Execution(DecoderEnding.DECODED, tensors=tensors, topology=carried or None, log=log)
