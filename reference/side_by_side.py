"""Threads decode payloads of data units while the stream is read on.

No payload depends on another (clause 6).
"""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from nnc_conformance.reference.entropy.coding import MIN_INDEXES_PER_THREAD

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Result = TypeVar("Result")


@dataclass
class _Job(Generic[Result]):
    """Work with its result, once it has been given to a thread, and where the result goes."""

    work: Callable[[], Result]
    keep: Callable[[Result], None]
    future: "Future[Result] | None" = None


class SideBySide(Generic[Result]):
    """Runs jobs on threads.

    Hands on their results in the order in which the jobs came.

    Jobs run at once, in the calling thread, if they are small or there is only one thread. A large
    job waits for a second one: alone, it runs where its result is due, without a thread of its own.
    An error of a job is raised where its result is due, so `finish` has to be called before any
    error of later work is raised.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._jobs: deque[_Job[Result]] = deque()
        self._pool: ThreadPoolExecutor | None = None

    def add(self, work: Callable[[], Result], keep: Callable[[Result], None], size: int) -> None:
        """Run a job at once, or queue it for the threads.

        It runs at once if there is one thread, or if it is small and none is queued. Results are
        kept in the order of the jobs; those of the last queued jobs, in `finish`. An error that
        ``work`` raises in a thread is raised when its result is due.

        Args:
            work: Computes the result, perhaps in another thread.
            keep: Takes the result, always in the calling thread.
            size: Weights to decode; fewer than `MIN_INDEXES_PER_THREAD` make a small job.
        """
        small = size < MIN_INDEXES_PER_THREAD
        if self.threads == 1 or (small and not self._jobs):
            keep(work())
            return
        job = _Job(work, keep)
        if self._jobs and not small:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = self._pool or ThreadPoolExecutor(self.threads)
            for waiting in (*self._jobs, job):
                waiting.future = waiting.future or self._pool.submit(waiting.work)
        self._jobs.append(job)
        while len(self._jobs) > 2 * self.threads:
            self._keep_first()

    def finish(self) -> None:
        """Hand on the results of all jobs.

        Raise the error of the first job that has one.
        """
        while self._jobs:
            self._keep_first()

    def close(self) -> None:
        """Drop the jobs that have not begun, and end the threads.

        Do not wait for them after Ctrl-C.
        """
        self._jobs.clear()
        if self._pool is not None:
            interrupted = isinstance(sys.exception(), KeyboardInterrupt | GeneratorExit)
            self._pool.shutdown(wait=not interrupted, cancel_futures=True)

    def _keep_first(self) -> None:
        job = self._jobs.popleft()
        job.keep(job.future.result() if job.future else job.work())
