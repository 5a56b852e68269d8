"""``check-encoder``: explain to an encoder's author what to fix."""

from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import JsonOption, ProbeMemoryOption, ProbeTimeOption
from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    from nnc_conformance.encoders.check import EncoderCheck


def command(
    encoder: Annotated[str, typer.Argument(metavar="E", help="The encoder: in-tree, or the path of an encoder.toml.")],
    time_limit: ProbeTimeOption = None,
    memory_limit: ProbeMemoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check an encoder's description, protocol and first streams; explain how to fix problems.

    Each probe is run twice.

    Exit code: 0 no errors (perhaps warnings), 1 errors, 2 usage or bad input, 4 internal error.

    Example: nnc-conformance check-encoder my/encoder.toml
    """
    from nnc_conformance.encoders.check import LIMITS, check_encoder
    from nnc_conformance.suites.running.invocation import limits_of

    report = check_encoder(encoder, limits=limits_of(time_limit, memory_limit, LIMITS))
    if as_json:
        from nnc_conformance.storage.documents import canonical_json

        typer.echo(canonical_json(_document(report)), nl=False)
    else:
        _print(report)
    return ExitCode.FAILED if report.errors else ExitCode.AS_EXPECTED


def _document(report: "EncoderCheck") -> dict[str, object]:
    """Convert the report to a JSON value."""
    return {
        "format": "nnc-encoder-check/1",
        "encoder": report.encoder,
        "errors": report.errors,
        "findings": [
            {
                "code": finding.fault.value,
                "severity": finding.severity.value,
                "cause": finding.cause,
                "hint": finding.hint,
                "cases": list(finding.cases),
                "stderr": finding.stderr,
                "reproduce": finding.reproduce,
            }
            for finding in report.findings
        ],
        "probes": {name: outcome.value for name, outcome in report.outcomes.items()},
    }


def _print(report: "EncoderCheck") -> None:
    """Print the findings on an encoder, and the outcome of each probe."""
    from nnc_conformance.cli.printing import print_finding, print_table
    from nnc_conformance.reports.text import one_line

    for finding in report.findings:
        print_finding(finding, finding.cases)
    if report.outcomes:
        print_table(("probe", "outcome"), [(name, outcome.value) for name, outcome in report.outcomes.items()])
    warnings = len(report.findings) - report.errors
    print(f"{one_line(report.encoder)}: {report.errors} errors, {warnings} warnings; {len(report.outcomes)} probes")
