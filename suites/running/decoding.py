"""Decoding as a kind of task: cases that are one vector on one decoder."""

import sys
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from nnc_conformance.reference.syntax.elements import FIRST_EDITION
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import VECTOR_BYTES, StoredVector, Suite, files_of, read_vector
from nnc_conformance.storage.vector import VECTOR_FILE, AnyVector, Edition
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import Execution
from nnc_conformance.suites.decoders.host import DecoderHost
from nnc_conformance.suites.judging.accuracy import accuracy, added_up, steps_to_measure
from nnc_conformance.suites.judging.expected_output import ExpectedOutput, read_expected_steps
from nnc_conformance.suites.judging.judge import judge_session, not_executed, unsupported_without_execution
from nnc_conformance.suites.results.answers import AccuracyRow
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import AnyCaseResult, CaseResult, case_id
from nnc_conformance.suites.results.run_document import KEPT_BYTES, NO_LOG, CaseLog
from nnc_conformance.suites.running.messages import Answer, FinishedCase, Setup, Task
from nnc_conformance.suites.running.task_kind import PlannedCase, TaskKind
from nnc_conformance.suites.sandbox.limits import Limits


class DecodingExecutor:
    """Executes cases of a suite on decoders and judges them; see `CaseExecutor`."""

    def __init__(self, setup: Setup[DecoderSpec], scratch: Path, watched: int | None) -> None:
        self._setup = setup
        self._host = DecoderHost(setup.limits, scratch, watched)

    def run_task(self, task: Task) -> FinishedCase[CaseResult]:
        """Execute and judge one case.

        Raises `SuiteError` or `ModelError` if the vector cannot be read, and `AbandonedError`.
        """
        folder = Path(self._setup.root) / task.folder
        stored = StoredVector(read_vector(folder, expected_sha256=task.sha256), folder)
        vector, decoder = stored.vector, self._setup.implementations[task.implementation]
        if unsupported := unsupported_without_execution(vector, decoder):
            return FinishedCase(case=unsupported, log=NO_LOG)
        streams = stored.streams()
        sessions = [self._decode(decoder, vector, streams) for _ in range(self._setup.repeat)]
        expected = read_expected_steps(stored)
        result = judge_session(vector, decoder, expected, sessions)
        session = sessions[0]
        decided = session[max(len(result.judged_steps), 1) - 1]
        rows = _accuracy(vector, decoder, expected, session) if len(session) == len(expected) else ()
        return FinishedCase(case=result.model_copy(update={"accuracy": rows}), log=_log(result, decided))

    def _decode(self, decoder: DecoderSpec, vector: AnyVector, streams: Sequence[bytes]) -> Sequence[Execution]:
        """Decode a vector's streams as a session, or each alone in the first edition.

        Return the execution of each stream, of a session up to the first that is not decoded.
        """
        if vector.edition == FIRST_EDITION:
            return [self._host.decode(decoder, stream) for stream in streams]
        return self._host.decode_session(decoder, streams)

    def close(self) -> None:
        """End the decoder that is still running."""
        self._host.close()


def _log(result: CaseResult, execution: Execution) -> CaseLog:
    """Return the case's log, with the output of a failing case if it is small."""
    tensors = execution.tensors
    if not OUTCOMES[result.outcome].fails or result.output_sha256 is None or tensors is None:
        return execution.log
    if sum(array.nbytes for array in tensors.values()) > KEPT_BYTES:
        return execution.log
    return execution.log.keeping(dump_safetensors(tensors))


def _accuracy(
    vector: AnyVector, decoder: DecoderSpec, expected: Sequence[ExpectedOutput], session: Sequence[Execution]
) -> tuple[AccuracyRow, ...]:
    """Return the accuracy of the vector's network with the decoded parameters, if it has one.

    The parameters of a decoder that declares ``topology`` go into the graph that it gave. Those of
    a session are the model after a step: after each if the network is a sequence, else after the
    last. Differences are added up where a decoder gives no model.
    """
    if vector.network is None:
        return ()
    graphs = [step.topology for step in expected if step.topology is not None]
    if not graphs:
        return ()
    rows: list[AccuracyRow] = []
    for step in steps_to_measure(vector.network, len(expected)):
        reference = expected[step].model or expected[step].tensors
        done = session[: step + 1]
        decoded = done[-1].model or added_up(expected[: step + 1], [execution.tensors for execution in done])
        given = next((execution.topology for execution in reversed(done) if execution.topology is not None), None)
        own = given if "topology" in decoder.capabilities else None
        if reference is not None and decoded is not None:
            rows += accuracy(vector.network, graphs[-1], reference, decoded, step=step, decoded_topology=own)
    return tuple(rows)


class _Decoding(TaskKind[DecoderSpec, CaseResult]):
    reference = f"{__name__}:DECODING"
    setup_type = Setup[DecoderSpec]
    finished_type = FinishedCase[AnyCaseResult]
    answer_type = Answer[AnyCaseResult]

    def executor(self, setup: Setup[DecoderSpec], scratch: Path, watched: int | None) -> DecodingExecutor:
        """Return an executor for the decoders of ``setup``."""
        return DecodingExecutor(setup, scratch, watched)

    def on_this_machine(self, implementation: DecoderSpec) -> DecoderSpec:
        """Return a decoder whose command begins with the interpreter of this process.

        Only the in-tree decoder and Python functions change, since they run in this package's
        interpreter.
        """
        if implementation.kind not in (DecoderKind.IN_TREE, DecoderKind.PYTHON):
            return implementation
        return implementation.model_copy(update={"command": (sys.executable, *implementation.command[1:])})


DECODING: Final = _Decoding()
"""The kind of task: decode a vector's stream and judge what comes of it."""


def decoding_setup(suite: Suite, decoders: Sequence[DecoderSpec], limits: Limits, repeat: int, scratch: str = "") -> Setup[DecoderSpec]:
    """Build the setup that all cases of a run share.

    Args:
        suite: The suite with the vectors.
        decoders: The decoders under test.
        limits: Limits of each case.
        repeat: Times to run each case.
        scratch: Existing folder for temporary files.
    """
    return Setup[DecoderSpec](
        kind=DECODING.reference,
        root=str(suite.root.resolve()),
        implementations=tuple(decoders),
        limits=limits,
        repeat=repeat,
        scratch=scratch,
    )


def plan(suite: Suite, decoders: Sequence[DecoderSpec], editions: Collection[Edition] | None = None) -> dict[str, PlannedCase[CaseResult]]:
    """Return every case of ``suite`` on ``decoders`` by id, decoder by decoder.

    ``editions`` are those that decoders are judged on, None for each decoder's own.
    """
    hashes = {entry.id: entry.sha256 for entry in suite.manifest.vectors}
    cases = {}
    for index, decoder in enumerate(decoders):
        judged = decoder.editions if editions is None else editions
        for stored in suite.vectors:
            vector = stored.vector
            if vector.edition not in judged:
                continue
            name = case_id(vector.id, decoder.name)
            task = Task(folder=f"{vector.level}/{vector.id}", sha256=hashes[vector.id], implementation=index)
            cases[name] = PlannedCase(name, task, partial(_files, stored), partial(not_executed, vector, decoder))
    return cases


def _files(stored: StoredVector) -> Mapping[str, bytes]:
    """Read the files of a vector's folder by name; raise `SuiteError` or `ModelError`."""
    return {
        VECTOR_FILE: read_regular(stored.folder / VECTOR_FILE, max_bytes=VECTOR_BYTES),
        **{file.name: stored.read(file) for file in files_of(stored.vector)},
    }
