"""The report as CSV: one line per case, for spreadsheets."""

import csv
import io
from typing import Final

from nnc_conformance.reports.report import Report, ReportedCase
from nnc_conformance.reports.text import one_line
from nnc_conformance.suites.results.result import CaseResult, SessionCaseResult

COLUMNS: Final = (
    "decoder",
    "vector",
    "revision",
    "level",
    "outcome",
    "fails",
    "standing",
    "provenance",
    "clauses",
    "flags",
    "rule",
    "category_seen",
    "tensors_differing",
    "choices",
    "output_sha256",
    "message",
)
"""The columns, in order."""
SESSION_COLUMNS: Final = ("edition", "steps")
"""Further columns where a results file has format nnc-results/2."""

_FORMULA_STARTS: Final = ("=", "+", "-", "@")


def render_csv(report: Report) -> str:
    """Render all cases below a heading line.

    An apostrophe precedes cells that a spreadsheet would read as formulas.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sessions = any(isinstance(case.result, SessionCaseResult) for case in report.cases)
    writer.writerow((*COLUMNS, *(SESSION_COLUMNS if sessions else ())))
    for case in report.cases:
        writer.writerow([_cell(value) for value in (*_row(case), *(_session(case.result) if sessions else ()))])
    return text.getvalue()


def _row(case: ReportedCase) -> tuple[str, ...]:
    """Return the cells of a case, in the order of the CSV file's columns."""
    result = case.result
    return (
        result.decoder,
        result.vector,
        str(result.revision),
        result.level.value,
        result.outcome.value,
        "known" if case.known else "stale" if case.stale else "yes" if case.failing else "no",
        case.standing.value,
        result.provenance.value,
        " ".join(result.clauses),
        " ".join(result.flags),
        result.rule or "",
        result.category_seen.value if result.category_seen else "",
        str(result.tensors_differing),
        " ".join(f"{made.switch}={made.choice}" for made in result.choices),
        result.output_sha256 or "",
        result.message,
    )


def _session(result: CaseResult) -> tuple[str, str]:
    return str(result.tested_edition), " ".join(step.outcome.value for step in result.judged_steps)


def _cell(value: str) -> str:
    text = one_line(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and text != "-" else text
