"""Printed output of commands: tables, and the verdict of a report.

A terminal gets rich tables, anything else gets plain lines. Text from files or decoders is made
visible first.
"""

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from nnc_conformance.reports.text import one_line, visible
from nnc_conformance.storage.outputs import is_standard_output

if TYPE_CHECKING:
    from rich.console import Console

    from nnc_conformance.reports.report import Report
    from nnc_conformance.suites.results.fault_table import Fault, Severity


COLUMNS: Final = 80
"""Columns that plain lines fit in."""


def folded(line: str, *, indent: int) -> str:
    """Break a line at blanks so that it fits `COLUMNS`; later parts are indented."""
    parts = textwrap.wrap(line, COLUMNS, subsequent_indent=" " * indent, break_on_hyphens=False)
    return "\n".join(parts)


@contextmanager
def apart_from(output: Path | None) -> Iterator[None]:
    """Print to standard error instead if standard output carries ``output``."""
    if output is not None and is_standard_output(output):
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def on_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout.isatty()


def console() -> "Console":
    """Make a rich console on standard output for text that is not ours.

    It has no markup, emoji codes or highlighting.
    """
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, tab-separated lines without headings elsewhere."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not on_terminal():
        for row in cells:
            print("\t".join(row))
        return
    from rich import box
    from rich.table import Table

    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        table.add_row(*row)
    console().print(table)


class _Finding(Protocol):
    """A problem that a check found, as it is printed."""

    @property
    def fault(self) -> "Fault":
        """What kind of problem it is."""

    @property
    def severity(self) -> "Severity":
        """How severe it is."""

    @property
    def cause(self) -> str:
        """What was seen."""

    @property
    def hint(self) -> str:
        """How to fix it."""

    @property
    def stderr(self) -> str:
        """End of standard error of what was checked."""

    @property
    def reproduce(self) -> str:
        """Command that shows it alone, or ""."""


def print_finding(finding: _Finding, seen_in: Sequence[str], *, shown: int | None = None) -> None:
    """Print a problem with its hint.

    Args:
        finding: The problem.
        seen_in: Names of the cases or vectors that show it.
        shown: Names listed before the rest is only counted; None for all.
    """
    print(f"{finding.severity} {finding.fault}: {one_line(finding.cause)}")
    if seen_in:
        more = len(seen_in) - len(seen_in[:shown])
        print(f"    seen in: {', '.join(seen_in[:shown])}" + (f" and {more} more" if more > 0 else ""))
    for line in visible(finding.stderr).splitlines():
        print(f"    stderr: {line}")
    print(f"    hint: {finding.hint}")
    if finding.reproduce:
        print(f"    {one_line(finding.reproduce)}")


def print_verdict(report: "Report", page: Path) -> int:
    """Print one line per decoder, then the verdict and the path of the report.

    Return the exit code.

    On GitHub Actions the report is also appended to the step's summary. Raises `OSError` if that
    fails.
    """
    from nnc_conformance.reports.pages import STEP_SUMMARY, write_step_summary
    from nnc_conformance.reports.report import HEADLINES, NOTHING_COUNTS
    from nnc_conformance.reports.tally import TONES

    if summary := os.environ.get(STEP_SUMMARY):
        write_step_summary(report, Path(summary))
    for problem in report.problems:
        print(one_line(problem))
    for decoder in report.decoders:
        counts = ", ".join(f"{count} {word}" for tone, (word, _) in TONES.items() if (count := decoder.total.of_tone(tone)))
        share = decoder.conformance.figures or NOTHING_COUNTS
        print(f"{one_line(decoder.info.name)}: {counts or 'no case'}; conformance: {share}")
        for claim in decoder.false_claims:
            print(f"false claim: {one_line(claim)}")
    for line in report.remarks:
        print(one_line(line))
    print(f"{HEADLINES[report.verdict][0]}: {one_line(report.headline)} {page}")
    return int(report.verdict.exit_code)
