"""``check-decoder``: what is wrong with a decoder, for the one who makes it."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    from nnc_conformance.suites.checking.check import CheckReport, DecoderFinding

VECTORS_SHOWN: Final = 8


def command(
    decoder: Annotated[str, typer.Argument(metavar="D", help="in-tree, command:TEMPLATE, or the path of a decoder.toml.")],
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="S", min=0.001, help="Seconds for each probe.", show_default=False)
    ] = None,
    memory_limit: Annotated[
        int | None, typer.Option("--memory-limit", metavar="MIB", min=1, help="Memory for each probe, in MiB.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """CheckReport a decoder's description, its protocol and its claims with a few small streams, and say how to mend what is wrong.

    Each probe is run twice. Exit code: 0 no errors (warnings are told), 1 errors, 2 usage, 4 internal error.

    Example: nnc-conformance check-decoder my/decoder.toml
    """
    from nnc_conformance.suites.checking.check import LIMITS, check_decoder
    from nnc_conformance.suites.running.invocation import limits_of

    found = check_decoder(decoder, limits=limits_of(time_limit, memory_limit, LIMITS))
    if as_json:
        from nnc_conformance.storage.documents import canonical_json

        typer.echo(canonical_json(_document(found)), nl=False)
    else:
        _print(found)
    return ExitCode.FAILED if found.errors else ExitCode.AS_EXPECTED


def _document(found: "CheckReport") -> dict[str, object]:
    """The check as a JSON value."""
    return {
        "format": "nnc-check/1",
        "decoder": found.decoder,
        "errors": found.errors,
        "probes": found.probes,
        "run": found.run,
        "findings": [
            {
                "code": finding.fault.value,
                "weight": finding.weight.value,
                "cause": finding.cause,
                "hint": finding.hint,
                "vectors": list(finding.vectors),
                "stderr": finding.stderr,
                "reproduce": finding.reproduce,
            }
            for finding in found.findings
        ],
        "capabilities": {
            name: {"declared": row.declared, "passed": row.passed, "probes": row.probes} for name, row in found.capabilities.items()
        },
    }


def _print(found: "CheckReport") -> None:
    from nnc_conformance.cli.output import print_table
    from nnc_conformance.reports.text import one_line

    for finding in found.findings:
        _print_finding(finding)
    if found.probes:
        rows = [
            (name, "declared" if row.declared else "not declared", f"{row.passed} of {row.probes} probes decoded")
            for name, row in found.capabilities.items()
        ]
        print_table(("capability", "", "shown"), rows)
    warnings = len(found.findings) - found.errors
    left = f", {found.probes - found.run} probes not run" if found.run < found.probes else ""
    print(f"{one_line(found.decoder)}: {found.errors} errors, {warnings} warnings; {found.run} probes{left}")


def _print_finding(finding: "DecoderFinding") -> None:
    from nnc_conformance.reports.text import one_line, visible

    print(f"{finding.weight} {finding.fault}: {one_line(finding.cause)}")
    if finding.vectors:
        more = len(finding.vectors) - VECTORS_SHOWN
        print(f"    seen in: {', '.join(finding.vectors[:VECTORS_SHOWN])}" + (f" and {more} more" if more > 0 else ""))
    for line in visible(finding.stderr).splitlines():
        print(f"    stderr: {line}")
    print(f"    hint: {finding.hint}")
    if finding.reproduce:
        print(f"    {one_line(finding.reproduce)}")
