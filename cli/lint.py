"""``lint``: hold a suite to its promises."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.suites.results.outcomes import ExitCode


def command(
    vectors: Annotated[Path, typer.Argument(metavar="VECTORS", help="The suite's folder.")],
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="DIR", help="An earlier state of the suite, whose revisions must have risen where it changed."),
    ] = None,
    reformat: Annotated[bool, typer.Option("--format", help="First bring vector.json and manifest.json into canonical form.")] = False,
) -> int:
    """Check a suite: form, hashes, revisions, levels, and that every expected output is what the reference decodes today.

    Exit code: 0 nothing found, 1 findings, 2 a folder that is no whole suite.

    Example: nnc-conformance lint vectors
    """
    from nnc_conformance.generator.lint import lint
    from nnc_conformance.generator.vector_json import format_suite
    from nnc_conformance.storage.suite_folder import load_suite

    for path in format_suite(vectors) if reformat else ():
        typer.echo(f"formatted: {path}")
    before = load_suite(against, levels=(), verify=False).manifest if against is not None else None
    findings = lint(vectors, before)
    for finding in findings:
        typer.echo(str(finding))
    typer.echo(f"{len(findings)} findings" if findings else "nothing found")
    return ExitCode.FAILED if findings else ExitCode.AS_EXPECTED
