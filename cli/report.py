"""``report``: pages from one or several results files."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Files results.json, or folders that hold one.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where the pages go.")] = Path("nnc-report"),
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="RESULTS", help="An earlier run: what is fixed, broken, new and gone since.")
    ] = None,
) -> int:
    """Write the pages of a report: HTML, Markdown, JUnit XML, CSV and badges. Several results stand side by side.

    On GitHub Actions the step's summary gets the Markdown too. The exit code is that of the verdict: 0 all as expected, 1 a decoder
    failed, 3 incomplete.

    Example: nnc-conformance report ours/ theirs/results.json --output compared
    """
    from nnc_conformance.cli.verdict import print_verdict
    from nnc_conformance.reports.pages import write_pages
    from nnc_conformance.reports.results import load
    from nnc_conformance.reports.summary import build_report

    report = build_report([load(path) for path in results], load(baseline) if baseline is not None else None)
    return print_verdict(report, write_pages(report, output))
