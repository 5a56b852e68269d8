"""``run``: judge decoders with the vectors of a suite."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import (
    FilterOption,
    SuiteArgument,
    TargetOption,
    edition_option,
    input_file,
    level_option,
    output_file,
    output_folder,
    read_editions,
    read_levels,
    read_target,
)
from nnc_conformance.reference.threads import usable_cpus

if TYPE_CHECKING:
    from nnc_conformance.reports.changes import Since
    from nnc_conformance.reports.report import Report


def command(
    suite: SuiteArgument = None,
    decoder: Annotated[
        list[str] | None,
        typer.Option(
            "--decoder",
            metavar="D",
            help="The decoder: in-tree, command:TEMPLATE with {stream} and {output}, or the path of a decoder.toml. Repeatable.",
            show_default="in-tree",
        ),
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            "--encoder",
            metavar="E",
            help="The encoder: in-tree, or the path of an encoder.toml. Repeatable. Alone, no decoder is judged.",
            show_default="no encoder is judged",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", parser=output_folder, help="Folder for results and report.")] = Path(
        "nnc-results"
    ),
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Cases to run in parallel.")] = usable_cpus(),
    level: Annotated[list[str] | None, level_option("core and negative")] = None,
    edition: Annotated[list[str] | None, edition_option("2022, and 2024 for a decoder that declares a capability of it")] = None,
    filters: FilterOption = None,
    target: TargetOption = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="S", min=0.001, help="Seconds per case.", show_default="60")
    ] = None,
    memory_limit: Annotated[
        int | None, typer.Option("--memory-limit", metavar="MIB", min=1, help="Memory per case, in MiB.", show_default="4096")
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", metavar="N", min=1, help="Runs of each case; their outputs must agree.")] = 1,
    fresh: Annotated[
        int | None,
        typer.Option(
            "--fresh",
            metavar="N",
            min=0,
            help="Fresh streams, drawn for each decoder in addition to the vectors.",
            show_default="24 with the core vectors that are built in, else 0",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in DIR.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")] = False,
    expect_failures: Annotated[
        Path | None,
        typer.Option(
            "--expect-failures",
            metavar="FILE",
            parser=input_file,
            help="A TOML list of known failures, which do not fail the run; a listed case that passes does.",
            show_default="none",
        ),
    ] = None,
    write_expect_failures: Annotated[
        Path | None,
        typer.Option(
            "--write-expect-failures",
            metavar="FILE",
            parser=output_file,
            help="Write the failures of this run as such a list; reasons of --expect-failures, or else of FILE, are kept.",
            show_default="not written",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="RESULTS",
            parser=input_file,
            help="An earlier run: fail only on cases that did not fail there, and report what changed.",
            show_default="no comparison",
        ),
    ] = None,
    scheduler: Annotated[
        str,
        typer.Option("--scheduler", metavar="ADDRESS", help="Run the cases on the Dask cluster of this scheduler.", show_default="local"),
    ] = "",
) -> int:
    """Judge decoders with the vectors of a suite, or encoders with generated cases; write results and
    a report.

    DIR gets results.json, run.json, report.html, report.md and junit.xml; of encoders
    encoder-results.json, encoder-run.json, encoder-report.html and encoder-junit.xml.

    Exit code: 0 all as expected, 1 a decoder failed, 2 usage or bad input, 3 incomplete, 4 internal
    error.

    Example: nnc-conformance run --decoder in-tree --decoder 'command:mydecoder {stream} {output}' --filter 'clause=10*'

    Example: nnc-conformance run --encoder my/encoder.toml
    """
    from nnc_conformance.suites.sandbox.linux import require_linux

    require_linux()  # before the modules below say what compiled kernels lack elsewhere
    from nnc_conformance.cli.printing import apart_from, print_verdict
    from nnc_conformance.cli.progress import run_display
    from nnc_conformance.reports.pages import RUN_PAGES, remove_run_pages, write_pages
    from nnc_conformance.reports.results import file_of, load
    from nnc_conformance.reports.summary import build_report
    from nnc_conformance.storage.outputs import check_outputs
    from nnc_conformance.storage.vector import Level
    from nnc_conformance.suites.decoders.decoder_spec import IN_TREE
    from nnc_conformance.suites.decoders.load import COMMAND_PREFIX, load_decoders
    from nnc_conformance.suites.decoders.python_worker import compile_first
    from nnc_conformance.suites.results.expected_failures import kept_list, list_failures, load_expected_failures, write_expected_failures
    from nnc_conformance.suites.results.fresh_ids import is_fresh
    from nnc_conformance.suites.results.outcomes import ExitCode
    from nnc_conformance.suites.results.result import ResultsError
    from nnc_conformance.suites.results.result_files import RESULTS_FILE, RUN_FILE
    from nnc_conformance.suites.running.decoder_run import JOURNAL_FILE, invocation_of
    from nnc_conformance.suites.running.decoder_run import run as run_suite
    from nnc_conformance.suites.running.invocation import limits_of
    from nnc_conformance.suites.running.runner import RunOptions
    from nnc_conformance.suites.running.selection import DEFAULT_LEVELS, FRESH, parse_filter, select, vector_ids

    others = [] if write_expect_failures is None else [write_expect_failures]
    names = (RESULTS_FILE, RUN_FILE, JOURNAL_FILE, *RUN_PAGES)
    check_outputs(others, folder=output, names=() if encoder and not decoder else names)
    limits = limits_of(time_limit, memory_limit)
    options = RunOptions(jobs, limits, repeat=repeat, fail_fast=fail_fast, resume=resume, scheduler=scheduler)
    encoders_code: int = ExitCode.AS_EXPECTED
    if encoder:
        from nnc_conformance.cli.encoder_run import judge_encoders

        of_decoders = {
            "SUITE": suite,
            "--level": level,
            "--edition": edition,
            "--target": target,
            "--fresh": fresh,
            "--expect-failures": expect_failures,
            "--write-expect-failures": write_expect_failures,
            "--baseline": baseline,
        }
        for name, value in of_decoders.items() if not decoder else ():
            if value is not None:
                raise typer.BadParameter("encoders are judged by generated cases; give it with --decoder, or leave it out", param_hint=name)
        if decoder and filters:
            raise typer.BadParameter(
                "filters of vectors and of encoder cases differ; run encoders and decoders apart", param_hint="--filter"
            )
        encoders_code, interrupted = judge_encoders(encoder, output, filters or (), options)
        if interrupted or not decoder:
            return encoders_code
    asked = read_target(target)
    levels = read_levels(level, DEFAULT_LEVELS if asked is None else (*DEFAULT_LEVELS, Level.FULL, Level.INFERRED))
    chosen_filters = [parse_filter(text) for text in (*(filters or ()), *([] if asked is None else [f"target={asked.name}"]))]
    decoders = load_decoders(decoder or [IN_TREE])
    drawn = fresh if fresh is not None else FRESH if suite is None and Level.CORE in levels else 0
    editions = read_editions(edition) or (None if asked is None else (asked.edition,))
    taken = editions or {each for one in decoders for each in one.editions}
    chosen = select(
        suite, levels, chosen_filters, editions=taken, fresh_for=[one.identity() for one in decoders], fresh=drawn, complete=True
    )
    expected = load_expected_failures(expect_failures) if expect_failures is not None else None
    if expected is not None:
        expected.check_names(vector_ids(suite), [one.name for one in decoders])
    listed = kept_list(write_expect_failures) if write_expect_failures is not None else None
    files = [Path(one) for one in decoder or () if one != IN_TREE and not one.startswith(COMMAND_PREFIX)]
    earlier = load(baseline) if baseline is not None else None
    if earlier is not None and earlier.results is None:
        raise ResultsError(f"{earlier.source}: {earlier.problems[0]}")
    of_baseline = file_of(baseline) if baseline is not None else None
    read = [*files, *(path for path in (suite, expect_failures, of_baseline) if path is not None)]
    check_outputs(others, [path for path in read if path != expect_failures], folder=output)
    check_outputs([], [path for path in read if not path.is_dir()], folder=output, names=names)
    compile_first(decoders)
    if any(is_fresh(stored.vector.id) for stored in chosen.vectors):
        levels = (*levels, Level.STRESS)
    results = None
    with apart_from(write_expect_failures):
        try:
            with run_display(invocation_of(chosen, decoders, options), expected) as display:
                results = run_suite(
                    chosen,
                    decoders,
                    output,
                    levels=levels,
                    filters=chosen_filters,
                    editions=editions,
                    options=options,
                    expected_failures=expected,
                    progress=display.step,
                    on_start=lambda: remove_run_pages(output),
                )
        except KeyboardInterrupt:
            typer.echo("interrupted; continue with --resume", err=True)
    if write_expect_failures is not None and results is not None:
        write_expected_failures(write_expect_failures, list_failures(results.cases, expected or listed))
    report = build_report([load(output)], earlier)
    with apart_from(write_expect_failures):
        code = print_verdict(report, write_pages(report, output, RUN_PAGES))
        code = code if report.since is None else _since_baseline(report, report.since, code)
    return worse_code(code, encoders_code)


def worse_code(one: int, other: int) -> int:
    """Return the worse of two exit codes: a failure, then an incomplete run."""
    from nnc_conformance.suites.results.outcomes import ExitCode

    order = (ExitCode.FAILED, ExitCode.INCOMPLETE)
    return next((code for code in order if code in (one, other)), max(one, other))


def _since_baseline(report: "Report", since: "Since", code: int) -> int:
    """Print what got worse since the baseline; return the exit code of the run.

    Failures that the baseline has too count no more; other codes than that of failure stay.

    Args:
        report: The report of the run.
        since: What changed since the baseline.
        code: The exit code without a baseline.
    """
    from nnc_conformance.suites.results.fresh_ids import is_fresh
    from nnc_conformance.suites.results.outcomes import ExitCode
    from nnc_conformance.suites.results.result import case_id

    known = {case.result.id for case in report.known}
    worse = [change for change in since.worse if case_id(change.vector, change.decoder) not in known]
    for change in worse:
        typer.echo(f"worse: {case_id(change.vector, change.decoder)}: {change.old or 'no result'} before, {change.new}")
    typer.echo(f"{len(worse) or 'no'} {'case' if len(worse) == 1 else 'cases'} worse than in {since.source}")
    if drawn := sum(is_fresh(change.vector) for change in worse):
        typer.echo(
            f"{drawn} of these {'is a fresh stream' if drawn == 1 else 'are fresh streams'}, which each version of a decoder gets anew;"
        )
        typer.echo("to compare the same cases only, give --fresh 0 to both runs")
    if code != ExitCode.FAILED:
        return code
    return ExitCode.FAILED if worse or report.stale else ExitCode.AS_EXPECTED
