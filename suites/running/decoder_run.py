"""Run of decoders: every selected vector on every decoder, to ``results.json`` and ``run.json``."""

import hashlib
import platform
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.storage.documents import Frozen, canonical_json
from nnc_conformance.storage.suite_folder import Suite, SuiteError, built_in_root
from nnc_conformance.storage.vector import Edition, Level
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.locating.locate import locate_faults
from nnc_conformance.suites.results.expected_failures import NONE_KNOWN, ExpectedFailures
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import (
    CaseResult,
    DecoderIdentity,
    EditionedSuite,
    Results,
    SessionCaseResult,
    SessionResults,
    SuiteIdentity,
    close,
    with_steps,
)
from nnc_conformance.suites.results.result_files import RESULTS_FILE, RUN_FILE, write_results, write_run
from nnc_conformance.suites.results.run_document import DecoderRun, RunDocument
from nnc_conformance.suites.running.decoding import DECODING, decoding_setup, plan
from nnc_conformance.suites.running.invocation import Invocation
from nnc_conformance.suites.running.journal import Journal, PlanJournalHeader
from nnc_conformance.suites.running.messages import FinishedCase
from nnc_conformance.suites.running.runner import CaseRun, Progress, RunOptions, has_failed
from nnc_conformance.suites.running.selection import Filter
from nnc_conformance.suites.running.task_kind import PlannedCase
from nnc_conformance.suites.sandbox.limits import Limits
from nnc_conformance.suites.sandbox.linux import require_linux

JOURNAL_FILE: Final = "journal.jsonl"
RECORDED_DISTRIBUTIONS: Final = (DISTRIBUTION, "numpy", "numba", "onnx", "onnxruntime", "pydantic")
"""Distributions whose versions ``run.json`` records."""


class RunPlan(Frozen):
    """Everything that makes two runs the same run."""

    suite: SuiteIdentity
    decoders: tuple[DecoderIdentity, ...]
    commands: tuple[tuple[str, ...], ...]
    limits: Limits
    planned: tuple[str, ...]

    def sha256(self) -> str:
        """Return the hash by which a journal knows its run."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json")).encode()).hexdigest()


class RunJournalHeader(PlanJournalHeader):
    """First line of a run's journal."""

    format: Literal["nnc-journal/1"] = "nnc-journal/1"


def invocation_of(suite: Suite, decoders: Sequence[DecoderSpec], options: RunOptions) -> Invocation:
    """Return what a run was asked, in the words of the command line."""
    source = "" if suite.source == built_in_root() else str(suite.source)
    return Invocation(source, {decoder.name: decoder.argument for decoder in decoders}, options.limits, options.repeat)


def run(
    suite: Suite,
    decoders: Sequence[DecoderSpec],
    output: Path,
    *,
    levels: Sequence[Level],
    filters: Sequence[Filter] = (),
    editions: Collection[Edition] | None = None,
    options: RunOptions | None = None,
    expected_failures: ExpectedFailures | None = None,
    progress: Callable[[Progress[CaseResult]], None] = lambda _: None,
    on_start: Callable[[], None] = lambda: None,
) -> Results:
    """Run the vectors of ``suite`` on ``decoders``; write ``results.json`` and ``run.json``.

    On Ctrl-C the results written have no closing record, and `KeyboardInterrupt` is raised again.

    Args:
        suite: The selected vectors.
        decoders: Decoders with different names.
        output: Folder for results and journal; made if it does not exist.
        levels: Levels that selected the vectors, recorded in the results.
        filters: Filters that selected the vectors, recorded in the results.
        editions: Editions of the standard that every decoder is judged on; None for each decoder's
            own.
        options: How to run.
        expected_failures: Failures that do not fail the run; ``run.json`` records what became of
            them.
        progress: Called at the start and after each case.
        on_start: Called once ``output`` is locked for this run, before earlier results there are
            removed: the caller removes what it derived from these.

    Raises `LinuxRequiredError`, `JournalError`, `SuiteError`, `HarnessError`, `SchedulerError`, and
    `OSError` if ``output`` cannot be written.
    """
    require_linux()
    options = options or RunOptions()
    _check_encodable([str(suite.root.resolve()), *(word for decoder in decoders for word in decoder.command)])
    output.mkdir(parents=True, exist_ok=True)
    cases = plan(suite, decoders, editions)
    tested = {stored.vector.edition for stored in suite.vectors}
    run_plan = RunPlan(
        suite=SuiteIdentity(
            manifest_sha256=suite.manifest_sha256,
            levels=tuple(sorted(set(levels))),
            filters=tuple(sorted(map(str, filters))),
            repeat=options.repeat,
        ),
        decoders=tuple(decoder.identity(tested) for decoder in decoders),
        commands=tuple(decoder.command for decoder in decoders),
        limits=options.limits,
        planned=tuple(cases),
    )
    header = RunJournalHeader(plan_sha256=run_plan.sha256(), started=_now())
    with Journal(output / JOURNAL_FILE, header, DECODING.finished_type, resume=options.resume) as journal:
        on_start()
        for name in (RESULTS_FILE, RUN_FILE):
            (output / name).unlink(missing_ok=True)
        setup = decoding_setup(suite, decoders, options.limits, options.repeat)
        execution = CaseRun(DECODING, setup, cases, journal, options, progress)
        record = _Record(suite, decoders, output, options, cases, run_plan, header.started, expected_failures)
        try:
            execution.execute()
        except KeyboardInterrupt:
            record.write(execution, complete=False)
            raise
        return record.write(execution, complete=True)


