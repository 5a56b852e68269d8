"""The slots of a run on a Dask cluster: the same tasks, each executed by a slot beside a Dask worker (extra ``dask``).

A task travels with its vector's files, so the machines share no file system; what a decoder's command names must be on each.
A Dask worker that dies loses nothing: the scheduler gives its tasks to another.
"""

import contextlib
import hashlib
import shutil
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.suite_folder import VECTOR_BYTES, StoredVector, Suite, files_of
from nnc_conformance.storage.vector import VECTOR_FILE
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.running.pool_process import HarnessError, RestartingProcess
from nnc_conformance.suites.running.task import Finished, Setup, Task
from nnc_conformance.suites.sandbox.isolation import Isolation

CONNECT_SECONDS: Final = 30.0
WAITING: Final = 32
"""So many tasks lie ready beyond those that can run at once."""


class SchedulerError(NNCError):
    """A Dask cluster cannot be used: it is not there, has no workers, or these have another version of this package."""


class DaskPool:
    """The cluster of a scheduler's address, as `Pool` is this machine; ``isolation`` as there.

    Raises `SchedulerError` where it cannot be used.
    """

    def __init__(self, setup: Setup, suite: Suite, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise SchedulerError(f"--scheduler needs Dask: pip install '{DISTRIBUTION}[dask]'") from None
        self._setup, self._vectors = setup, {stored.vector.id: stored for stored in suite.vectors}
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

    def __enter__(self) -> "DaskPool":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # a worker that is gone has nothing left to close
            self._client.run(close_station, _key(self._setup))
        self._client.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Finished | None]]:
        """Yields each task as it ends, with its result, or None where it ended its slot at every try.

        Raises `SchedulerError`, and what `RestartingProcess.execute` raises.
        """
        from distributed import as_completed

        waiting = deque(tasks)
        running: dict[Any, Task] = {}
        ended = as_completed(loop=self._client.loop)

        def submit() -> None:
            while waiting and len(running) < self.jobs + WAITING:
                task = waiting.popleft()
                future = self._client.submit(
                    execute_remotely,
                    self._setup.model_dump_json(),
                    task.model_dump_json(),
                    _files(self._vectors[task.vector]),
                    version(DISTRIBUTION),
                    pure=False,
                )
                running[future] = task
                ended.add(future)

        submit()
        try:
            while running:
                future = next(ended)
                task = running.pop(future)
                finished, isolation = self._result(future)
                self.isolation = self.isolation.combined(isolation)
                submit()
                yield task, None if finished is None else Finished.model_validate_json(finished)
        finally:
            self._client.cancel(list(running))

    def _result(self, future: Any) -> tuple[str | None, Isolation]:
        try:
            result: tuple[str | None, Isolation] = future.result()
        except (NNCError, HarnessError):
            raise
        except Exception as error:
            raise SchedulerError(f"the Dask cluster could not execute a case: {type(error).__name__}: {error}") from None
        return result


def _files(stored: StoredVector) -> dict[str, bytes]:
    """Returns the files of a vector's folder by name; raises `SuiteError` or `ModelError` where one is not what is stated."""
    return {
        VECTOR_FILE: read_regular(stored.folder / VECTOR_FILE, max_bytes=VECTOR_BYTES),
        **{file.name: stored.read(file) for file in files_of(stored.vector)},
    }


def _key(setup: Setup) -> str:
    return hashlib.sha256(setup.model_dump_json().encode()).hexdigest()


class _Station:
    """What a Dask worker keeps of a run: slots that wait for a task, each with a folder of its own."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._lock = threading.Lock()
        self._idle: list[tuple[RestartingProcess, Path]] = []
        self._closed = False

    def take(self, decoder: int) -> tuple[RestartingProcess, Path]:
        """Takes a slot, one that ran the decoder last if there is any, or makes one."""
        with self._lock:
            self._idle.sort(key=lambda place: place[0].last_decoder == decoder)
            if self._idle:
                return self._idle.pop()
        folder = Path(tempfile.mkdtemp(prefix="nnc-conformance-", dir=_worker_folder()))
        for name in ("suite", "scratch"):
            (folder / name).mkdir()
        decoders = tuple(map(at_home, self._setup.decoders))
        places = {"suite": str(folder / "suite"), "scratch": str(folder / "scratch"), "decoders": decoders}
        return RestartingProcess(self._setup.model_copy(update=places)), folder

    def give_back(self, slot: RestartingProcess, folder: Path) -> None:
        """Keeps the slot for the next task, or closes it when the run is over."""
        with self._lock:
            if not self._closed:
                self._idle.append((slot, folder))
                return
        discard(slot, folder)

    def close(self) -> None:
        """Closes the slots that wait, and lets the others be closed when they come back."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for slot, folder in idle:
            discard(slot, folder)


def discard(slot: RestartingProcess, folder: Path) -> None:
    """Ends a slot and removes its folder."""
    slot.close()
    shutil.rmtree(folder, ignore_errors=True)


def _worker_folder() -> str:
    """Returns the Dask worker's folder, which its nanny removes even where the worker was killed."""
    from distributed import get_worker

    return str(get_worker().local_directory)


def at_home(decoder: DecoderSpec) -> DecoderSpec:
    """Returns a decoder for this machine: those that run in this package's interpreter run in the one that is here."""
    if decoder.kind not in (DecoderKind.IN_TREE, DecoderKind.PYTHON):
        return decoder
    return decoder.model_copy(update={"command": (sys.executable, *decoder.command[1:])})


_STATIONS: Final[dict[str, _Station]] = {}
_STATIONS_LOCK: Final = threading.Lock()


def execute_remotely(setup_text: str, task_text: str, files: Mapping[str, bytes], expected_version: str) -> tuple[str | None, Isolation]:
    """In a Dask worker: executes a task on its vector's ``files``; returns the `Finished` (None: the slot ended) and `Pool.isolation`.

    Raises `SchedulerError` where this machine has another version of the package, and what `RestartingProcess.execute` raises.
    """
    if version(DISTRIBUTION) != expected_version:
        raise SchedulerError(f"a Dask worker has {DISTRIBUTION} {version(DISTRIBUTION)}, the run is of {expected_version}")
    setup, task = Setup.model_validate_json(setup_text), Task.model_validate_json(task_text)
    with _STATIONS_LOCK:
        station = _STATIONS.setdefault(_key(setup), _Station(setup))
    slot, folder = station.take(task.decoder)
    vector = folder / "suite" / task.level / task.vector
    try:
        vector.mkdir(parents=True)
        for name, data in files.items():
            (vector / name).write_bytes(data)
        finished = slot.execute(task)
    except BaseException:
        discard(slot, folder)
        raise
    shutil.rmtree(vector)
    station.give_back(slot, folder)
    return (None if finished is None else finished.model_dump_json()), slot.isolation


def close_station(key: str) -> None:
    """In a Dask worker: ends what it keeps of a run."""
    with _STATIONS_LOCK:
        station: Any = _STATIONS.get(key)
    if station is not None:
        station.close()
