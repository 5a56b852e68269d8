"""``fuzz``: streams that nobody wrote, made by syntax, against a decoder or two."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    from nnc_conformance.faults.diagnosis.fuzz import Fuzzer

SMALL = 400
BETWEEN = 100


def command(
    decoder: Annotated[
        list[str], typer.Option("--decoder", metavar="D", help="The decoder, as for run; two of them are held against each other.")
    ],
    streams: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[STREAMS]...", help="Streams or folders to begin with; without them small built-in vectors.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where corpus, findings and state go; goes on with a run there.")
    ] = Path("nnc-fuzz"),
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same run.")] = 1,
    executions: Annotated[int, typer.Option("--executions", metavar="N", min=1, help="Streams in all.")] = 10_000,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", min=0, help="Seconds at most, this time.")] = 3600.0,
    time_limit: Annotated[float, typer.Option("--time-limit", metavar="S", min=0.001, help="Seconds for each stream.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> int:
    """Try a decoder with streams made from streams by their syntax, and keep what it fails, made small, as vectors.

    One element, unit, tool, dimension or index of a stream is changed at a time; a stream in which the reference decoder meets a new goal
    of coverage is gone on from. With two decoders a finding is what they do differently. DIR/findings is a suite.

    Exit code: 0 no finding, 1 findings, 2 usage or bad input.

    Example: nnc-conformance fuzz --decoder decoder.toml --seed 7 --seconds 600
    """
    from nnc_conformance.faults.diagnosis.asking import asking
    from nnc_conformance.faults.diagnosis.fuzz import Fuzzer, differing
    from nnc_conformance.faults.diagnosis.shrink import judge_of
    from nnc_conformance.generator.coverage.streams import find_streams
    from nnc_conformance.storage.documents import canonical_json
    from nnc_conformance.storage.suite_folder import built_in_root
    from nnc_conformance.suites.decoders.load import load_decoders
    from nnc_conformance.suites.running.invocation import limits_of

    specs = load_decoders(decoder)
    if len(specs) > 2:
        raise typer.BadParameter("one decoder or two", param_hint="--decoder")
    found = find_streams(streams or [built_in_root() / "core"])
    seeds = [data for _, path in sorted(found.items()) if len(data := path.read_bytes()) <= SMALL or streams]
    with ExitStack() as stack:
        asks = [stack.enter_context(asking(spec, limits_of(time_limit, None))) for spec in specs]
        judge = judge_of(asks[0]) if len(asks) == 1 else differing(*asks)
        fuzzer = Fuzzer.open(output, judge, [spec.name for spec in specs], seed, seeds)
        _run(fuzzer, executions, seconds)
    state = fuzzer.state
    if as_json:
        typer.echo(canonical_json(state.model_dump(mode="json")), nl=False)
    else:
        typer.echo(f"{state.executions} streams tried, {state.goals} goals met, {len(state.findings)} findings in {output}")
    return ExitCode.FAILED if state.findings else ExitCode.AS_EXPECTED


def _run(fuzzer: "Fuzzer", executions: int, seconds: float) -> None:
    try:
        for finding in fuzzer.run(executions, seconds):
            if finding is not None:
                typer.echo(f"{finding.failure}: {finding.found} bytes, made {finding.shrunk}: {finding.file}", err=True)
            elif fuzzer.state.executions % BETWEEN == 0:
                typer.echo(f"{fuzzer.state.executions} of {executions}, {fuzzer.state.goals} goals", err=True)
    except KeyboardInterrupt:
        fuzzer.save()
        raise
