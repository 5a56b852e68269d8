"""Progress of long commands: a bar on a terminal, an occasional line elsewhere.

A run's failures are printed at once.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self

from nnc_conformance.cli.printing import console, on_terminal
from nnc_conformance.reports.text import one_line

if TYPE_CHECKING:
    from rich.progress import TaskID

    from nnc_conformance.suites.results.expected_failures import ExpectedFailures
    from nnc_conformance.suites.results.result import CaseResult
    from nnc_conformance.suites.running.invocation import Invocation
    from nnc_conformance.suites.running.runner import Progress

_SECONDS_BETWEEN_LINES: Final = 10.0
"""Seconds between two progress lines without a terminal."""
_SECONDS_BETWEEN_UPDATES: Final = 0.2
"""Seconds between two updates of a progress line on a terminal."""
_ERASE_REST: Final = "\x1b[K"
"""Control sequence that erases the rest of a terminal's line."""
_STDERR_LINES: Final = 5
"""Lines of a failing decoder's standard error that are shown, from its end."""


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error if that is a terminal.

    The context gives the progress callback: (done, total).
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn(label, markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task("")
        yield lambda done, total: display.update(task, completed=done, total=total)


class Stages:
    """Shows the stages of a search on standard error: one line on a terminal, else a line at times.

    It is the progress callback: (what is done, how much of it, of how much; 0 if not known).
    """

    def __init__(self) -> None:
        self._started = self._shown = monotonic()
        self._terminal = sys.stderr.isatty()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Print the stage and its progress, unless something was printed just before."""
        if monotonic() < self._shown + (_SECONDS_BETWEEN_UPDATES if self._terminal else _SECONDS_BETWEEN_LINES):
            return
        self._shown = monotonic()
        count = f": {done} of {total}" if total else f": {done}" if done else ""
        text = f"{stage}{count}, {self._shown - self._started:.0f} s"
        print(f"\r{text}{_ERASE_REST}" if self._terminal else text, end="" if self._terminal else "\n", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Erase the line on a terminal, so that something else can be printed there."""
        if self._terminal:
            print(f"\r{_ERASE_REST}", end="", file=sys.stderr, flush=True)


@contextmanager
def stages() -> Iterator[Stages]:
    """Show the stages of a search on standard error; its line is erased in the end."""
    shown = Stages()
    try:
        yield shown
    finally:
        shown.clear()


class RunDisplay(Protocol):
    """Display of a run's progress, used as a context manager."""

    def __enter__(self) -> Self:
        """Start the display."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End the display."""

    def step(self, progress: "Progress[Any]") -> None:
        """Show one finished case."""


class CaseWords(NamedTuple):
    """The texts shown of a failing case.

    They are the implementation, what it was given, and the command that repeats the case.
    """

    implementation: str
    subject: str
    command: str


def run_display(invocation: "Invocation", expected: "ExpectedFailures | None" = None) -> RunDisplay:
    """Make the display that fits standard output.

    Args:
        invocation: Gives the command that repeats a failing case.
        expected: Failures that are neither counted nor shown.
    """

    def words(case: "CaseResult") -> CaseWords:
        return CaseWords(case.decoder, case.vector, invocation.command(case))

    def known(case: "CaseResult") -> bool:
        return expected is not None and bool(expected.compare([case], datetime.now(UTC).date()).known)

    return case_display(words, known)


def case_display(words: "Callable[[Any], CaseWords]", known: "Callable[[Any], bool]" = lambda _: False) -> RunDisplay:
    """Make the display of cases of any kind that fits standard output.

    Args:
        words: What is shown of a failing case.
        known: Whether a failure is neither counted nor shown.
    """
    return _BarDisplay(words, known) if on_terminal() else _LineDisplay(words, known)


class _Failures:
    """Counts failing cases, without those that are expected, and formats them."""

    def __init__(self, words: Callable[[Any], CaseWords], known: Callable[[Any], bool]) -> None:
        self._words = words
        self._known = known
        self._shown_stderr: dict[str, list[str]] = {}
        self.count = 0

    def lines(self, progress: "Progress[Any]") -> list[str]:
        """Return the lines that describe a failing case, or none for any other case."""
        from nnc_conformance.suites.results.outcomes import OUTCOMES

        finished = progress.finished
        if finished is None or not OUTCOMES[finished.case.outcome].fails:
            return []
        case = finished.case
        if self._known(case):
            return []
        self.count += 1
        words = self._words(case)
        failure = f"{case.outcome.value}: {words.subject} on {words.implementation}: {case.message}"
        said = [f"    message: {one_line(finished.log.detail)}"] if finished.log.detail else []
        return [one_line(failure), *said, *self._stderr(words.implementation, finished.log.stderr), f"    {one_line(words.command)}"]

    def _stderr(self, implementation: str, text: str) -> list[str]:
        """Return the last lines of standard error, unless they are those of its last
        failure.
        """
        lines = [f"    stderr: {one_line(line)}" for line in text.strip().splitlines()[-_STDERR_LINES:]]
        if lines == self._shown_stderr.get(implementation):
            return []
        self._shown_stderr[implementation] = lines
        return lines


class _LineDisplay:
    def __init__(self, words: Callable[[Any], CaseWords], known: Callable[[Any], bool]) -> None:
        self._failures = _Failures(words, known)
        self._next = _SECONDS_BETWEEN_LINES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def step(self, progress: "Progress[Any]") -> None:
        """Print new failures, and every few seconds a line with the progress."""
        for line in self._failures.lines(progress):
            print(line, flush=True)
        if progress.seconds >= self._next:
            self._next = progress.seconds + _SECONDS_BETWEEN_LINES
            print(
                f"{progress.done} of {progress.planned} cases, {self._failures.count} failures, {progress.seconds:.0f} s", file=sys.stderr
            )


class _BarDisplay:
    def __init__(self, words: Callable[[Any], CaseWords], known: Callable[[Any], bool]) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._failures = _Failures(words, known)
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

    def step(self, progress: "Progress[Any]") -> None:
        """Print new failures above the bar and move the bar on."""
        if self._task is None:
            self._task = self._progress.add_task("", total=progress.planned, completed=progress.done, failures=0)
        for line in self._failures.lines(progress):
            self._progress.console.print(line, soft_wrap=True)
        label = one_line(progress.finished.case.id) if progress.finished is not None else ""
        self._progress.update(self._task, completed=progress.done, failures=self._failures.count, description=label)
