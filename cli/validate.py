"""``validate``: judge streams by the rules of the standard."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import NOT_WRITTEN, InterpretationOption, input_file, output_file, read_interpretation
from nnc_conformance.reference.threads import usable_cpus

if TYPE_CHECKING:
    from nnc_conformance.encoders.validation import StreamValidation, Validation
    from nnc_conformance.reference.interpretation import Interpretation

FEW = 8
"""Streams up to which one process is faster than starting several."""


def command(
    streams: Annotated[
        list[Path],
        typer.Argument(
            metavar="STREAM",
            parser=input_file,
            help="Streams, folders of streams, or patterns such as 'out/*.nnr'; - for standard input.",
        ),
    ],
    session: Annotated[
        bool, typer.Option("--session", help="Take the streams as one session: each updates the model after those before it.")
    ] = False,
    interpretation: InterpretationOption = None,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="F", parser=output_file, help="Write what was found to this JSON file.", show_default=NOT_WRITTEN),
    ] = None,
    sarif: Annotated[
        Path | None,
        typer.Option("--sarif", metavar="F", parser=output_file, help="Write a SARIF 2.1.0 log to this file.", show_default=NOT_WRITTEN),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="F", parser=output_file, help="Write JUnit XML to this file.", show_default=NOT_WRITTEN),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Streams to validate in parallel.")] = usable_cpus(),
) -> None:
    """Judge whether streams are conforming: list every broken rule with its place and a hint.

    Shown are also the edition, the capabilities that a decoder needs, and what each stream decodes
    to. The exit code is 0 if all streams are conforming, 1 if one is not, 2 for unusable input.

    Example: nnc-conformance validate model.nnr

    Example: nnc-conformance validate streams/ --sarif found.sarif

    Example: nnc-conformance validate --session base.nnr update-1.nnr update-2.nnr
    """
    from nnc_conformance.cli.printing import apart_from
    from nnc_conformance.generator.coverage.streams import find_streams
    from nnc_conformance.reports.validation import render_sarif, render_validation_junit, text_lines
    from nnc_conformance.storage.outputs import check_outputs, is_standard_output, write_together
    from nnc_conformance.suites.results.outcomes import ExitCode

    outputs = [path for path in (as_json, sarif, junit) if path is not None]
    check_outputs(outputs)
    choices = read_interpretation(interpretation)
    found = {str(path): path for path in find_streams(_expanded(streams)).values()}
    check_outputs(outputs, found.values())
    validation = _session(found, choices) if session else _each(found, choices, jobs)
    renderers: tuple[Callable[[Validation], str], ...] = (_render_json, render_sarif, render_validation_junit)
    write_together(
        {path: render(validation).encode() for path, render in zip((as_json, sarif, junit), renderers, strict=True) if path is not None}
    )
    with apart_from(next(filter(is_standard_output, outputs), None)):
        for line in text_lines(validation, session_wanted=not session):
            typer.echo(line)
    raise typer.Exit(ExitCode.AS_EXPECTED if validation.conforming else ExitCode.FAILED)


def _render_json(validation: "Validation") -> str:
    """Return a validation as indented JSON."""
    return validation.model_dump_json(indent=1) + "\n"


def _expanded(paths: Sequence[Path]) -> list[Path]:
    """Return the paths, patterns replaced by the files that they match."""
    expanded = []
    for path in paths:
        is_pattern = not path.exists() and bool(set("*?[") & set(str(path)))
        expanded += (sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))) if is_pattern else []) or [path]
    return expanded


def _session(found: dict[str, Path], interpretation: "Interpretation") -> "Validation":
    """Read streams and validate them as one session.

    Args:
        found: The file of each stream by the name to report, in the order of the session.
        interpretation: The choice for each disputed point.
    """
    from nnc_conformance.encoders.validation import validate_session
    from nnc_conformance.storage.model_files import read_stream

    return validate_session([(name, read_stream(path).stream) for name, path in found.items()], interpretation=interpretation)


def _each(found: dict[str, Path], interpretation: "Interpretation", jobs: int) -> "Validation":
    """Validate each stream alone, in several processes if there are many.

    Args:
        found: The file of each stream by the name to report.
        interpretation: The choice for each disputed point.
        jobs: The most processes.
    """
    from nnc_conformance.cli.progress import bar
    from nnc_conformance.encoders.validation import Validation
    from nnc_conformance.generator.worker_pool import map_in_processes

    work = partial(_validate_file, interpretation=interpretation)
    rows = list(found.items())
    results = map(work, rows) if jobs == 1 or len(rows) <= FEW else map_in_processes(work, rows, jobs, chunk=4)
    validated = []
    with bar("validating") as progress:
        for result in results:
            validated.append(result)
            progress(len(validated), len(rows))
    return Validation(streams=tuple(validated))


def _validate_file(row: tuple[str, Path], interpretation: "Interpretation") -> "StreamValidation":
    """Read a stream and validate it.

    Args:
        row: The name to report, and the file.
        interpretation: The choice for each disputed point.
    """
    from nnc_conformance.encoders.validation import validate
    from nnc_conformance.storage.model_files import read_stream

    name, path = row
    return validate(read_stream(path).stream, name, interpretation=interpretation)[0]
