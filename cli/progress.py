"""How a run shows that it goes on: a bar on a terminal, a line now and then elsewhere; failures at once in both."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from nnc_conformance.cli.output import console, on_terminal
from nnc_conformance.reports.text import one_line
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.running.invocation import Invocation
from nnc_conformance.suites.running.runner import Progress

if TYPE_CHECKING:
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES: Final = 10.0


class View(Protocol):
    """What a run is shown through."""

    def __enter__(self) -> Self:
        """Begins to show."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Ends it."""

    def step(self, progress: Progress) -> None:
        """Shows one step."""


def view(invocation: Invocation) -> View:
    """The view that fits standard output; ``invocation`` tells how a failing case is run alone."""
    return _Bar(invocation) if on_terminal() else _Lines(invocation)


class _Failures:
    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.count = 0

    def lines(self, progress: Progress) -> list[str]:
        """The lines that a failure is told in; none for any other case."""
        case = progress.case
        if case is None or not OUTCOMES[case.outcome].fails:
            return []
        self.count += 1
        told = f"{case.outcome.value}: {case.vector} on {case.decoder}: {case.message}"
        return [one_line(told), f"    {one_line(self._invocation.command(case))}"]


class _Lines:
    def __init__(self, invocation: Invocation) -> None:
        self._failures = _Failures(invocation)
        self._next = _SECONDS_BETWEEN_LINES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def step(self, progress: Progress) -> None:
        for line in self._failures.lines(progress):
            print(line, flush=True)
        if progress.seconds >= self._next:
            self._next = progress.seconds + _SECONDS_BETWEEN_LINES
            print(
                f"{progress.done} of {progress.planned} cases, {self._failures.count} failures, {progress.seconds:.0f} s", file=sys.stderr
            )


class _Bar:
    def __init__(self, invocation: Invocation) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._failures = _Failures(invocation)
        self._progress = RichProgress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failures]} failures", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=console(),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, progress: Progress) -> None:
        if self._task is None:
            self._task = self._progress.add_task("", total=progress.planned, completed=progress.done, failures=0)
        for line in self._failures.lines(progress):
            self._progress.console.print(line, soft_wrap=True)
        label = one_line(progress.case.id) if progress.case is not None else ""
        self._progress.update(self._task, completed=progress.done, failures=self._failures.count, description=label)
