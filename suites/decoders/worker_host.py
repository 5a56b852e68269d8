"""Keeps one worker alive between cases: what the hosts of decoders and of encoders share."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from nnc_conformance.suites.decoders.execution import DecoderEnding
from nnc_conformance.suites.decoders.worker_process import WorkerError, WorkerProcess
from nnc_conformance.suites.sandbox.limits import Limits
from nnc_conformance.suites.sandbox.linux import require_linux

FAILED_STARTS: Final = 3
"""Failed starts in a row after which a worker is not started again; its other cases end alike."""


class Named(Protocol):
    """An implementation under test; two that are equal may share a worker."""

    @property
    def name(self) -> str:
        """Name in results; unique in a run."""


SpecT = TypeVar("SpecT", bound=Named)
"""Description of an implementation under test."""
WorkerT = TypeVar("WorkerT", bound=WorkerProcess[Any])
"""Its worker."""
ResultT = TypeVar("ResultT")
"""What comes of its work."""


class WorkerHost(ABC, Generic[SpecT, WorkerT]):
    """Runs implementations with at most one alive; a worker stays between cases.

    Args:
        limits: Limits of each case.
        scratch: Existing folder for its own temporary files.
        watched: File descriptor that becomes readable when nobody wants results any more.

    Raises `LinuxRequiredError` on another system.
    """

    def __init__(self, limits: Limits, scratch: Path, watched: int | None = None) -> None:
        require_linux()
        self._limits, self._watched = limits, watched
        self._scratch = scratch.resolve()
        self._worker: WorkerT | None = None
        self._worker_of: SpecT | None = None
        self._failed_starts: dict[str, list[WorkerError]] = {}
        self._folders = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _start(self, implementation: SpecT, folder: Path) -> WorkerT:
        """Start a worker in an empty folder; raise `WorkerError`."""

    def _with_worker(self, implementation: SpecT, work: Callable[[WorkerT], ResultT]) -> ResultT:
        """Do ``work`` with the implementation's worker, which is started if it is not running.

        Raises `WorkerError` if the worker does not start. After `FAILED_STARTS` failed starts in a
        row, or one that took all its time, none is tried again.
        """
        failed = self._failed_starts.setdefault(implementation.name, [])
        if failed and (len(failed) == FAILED_STARTS or failed[-1].ending is DecoderEnding.TIMEOUT):
            raise failed[-1].again()
        try:
            worker = self._worker_for(implementation)
        except WorkerError as error:
            failed.append(error)
            raise
        failed.clear()
        try:
            return work(worker)
        finally:
            if not worker.alive:
                self.close()

    def _worker_for(self, implementation: SpecT) -> WorkerT:
        """Return the implementation's running worker, or start one; raise `WorkerError`."""
        if self._worker is not None and self._worker_of == implementation:
            return self._worker
        self.close()
        folder = self._fresh_folder()
        try:
            self._worker, self._worker_of = self._start(implementation, folder), implementation
        except WorkerError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self._worker

    def _in_fresh_folder(self, work: Callable[[Path], ResultT]) -> ResultT:
        """Do ``work`` without a worker, in a folder of its own that is removed afterwards."""
        self.close()
        folder = self._fresh_folder()
        done = work(folder)
        shutil.rmtree(folder, ignore_errors=True)
        return done

    def _fresh_folder(self) -> Path:
        """Make the next empty folder, named by number, in the scratch folder."""
        self._folders += 1
        folder = self._scratch / str(self._folders)
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Stop the worker, if one is running, and remove its folder."""
        if self._worker is not None:
            self._worker.stop()
            shutil.rmtree(self._worker.folder, ignore_errors=True)
        self._worker, self._worker_of = None, None
