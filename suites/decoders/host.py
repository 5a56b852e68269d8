"""Host of decoders: gives streams to decoders of every kind, one at a time."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nnc_conformance.suites.decoders import command
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution, ended_by_sigkill
from nnc_conformance.suites.decoders.worker import Worker
from nnc_conformance.suites.decoders.worker_host import WorkerHost
from nnc_conformance.suites.decoders.worker_process import WorkerError

KILLED_ONCE: Final = "SIGKILL ended the first try"
"""Why a log says that its case was tried again."""


class DecoderHost(WorkerHost[DecoderSpec, Worker]):
    """Runs decoders on streams; see `WorkerHost`."""

    _sessions = 0

    def _start(self, implementation: DecoderSpec, folder: Path) -> Worker:
        return Worker(implementation, folder, self._limits, self._watched)

    def decode(self, decoder: DecoderSpec, stream: bytes) -> Execution:
        """Decode one stream; raise `AbandonedError` if the run that wants the result has ended.

        A worker that speaks of sessions gets it as a session of one step. A decoder that SIGKILL
        ends is tried once more.
        """
        return self._twice_if_killed(lambda: [self._decode_once(decoder, stream)])[0]

    def _decode_once(self, decoder: DecoderSpec, stream: bytes) -> Execution:
        """Decode one stream once, by the command or worker of the decoder."""
        if decoder.kind is DecoderKind.COMMAND:
            return self._run_command(decoder, [stream])
        if decoder.kind is DecoderKind.WORKER and decoder.takes_sessions:
            return self._session_once(decoder, [stream])[0]
        return self._ask_worker(decoder, lambda worker: [worker.decode(stream, emptied(worker.folder / "case"))])[0]

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
        """Decode the streams of a session once, in order, and return what each step gave.

        A command is started again for each step, with all streams up to it; the first step that is
        not decoded is the last. A decoder that takes no sessions gets a session of one stream as a
        plain stream, and a longer one counts as unsupported.
        """
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
        return self._ask_worker(decoder, lambda worker: self._session(worker, streams))

    def _run_command(self, decoder: DecoderSpec, streams: Sequence[bytes]) -> Execution:
        return self._in_fresh_folder(lambda folder: command.run_command(decoder, streams, folder, self._limits, self._watched))

    def _session(self, worker: Worker, streams: Sequence[bytes]) -> list[Execution]:
        """Decode a session in a folder of its own, safe from late writes of others."""
        self._sessions += 1
        folder = emptied(worker.folder / f"session-{self._sessions}")
        try:
            return worker.decode_session(streams, str(self._sessions), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _ask_worker(self, decoder: DecoderSpec, work: Callable[[Worker], list[Execution]]) -> list[Execution]:
        """Do ``work`` with the decoder's worker.

        If it does not start, return the execution that says so.
        """
        try:
            return self._with_worker(decoder, work)
        except WorkerError as error:
            return [error.execution()]


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
