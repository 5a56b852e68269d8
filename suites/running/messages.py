"""Messages between a run and its pool processes: one line each, JSON in both directions."""

from typing import Generic, TypeVar

from pydantic import Field

from nnc_conformance.storage.documents import Frozen, Sha256
from nnc_conformance.suites.results.result import JudgedCase
from nnc_conformance.suites.results.run_document import CaseLog
from nnc_conformance.suites.sandbox.isolation import Isolation
from nnc_conformance.suites.sandbox.limits import Limits

SpecT = TypeVar("SpecT", bound=Frozen)
"""Description of an implementation under test."""
ResultT = TypeVar("ResultT", bound=JudgedCase)
"""Result of a case."""


class Setup(Frozen, Generic[SpecT]):
    """First line to a pool process: what all cases of a run have in common.

    Attributes:
        kind: Reference of the `TaskKind`, MODULE:NAME.
        root: Folder with the files of the cases.
        implementations: The implementations under test; a task names one by its index.
        limits: Limits of each case.
        repeat: Times to run each case.
        scratch: Existing folder for temporary files.
    """

    kind: str
    root: str
    implementations: tuple[SpecT, ...]
    limits: Limits
    repeat: int = 1
    scratch: str = ""


class Task(Frozen):
    """Further line to a pool process: one case on one implementation.

    Attributes:
        folder: Folder with the case's files, relative to the run's ``root``.
        sha256: SHA-256 of the file that describes the case.
        implementation: Index of the implementation.
    """

    folder: str = Field(pattern=r"^[a-z0-9-]+(/[a-z0-9-]+)*$")
    sha256: Sha256
    implementation: int


class FinishedCase(Frozen, Generic[ResultT]):
    """A case that was executed and judged; also a line of the journal."""

    case: ResultT
    log: CaseLog


class Broken(Frozen):
    """The harness itself failed at a case, so there is no result.

    Attributes:
        error: A message or a traceback.
        bad_input: Whether the case's own files are at fault.
    """

    error: str
    bad_input: bool


class Answer(Frozen, Generic[ResultT]):
    """Line from a pool process.

    The first gives its isolation once it is ready, then each line answers one task.
    """

    ready: Isolation | None = None
    finished: FinishedCase[ResultT] | None = None
    broken: Broken | None = None
