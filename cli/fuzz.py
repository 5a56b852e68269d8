"""``fuzz``: test one decoder, or compare two, on generated streams."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import output_folder
from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    from nnc_conformance.faults.diagnosis.fuzz import Fuzzer

SMALL = 400
"""Bytes of the longest built-in stream to start from."""
BETWEEN = 100
"""Executions between two progress lines."""


def command(
    decoder: Annotated[
        list[str], typer.Option("--decoder", metavar="D", help="The decoder, as for run. Given twice, the two decoders are compared.")
    ],
    streams: Annotated[
        list[Path] | None,
        typer.Argument(metavar="STREAMS", help="Streams, or folders of streams, to start from.", show_default="small built-in vectors"),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", metavar="DIR", parser=output_folder, help="Folder for corpus, findings and state; a run found there is continued."
        ),
    ] = Path("nnc-fuzz"),
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of all random choices.")] = 1,
    executions: Annotated[
        int, typer.Option("--executions", metavar="N", min=1, help="Streams to try, earlier runs in DIR included.")
    ] = 10_000,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", min=0, help="Seconds this run may take.")] = 3600.0,
    time_limit: Annotated[float, typer.Option("--time-limit", metavar="S", min=0.001, help="Seconds per stream.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text at the end.")] = False,
) -> int:
    """Fuzz a decoder with streams changed by their syntax; keep failures, shrunk, as vectors.

    Each new stream changes one element, unit, tool, dimension or index of an earlier one. Streams
    that reach a new coverage goal in the reference decoder are kept and changed further. A finding
    is a failure, or with two decoders a difference between them. DIR/findings is a suite.

    Exit code: 0 no findings, 1 findings, 2 usage or bad input.

    Example: nnc-conformance fuzz --decoder decoder.toml --seed 7 --seconds 600
    """
    from nnc_conformance.faults.diagnosis.fuzz import STATE_FILE, Fuzzer, differing
    from nnc_conformance.faults.diagnosis.shrink import judge_of, opened_decoder
    from nnc_conformance.generator.coverage.streams import find_streams
    from nnc_conformance.storage.documents import canonical_json
    from nnc_conformance.storage.inputs import read_bytes
    from nnc_conformance.storage.outputs import check_outputs
    from nnc_conformance.storage.suite_folder import built_in_root
    from nnc_conformance.suites.decoders.load import load_decoders
    from nnc_conformance.suites.running.invocation import limits_of

    check_outputs([], folder=output, names=[STATE_FILE])
    specs = load_decoders(decoder)
    if len(specs) > 2:
        raise typer.BadParameter("give one decoder or two", param_hint="--decoder")
    found = find_streams(streams or [built_in_root() / "core"])
    if any(path.resolve().is_relative_to(output.resolve()) for path in found.values()):
        raise typer.BadParameter(f"the streams are in {output}, which is written to; copy them elsewhere", param_hint="STREAMS")
    seeds = [data for _, path in sorted(found.items()) if len(data := read_bytes(path)) <= SMALL or streams]
    with ExitStack() as stack:
        decoders = [stack.enter_context(opened_decoder(spec, limits_of(time_limit, None))) for spec in specs]
        judge = judge_of(decoders[0]) if len(decoders) == 1 else differing(*decoders)
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
