"""``mutation``: measure how many seeded bugs the built-in vectors catch."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import output_file, output_folder
from nnc_conformance.reference.threads import usable_cpus
from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    from nnc_conformance.faults.score.trials import MutantResult
    from nnc_conformance.storage.vector import Edition


_BETWEEN_LINES = 100
"""Mutants between two progress lines."""


class MutantEdition(StrEnum):
    """An edition of the standard, as the option names it."""

    FIRST = "2022"
    SECOND = "2024"


def command(
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Mutants to test in parallel.")] = usable_cpus(),
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Run every vector that reaches a mutant, instead of stopping at the first that kills it.")
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", parser=output_folder, help="Folder for the journal and the pages.")
    ] = Path("nnc-mutation"),
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in DIR.")] = False,
    edition: Annotated[
        MutantEdition, typer.Option("--edition", help="Edition of the standard whose mutants are tried, on its vectors.")
    ] = MutantEdition.FIRST,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="GLOB", help="Only mutants whose id matches. Repeatable; one match is enough.", show_default="all mutants"
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page",
            metavar="F",
            parser=output_file,
            help="Write the page to this file, and its tables next to it; to a device or FIFO both.",
            show_default="mutation.md in DIR",
        ),
    ] = None,
) -> int:
    """Mutation-test the vectors: inject one bug at a time into the reference decoder.

    A mutant is killed if a vector of level core or negative fails on it. Equivalent mutants, which
    no stream can reveal, do not count.

    Exit code: 0 at least 99 % of the mutants killed, 1 fewer, or one listed as equivalent was
    killed, 2 usage.

    Example: nnc-conformance mutation --jobs 4 --filter 'entropy.plain.*'
    """
    from nnc_conformance.cli.printing import apart_from, print_table
    from nnc_conformance.faults.mutants.catalogue import mutants
    from nnc_conformance.faults.score.run import JOURNAL_FILE, run
    from nnc_conformance.faults.score.score import PASS_MARK
    from nnc_conformance.reports.mutation import HEADINGS, TABLES_ANCHOR, mutation_page, mutation_tables, rows_by_operator
    from nnc_conformance.storage import outputs

    written = page or output / "mutation.md"
    tables = written.with_name(f"{written.stem}-tables.md")
    apart = outputs.is_regular(written)
    pages = [written, *([tables] if apart else [])]
    outputs.check_outputs(pages, folder=output, names=[JOURNAL_FILE])
    year: Edition = 2024 if edition is MutantEdition.SECOND else 2022
    known = mutants(year)
    chosen = [known[name] for name in _matching(list(known), filters)]
    score = run(output, chosen, edition=year, jobs=jobs, matrix=matrix, resume=resume, progress=_show_progress)
    texts = [mutation_page(score, tables.name if apart else TABLES_ANCHOR), mutation_tables(score, matrix=matrix)]
    texts = texts if apart else ["\n".join(texts)]
    outputs.write_together({path: text.encode() for path, text in zip(pages, texts, strict=True)})
    with apart_from(written):
        for mutant in score.survivors:
            typer.echo(f"survived: {mutant.id}: {mutant.before}  =>  {mutant.after}")
        for mutant in score.disproved:
            typer.echo(f"listed as equivalent, but killed: {mutant.id} by {score.results[mutant.id].kills[0][0]}")
        print_table(("kind of bug", *HEADINGS), rows_by_operator(score))
        typer.echo(written)
    whole = score.tally(list(score.mutants.values()))
    return ExitCode.AS_EXPECTED if whole.score >= PASS_MARK and not score.disproved else ExitCode.FAILED


def _matching(names: list[str], globs: list[str] | None) -> list[str]:
    """Return the ids in ``names`` that match any of ``globs``, or all without globs.

    Raise `typer.BadParameter` if none does.
    """
    from fnmatch import fnmatchcase

    if not globs:
        return names
    matching = [name for name in names if any(fnmatchcase(name, glob) for glob in globs)]
    if not matching:
        raise typer.BadParameter(f"no mutant's id matches {' or '.join(map(repr, globs))}", param_hint="--filter")
    return matching


def _show_progress(done: int, total: int, result: "MutantResult | None") -> None:
    if result is None or done % _BETWEEN_LINES == 0 or done == total:
        typer.echo(f"{done} of {total} mutants", err=True)
