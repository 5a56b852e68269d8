"""``lint``: check a suite against the rules for published vectors."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.reference.threads import usable_cpus
from nnc_conformance.suites.results.outcomes import ExitCode


def command(
    vectors: Annotated[Path, typer.Argument(metavar="VECTORS", help="Folder of the suite.")],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="DIR",
            help="An earlier copy of the suite: a vector that changed since must have a higher revision.",
            show_default="no comparison",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Vectors to check in parallel.")] = usable_cpus(),
    reformat: Annotated[bool, typer.Option("--format", help="Rewrite vector.json and manifest.json in canonical form first.")] = False,
) -> int:
    """Check a suite: file form, hashes, revisions, levels, and expected outputs against the
    reference decoder.

    Exit code: 0 no findings, 1 findings, 2 usage or an incomplete suite.

    Example: nnc-conformance lint vectors
    """
    from nnc_conformance.generator.lint import lint
    from nnc_conformance.generator.vector_json import format_suite
    from nnc_conformance.storage.suite_folder import load_suite

    for path in format_suite(vectors) if reformat else ():
        typer.echo(f"formatted: {path}")
    before = load_suite(against, levels=(), verify=False).manifest if against is not None else None
    findings = lint(vectors, before, jobs=jobs)
    for finding in findings:
        typer.echo(str(finding))
    typer.echo(f"{len(findings)} findings" if findings else "nothing found")
    return ExitCode.FAILED if findings else ExitCode.AS_EXPECTED
