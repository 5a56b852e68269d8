"""The slots of a run: processes that each execute one case at a time, watched from here."""

import selectors
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from nnc_conformance.suites.running.pool_process import ATTEMPTS, HarnessError, PoolProcess
from nnc_conformance.suites.running.task import Finished, Ready, Setup, Task
from nnc_conformance.suites.sandbox.isolation import Isolation


class ProcessPool:
    """Up to ``jobs`` slots; closes them, and with them every decoder, when left. ``isolation`` is what the slots say of theirs."""

    def __init__(self, setup: Setup, jobs: int) -> None:
        self._setup, self.jobs = setup, jobs
        self._slots: list[PoolProcess] = []
        self._selector = selectors.DefaultSelector()
        self.isolation = Isolation()

    def __enter__(self) -> "ProcessPool":
        return self

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            slot.hang_up()
        for slot in list(self._slots):
            self._remove(slot)
        self._selector.close()

    def _add(self) -> None:
        slot = PoolProcess(self._setup)
        self._slots.append(slot)
        self._selector.register(slot.answers, selectors.EVENT_READ, slot)

    def _remove(self, slot: PoolProcess) -> int:
        self._selector.unregister(slot.answers)
        self._slots.remove(slot)
        return slot.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Finished | None]]:
        """Yields each task as it ends, with its result, or None where it ended its slot at every try.

        Raises what `PoolProcess.receive` raises.
        """
        waiting = deque(tasks)
        lost: Counter[Task] = Counter()
        for _ in range(min(self.jobs, len(waiting))):
            self._add()
        while any(slot.task is not None or not slot.ready for slot in self._slots):
            for key, _ in self._selector.select():
                slot: PoolProcess = key.data
                message, task, slot.task = slot.receive(), slot.task, None
                if isinstance(message, Ready):
                    slot.ready, self.isolation = True, Isolation(message.network, message.processes)
                elif task is None or (message is None and self._remove(slot) >= 0):
                    raise HarnessError("a process of the harness ended by itself")
                elif message is None:
                    self._add()
                    lost[task] += 1
                    if lost[task] < ATTEMPTS:
                        waiting.appendleft(task)
                    else:
                        yield task, None
                    continue
                else:
                    yield task, message
                if waiting:
                    slot.give(_next(waiting, slot.last_decoder))


def _next(waiting: deque[Task], decoder: int | None) -> Task:
    """Takes the next task, one of ``decoder`` if there is any: a worker need not be started anew."""
    for index, task in enumerate(waiting):
        if task.decoder == decoder:
            del waiting[index]
            return task
    return waiting.popleft()
