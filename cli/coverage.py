"""``coverage``: measure which parts of the standard given streams exercise."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import NOT_WRITTEN, input_file, output_file, output_folder
from nnc_conformance.reference.threads import usable_cpus
from nnc_conformance.storage.inputs import STANDARD_INPUT, read_bytes

if TYPE_CHECKING:
    from nnc_conformance.generator.coverage.measure import Coverage


def command(
    streams: Annotated[
        list[Path],
        typer.Argument(metavar="STREAMS", parser=input_file, help="Streams, or folders of streams; - for standard input."),
    ],
    session: Annotated[
        bool, typer.Option("--session", help="Take the streams as one session: each updates the model after those before it.")
    ] = False,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="F", parser=output_file, help="Write every goal to this JSON file.", show_default=NOT_WRITTEN),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="DIR", parser=output_folder, help="Write HTML pages to this folder.", show_default=NOT_WRITTEN),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Streams to decode in parallel.")] = usable_cpus(),
) -> None:
    """Measure which coverage goals streams reach.

    Goals are syntax elements and classes of their values, branches of the syntax, contexts, events
    of the arithmetic coder, and pairs and triples of tools. A broken stream counts up to its error.
    Files step-0.nnr, step-1.nnr and so on of one folder are a session. What the second edition
    brought is counted if a stream is of that edition.

    Example: nnc-conformance coverage my-streams/ --json coverage.json --html coverage

    Example: nnc-conformance coverage --session base.nnr update-1.nnr update-2.nnr
    """
    from nnc_conformance.cli.printing import apart_from
    from nnc_conformance.generator.coverage.document import document
    from nnc_conformance.generator.coverage.streams import cover, find_sessions, find_streams
    from nnc_conformance.reports.coverage import HTML_FILE, write_coverage
    from nnc_conformance.storage.outputs import check_outputs, write_text

    files = [] if as_json is None else [as_json]
    check_outputs(files, folder=html, names=[HTML_FILE])
    with tempfile.TemporaryDirectory() as scratch:
        paths = [_on_disk(path, Path(scratch)) for path in streams]
        found = find_streams(paths)
        check_outputs(files, found.values(), folder=html, names=[HTML_FILE])
        coverage = cover({", ".join(found): tuple(found.values())} if session else find_sessions(paths), jobs=jobs)
    page = write_coverage(coverage, html) if html is not None else None
    if as_json is not None:
        write_text(as_json, json.dumps(document(coverage), ensure_ascii=False, indent=1) + "\n")
    with apart_from(as_json):
        _print(coverage)
        if page is not None:
            typer.echo(page)


def _on_disk(path: Path, scratch: Path) -> Path:
    """Return the path, or that of a copy if it is standard input.

    The copy goes into ``scratch``: worker processes do not have standard input.
    """
    if path != STANDARD_INPUT:
        return path
    copy = scratch / "standard-input.nnr"
    copy.write_bytes(read_bytes(path))
    return copy


def _print(coverage: "Coverage") -> None:
    """Print the broken streams and the shares of goals that were met."""
    from nnc_conformance.cli.printing import print_table
    from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding

    broken = [name for name, measured in coverage.streams.items() if measured.error]
    for name in broken:
        typer.echo(f"broken: {name}: {coverage.streams[name].error}")
    for edition in coverage.editions:
        rows = []
        for kind in GoalKind:
            tallies = [coverage.tally(kind, standing, edition) for standing in GoalStanding]
            cells = [f"{tally.reached} of {tally.reachable}" if tally.reachable else "-" for tally in tallies]
            rows.append([kind.value, f"{tallies[0].share:.2%}", *cells])
        print_table([f"goals of {edition}", "share", *(standing.value for standing in GoalStanding)], rows)
    typer.echo(f"{len(coverage.streams)} streams or sessions, {len(broken)} of them broken")
