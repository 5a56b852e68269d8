"""A run: every vector of a selection on every decoder, to ``results.json`` and ``run.json``."""

import os
import platform
import socket
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.storage.suite_folder import StoredVector, Suite, SuiteError, built_in_root
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.judging.judge import not_executed
from nnc_conformance.suites.locating.locate import locate_faults
from nnc_conformance.suites.results.fault_table import FAULTS, Fault
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, DecoderIdentity, Results, SuiteIdentity, case_id, close
from nnc_conformance.suites.results.result_files import RESULTS_FILE, RUN_FILE, write_results, write_run
from nnc_conformance.suites.results.run_document import NO_LOG, DecoderRun, RunDocument
from nnc_conformance.suites.running.invocation import Invocation
from nnc_conformance.suites.running.journal import Entry, Journal, PlanIdentity
from nnc_conformance.suites.running.process_pool import ProcessPool
from nnc_conformance.suites.running.selection import Filter
from nnc_conformance.suites.running.task import Setup, Task
from nnc_conformance.suites.sandbox.isolation import Isolation
from nnc_conformance.suites.sandbox.limits import Limits

if TYPE_CHECKING:
    from nnc_conformance.suites.running.dask_pool import DaskPool

_VERSIONS: Final = (DISTRIBUTION, "numpy", "numba", "onnx", "onnxruntime", "safetensors", "pydantic")


@dataclass(frozen=True)
class RunOptions:
    """How to run: cases at once, bounds on each, repeats of each, whether to stop at the first failure, whether to go on from a journal.

    ``scheduler``: the address of a Dask scheduler whose cluster runs the cases ("": this machine does, ``jobs`` at once).
    """

    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    limits: Limits = field(default_factory=Limits)
    repeat: int = 1
    fail_fast: bool = False
    resume: bool = False
    scheduler: str = ""


@dataclass(frozen=True)
class Progress:
    """A step of a run: cases done of planned, seconds so far, the case that just ended (None at the start), how many a journal gave."""

    done: int
    planned: int
    seconds: float
    case: CaseResult | None
    resumed: int


@dataclass(frozen=True)
class Planned:
    """A case to be executed: its task, vector and decoder."""

    task: Task
    stored: StoredVector
    decoder: DecoderSpec

    @property
    def id(self) -> str:
        """The case's id."""
        return case_id(self.stored.vector.id, self.decoder.name)


def plan(suite: Suite, decoders: Sequence[DecoderSpec]) -> dict[str, Planned]:
    """Returns every case by id, decoder by decoder."""
    hashes = {entry.id: entry.sha256 for entry in suite.manifest.vectors}
    cases = [
        Planned(Task(level=s.vector.level, vector=s.vector.id, sha256=hashes[s.vector.id], decoder=index), s, decoder)
        for index, decoder in enumerate(decoders)
        for s in suite.vectors
    ]
    return {case.id: case for case in cases}


def lost(case: Planned) -> CaseResult:
    """Returns the result of a case that took the process of the harness with it."""
    fault = Fault.HARNESS_ENDED
    return not_executed(case.stored.vector, case.decoder, Outcome.CRASH, FAULTS[fault].what, fault)


def identity(decoder: DecoderSpec) -> DecoderIdentity:
    """Returns what results say of a decoder."""
    return DecoderIdentity(
        name=decoder.name, version=decoder.version, kind=decoder.kind, capabilities=decoder.capabilities, declared=decoder.declared
    )


def invocation_of(suite: Suite, decoders: Sequence[DecoderSpec], options: RunOptions) -> Invocation:
    """Returns what a run is asked, in the command line's words."""
    source = "" if suite.source == built_in_root() else str(suite.source)
    return Invocation(source, {decoder.name: decoder.argument for decoder in decoders}, options.limits, options.repeat)


def run(
    suite: Suite,
    decoders: Sequence[DecoderSpec],
    output: Path,
    *,
    levels: Sequence[Level],
    filters: Sequence[Filter] = (),
    options: RunOptions | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    outdated: Collection[str] = (),
) -> Results:
    """Runs the vectors of ``suite`` on ``decoders`` and writes ``results.json`` and ``run.json`` to the folder ``output``.

    ``levels`` and ``filters`` are those that chose the vectors, to be told in the results; ``outdated`` names files in ``output``, made of
    results there, which go with these. On Ctrl-C the results written have no closing record, and `KeyboardInterrupt` goes on.
    Raises `JournalError`, `SuiteError`, `HarnessError`, `SchedulerError`, and `OSError` where ``output`` cannot be written.
    """
    options = options or RunOptions()
    _check_names([str(suite.root.resolve()), *(word for decoder in decoders for word in decoder.command)])
    output.mkdir(parents=True, exist_ok=True)
    cases = plan(suite, decoders)
    run_identity = PlanIdentity(
        suite=SuiteIdentity(
            manifest_sha256=suite.manifest_sha256,
            levels=tuple(sorted(set(levels))),
            filters=tuple(sorted(map(str, filters))),
            repeat=options.repeat,
        ),
        decoders=tuple(map(identity, decoders)),
        commands=tuple(decoder.command for decoder in decoders),
        limits=options.limits,
        planned=tuple(cases),
    )
    started = _now()
    journal = Journal(output, run_identity, started, resume=options.resume)
    try:
        for name in (*outdated, RESULTS_FILE, RUN_FILE):
            (output / name).unlink(missing_ok=True)
        return _Run(suite, decoders, output, options, cases, run_identity, journal, started, progress).go()
    finally:
        journal.close()


