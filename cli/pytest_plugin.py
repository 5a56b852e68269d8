"""The pytest plugin: ``pytest --nnc-decoder D`` judges a decoder, one test for each vector.

Pytest loads this module in every run of an environment with this package, so heavy modules are
imported only for ``--nnc-decoder``.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nnc_conformance.storage.suite_folder import Suite
    from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
    from nnc_conformance.suites.results.expected_failures import ExpectedFailures
    from nnc_conformance.suites.results.result import CaseResult
    from nnc_conformance.suites.running.invocation import Invocation
    from nnc_conformance.suites.running.pool_process import RestartingProcess
    from nnc_conformance.suites.running.task_kind import PlannedCase


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options like those of ``nnc-conformance run``, with the prefix ``--nnc-``."""
    group = parser.getgroup("nnc", "NNC conformance (ISO/IEC 15938-17)")
    group.addoption(
        "--nnc-decoder",
        action="append",
        default=[],
        metavar="D",
        help="judge a decoder: in-tree, command:TEMPLATE with {stream} and {output}, or the path of a decoder.toml; repeatable",
    )
    group.addoption("--nnc-suite", metavar="SUITE", help="folder or package of the suite; default: the built-in vectors")
    group.addoption("--nnc-level", action="append", metavar="LEVEL", help="only this level; default: core and negative; repeatable")
    group.addoption(
        "--nnc-edition",
        action="append",
        choices=["2022", "2024"],
        help="only vectors of this edition of the standard; default: 2022, and 2024 for a decoder that declares a capability of it; "
        "repeatable",
    )
    group.addoption(
        "--nnc-filter",
        action="append",
        default=[],
        metavar="KEY=GLOB",
        help="only vectors whose KEY (id, clause, flag, level, element or target) matches; !KEY=GLOB excludes them; repeatable",
    )
    group.addoption("--nnc-time-limit", type=float, metavar="S", help="seconds per vector; default: 60")
    group.addoption("--nnc-memory-limit", type=int, metavar="MIB", help="memory per vector, in MiB; default: 4096")
    group.addoption("--nnc-expect-failures", metavar="FILE", help="TOML list of known failures; a listed vector that passes fails the run")
    group.addoption("--nnc-repeat", type=int, default=1, metavar="N", help="runs of each vector; their outputs must agree; default: 1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add one test for each vector and decoder, before other plugins select tests."""
    if config.getoption("nnc_decoder"):
        collector: Decoders = Decoders.from_parent(session, name="nnc", nodeid="nnc")
        items.extend(collector.collect())


class Decoders(pytest.Collector):
    """Collector of the cases of a suite on the given decoders.

    Owns the worker process that executes them.
    """

    process: "RestartingProcess[DecoderSpec, CaseResult]"
    invocation: "Invocation"
    expected: "ExpectedFailures | None"
    suite: "Suite"

    def collect(self) -> Iterator["CaseItem"]:
        """Yield the cases.

        Raise `pytest.UsageError` for an unusable decoder, suite or filter, or if no vector is left.
        """
        from nnc_conformance.reference.errors import NNCError

        try:
            planned = self._plan()
        except (NNCError, ValueError, OSError) as error:
            raise pytest.UsageError(str(error)) from None
        for name, case in planned.items():
            yield CaseItem.from_parent(self, name=name, case=case)

    def _plan(self) -> "dict[str, PlannedCase[CaseResult]]":
        """Plan the cases by the options of pytest: one by vector and decoder, by id.

        It loads decoders and suite, and starts the process that will run the cases.
        """
        from nnc_conformance.cli.options import read_editions
        from nnc_conformance.storage.vector import Level
        from nnc_conformance.suites.decoders.load import load_decoders
        from nnc_conformance.suites.results.expected_failures import load_expected_failures
        from nnc_conformance.suites.running.decoder_run import invocation_of
        from nnc_conformance.suites.running.decoding import DECODING, decoding_setup, plan
        from nnc_conformance.suites.running.invocation import limits_of
        from nnc_conformance.suites.running.pool_process import RestartingProcess
        from nnc_conformance.suites.running.runner import RunOptions
        from nnc_conformance.suites.running.selection import DEFAULT_LEVELS, parse_filter, select, vector_ids

        option = self.config.getoption
        root = option("nnc_suite")
        levels = [Level(name) for name in option("nnc_level") or DEFAULT_LEVELS]
        folder = None if root is None else Path(root)
        decoders = load_decoders(option("nnc_decoder"))
        editions = read_editions(option("nnc_edition"))
        taken = editions or {each for one in decoders for each in one.editions}
        suite = select(folder, levels, [parse_filter(text) for text in option("nnc_filter")], editions=taken, complete=True)
        listed = option("nnc_expect_failures")
        self.expected = None if listed is None else load_expected_failures(Path(listed))
        if self.expected is not None:
            self.expected.check_names(vector_ids(folder), [decoder.name for decoder in decoders])
        limits = limits_of(option("nnc_time_limit"), option("nnc_memory_limit"))
        options = RunOptions(1, limits, repeat=option("nnc_repeat"))
        self.invocation = invocation_of(suite, decoders, options)
        scratch = tempfile.TemporaryDirectory(prefix="nnc-conformance-")
        self.process = RestartingProcess(DECODING, decoding_setup(suite, decoders, limits, options.repeat, scratch.name))
        self.config.add_cleanup(scratch.cleanup)
        self.config.add_cleanup(self.process.close)
        self.suite = suite  # a package's unpacked folder lives as long as its suite
        return plan(suite, decoders, editions)


class FailedCaseError(Exception):
    """A case fails; the message is the text of the report."""


class CaseItem(pytest.Item):
    """One vector on one decoder."""

    def __init__(self, *, case: "PlannedCase[CaseResult]", **more: Any) -> None:
        super().__init__(**more)
        self._case = case

    def runtest(self) -> None:
        """Run the case in the sandbox, and turn its outcome into that of the test.

        An unsupported case is skipped. A known failure is an expected failure of pytest.

        Raises:
            FailedCaseError: If the case fails, or passes although it is a known failure.
        """
        from datetime import UTC, datetime

        from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome

        decoders = self.getparent(Decoders)
        assert decoders is not None
        finished = decoders.process.run_task(self._case.task) or self._case.ended_harness()
        result = finished.case
        self.user_properties.append(("outcome", result.outcome.value))
        self.user_properties.extend((f"choice.{made.switch}", made.choice) for made in result.choices)
        if decoders.expected is not None:
            comparison = decoders.expected.compare([result], datetime.now(UTC).date())
            for reason in comparison.known.values():
                pytest.xfail(f"{reason} ({result.outcome.value}: {result.message})")
            for reason in comparison.stale.values():
                raise FailedCaseError(f"{result.vector} passes although expected to fail ({reason}): remove it from the list")
        if result.outcome is Outcome.UNSUPPORTED:
            pytest.skip(f"unsupported: {result.message}")
        if OUTCOMES[result.outcome].fails:
            if finished.log.detail:
                self.add_report_section("call", "decoder's message", finished.log.detail)
            if finished.log.stderr:
                self.add_report_section("call", "decoder's stderr", finished.log.stderr)
            raise FailedCaseError(failure_text(result, decoders.invocation))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the text of a failing case.

        For an error in the harness, return the traceback.
        """
        return str(excinfo.value) if isinstance(excinfo.value, FailedCaseError) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the location of the test: the vector's folder."""
        decoders = self.getparent(Decoders)
        assert decoders is not None
        return decoders.suite.root / self._case.task.folder, None, self.name


def failure_text(result: "CaseResult", invocation: "Invocation") -> str:
    """Describe a failing case.

    Say what happened, what the vector tests, what to do, and how to repeat it alone.
    """
    from nnc_conformance.reports.text import visible
    from nnc_conformance.suites.results.fault_table import FAULTS

    lines = [f"{result.outcome}: {result.message}", f"{result.vector}: {result.title}. It catches: {result.catches}"]
    if result.fault is not None:
        lines.append(f"{result.fault}: {FAULTS[result.fault].hint}")
    return visible("\n".join([*lines, invocation.command(result)]))
