"""``report``: write the pages of one or several results files."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import input_file, output_folder


def command(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULTS", parser=input_file, help="results.json files, or folders that hold one; - for standard input."),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", parser=output_folder, help="Folder for the pages.")] = Path(
        "nnc-report"
    ),
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="RESULTS",
            parser=input_file,
            help="An earlier run to compare with: the report lists what is fixed, broken, new and gone.",
            show_default="no comparison",
        ),
    ] = None,
) -> int:
    """Write a report as HTML, Markdown, JUnit XML, CSV and badges.

    Several results are shown side by side. On GitHub Actions the Markdown is also appended to the
    step's summary.

    Exit code, as the verdict: 0 all as expected, 1 a decoder failed, 2 usage or bad input, 3
    incomplete.

    Example: nnc-conformance report ours/ theirs/results.json --output compared
    """
    from nnc_conformance.cli.printing import print_verdict
    from nnc_conformance.reports.pages import PAGES, write_pages
    from nnc_conformance.reports.results import file_of, load
    from nnc_conformance.reports.summary import build_report
    from nnc_conformance.storage.outputs import check_outputs

    read = [file_of(path) for path in (*results, *([baseline] if baseline is not None else []))]
    check_outputs([], read, folder=output, names=PAGES)
    report = build_report([load(path) for path in results], load(baseline) if baseline is not None else None)
    return print_verdict(report, write_pages(report, output))
