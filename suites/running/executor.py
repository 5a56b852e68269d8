"""One case from task to result: read the vector, let the decoder decode, judge."""

import os
import shutil
from pathlib import Path
from typing import Final

from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import StoredVector, read_vector
from nnc_conformance.storage.vector import Vector
from nnc_conformance.suites.decoders import command
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import Execution
from nnc_conformance.suites.decoders.worker import Worker, WorkerError
from nnc_conformance.suites.judging.accuracy import accuracy
from nnc_conformance.suites.judging.expected_output import ExpectedOutput, read_expected_output
from nnc_conformance.suites.judging.judge import judge, unsupported_without_execution
from nnc_conformance.suites.results.answers import AccuracyRow
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.run_document import KEPT_BYTES, NO_LOG, CaseLog
from nnc_conformance.suites.running.task import Setup, Task

FRUITLESS_STARTS: Final = 3
"""A worker that failed to start so often in a row is not started again: its further cases end as the last did."""


class Executor:
    """Executes tasks, one at a time, with at most one decoder alive.

    ``scratch`` is an existing folder of its own; ``watched`` is a file descriptor that becomes readable when nobody waits any more.
    """

    def __init__(self, setup: Setup, scratch: Path, watched: int | None = None) -> None:
        self._setup, self._watched = setup, watched
        self._scratch = scratch.resolve()
        self._worker: Worker | None = None
        self._worker_of: DecoderSpec | None = None
        self._failed_starts: dict[str, list[WorkerError]] = {}
        self._folders = 0

    def execute(self, task: Task) -> tuple[CaseResult, CaseLog]:
        """Returns the result and the log of a case.

        Raises `SuiteError` or `ModelError` where the vector itself cannot be read, `AbandonedError` when nobody waits any more.
        """
        folder = Path(self._setup.suite) / task.level / task.vector
        stored = StoredVector(read_vector(folder, expected_sha256=task.sha256), folder)
        vector, decoder = stored.vector, self._setup.decoders[task.decoder]
        if unsupported := unsupported_without_execution(vector, decoder):
            return unsupported, NO_LOG
        stream = stored.read(vector.stream)
        executions = [self.decode(decoder, stream) for _ in range(self._setup.repeat)]
        expectation = read_expected_output(stored)
        result = judge(vector, decoder, expectation, executions)
        return result.model_copy(update={"accuracy": _accuracy(vector, decoder, expectation, executions[0])}), _log(result, executions[0])

    def decode(self, decoder: DecoderSpec, stream: bytes) -> Execution:
        """Gives one stream to a decoder; raises `AbandonedError` when nobody waits any more."""
        if decoder.kind is DecoderKind.COMMAND:
            self.close()
            folder = self._fresh_folder()
            execution = command.run_command(decoder, stream, folder, self._setup.limits, self._watched)
            shutil.rmtree(folder, ignore_errors=True)
            return execution
        try:
            worker = self._worker_for(decoder)
        except WorkerError as error:
            return error.execution()
        return self._ask(worker, stream)

    def _ask(self, worker: Worker, stream: bytes) -> Execution:
        try:
            return worker.decode(stream, emptied(worker.folder / "case"))
        finally:
            if not worker.alive:
                self.close()

    def _fresh_folder(self) -> Path:
        self._folders += 1
        folder = self._scratch / str(self._folders)
        folder.mkdir()
        return folder

    def _worker_for(self, decoder: DecoderSpec) -> Worker:
        if self._worker is not None and self._worker_of == decoder:
            return self._worker
        self.close()
        failed = self._failed_starts.setdefault(decoder.name, [])
        if len(failed) == FRUITLESS_STARTS:
            raise failed[-1]
        folder = self._fresh_folder()
        try:
            self._worker = Worker(decoder, folder, self._setup.limits, self._watched)
        except WorkerError as error:
            failed.append(error)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        failed.clear()
        self._worker_of = decoder
        return self._worker

    def close(self) -> None:
        """Stops the worker, if one is alive, and removes its folder."""
        if self._worker is not None:
            self._worker.stop()
            shutil.rmtree(self._worker.folder, ignore_errors=True)
        self._worker, self._worker_of = None, None


def emptied(folder: Path) -> Path:
    """Makes ``folder`` an empty folder whatever is there, and returns it; one that is kept is cheaper than one that is made anew."""
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


def _log(result: CaseResult, execution: Execution) -> CaseLog:
    """The case's log, with a failing case's output where it is small."""
    tensors = execution.tensors
    if not OUTCOMES[result.outcome].fails or result.output_sha256 is None or tensors is None:
        return execution.log
    if sum(array.nbytes for array in tensors.values()) > KEPT_BYTES:
        return execution.log
    return execution.log.keeping(dump_safetensors(tensors))


def _accuracy(vector: Vector, decoder: DecoderSpec, expectation: ExpectedOutput, execution: Execution) -> tuple[AccuracyRow, ...]:
    """Returns what the vector's network, if it names one, answers; nothing where there is nothing to put into it.

    The parameters of a decoder that declares ``topology`` go into the graph that it gave out.
    """
    if vector.network is None or expectation.tensors is None or expectation.topology is None or execution.tensors is None:
        return ()
    given = execution.topology if "topology" in decoder.capabilities else None
    return accuracy(vector.network, expectation.topology, expectation.tensors, execution.tensors, decoded_topology=given)
