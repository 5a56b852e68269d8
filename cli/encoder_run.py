"""Encoders in the command ``run``: judge them, print what was found, write the reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nnc_conformance.suites.running.runner import RunOptions


def judge_encoders(arguments: Sequence[str], output: Path, filters: Sequence[str], options: "RunOptions") -> tuple[int, bool]:
    """Judge encoders with the generated cases; return the exit code, and whether Ctrl-C ended it.

    What was judged until then is reported.

    Args:
        arguments: The ``--encoder`` arguments.
        output: Folder for results and reports.
        filters: Values of ``--filter``; only ``id`` can be matched.
        options: How to run.
    """
    from nnc_conformance.cli.progress import CaseWords, case_display
    from nnc_conformance.encoders.encoder_spec import IN_TREE
    from nnc_conformance.encoders.load import load_encoders
    from nnc_conformance.encoders.results import RESULTS_FILE, RUN_FILE, EncoderCaseResult
    from nnc_conformance.encoders.running import JOURNAL_FILE, reproduce, run_encoders
    from nnc_conformance.reports.encoders import ENCODER_PAGES, load_encoder_results, text_lines, write_encoder_pages
    from nnc_conformance.storage.outputs import check_outputs

    encoders = load_encoders(arguments)
    globs = _globs(filters)
    files = [Path(one) for one in arguments if one != IN_TREE]
    check_outputs([], files, folder=output, names=(RESULTS_FILE, RUN_FILE, JOURNAL_FILE, *ENCODER_PAGES))
    named = {encoder.name: encoder.argument for encoder in encoders}

    def words(case: EncoderCaseResult) -> CaseWords:
        return CaseWords(case.encoder, case.case, reproduce(named[case.encoder], case.case))

    def on_start() -> None:
        for name in ENCODER_PAGES:
            (output / name).unlink(missing_ok=True)

    interrupted = False
    try:
        with case_display(words) as display:
            results = run_encoders(encoders, output, filters=globs, options=options, progress=display.step, on_start=on_start)
    except KeyboardInterrupt:
        if not (output / RESULTS_FILE).exists():
            raise
        typer.echo("interrupted; continue with --resume", err=True)
        interrupted = True
        results, _ = load_encoder_results(output)
    page = write_encoder_pages(output)
    for line in text_lines(results, page):
        typer.echo(line)
    return int(results.verdict.exit_code), interrupted


def _globs(filters: Sequence[str]) -> tuple[str, ...]:
    """Return the globs of ids in filters, such as ``*`` for ``id=*``.

    The "!" of a filter that excludes stays before its glob. Raise `typer.BadParameter` for another
    key.
    """
    globs = []
    for text in filters:
        key, equals, glob = text.removeprefix("!").partition("=")
        if key != "id" or not equals:
            raise typer.BadParameter(f"invalid filter {text!r}; of encoders, write id=GLOB or !id=GLOB", param_hint="--filter")
        globs.append(f"{'!' * text.startswith('!')}{glob}")
    return tuple(globs)
