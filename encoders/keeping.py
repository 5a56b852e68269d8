"""Encoding of given cases, with the streams kept: for evidence that others can judge again."""

import tempfile
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from nnc_conformance.encoders.cases import CaseInput
from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.planning import planned_case
from nnc_conformance.encoders.results import EncoderCaseResult
from nnc_conformance.encoders.running import JOURNAL_FILE, REPEAT, EncoderExecution, EncoderJournalHeader, EncodingKind
from nnc_conformance.storage.documents import sha256
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.running.journal import Journal
from nnc_conformance.suites.running.messages import Answer, FinishedCase, Setup, Task
from nnc_conformance.suites.running.runner import CaseRun, RunOptions
from nnc_conformance.suites.running.task_kind import PlannedCase
from nnc_conformance.suites.sandbox.linux import require_linux


class KeptCaseResult(EncoderCaseResult):
    """Result of one case on one encoder, with its streams.

    Attributes:
        streams: The stream of each step in base64, of the first of the repeats.
    """

    streams: tuple[str, ...] = ()


class KeepingExecutor(EncoderExecution):
    """Executes cases on encoders, judges them and keeps the streams; see `CaseExecutor`."""

    def run_task(self, task: Task) -> FinishedCase[KeptCaseResult]:
        """Execute and judge one case; raise `ModelError` if its files cannot be read."""
        judged, repeats = self.executed(task)
        streams = tuple(b64encode(run.stream).decode() for run in repeats[0] if run.stream is not None)
        return FinishedCase(case=KeptCaseResult(**judged.model_dump(), streams=streams), log=repeats[0][-1].log)


class _Keeping(EncodingKind[KeptCaseResult]):
    reference = f"{__name__}:KEEPING"
    finished_type = FinishedCase[KeptCaseResult]
    answer_type = Answer[KeptCaseResult]

    def executor(self, setup: Setup[EncoderSpec], scratch: Path, watched: int | None) -> KeepingExecutor:
        """Return an executor for the encoders of ``setup``."""
        return KeepingExecutor(setup, scratch, watched)


KEEPING = _Keeping()
"""The kind of task: encode the tensors of a case, judge the streams and keep them."""


def _not_executed(plain: PlannedCase[EncoderCaseResult], outcome: Outcome, message: str, fault: Fault | None) -> KeptCaseResult:
    return KeptCaseResult(**plain.not_executed(outcome, message, fault).model_dump())


def _planned(root: Path, encoder: EncoderSpec, one: CaseInput) -> PlannedCase[KeptCaseResult]:
    plain = planned_case(root, 0, encoder, one)
    return PlannedCase(plain.id, plain.task, plain.files, partial(_not_executed, plain))


def encode_and_keep(encoder: EncoderSpec, cases: Sequence[CaseInput], options: RunOptions | None = None) -> tuple[KeptCaseResult, ...]:
    """Judge an encoder with the given cases; return their results with the streams, in order.

    Raises `LinuxRequiredError`, `HarnessError`, `SchedulerError`.
    """
    require_linux()
    options = options or RunOptions()
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-encoders-") as name:
        root = Path(name).resolve()
        planned = {each.id: each for each in (_planned(root, encoder, one) for one in cases)}
        header = EncoderJournalHeader(plan_sha256=sha256("".join(planned).encode()), started=datetime.now(UTC).isoformat())
        setup = Setup[EncoderSpec](
            kind=KEEPING.reference, root=str(root), implementations=(encoder,), limits=options.limits, repeat=max(REPEAT, options.repeat)
        )
        with Journal(root / JOURNAL_FILE, header, KEEPING.finished_type, resume=False) as journal:
            execution = CaseRun(KEEPING, setup, planned, journal, options, lambda _: None)
            execution.execute()
    return tuple(execution.finished[each].case for each in planned)
