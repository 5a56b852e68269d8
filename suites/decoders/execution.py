"""What a decoder under test is, and what it did with one stream."""

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
"""Where a decoder's tensors are looked for; the last two are what `numpy.savez` makes of the first."""
TOPOLOGY_NAME: Final = "topology.bin"
DETAIL_LENGTH: Final = 2000


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
    """What a decoder did with one stream.

    ``message`` is the harness's own finding (the same at every run), ``fault`` its kind where the decoder is at fault; ``tensors`` and
    ``topology`` are what was decoded (None: none given, or an empty topology); ``category``, ``unit`` and ``byte`` are what the decoder
    said of its refusal.
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


def log_of(child: "BoundedProcess", detail: str = "", left_behind: int = 0) -> CaseLog:
    """Returns the log of the case that ``child`` has just run."""
    use = child.use
    return CaseLog(
        seconds=use.seconds,
        cpu_seconds=use.cpu_seconds,
        peak_bytes=use.peak_bytes,
        detail=detail[:DETAIL_LENGTH],
        stderr=child.stderr,
        left_behind=left_behind,
    )


def ending_text(code: int) -> str:
    """Returns an exit code in words; -N is signal N."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def ending_fault(code: int) -> Fault:
    """Returns the fault of ending with an exit code, or by a signal."""
    return Fault.EXIT_CODE if code >= 0 else Fault.KILLED


def last_record(stderr: str) -> dict[str, Any]:
    """Returns the JSON object in the last line of standard error, or an empty one."""
    lines = stderr.rstrip().rsplit("\n", 1)
    try:
        record = json.loads(lines[-1])
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _natural(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 63 else None


def refusal(spec: DecoderSpec, record: dict[str, Any], text: str, log: CaseLog) -> Execution:
    """Returns the execution of a refusal: the category that ``record`` names, else the first of the decoder's map that ``text`` matches."""
    named = record.get("category")
    category = Category(named) if isinstance(named, str) and named in set(Category) else None
    if category is None:
        category = next((mapped for pattern, mapped in spec.errors if re.search(pattern, text)), None)
    return Execution(
        DecoderEnding.REFUSED, category=category, unit=_natural(record.get("unit")), byte=_natural(record.get("byte")), log=log
    )


def read_output(folder: Path, max_bytes: int, log: CaseLog) -> Execution:
    """Reads what a decoder left in its case folder: tensors, and the topology when there is one; anything unreadable is ``protocol``."""
    if os.path.realpath(folder) != os.fspath(folder):
        return Execution(DecoderEnding.PROTOCOL, "the case's folder was replaced", Fault.FOLDER_REPLACED, log=log)
    present = [name for name in OUTPUT_NAMES if os.path.lexists(folder / name)]
    if not present:
        return Execution(DecoderEnding.PROTOCOL, "no output was written", Fault.OUTPUT_MISSING, log=log)
    if len(present) > 1:
        return Execution(DecoderEnding.PROTOCOL, f"the outputs {', '.join(present)}, not one", Fault.OUTPUT_TWICE, log=log)
    try:
        tensors = load_tensors(read_regular(folder / present[0], max_bytes=max_bytes), max_bytes=max_bytes)
        topology = folder / TOPOLOGY_NAME
        carried = read_regular(topology, max_bytes=max_bytes) if os.path.lexists(topology) else None
    except ModelError as error:
        return Execution(DecoderEnding.PROTOCOL, str(error), Fault.OUTPUT_UNREADABLE, log=log)
    return Execution(DecoderEnding.DECODED, tensors=tensors, topology=carried or None, log=log)
