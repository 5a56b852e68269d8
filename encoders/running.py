"""Encoding as a kind of task, and the run of encoders.

A run gives every case to every encoder.
"""

import platform
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from nnc_conformance.encoders.cases import EncoderCase
from nnc_conformance.encoders.encoder_spec import EncoderKind, EncoderSpec
from nnc_conformance.encoders.host import EncodeJob, EncoderEnding, EncoderHost, EncodeRun
from nnc_conformance.encoders.judge import judge
from nnc_conformance.encoders.option_values import BLOCKS
from nnc_conformance.encoders.planning import CASE_BYTES, CASE_FILE, INPUT_BYTES, input_name, planned
from nnc_conformance.encoders.results import (
    RESULTS_FILE,
    RUN_FILE,
    EncoderCaseResult,
    EncoderIdentity,
    EncoderResults,
    EncoderRunDocument,
)
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import Frozen, canonical_json, sha256
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import close
from nnc_conformance.suites.results.run_document import CaseLog
from nnc_conformance.suites.running.decoder_run import RECORDED_DISTRIBUTIONS
from nnc_conformance.suites.running.journal import Journal, PlanJournalHeader
from nnc_conformance.suites.running.messages import Answer, FinishedCase, ResultT, Setup, Task
from nnc_conformance.suites.running.runner import CaseRun, Progress, RunOptions, has_failed
from nnc_conformance.suites.running.task_kind import PlannedCase, TaskKind
from nnc_conformance.suites.sandbox.linux import require_linux

JOURNAL_FILE: Final = "encoder-journal.jsonl"
REPEAT: Final = 2
"""Times that each case is run at least; the streams must be the same bytes."""
BLOCKS_FILE: Final = "blocks.json"


class EncoderExecution:
    """Gives the cases of a setup to its encoders."""

    def __init__(self, setup: Setup[EncoderSpec], scratch: Path, watched: int | None) -> None:
        self._setup = setup
        self._host = EncoderHost(setup.limits, scratch, watched)

    def executed(self, task: Task) -> tuple[EncoderCaseResult, list[list[EncodeRun]]]:
        """Execute and judge one case; return the result, and each repeat's runs of its steps.

        Raises `ModelError` if its files cannot be read.
        """
        folder, encoder = Path(self._setup.root) / task.folder, self._setup.implementations[task.implementation]
        case = EncoderCase.model_validate_json(read_regular(folder / CASE_FILE, max_bytes=CASE_BYTES))
        files = [read_regular(folder / input_name(step), max_bytes=INPUT_BYTES) for step in range(case.steps)]
        repeats = [encode_steps(self._host, encoder, case, files) for _ in range(self._setup.repeat)]
        tensors = [load_tensors(data, max_bytes=INPUT_BYTES) for data in files]
        return judge(case, tensors, encoder, repeats), repeats

    def close(self) -> None:
        """End the encoder that is still running."""
        self._host.close()


class EncodingExecutor(EncoderExecution):
    """Executes cases on encoders and judges them; see `CaseExecutor`."""

    def run_task(self, task: Task) -> FinishedCase[EncoderCaseResult]:
        """Execute and judge one case; raise `ModelError` if its files cannot be read."""
        judged, repeats = self.executed(task)
        log = max((run.log for run in repeats[0]), key=lambda one: one.seconds)
        return FinishedCase(case=judged, log=log)


def encode_steps(host: EncoderHost, encoder: EncoderSpec, case: EncoderCase, inputs: Sequence[bytes]) -> list[EncodeRun]:
    """Ask an encoder for the stream of each step; stop after the first that fails.

    The failed step is the last of the result. Each step is given the streams of those before it.

    Args:
        host: Runs the encoder.
        encoder: The encoder.
        case: The case, with its options.
        inputs: A safetensors file for each step.
    """
    blocks = {} if case.blocks is None else {BLOCKS_FILE: canonical_json(case.blocks).encode()}
    options = case.options if case.blocks is None else {**case.options, BLOCKS: BLOCKS_FILE}
    runs: list[EncodeRun] = []
    for tensors in inputs:
        base = [run.stream for run in runs if run.stream is not None]
        runs.append(host.encode(encoder, EncodeJob(tensors, options, base, blocks)))
        if runs[-1].ending is not EncoderEnding.ENCODED:
            break
    return runs


class EncodingKind(TaskKind[EncoderSpec, ResultT]):
    """Encoding as a kind of task, whatever is kept of it."""

    setup_type = Setup[EncoderSpec]

    def on_this_machine(self, implementation: EncoderSpec) -> EncoderSpec:
        """Return the in-tree encoder with the interpreter of this process in its command.

        Other encoders are returned as they are.
        """
        if implementation.kind is not EncoderKind.IN_TREE:
            return implementation
        return implementation.model_copy(update={"command": (sys.executable, *implementation.command[1:])})


class _Encoding(EncodingKind[EncoderCaseResult]):
    reference = f"{__name__}:ENCODING"
    finished_type = FinishedCase[EncoderCaseResult]
    answer_type = Answer[EncoderCaseResult]

    def executor(self, setup: Setup[EncoderSpec], scratch: Path, watched: int | None) -> EncodingExecutor:
        """Return an executor for the encoders of ``setup``."""
        return EncodingExecutor(setup, scratch, watched)


ENCODING: Final = _Encoding()
"""The kind of task: encode the tensors of a case and judge the streams."""


class _Plan(Frozen):
    """Everything that makes two runs the same run."""

    encoders: tuple[EncoderSpec, ...]
    limits: dict[str, float]
    repeat: int
    cases: dict[str, str]


