"""Runs long work in worker processes.

Ctrl-C ends them at once, and they print nothing.
"""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeVar

_END_SECONDS: Final = 5.0
"""Seconds in which a pool must note that its killed workers are gone."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(work: Callable[[Item], Result], items: Iterable[Item], jobs: int, *, chunk: int) -> Iterator[Result]:
    """Call a function on items in worker processes and yield the results in order.

    Args:
        work: A function that can be pickled.
        items: Its arguments.
        jobs: Worker processes.
        chunk: Items that a worker process gets at a time.
    """
    others = {child.pid for child in multiprocessing.active_children()}
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        with _interrupts_held():
            chunks = iter(items)
            begun = [pool.submit(_all_of, work, part) for part in iter(lambda: tuple(islice(chunks, chunk)), ())]
        for results in begun:  # not `pool.map`, whose futures are cancelled first: Python 3.11 fails at those when workers are killed
            yield from results.result()
    except BaseException:
        for worker in multiprocessing.active_children():
            if worker.pid not in others:
                worker.kill()
        ending = threading.Thread(target=pool.shutdown, daemon=True)
        ending.start()
        ending.join(_END_SECONDS)
        raise
    pool.shutdown()


def _all_of(work: Callable[[Item], Result], items: tuple[Item, ...]) -> list[Result]:
    return [work(item) for item in items]


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while processes are started.

    These never get it, since they inherit the mask.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if callable(handler):
            signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)
