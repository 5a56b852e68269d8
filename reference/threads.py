"""Threads for large tensors; Ctrl-C does not wait for those that still compute."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use.

    An affinity mask can lower it.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def thread_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Run tasks on threads within a context.

    The context ends when all tasks that are begun are done.

    A `KeyboardInterrupt` waits for none: they end on their own, or with the process.
    """
    pool = ThreadPoolExecutor(threads)
    wait = True
    try:
        yield pool
    except KeyboardInterrupt:
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)
