"""What passes between a run and the processes that execute its cases: JSON objects, one a line."""

from typing import Literal

from nnc_conformance.storage.documents import Frozen, Sha256
from nnc_conformance.storage.vector import Level, VectorId
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.run_document import CaseLog
from nnc_conformance.suites.sandbox.limits import Limits


class Setup(Frozen):
    """The first line to a slot: where the suite is, who is judged, within which limits, how often, and where files may go for a time."""

    suite: str
    decoders: tuple[DecoderSpec, ...]
    limits: Limits
    repeat: int
    scratch: str


class Task(Frozen):
    """One case: a vector, with the SHA-256 of its vector.json, and the index of a decoder."""

    level: Level
    vector: VectorId
    sha256: Sha256
    decoder: int


class Ready(Frozen):
    """A slot's first line: what isolates its decoders, as `Isolation` has it."""

    type: Literal["ready"] = "ready"
    network: str
    processes: str


class Finished(Frozen):
    """A case's result and log."""

    type: Literal["finished"] = "finished"
    case: CaseResult
    log: CaseLog


class Broken(Frozen):
    """The harness itself failed at a case; no verdict follows from it."""

    type: Literal["broken"] = "broken"
    error: str
    suite_fault: bool
