"""``report``: write the pages of one or several results files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import input_file, output_file, output_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnc_conformance.reports.results import Loaded


def command(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS",
            parser=input_file,
            help="results.json files, or folders that hold one; - for standard input. Or one encoder-results.json or its folder.",
        ),
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
    releases: Annotated[
        Path | None,
        typer.Option(
            "--releases",
            metavar="FILE",
            parser=output_file,
            help="Also write a Markdown page that takes the decoders for releases of one, in the order given: "
            "what each passes, what changed, and each fault with its smallest vector.",
            show_default="none",
        ),
    ] = None,
) -> int:
    """Write a report as HTML, Markdown, JUnit XML, CSV and badges.

    Several results are shown side by side. On GitHub Actions the Markdown is also appended to the
    step's summary. Of a run of encoders there are HTML and JUnit XML.

    Exit code, as the verdict: 0 all as expected, 1 a decoder failed, 2 usage or bad input, 3
    incomplete.

    Example: nnc-conformance report ours/ theirs/results.json --output compared

    Example: nnc-conformance report 1.0/ 1.1/ 1.2/ --releases releases.md
    """
    from nnc_conformance.cli.printing import print_verdict
    from nnc_conformance.reports.encoders import ENCODER_PAGES, encoder_results_file, holds_encoders
    from nnc_conformance.reports.pages import PAGES, write_pages
    from nnc_conformance.reports.releases import render_releases
    from nnc_conformance.reports.results import file_of, load
    from nnc_conformance.reports.summary import build_report
    from nnc_conformance.storage.outputs import check_outputs, write_text
    from nnc_conformance.suites.results.result_files import RESULTS_FILE

    read = [find(path) for path in results for find in (file_of, encoder_results_file)]
    outputs = [releases] if releases is not None else []
    check_outputs(outputs, read + ([file_of(baseline)] if baseline is not None else []), folder=output, names=(*PAGES, *ENCODER_PAGES))
    if any(holds_encoders(path) and not (path / RESULTS_FILE).exists() for path in results):
        if len(results) > 1 or baseline is not None or releases is not None:
            raise typer.BadParameter(
                "results of encoders are reported one at a time, without --baseline and --releases", param_hint="RESULTS"
            )
        return _report_encoders(results[0], output)
    sources = [load(path) for path in results]
    report = build_report(sources, load(baseline) if baseline is not None else None)
    if releases is not None:
        write_text(releases, render_releases(sources, _stream_sizes(sources)))
    return print_verdict(report, write_pages(report, output))


def _report_encoders(path: Path, output: Path) -> int:
    """Write the pages of a run of encoders; print its verdict and return its exit code."""
    from nnc_conformance.reports.encoders import load_encoder_results, text_lines, write_encoder_pages

    page = write_encoder_pages(path, output)
    results, _ = load_encoder_results(path)
    for line in text_lines(results, page):
        typer.echo(line)
    return int(results.verdict.exit_code)


def _stream_sizes(sources: "Sequence[Loaded]") -> dict[str, int]:
    """Return the bytes of each vector's streams, of all suites of some runs."""
    from nnc_conformance.storage.package import unpacked_suite
    from nnc_conformance.storage.suite_folder import built_in_root, load_suite

    sizes: dict[str, int] = {}
    for root in {Path(source.run.suite) if source.run is not None and source.run.suite else built_in_root() for source in sources}:
        suite = unpacked_suite(root, lambda _: True) if root.is_file() else load_suite(root, verify=False)
        sizes |= {stored.vector.id: stored.stream_bytes for stored in suite.vectors}
    return sizes