def _check_encodable(names: Iterable[str]) -> None:
    """Raise `SuiteError` for a file name that is not UTF-8, which JSON messages cannot hold."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise SuiteError(f"{name}: the name is not valid UTF-8; rename it") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class _Record:
    """Writer of the files that a run leaves."""

    suite: Suite
    decoders: Sequence[DecoderSpec]
    output: Path
    options: RunOptions
    cases: Mapping[str, PlannedCase[CaseResult]]
    plan: RunPlan
    started: str
    expected_failures: ExpectedFailures | None

    def write(self, execution: CaseRun[DecoderSpec, CaseResult], *, complete: bool) -> Results:
        """Write both files; cases that were planned but not executed are `not_run`."""
        finished = execution.finished
        judged = [
            finished[name].case if name in finished else case.not_executed(Outcome.NOT_RUN, "not executed", None)
            for name, case in self.cases.items()
        ]
        results = Results(
            suite=self.plan.suite,
            decoders=self.plan.decoders,
            planned=tuple(sorted(self.plan.planned)),
            cases=tuple(sorted(judged, key=lambda case: (case.decoder, case.level, case.vector))),
        )
        if any(isinstance(case, SessionCaseResult) for case in judged):
            editions = sorted({case.tested_edition for case in judged})
            results = SessionResults(
                suite=EditionedSuite(**dict(results.suite), editions=tuple(editions)),
                decoders=results.decoders,
                planned=results.planned,
                cases=tuple(map(with_steps, results.cases)),
            )
        if complete:
            vectors = {stored.vector.id: stored for stored in self.suite.vectors}
            results = results.model_copy(
                update={"located": locate_faults(results.cases, vectors), "closing": close(results.planned, results.cases)}
            )
        digest = write_results(self.output, results)
        write_run(self.output, self._document(digest, execution, finished, results))
        return results

    def _document(
        self,
        results_sha256: str,
        execution: CaseRun[DecoderSpec, CaseResult],
        finished: Mapping[str, FinishedCase[CaseResult]],
        results: Results,
    ) -> RunDocument:
        """Make the run.json of a run: times, machine, versions, logs and commands to repeat.

        Args:
            results_sha256: The hash of results.json, which ties the two files together.
            execution: How the run was executed.
            finished: The finished cases by id.
            results: The content of results.json.
        """
        expected = self.expected_failures
        invocation = invocation_of(self.suite, self.decoders, self.options)
        return RunDocument(
            results_sha256=results_sha256,
            suite=invocation.suite,
            decoders=tuple(DecoderRun(name=d.name, argument=d.argument, command=" ".join(d.command)) for d in self.decoders),
            started=self.started,
            finished=_now(),
            host=socket.gethostname(),
            platform=platform.platform(),
            python=platform.python_version(),
            versions={name: version(name) for name in RECORDED_DISTRIBUTIONS},
            not_selected=len({entry.id for entry in self.suite.manifest.vectors} - {stored.vector.id for stored in self.suite.vectors}),
            jobs=execution.jobs,
            load=execution.load_text,
            scheduler=self.options.scheduler,
            limits=self.options.limits,
            network=execution.isolation.network_text,
            processes=execution.isolation.processes_text,
            logs={name: one.log for name, one in finished.items()},
            reproduce={name: invocation.command(one.case) for name, one in finished.items() if has_failed(one)},
            expected_failures=NONE_KNOWN if expected is None else expected.compare(results.cases, datetime.now(UTC).date()),
        )
