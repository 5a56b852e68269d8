"""Runner of planned cases of any kind of task: journal, resume, progress, fail-fast."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from nnc_conformance.reference.threads import usable_cpus
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.running.journal import Journal
from nnc_conformance.suites.running.messages import FinishedCase, ResultT, Setup, SpecT
from nnc_conformance.suites.running.process_pool import ProcessPool
from nnc_conformance.suites.running.second_tries import load_average
from nnc_conformance.suites.running.task_kind import PlannedCase, TaskKind
from nnc_conformance.suites.sandbox.isolation import Isolation
from nnc_conformance.suites.sandbox.limits import Limits

if TYPE_CHECKING:
    from nnc_conformance.suites.running.dask_pool import DaskPool


@dataclass(frozen=True)
class RunOptions:
    """How to run cases.

    Attributes:
        jobs: Cases to run in parallel on this machine.
        limits: Limits of each case.
        repeat: Times to run each case; outputs must agree.
        fail_fast: Whether to stop at the first failure.
        resume: Whether to continue from the journal of an earlier part of the run.
        scheduler: Address of a Dask scheduler whose cluster runs the cases; "" for this machine.
    """

    jobs: int = field(default_factory=usable_cpus)
    limits: Limits = field(default_factory=Limits)
    repeat: int = 1
    fail_fast: bool = False
    resume: bool = False
    scheduler: str = ""


@dataclass(frozen=True)
class Progress(Generic[ResultT]):
    """State of a run after a case, or at its start.

    Attributes:
        done: Cases finished so far.
        planned: Cases of the run.
        seconds: Seconds since the run was started or resumed.
        finished: The case that has just ended; None at the start.
        resumed: Cases that the journal had.
    """

    done: int
    planned: int
    seconds: float
    finished: FinishedCase[ResultT] | None
    resumed: int


def has_failed(finished: FinishedCase[Any]) -> bool:
    """Return whether a case fails the run."""
    return OUTCOMES[finished.case.outcome].fails


class CaseRun(Generic[SpecT, ResultT]):
    """One run of planned cases.

    Args:
        kind: How the cases are executed and judged.
        setup: What the cases have in common; its ``scratch`` is made by the run.
        cases: The planned cases by id.
        journal: Journal of the run; its entries are not executed again.
        options: How to run.
        progress: Called at the start and after each case.

    Attributes:
        finished: The cases finished so far by id.
        isolation: What isolated the implementations.
        jobs: Cases that ran in parallel.
    """

    def __init__(
        self,
        kind: TaskKind[SpecT, ResultT],
        setup: Setup[SpecT],
        cases: Mapping[str, PlannedCase[ResultT]],
        journal: Journal[FinishedCase[ResultT]],
        options: RunOptions,
        progress: Callable[[Progress[ResultT]], None],
    ) -> None:
        self._kind, self._setup, self._cases = kind, setup, cases
        self._journal, self._options, self._progress = journal, options, progress
        self.finished = {entry.case.id: entry for entry in journal.entries}
        self.isolation = Isolation()
        self.jobs = 0
        self._loads: list[float] = []

    @property
    def load_text(self) -> str:
        """Load average of this machine during the run, and its number of CPUs.

        It is "" if unknown.
        """
        if not self._loads:
            return ""
        return f"{min(self._loads):.1f} to {max(self._loads):.1f} on {os.cpu_count() or 1} CPUs"

    def execute(self) -> None:
        """Execute the cases that are not finished; raise what the pool raises."""
        began, resumed = time.monotonic(), len(self.finished)
        self._progress(Progress(resumed, len(self._cases), 0.0, None, resumed))
        if self._options.fail_fast and any(map(has_failed, self.finished.values())):
            return
        waiting = [case for name, case in self._cases.items() if name not in self.finished]
        with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch:
            setup = self._setup.model_copy(update={"scratch": scratch})
            with self._pool(setup) as pool, contextlib.closing(pool.run(waiting)) as running:
                self.jobs = pool.jobs
                for case, finished in running:
                    self.finished[case.id] = finished
                    self._loads.append(load_average())
                    self._journal.add(finished)
                    self.isolation = pool.isolation
                    self._progress(Progress(len(self.finished), len(self._cases), time.monotonic() - began, finished, resumed))
                    if self._options.fail_fast and has_failed(finished):
                        return

    def _pool(self, setup: Setup[SpecT]) -> "ProcessPool[SpecT, ResultT] | DaskPool[SpecT, ResultT]":
        """Return what executes the cases: a pool on this machine, or a Dask cluster."""
        if not self._options.scheduler:
            return ProcessPool(self._kind, setup, self._options.jobs)
        from nnc_conformance.suites.running.dask_pool import DaskPool

        return DaskPool(self._kind, setup, self._options.scheduler)
