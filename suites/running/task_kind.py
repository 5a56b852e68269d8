"""Kinds of task: how the runner has the cases of an implementation executed and judged."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Generic, Protocol

from nnc_conformance.suites.results.fault_table import FAULTS, Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.run_document import NO_LOG
from nnc_conformance.suites.running.messages import Answer, FinishedCase, ResultT, Setup, SpecT, Task

_PACKAGE: Final = "nnc_conformance."


class CaseExecutor(Protocol[ResultT]):
    """Executes and judges tasks in a pool process, one at a time."""

    def run_task(self, task: Task) -> FinishedCase[ResultT]:
        """Execute and judge one case.

        Raises:
            NNCError: If the case's own files are at fault.
            AbandonedError: If the run that asked for the result has ended.
        """

    def close(self) -> None:
        """End what is still running."""


class TaskKind(ABC, Generic[SpecT, ResultT]):
    """A kind of task for the runner.

    It has the types in its messages, its executor and its judge.

    Each kind has one instance, a constant of the module that defines it.

    Attributes:
        reference: MODULE:NAME of that constant, by which other processes import it.
        setup_type: `Setup` with the kind's implementations.
        finished_type: `FinishedCase` with the kind's results.
        answer_type: `Answer` with the kind's results.
    """

    reference: str
    setup_type: type[Setup[SpecT]]
    finished_type: type[FinishedCase[ResultT]]
    answer_type: type[Answer[ResultT]]

    @abstractmethod
    def executor(self, setup: Setup[SpecT], scratch: Path, watched: int | None) -> CaseExecutor[ResultT]:
        """Return what executes and judges the tasks of a pool process.

        Args:
            setup: What all cases have in common.
            scratch: Existing folder for its own temporary files.
            watched: File descriptor that becomes readable when nobody wants results any more.
        """

    def on_this_machine(self, implementation: SpecT) -> SpecT:
        """Return the implementation as this machine must start it."""
        return implementation


def read_setup(line: str | bytes) -> tuple[TaskKind[Any, Any], Setup[Any]]:
    """Parse a `Setup` line, import its kind of task, and return both, the kind first.

    Raises `ValueError`.
    """
    module, _, name = str(json.loads(line)["kind"]).partition(":")
    kind = getattr(import_module(module), name) if module.startswith(_PACKAGE) else None
    if not isinstance(kind, TaskKind):
        raise ValueError(f"{module}:{name} is not a kind of task of this package")
    return kind, kind.setup_type.model_validate_json(line)


@dataclass(frozen=True)
class PlannedCase(Generic[ResultT]):
    """A case of a run, before it is executed.

    Attributes:
        id: Id of the case, unique in a run.
        task: What a pool process is asked.
        files: Reads the files of the case's folder by name, for other machines.
        not_executed: Makes the result of the case if it is not executed, from outcome and message.
    """

    id: str
    task: Task
    files: Callable[[], Mapping[str, bytes]]
    not_executed: Callable[[Outcome, str, Fault | None], ResultT]

    def ended_harness(self) -> FinishedCase[ResultT]:
        """Return the case as finished by ending, at every attempt, the process that executed it."""
        fault = Fault.HARNESS_ENDED
        return FinishedCase(case=self.not_executed(Outcome.CRASH, FAULTS[fault].what, fault), log=NO_LOG)
