"""Pool on a Dask cluster.

The same cases are executed by pool processes next to the Dask workers.

A case travels with its files, so the machines share no file system; each needs this package and
the implementations at the paths that their commands name. A Dask worker that dies loses nothing:
the scheduler gives its cases to another. Needs the extra ``dask``.
"""

import contextlib
import hashlib
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Generic

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.suites.running.messages import FinishedCase, ResultT, Setup, SpecT, Task
from nnc_conformance.suites.running.pool_process import HarnessError, RestartingProcess
from nnc_conformance.suites.running.second_tries import SecondTries
from nnc_conformance.suites.running.task_kind import PlannedCase, TaskKind, read_setup
from nnc_conformance.suites.sandbox.isolation import Isolation

CONNECT_SECONDS: Final = 30.0
"""Seconds to wait for the scheduler, and for its first worker."""
QUEUED: Final = 32
"""Cases submitted to the scheduler beyond those that can run at once."""


class SchedulerError(NNCError):
    """A Dask cluster that cannot be used: unreachable, without workers, or of another version."""


class DaskPool(Generic[SpecT, ResultT]):
    """The cluster of a Dask scheduler; used like a `ProcessPool`.

    Raises `SchedulerError`.
    """

    def __init__(self, kind: TaskKind[SpecT, ResultT], setup: Setup[SpecT], address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise SchedulerError(f"--scheduler needs Dask: pip install '{DISTRIBUTION}[dask]'") from None
        self._kind, self._setup = kind, setup
        self.isolation = Isolation()
        try:
            self._client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise SchedulerError(f"no Dask scheduler answers at {address}: {error}") from None
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            self._client.close()
            raise SchedulerError(f"the Dask scheduler at {address} has no workers") from None
        self.jobs = sum(self._client.nthreads().values())

    def __enter__(self) -> "DaskPool[SpecT, ResultT]":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # a worker that is gone has nothing left to close
            self._client.run(close_run, _key(self._setup.model_dump_json()))
        self._client.close()

    def run(self, cases: Iterable[PlannedCase[ResultT]]) -> Generator[tuple[PlannedCase[ResultT], FinishedCase[ResultT]], None, None]:
        """Execute ``cases`` and yield each as it ends.

        A timeout under load is tried again at the end, while nothing else of the run is executed.

        Raises `SchedulerError`, and what `PoolProcess` raises.
        """
        from distributed import as_completed

        waiting, alone = deque(cases), deque[PlannedCase[ResultT]]()
        tries = SecondTries(self._setup.limits)
        running: dict[Any, PlannedCase[ResultT]] = {}
        ended = as_completed(loop=self._client.loop)
        setup = self._setup.model_dump_json()

        def start(case: PlannedCase[ResultT]) -> None:
            """Submit a case to the cluster and wait for its result with the others."""
            task = case.task.model_dump_json()
            future = self._client.submit(run_on_worker, setup, task, case.files(), version(DISTRIBUTION), pure=False)
            running[future] = case
            ended.add(future)

        def submit() -> None:
            while waiting and len(running) < self.jobs + QUEUED:
                start(waiting.popleft())

        submit()
        try:
            while running:
                future = next(ended)
                case = running.pop(future)
                finished, isolation = self._result(future)
                self.isolation = self.isolation.combined(isolation)
                submit()
                ending = case.ended_harness() if finished is None else self._kind.finished_type.model_validate_json(finished)
                if tries.takes(ending, parallel=self.jobs):
                    alone.append(case)
                else:
                    yield case, tries.noted(ending)
                if alone and not running:
                    start(alone.popleft())
        finally:
            self._client.cancel(list(running))

    def _result(self, future: Any) -> tuple[str | None, Isolation]:
        """Return the result of a finished case and the isolation it ran in.

        The result is JSON, or None if the case was lost. Raises `SchedulerError` if the cluster
        could not execute the case; errors of this project pass through.
        """
        try:
            result: tuple[str | None, Isolation] = future.result()
        except (NNCError, HarnessError):
            raise
        except Exception as error:
            raise SchedulerError(f"the Dask cluster could not execute a case: {type(error).__name__}: {error}") from None
        return result


def _key(setup: str) -> str:
    """Return the key by which a Dask worker knows a run."""
    return hashlib.sha256(setup.encode()).hexdigest()


class _RunOnWorker:
    """State of a run on a Dask worker.

    It has idle pool processes, each with a folder of its own.
    """

    def __init__(self, setup: str) -> None:
        self._kind, self._setup = read_setup(setup)
        self._lock = threading.Lock()
        self._idle: list[tuple[RestartingProcess[Any, Any], Path]] = []
        self._closed = False

    def take(self, implementation: int) -> tuple[RestartingProcess[Any, Any], Path]:
        """Take an idle process, preferably one that ran the implementation last, or make one.

        Return it with its folder.
        """
        with self._lock:
            self._idle.sort(key=lambda idle: idle[0].last_implementation == implementation)
            if self._idle:
                return self._idle.pop()
        folder = Path(tempfile.mkdtemp(prefix="nnc-conformance-", dir=_worker_folder()))
        for name in ("root", "scratch"):
            (folder / name).mkdir()
        here = {
            "root": str(folder / "root"),
            "scratch": str(folder / "scratch"),
            "implementations": tuple(map(self._kind.on_this_machine, self._setup.implementations)),
        }
        return RestartingProcess(self._kind, self._setup.model_copy(update=here)), folder

    def give_back(self, process: RestartingProcess[Any, Any], folder: Path) -> None:
        """Keep the process for the next case, or end it if the run is over."""
        with self._lock:
            if not self._closed:
                self._idle.append((process, folder))
                return
        _discard(process, folder)

    def close(self) -> None:
        """End the idle processes, and the others when they come back."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for process, folder in idle:
            _discard(process, folder)


def _discard(process: RestartingProcess[Any, Any], folder: Path) -> None:
    process.close()
    shutil.rmtree(folder, ignore_errors=True)


def _worker_folder() -> str:
    """Return the Dask worker's folder, which its nanny removes even if the worker is killed."""
    from distributed import get_worker

    return str(get_worker().local_directory)


_RUNS: Final[dict[str, _RunOnWorker]] = {}
_RUNS_LOCK: Final = threading.Lock()


def run_on_worker(setup: str, task_line: str, files: Mapping[str, bytes], expected_version: str) -> tuple[str | None, Isolation]:
    """Execute a case in a Dask worker.

    Args:
        setup: The run's `Setup` as JSON.
        task_line: The `Task` as JSON.
        files: Files of the case's folder by name.
        expected_version: Version of this package that the run has.

    Returns the `FinishedCase` as JSON, None if the case ended its pool process at every attempt,
    and the isolation of that process. Raises `SchedulerError` if this machine has another version,
    and what `PoolProcess` raises.
    """
    if version(DISTRIBUTION) != expected_version:
        raise SchedulerError(f"a Dask worker has {DISTRIBUTION} {version(DISTRIBUTION)}, but the run has {expected_version}")
    task = Task.model_validate_json(task_line)
    with _RUNS_LOCK:
        run = _RUNS.get(_key(setup)) or _RUNS.setdefault(_key(setup), _RunOnWorker(setup))
    process, folder = run.take(task.implementation)
    case_folder = folder / "root" / task.folder
    try:
        case_folder.mkdir(parents=True)
        for name, data in files.items():
            (case_folder / name).write_bytes(data)
        finished = process.run_task(task)
    except BaseException:
        _discard(process, folder)
        raise
    shutil.rmtree(case_folder)
    run.give_back(process, folder)
    return (None if finished is None else finished.model_dump_json()), process.isolation


def close_run(key: str) -> None:
    """In a Dask worker: end what it keeps of a run."""
    with _RUNS_LOCK:
        run = _RUNS.get(key)
    if run is not None:
        run.close()
