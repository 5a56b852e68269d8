"""``explain``: find the syntax element and the likely bug behind a failing case."""

import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import input_file, kept_file
from nnc_conformance.reference.threads import usable_cpus

if TYPE_CHECKING:
    from nnc_conformance.faults.diagnosis.explain import Explanation
    from nnc_conformance.faults.diagnosis.onset import Onset
    from nnc_conformance.storage.vector import AnyVector
    from nnc_conformance.suites.results.result import CaseResult

LONGEST_TEXT = 300
"""Characters of a text before it is cut."""


def command(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", parser=input_file, help="A results.json, or a folder that holds one; - for standard input.")
    ],
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="The failing case: VECTOR, or VECTOR@DECODER if several decoders were judged.")
    ],
    decoder: Annotated[
        str | None,
        typer.Option("--decoder", metavar="D", help="Run this decoder to get its output.", show_default="the output that the run kept"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="F",
            parser=input_file,
            help="The decoder's output for the case, .safetensors or .npz.",
            show_default="the output that the run kept",
        ),
    ] = None,
    suite: Annotated[
        Path | None, typer.Option("--suite", metavar="SUITE", help="Folder or package of the suite.", show_default="the suite of the run")
    ] = None,
    budget: Annotated[
        float,
        typer.Option(
            "--budget",
            metavar="S",
            min=0,
            help="Seconds for the whole search, not counting compilation at the first start; fewer causes are tried in less time.",
        ),
    ] = 60.0,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="F",
            parser=kept_file,
            help="File that keeps the effects of causes between runs.",
            show_default="none",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Causes to try in parallel.")] = usable_cpus(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Explain a failing case: first wrong symbol, syntax element, clause, and likely causes.

    Causes are seeded bugs and mutants of the reference decoder. Each is tried on this case, on
    other failing cases and on some passing ones, and ranked by how closely it reproduces the
    decoder's results. Only the decoder's output is needed, not its source.

    Exit code: 0 explained, 2 usage or bad input, 3 no candidate matches.

    Example: nnc-conformance explain nnc-results/ scan-2-entry-points@mydecoder
    """
    started = monotonic()
    from nnc_conformance.cli.progress import stages
    from nnc_conformance.faults.diagnosis.explain import Hearing, OutputSource, explain_run
    from nnc_conformance.faults.diagnosis.simulation import SymptomCache
    from nnc_conformance.reports.results import file_of, load
    from nnc_conformance.storage.outputs import check_outputs
    from nnc_conformance.suites.results.outcomes import ExitCode
    from nnc_conformance.suites.results.result import ResultsError

    if cache is not None:
        check_outputs([cache], [file_of(results), *(path for path in (output, suite) if path is not None)])
    given = load(results)
    if given.results is None:
        raise ResultsError(f"{given.source}: {given.problems[0]}")

    def show_vector(case: "CaseResult", vector: "AnyVector") -> None:
        progress.clear()
        _print_vector(case, vector)

    def show_onset(found: "Onset | None") -> None:
        progress.clear()
        if found is not None:
            _print_onset(found)

    with stages() as progress:
        explained = explain_run(
            given.results,
            given.run,
            case,
            suite=suite,
            output=OutputSource(output, decoder),
            symptoms=SymptomCache(cache, jobs=jobs),
            seconds=budget - (monotonic() - started),
            progress=progress,
            heard=None if as_json else Hearing(show_vector, show_onset),
        )
    if as_json:
        from nnc_conformance.faults.diagnosis.explanation_json import document
        from nnc_conformance.storage.documents import canonical_json

        typer.echo(canonical_json(document(explained)), nl=False)
    else:
        _print(explained)
    return ExitCode.AS_EXPECTED if explained.likely or explained.onset is not None else ExitCode.INCOMPLETE


def _print_vector(case: "CaseResult", vector: "AnyVector") -> None:
    """Print what failed, and what its vector tests and catches, at once."""
    from nnc_conformance.reports.text import one_line
    from nnc_conformance.suites.results.outcomes import Outcome
    from nnc_conformance.suites.results.stream_limits import limit_notes

    typer.echo(f"{case.id}: {case.outcome}: {one_line(case.message)}")
    for heading, text in (("The vector tests", vector.tests), ("It catches", vector.catches)):
        typer.echo(f"{heading}: {one_line(text)}")
    for note in limit_notes(case):
        typer.echo(f"Limit: {note}")
    if case.outcome is Outcome.REFUSED and case.byte is None:
        typer.echo("Place: unknown, because the refusal names no byte; if it does, the element there is shown (docs/decoder-protocol.md).")
    sys.stdout.flush()


def _print(explained: "Explanation") -> None:
    """Print what the search found: the likely element and the likely causes."""
    from nnc_conformance.cli.printing import print_table
    from nnc_conformance.reports.text import one_line

    named = [f"{blamed.element} (clause {blamed.clause})" for blamed in explained.named]
    if named:
        others = f", else in {' or '.join(named[1:])}" if named[1:] else ""
        typer.echo(f"The fault is most likely in {named[0]}{others}.")
    ranking = explained.ranking
    not_tried = " (no others: the first explains every case)" if ranking.settled else " (the budget ran out)" if ranking.out_of_time else ""
    if ranking.out_of_time and not ranking.tried:
        typer.echo("No cause was tried: the budget ran out. Give more time with --budget.")
        return
    if not explained.likely:
        typer.echo(f"No likely cause: none of {ranking.tried} tried{not_tried} reproduces a failure.")
        return
    typer.echo(f"Likely causes, of {ranking.tried} tried{not_tried}:")
    rows = []
    for number, one in enumerate(explained.likely, 1):
        agreement = f"{one.same} of {one.failing} failures alike, {one.kept} of {one.passing} passes kept"
        rows.append([str(number), f"{one.fit:.2f}", agreement, one.cause.element, one.cause.function, one_line(one.cause.sentence)])
    print_table(["", "fit", "over the run", "element", "where in the reference", "what such a decoder does"], rows)
    if explained.likely[0].exact:
        typer.echo(f"A decoder with this bug does the same in every case that was tried: {one_line(explained.likely[0].cause.sentence)}")


def _cut(text: str) -> str:
    """Put text of a stream or decoder in one line of at most `LONGEST_TEXT` characters."""
    from nnc_conformance.reports.text import one_line

    line = one_line(text)
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 3]}..."


def _print_onset(onset: "Onset") -> None:
    """Print where decoding first goes wrong, and the lines of the trace around it."""
    from nnc_conformance.reference.tracer import value_text
    from nnc_conformance.reports.text import one_line

    step = "" if onset.step is None else f"step {onset.step}, "
    where = f"{step}unit {onset.unit} ({onset.unit_type}), byte {onset.byte}.{onset.bit}, {onset.element} (clause {onset.clause})"
    typer.echo(f"First wrong{'' if onset.exact else ' (as far as known without the output)'}: {where}")
    if onset.tensor:
        place = f" symbol {onset.coded_index}, element {list(onset.index)}" if onset.coded_index is not None else ""
        values = f": expected {onset.expected}, got {onset.actual}" if onset.expected else ""
        typer.echo(f"  tensor {value_text(onset.tensor)}{place}{_cut(values)}")
    typer.echo(f"  {_cut(onset.reading)}")
    for line in onset.lines:
        if line.bin is None:
            typer.echo(f"    {line.byte}.{line.bit} {line.element} {line.descriptor} = {one_line(value_text(line.value))}")
            continue
        state = f"{line.bin.context} R={line.bin.ivl_curr_range} V={line.bin.ivl_offset} s={line.bin.state}"
        mark = ">" if line.bin.index == onset.coded_index else " "
        typer.echo(f"  {mark} {line.byte}.{line.bit} symbol {line.bin.index} {line.element} = {line.value}  {state}")
    sys.stdout.flush()
