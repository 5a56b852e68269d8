"""Costly set-ups that the workers of one test run make once, and share on disk."""

import fcntl
import pickle
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def made_once(name: str, make: Callable[[], T], factory: pytest.TempPathFactory, worker: str) -> T:
    """Make a value, unless another worker has: the others wait for it and read it.

    Args:
        name: Name of the value in this run, the same for all workers.
        make: Makes the value, which can be pickled.
        factory: The session's fixture ``tmp_path_factory``.
        worker: The session's fixture ``worker_id``.
    """
    if worker == "master":
        return make()
    folder = factory.getbasetemp().parent
    kept = folder / f"{name}.pickle"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]
        value = make()
        partial = kept.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        partial.rename(kept)
        return value
