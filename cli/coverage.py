"""``coverage``: measure which parts of the standard given streams exercise."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import NOT_WRITTEN


def command(
    streams: Annotated[list[Path], typer.Argument(metavar="STREAMS", help="Streams, folders of streams, or suites.")],
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="F", help="Write every goal to this JSON file.", show_default=NOT_WRITTEN)
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="DIR", help="Write HTML pages to this folder.", show_default=NOT_WRITTEN)
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Streams to decode in parallel.")] = os.cpu_count() or 1,
) -> None:
    """Measure which coverage goals streams reach.

    Goals are syntax elements and classes of their values, branches of the syntax, contexts, events of the arithmetic coder, and pairs
    and triples of tools. A broken stream counts up to its error.

    Example: nnc-conformance coverage my-streams/ --json coverage.json --html coverage
    """
    from nnc_conformance.cli.printing import print_table
    from nnc_conformance.generator.coverage.document import document
    from nnc_conformance.generator.coverage.goals import Kind, Standing
    from nnc_conformance.generator.coverage.streams import cover, find_streams
    from nnc_conformance.storage import outputs

    coverage = cover(find_streams(streams), jobs=jobs)
    if as_json is not None:
        outputs.write_text(as_json, json.dumps(document(coverage), ensure_ascii=False, indent=1) + "\n")
    if html is not None:
        from nnc_conformance.reports.coverage import write_coverage

        page = write_coverage(coverage, html)
    broken = [name for name, measured in coverage.streams.items() if measured.error]
    for name in broken:
        typer.echo(f"broken: {name}: {coverage.streams[name].error}")
    rows = []
    for kind in Kind:
        tallies = [coverage.tally(kind, standing) for standing in Standing]
        cells = [f"{tally.reached} of {tally.reachable}" if tally.reachable else "-" for tally in tallies]
        rows.append([kind.value, f"{tallies[0].share:.2%}", *cells])
    print_table(["goals", "share", *(standing.value for standing in Standing)], rows)
    typer.echo(f"{len(coverage.streams)} streams, {len(broken)} of them broken")
    if html is not None:
        typer.echo(page)
