"""The slots of a run: processes that each execute one case at a time, watched from here."""

import selectors
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from nnc_conformance.suites.running.pool_process_handle import TRIES, HarnessError, SlotProcess
from nnc_conformance.suites.running.task import Finished, Ready, Setup, Task
from nnc_conformance.suites.sandbox.isolation import Isolation


class Pool:
    """Up to ``jobs`` slots; closes them, and with them every decoder, when left. ``isolation`` is what the slots say of theirs."""

    def __init__(self, setup: Setup, jobs: int) -> None:
        self._setup, self.jobs = setup, jobs
        self._slots: list[SlotProcess] = []
        self._selector = selectors.DefaultSelector()
        self.isolation = Isolation()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            slot.hang_up()
        for slot in list(self._slots):
            self._remove(slot)
        self._selector.close()

    def _add(self) -> None:
        slot = SlotProcess(self._setup)
        self._slots.append(slot)
        self._selector.register(slot.answers, selectors.EVENT_READ, slot)

    def _remove(self, slot: SlotProcess) -> int:
        self._selector.unregister(slot.answers)
        self._slots.remove(slot)
        return slot.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Finished | None]]:
        """Yields each task as it ends, with its result, or None where it ended its slot at every try.

        Raises what `SlotProcess.receive` raises.
        """
        waiting = deque(tasks)
        lost: Counter[Task] = Counter()
        for _ in range(min(self.jobs, len(waiting))):
            self._add()
        while any(slot.task is not None or not slot.ready for slot in self._slots):
            for key, _ in self._selector.select():
                slot: SlotProcess = key.data
                message, task, slot.task = slot.receive(), slot.task, None
                if isinstance(message, Ready):
                    slot.ready, self.isolation = True, Isolation(message.network, message.processes)
                elif task is None or (message is None and self._remove(slot) >= 0):
                    raise HarnessError("a process of the harness ended by itself")
                elif message is None:
                    self._add()
                    lost[task] += 1
                    if lost[task] < TRIES:
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
