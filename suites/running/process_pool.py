"""Pool of processes on this machine, each executing one case at a time."""

import selectors
from collections import Counter, deque
from collections.abc import Generator, Iterable
from typing import Generic

from nnc_conformance.suites.running.messages import FinishedCase, ResultT, Setup, SpecT
from nnc_conformance.suites.running.pool_process import ATTEMPTS, HarnessError, PoolProcess
from nnc_conformance.suites.running.second_tries import SecondTries
from nnc_conformance.suites.running.task_kind import PlannedCase, TaskKind
from nnc_conformance.suites.sandbox.isolation import Isolation


class ProcessPool(Generic[SpecT, ResultT]):
    """Up to ``jobs`` pool processes; leaving the context ends them with all that they started.

    ``isolation`` is what isolates them, known after the first case.
    """

    def __init__(self, kind: TaskKind[SpecT, ResultT], setup: Setup[SpecT], jobs: int) -> None:
        self._kind, self._setup, self.jobs = kind, setup, jobs
        self._processes: list[PoolProcess[SpecT, ResultT]] = []
        self._selector = selectors.DefaultSelector()
        self.isolation = Isolation()

    def __enter__(self) -> "ProcessPool[SpecT, ResultT]":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.hang_up()
        for process in list(self._processes):
            self._remove(process)
        self._selector.close()

    def _add(self) -> None:
        process = PoolProcess(self._kind, self._setup)
        self._processes.append(process)
        self._selector.register(process.answers, selectors.EVENT_READ, process)

    def _remove(self, process: PoolProcess[SpecT, ResultT]) -> None:
        self._selector.unregister(process.answers)
        self._processes.remove(process)
        process.close()

    def run(self, cases: Iterable[PlannedCase[ResultT]]) -> Generator[tuple[PlannedCase[ResultT], FinishedCase[ResultT]], None, None]:
        """Execute ``cases`` and yield each as it ends; raise what `PoolProcess` raises.

        A timeout under load is tried again while nothing else runs, before the other cases go on.
        """
        waiting, alone = deque(cases), deque[PlannedCase[ResultT]]()
        running: dict[PoolProcess[SpecT, ResultT], PlannedCase[ResultT]] = {}
        tries = SecondTries(self._setup.limits)
        attempts: Counter[str] = Counter()
        for _ in range(min(self.jobs, len(waiting))):
            self._add()
        while any(process.busy for process in self._processes):
            for key, _ in self._selector.select():
                process: PoolProcess[SpecT, ResultT] = key.data
                answer, case = process.receive(), running.pop(process, None)
                if answer is not None and answer.ready is not None:
                    self.isolation = answer.ready
                elif case is None:
                    raise HarnessError("a pool process ended before it was ready")
                elif answer is not None and answer.finished is not None:
                    if tries.takes(answer.finished, parallel=len(self._processes)):
                        alone.append(case)
                    else:
                        yield case, tries.noted(answer.finished)
                else:
                    self._remove(process)
                    self._add()
                    attempts[case.id] += 1
                    if attempts[case.id] < ATTEMPTS:
                        waiting.appendleft(case)
                    else:
                        yield case, case.ended_harness()
            for process in [process for process in self._processes if not process.busy]:
                if running and (alone or any(tries.tried(case.id) for case in running.values())):
                    break
                if alone or waiting:
                    running[process] = alone.popleft() if alone else _next(waiting, process.last_implementation)
                    process.give(running[process].task)


def _next(waiting: deque[PlannedCase[ResultT]], implementation: int | None) -> PlannedCase[ResultT]:
    """Take the next case, preferably of ``implementation``, whose worker is already running."""
    for index, case in enumerate(waiting):
        if case.task.implementation == implementation:
            del waiting[index]
            return case
    return waiting.popleft()
