"""``check-decoder``: explain to a decoder's author what to fix."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from nnc_conformance.cli.options import JsonOption, ProbeMemoryOption, ProbeTimeOption
from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    from nnc_conformance.suites.checking.check import CapabilityProbes, CheckReport

VECTORS_SHOWN: Final = 8
"""Vectors listed at a finding before the rest is only counted."""


def command(
    decoder: Annotated[
        str,
        typer.Argument(
            metavar="D", help="The decoder: in-tree, command:TEMPLATE with {stream} and {output}, or the path of a decoder.toml."
        ),
    ],
    time_limit: ProbeTimeOption = None,
    memory_limit: ProbeMemoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check a decoder's description, protocol and claims with small probe streams; explain how to
    fix problems.

    Each probe is run twice.

    Exit code: 0 no errors (perhaps warnings), 1 errors, 2 usage or bad input, 4 internal error.

    Example: nnc-conformance check-decoder my/decoder.toml
    """
    from nnc_conformance.suites.checking.check import LIMITS, check_decoder
    from nnc_conformance.suites.running.invocation import limits_of

    report = check_decoder(decoder, limits=limits_of(time_limit, memory_limit, LIMITS))
    if as_json:
        from nnc_conformance.storage.documents import canonical_json

        typer.echo(canonical_json(_document(report)), nl=False)
    else:
        _print(report)
    return ExitCode.FAILED if report.errors else ExitCode.AS_EXPECTED


def _document(report: "CheckReport") -> dict[str, object]:
    """Convert the report to a JSON value."""
    return {
        "format": "nnc-check/1",
        "decoder": report.decoder,
        "errors": report.errors,
        "probes": report.probes,
        "run": report.run,
        "findings": [
            {
                "code": finding.fault.value,
                "weight": finding.severity.value,
                "cause": finding.cause,
                "hint": finding.hint,
                "vectors": list(finding.vectors),
                "stderr": finding.stderr,
                "reproduce": finding.reproduce,
            }
            for finding in report.findings
        ],
        "capabilities": {
            name: {"declared": row.declared, "passed": row.passed, "probes": row.probes, "counted": row.counted}
            for name, row in report.capabilities.items()
        },
    }


def _uncounted(row: "CapabilityProbes") -> str:
    """Return a remark on the probes of a capability that cannot count, or ""."""
    others = row.probes - row.counted
    return f"; {'none' if not row.counted else f'only {row.counted}'} of them can be judged" if others else ""


def _print(report: "CheckReport") -> None:
    """Print the findings on a decoder, its capabilities, and the count of errors."""
    from nnc_conformance.cli.printing import print_finding, print_table
    from nnc_conformance.reports.text import one_line

    for finding in report.findings:
        print_finding(finding, finding.vectors, shown=VECTORS_SHOWN)
    if report.probes:
        rows = [
            (name, "declared" if row.declared else "not declared", f"{row.passed} of {row.probes} probes decoded{_uncounted(row)}")
            for name, row in report.capabilities.items()
        ]
        print_table(("capability", "", "shown"), rows)
    warnings = len(report.findings) - report.errors
    left = f", {report.probes - report.run} probes not run" if report.run < report.probes else ""
    print(f"{one_line(report.decoder)}: {report.errors} errors, {warnings} warnings; {report.run} probes{left}")