class EncoderJournalHeader(PlanJournalHeader):
    """First line of a run's journal."""

    format: Literal["nnc-encoder-journal/1"] = "nnc-encoder-journal/1"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def run_encoders(
    encoders: Sequence[EncoderSpec],
    output: Path,
    *,
    filters: Sequence[str] = (),
    options: RunOptions | None = None,
    progress: Callable[[Progress[EncoderCaseResult]], None] = lambda _: None,
    on_start: Callable[[], None] = lambda: None,
) -> EncoderResults:
    """Run the cases for each encoder; write ``encoder-results.json`` and ``encoder-run.json``.

    On Ctrl-C the results written have no closing record, and `KeyboardInterrupt` is raised again.

    Args:
        encoders: Encoders with different names.
        output: Folder for results and journal; made if it does not exist.
        filters: Globs for ids of cases, as for `planned`.
        options: How to run.
        progress: Called at the start and after each case.
        on_start: Called once ``output`` is locked for this run, before earlier results there are
            removed.

    Raises `LinuxRequiredError`, `JournalError`, `EncoderError`, `HarnessError`, `SchedulerError`,
    and `OSError` if ``output`` cannot be written.
    """
    require_linux()
    options = options or RunOptions()
    repeat = max(REPEAT, options.repeat)
    output.mkdir(parents=True, exist_ok=True)
    with planned(encoders, filters) as (root, cases):
        plan = _Plan(
            encoders=tuple(encoders),
            limits=options.limits.model_dump(),
            repeat=repeat,
            cases={name: case.task.sha256 for name, case in cases.items()},
        )
        header = EncoderJournalHeader(plan_sha256=sha256(canonical_json(plan.model_dump(mode="json")).encode()), started=_now())
        with Journal(output / JOURNAL_FILE, header, ENCODING.finished_type, resume=options.resume) as journal:
            on_start()
            for name in (RESULTS_FILE, RUN_FILE):
                (output / name).unlink(missing_ok=True)
            setup = Setup[EncoderSpec](
                kind=ENCODING.reference, root=str(root), implementations=tuple(encoders), limits=options.limits, repeat=repeat
            )
            execution = CaseRun(ENCODING, setup, cases, journal, options, progress)
            complete = False
            try:
                execution.execute()
                complete = True
            finally:
                results = _results(encoders, filters, repeat, cases, execution, complete=complete)
                _write_results(output, results, encoders, execution, options, header.started)
    return results


def _results(
    encoders: Sequence[EncoderSpec],
    filters: Sequence[str],
    repeat: int,
    cases: Mapping[str, PlannedCase[EncoderCaseResult]],
    execution: CaseRun[EncoderSpec, EncoderCaseResult],
    *,
    complete: bool,
) -> EncoderResults:
    """Collect the results of a run in the planned order.

    Cases that were not executed get the outcome not run.

    Args:
        encoders: The encoders of the run.
        filters: The filters by which cases were selected, as given.
        repeat: How often each case was encoded.
        cases: The planned cases by id.
        execution: What was executed.
        complete: Whether every case was to run; only then is the list of results closed.
    """
    finished = execution.finished
    judged = tuple(
        finished[name].case if name in finished else case.not_executed(Outcome.NOT_RUN, "not executed", None)
        for name, case in cases.items()
    )
    return EncoderResults(
        encoders=tuple(map(EncoderIdentity.of, encoders)),
        filters=tuple(filters),
        repeat=repeat,
        planned=tuple(cases),
        cases=judged,
        closing=close(tuple(cases), judged) if complete else None,
    )


def _write_results(
    output: Path,
    results: EncoderResults,
    encoders: Sequence[EncoderSpec],
    execution: CaseRun[EncoderSpec, EncoderCaseResult],
    options: RunOptions,
    started: str,
) -> None:
    """Write encoder-results.json and encoder-run.json to the output folder.

    The first has only what repeats exactly; the second has times, logs, machine, versions and the
    commands that repeat failed cases.

    Args:
        output: The folder.
        results: The judged cases.
        encoders: The encoders of the run.
        execution: The finished cases with their logs.
        options: Limits and scheduler of the run.
        started: When the run began, as ISO 8601.
    """
    text = canonical_json(results.model_dump(mode="json"))
    outputs.write_text(output / RESULTS_FILE, text)
    logs: dict[str, CaseLog] = {name: one.log for name, one in execution.finished.items()}
    arguments = {encoder.name: encoder.argument for encoder in encoders}
    document = EncoderRunDocument(
        results_sha256=sha256(text.encode()),
        encoders={encoder.name: " ".join(encoder.command) for encoder in encoders},
        arguments=arguments,
        started=started,
        finished=_now(),
        host=socket.gethostname(),
        platform=platform.platform(),
        python=platform.python_version(),
        versions={name: version(name) for name in RECORDED_DISTRIBUTIONS},
        jobs=execution.jobs,
        load=execution.load_text,
        scheduler=options.scheduler,
        limits=options.limits,
        network=execution.isolation.network_text,
        processes=execution.isolation.processes_text,
        logs=logs,
        reproduce={
            name: reproduce(arguments[one.case.encoder], one.case.case) for name, one in execution.finished.items() if has_failed(one)
        },
    )
    outputs.write_text(output / RUN_FILE, canonical_json(document.model_dump(mode="json")))


def reproduce(argument: str, case: str) -> str:
    """Return the shell command that runs one case alone."""
    import shlex

    return shlex.join(["nnc-conformance", "run", "--encoder", argument, "--filter", f"id={case}"])