def _check_names(names: Iterable[str]) -> None:
    """Files are named in messages to the processes that decode, and in run.json; raises `SuiteError` for what JSON cannot hold."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise SuiteError(f"{name}: a name that is not in UTF-8") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class _Run:
    suite: Suite
    decoders: Sequence[DecoderSpec]
    output: Path
    options: RunOptions
    cases: dict[str, Planned]
    plan: PlanIdentity
    journal: Journal
    started: str
    progress: Callable[[Progress], None]
    isolation: Isolation = field(default_factory=Isolation)
    jobs: int = 0

    def go(self) -> Results:
        entries = dict(self.journal.entries)
        try:
            self._execute(entries)
        except KeyboardInterrupt:
            self._write(entries, whole=False)
            raise
        return self._write(entries, whole=True)

    def _execute(self, entries: dict[str, Entry]) -> None:
        """Runs the cases that ``entries`` lacks and adds them there."""
        began, resumed = time.monotonic(), len(entries)
        self.progress(Progress(resumed, len(self.cases), 0.0, None, resumed))
        if self.options.fail_fast and any(map(_failed, entries.values())):
            return
        open_tasks = [case.task for name, case in self.cases.items() if name not in entries]
        with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch:
            setup = Setup(
                suite=os.fspath(self.suite.root.resolve()),
                decoders=tuple(self.decoders),
                limits=self.options.limits,
                repeat=self.options.repeat,
                scratch=scratch,
            )
            with self._pool(setup) as pool:
                self.jobs = pool.jobs
                for task, finished in pool.run(open_tasks):
                    name = case_id(task.vector, self.decoders[task.decoder].name)
                    case, log = (finished.case, finished.log) if finished is not None else (lost(self.cases[name]), NO_LOG)
                    entry = Entry(case=case, log=log)
                    entries[name] = entry
                    self.journal.add(entry.case, entry.log)
                    self.isolation = pool.isolation
                    self.progress(Progress(len(entries), len(self.cases), time.monotonic() - began, entry.case, resumed))
                    if self.options.fail_fast and _failed(entry):
                        return

    def _pool(self, setup: Setup) -> "ProcessPool | DaskPool":
        """Returns what executes the cases."""
        if not self.options.scheduler:
            return ProcessPool(setup, self.options.jobs)
        from nnc_conformance.suites.running.dask_pool import DaskPool

        return DaskPool(setup, self.suite, self.options.scheduler)

    def _write(self, entries: dict[str, Entry], *, whole: bool) -> Results:
        """Writes both files; cases that were planned and not executed are `not_run`."""
        done = [
            entries[name].case if name in entries else not_executed(case.stored.vector, case.decoder, Outcome.NOT_RUN, "not executed")
            for name, case in self.cases.items()
        ]
        results = Results(
            suite=self.plan.suite,
            decoders=self.plan.decoders,
            planned=tuple(sorted(self.plan.planned)),
            cases=tuple(sorted(done, key=lambda case: (case.decoder, case.level, case.vector))),
        )
        if whole:
            vectors = {stored.vector.id: stored for stored in self.suite.vectors}
            update = {"located": locate_faults(results.cases, vectors), "closing": close(results.planned, results.cases)}
            results = results.model_copy(update=update)
        digest = write_results(self.output, results)
        write_run(self.output, self._document(digest, entries))
        return results

    def _document(self, results_sha256: str, entries: dict[str, Entry]) -> RunDocument:
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
            versions={name: version(name) for name in _VERSIONS},
            jobs=self.jobs,
            scheduler=self.options.scheduler,
            limits=self.options.limits,
            network=self.isolation.network_text,
            processes=self.isolation.processes_text,
            logs={name: entry.log for name, entry in entries.items()},
            reproduce={name: invocation.command(entry.case) for name, entry in entries.items() if _failed(entry)},
        )


def _failed(entry: Entry) -> bool:
    return OUTCOMES[entry.case.outcome].fails
