"""``validate``: judge streams by the rules of the standard."""

import re
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
    from nnc_conformance.reports.validation import render_sarif, render_validation_junit, text_lines
    from nnc_conformance.storage.outputs import check_outputs, is_standard_output, write_together
    from nnc_conformance.suites.results.outcomes import ExitCode

    outputs = [path for path in (as_json, sarif, junit) if path is not None]
    check_outputs(outputs)
    choices = read_interpretation(interpretation)
    found = _found(streams, session=session)
    check_outputs(outputs, found)
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


def _found(paths: Sequence[Path], *, session: bool) -> list[Path]:
    """Return the streams that paths name: files, containers, and the streams in folders.

    Those of a session are in its order, each as often as it is named; numbers in names of files
    that a folder or pattern gives are compared as numbers. Others are in the order of their names,
    each once.

    Raises `NoStreamsError` for a path without streams.
    """
    from nnc_conformance.generator.coverage.streams import find_streams
    from nnc_conformance.storage.model_files import NNEF_SUFFIX

    found: list[Path] = []
    for path in paths:
        for one in _expanded(path, session=session):
            streams = [one] if one.is_dir() and one.suffix.lower() == NNEF_SUFFIX else list(find_streams([one]).values())
            found += sorted(streams, key=_by_number) if session else streams
    return found if session else list(dict.fromkeys(found))


def _by_number(path: Path) -> list[str | tuple[int, str]]:
    """Return what sorts paths by the numbers in them: step-9 before step-10."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), part) if place % 2 else part for place, part in enumerate(parts)]


def _expanded(path: Path, *, session: bool) -> list[Path]:
    """Return the files that a pattern with ``*?[`` matches, or the path itself.

    The path is returned if it exists, has no such character, or matches nothing. Files are sorted:
    by number for a session, else by name.
    """
    if path.exists() or not set("*?[") & set(str(path)):
        return [path]
    matched = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    return (sorted(matched, key=_by_number) if session else sorted(matched)) or [path]


def _session(found: Sequence[Path], interpretation: "Interpretation") -> "Validation":
    """Validate streams in order, each on the model after those before it."""
    from nnc_conformance.encoders.validation import validate_session
    from nnc_conformance.storage.model_files import read_stream

    return validate_session([(str(path), read_stream(path).stream) for path in found], interpretation=interpretation)


def _each(found: Sequence[Path], interpretation: "Interpretation", jobs: int) -> "Validation":
    """Validate each stream alone, in several processes if there are many.

    Args:
        found: The file of each stream.
        interpretation: The choice for each disputed point.
        jobs: The most processes.
    """
    from nnc_conformance.cli.progress import bar
    from nnc_conformance.encoders.validation import Validation
    from nnc_conformance.generator.worker_pool import map_in_processes

    work = partial(_validate_file, interpretation=interpretation)
    results = map(work, found) if jobs == 1 or len(found) <= FEW else map_in_processes(work, found, jobs, chunk=4)
    validated = []
    with bar("validating") as progress:
        for result in results:
            validated.append(result)
            progress(len(validated), len(found))
    return Validation(streams=tuple(validated))


def _validate_file(path: Path, interpretation: "Interpretation") -> "StreamValidation":
    """Read a stream and validate it.

    Args:
        path: The file.
        interpretation: The choice for each disputed point.
    """
    from nnc_conformance.encoders.validation import validate
    from nnc_conformance.storage.model_files import read_stream

    return validate(read_stream(path).stream, str(path), interpretation=interpretation)[0]
