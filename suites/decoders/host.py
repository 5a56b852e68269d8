"""Host of decoders: gives streams to decoders of every kind, one at a time."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from nnc_conformance.suites.decoders import command
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution, ended_by_sigkill
from nnc_conformance.suites.decoders.worker import Worker
from nnc_conformance.suites.decoders.worker_process import WorkerError
from nnc_conformance.suites.sandbox.limits import Limits
from nnc_conformance.suites.sandbox.linux import require_linux

KILLED_ONCE: Final = "SIGKILL ended the first try"
"""Why a log says that its case was tried again."""
FAILED_STARTS: Final = 3
"""Failed starts in a row after which a worker is not started again; its other cases end alike."""


class DecoderHost:
    """Runs decoders on streams with at most one decoder alive; a worker stays between streams.

    Args:
        limits: Limits of each stream.
        scratch: Existing folder for its own temporary files.
        watched: File descriptor that becomes readable when nobody wants results any more.

    Raises `LinuxRequiredError` on another system.
    """

    def __init__(self, limits: Limits, scratch: Path, watched: int | None = None) -> None:
        require_linux()
        self._limits, self._watched = limits, watched
        self._scratch = scratch.resolve()
        self._worker: Worker | None = None
        self._worker_of: DecoderSpec | None = None
        self._failed_starts: dict[str, list[WorkerError]] = {}
        self._folders = self._sessions = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decode(self, decoder: DecoderSpec, stream: bytes) -> Execution:
        """Decode one stream; raise `AbandonedError` if the run that wants the result has ended.

        A worker that speaks of sessions gets it as a session of one step. A decoder that SIGKILL
        ends is tried once more.
        """
        return self._twice_if_killed(lambda: [self._decode_once(decoder, stream)])[0]

    def _decode_once(self, decoder: DecoderSpec, stream: bytes) -> Execution:
        if decoder.kind is DecoderKind.COMMAND:
            return self._run_command(decoder, [stream])
        if decoder.kind is DecoderKind.WORKER and decoder.takes_sessions:
            return self._session_once(decoder, [stream])[0]
        return self._with_worker(decoder, lambda worker: [worker.decode(stream, emptied(worker.folder / "case"))])[0]

    def decode_session(self, decoder: DecoderSpec, streams: Sequence[bytes]) -> list[Execution]:
        """Decode the streams of a session, in order.

        Return the execution of each step, up to the first that does not decode. A decoder that
        takes no sessions decodes a single stream, and supports no more. A session in which SIGKILL
        ends the decoder is tried once more.
        Raises `AbandonedError` if the run that wants the result has ended.
        """
        return self._twice_if_killed(lambda: self._session_once(decoder, streams))

    def _twice_if_killed(self, work: Callable[[], list[Execution]]) -> list[Execution]:
        """Do the work again if SIGKILL from outside, as by an out-of-memory killer, ended it."""
        executions = work()
        if not ended_by_sigkill(executions[-1]):
            return executions
        *earlier, last = work()
        return [*earlier, replace(last, log=last.log.model_copy(update={"retried": KILLED_ONCE}))]

    def _session_once(self, decoder: DecoderSpec, streams: Sequence[bytes]) -> list[Execution]:
        if not decoder.takes_sessions:
            if len(streams) == 1:
                return [self._decode_once(decoder, streams[0])]
            return [Execution(DecoderEnding.UNSUPPORTED, "it takes one stream, not a session")]
        if decoder.kind is DecoderKind.COMMAND:
            executions = []
            for step in range(len(streams)):
                executions.append(self._run_command(decoder, streams[: step + 1]))
                if executions[-1].ending is not DecoderEnding.DECODED:
                    break
            return executions
        return self._with_worker(decoder, lambda worker: self._session(worker, streams))

    def _run_command(self, decoder: DecoderSpec, streams: Sequence[bytes]) -> Execution:
        self.close()
        folder = self._fresh_folder()
        execution = command.run_command(decoder, streams, folder, self._limits, self._watched)
        shutil.rmtree(folder, ignore_errors=True)
        return execution

    def _session(self, worker: Worker, streams: Sequence[bytes]) -> list[Execution]:
        """Decode a session in a folder of its own, so that nothing written late meets another."""
        self._sessions += 1
        folder = emptied(worker.folder / f"session-{self._sessions}")
        try:
            return worker.decode_session(streams, str(self._sessions), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _with_worker(self, decoder: DecoderSpec, work: Callable[[Worker], list[Execution]]) -> list[Execution]:
        """Run ``work`` with the decoder's worker, which is started if it is not running.

        If the worker does not start, the result is the execution that says so. After
        `FAILED_STARTS` failed starts in a row none is tried again.
        """
        failed = self._failed_starts.setdefault(decoder.name, [])
        if len(failed) == FAILED_STARTS:
            return [failed[-1].again()]
        try:
            worker = self._worker_for(decoder)
        except WorkerError as error:
            failed.append(error)
            return [error.execution()]
        failed.clear()
        try:
            return work(worker)
        finally:
            if not worker.alive:
                self.close()

    def _fresh_folder(self) -> Path:
        self._folders += 1
        folder = self._scratch / str(self._folders)
        folder.mkdir()
        return folder

    def _worker_for(self, decoder: DecoderSpec) -> Worker:
        """Return the decoder's running worker, or start one; raise `WorkerError`."""
        if self._worker is not None and self._worker_of == decoder:
            return self._worker
        self.close()
        folder = self._fresh_folder()
        try:
            self._worker, self._worker_of = Worker(decoder, folder, self._limits, self._watched), decoder
        except WorkerError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self._worker

    def close(self) -> None:
        """Stop the worker, if one is running, and remove its folder."""
        if self._worker is not None:
            self._worker.stop()
            shutil.rmtree(self._worker.folder, ignore_errors=True)
        self._worker, self._worker_of = None, None


def emptied(folder: Path) -> Path:
    """Make ``folder`` an empty folder, whatever was there, and return it.

    Emptying a folder costs less than making a new one.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink()
    folder.mkdir(exist_ok=True)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                Path(entry.path).unlink()
    return folder
