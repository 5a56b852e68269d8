"""The report as Markdown: short enough for pull requests and step summaries."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from nnc_conformance.reports.drift import first_drift_text, relative_error_text, worst_layer
from nnc_conformance.reports.report import HEADLINES, NOTHING_COUNTS, MatrixGroup, Report, ReportedCase
from nnc_conformance.reports.tally import TONES, OutcomeTally
from nnc_conformance.reports.text import one_line

SHOWN_FAILURES: Final = 100
"""Failures listed before the rest is only counted."""

SHOWN_CHANGES: Final = 50
"""Changes since an earlier run listed before the rest is only counted."""

_LONGEST_MESSAGE: Final = 160
"""Characters of a message before it is cut."""


def render_markdown(report: Report) -> str:
    """Render GitHub Markdown; all text from a decoder is in code spans or escaped."""
    parts = [f"# NNC conformance: {HEADLINES[report.verdict][0]}", plain(report.headline)]
    parts += ["\n".join(f"- {plain(problem)}" for problem in report.problems)] if report.problems else []
    parts += _decoders(report)
    parts += _since(report)
    parts += _group(report, report.levels, "Conformance by level")
    parts += _targets(report)
    parts += _failures(report)
    parts += _expected(report)
    parts += _folded("Clauses, features and broken rules", [part for group in report.groups for part in _group(report, group, group.title)])
    parts += _networks(report)
    parts += _group(report, report.standings, "By standing")
    parts += _choices(report)
    parts += map(plain, report.remarks)
    parts.append(
        "Figures are cases passed of cases judged: of good streams, which must be decoded, and of broken ones, which must be refused; "
        "a percentage is of good streams. Inferred facts, disputed points and policies of this project never count as conformance."
    )
    return "\n\n".join(parts) + "\n"


def code(text: str) -> str:
    """Format text as one code span, also inside a table.

    Nothing in it acts as markup, link or mention.
    """
    line = one_line(text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    space = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{space}{line}{space}{fence}"


def plain(text: str) -> str:
    """Escape text so that nothing in it acts as markup, link or mention."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~@&])", r"\\\1", one_line(text))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table; the cells are Markdown already."""
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _figure(group: MatrixGroup, tally: OutcomeTally) -> str:
    """Return a cell of the matrix: its figures, and counts of other outcomes.

    It is empty without cases.
    """
    if not tally.total:
        return ""
    remark = group.remark(tally)
    left = [f"{tally.figures} ({remark})" if remark else tally.figures] if tally.judged else []
    return ", ".join(
        left + [f"{count} {TONES[tone][0]}" for tone in TONES if tone.value in ("skipped", "choice") and (count := tally.of_tone(tone))]
    )


def _decoders(report: Report) -> list[str]:
    """Return a table of the decoders, and a list of their false claims.

    A row has version, verdict, conformance and counts; without decoders there is no table.
    """
    if not report.decoders:
        return []
    headings = ["decoder", "version", "verdict", "conformance", *(word for word, _ in TONES.values())]
    rows = [
        [
            code(decoder.info.name),
            code(decoder.info.version),
            HEADLINES[decoder.verdict][0],
            decoder.conformance.figures or NOTHING_COUNTS,
            *(str(decoder.total.of_tone(tone)) for tone in TONES),
        ]
        for decoder in report.decoders
    ]
    claims = [f"- False claim: {plain(claim)}" for decoder in report.decoders for claim in decoder.false_claims]
    claims += [f"- {code(decoder.info.name)}: {plain(str(decoder.located))}" for decoder in report.decoders if decoder.located]
    return [table(headings, rows), *(["\n".join(claims)] if claims else [])]


def _since(report: Report) -> list[str]:
    """Return the section on changes since an earlier run; empty without one."""
    if report.since is None:
        return []
    counts = [f"{count} {kind.value}" for kind, count in report.since.counts.items()]
    parts = [f"## Since {code(report.since.source)}", f"{', '.join(counts) or 'nothing changed'}; {report.since.unchanged} as before."]
    shown = report.since.changes[:SHOWN_CHANGES]
    rows = [
        [c.kind.value, code(c.vector), code(c.decoder), *(outcome.value if outcome is not None else "" for outcome in (c.old, c.new))]
        for c in shown
    ]
    if rows:
        parts.append(table(["", "vector", "decoder", "before", "now"], rows))
    if len(report.since.changes) > len(shown):
        parts.append(f"{len(report.since.changes) - len(shown)} more changes are in the HTML report.")
    return parts


def _group(report: Report, group: MatrixGroup, title: str) -> list[str]:
    """Return the section of one group of features, empty without rows.

    A row is a feature, a column a decoder.
    """
    if not group.rows:
        return []
    headings = [group.title.lower(), *(code(decoder.info.name) for decoder in report.decoders)]
    return [f"## {title}", table(headings, ([code(row.key), *(_figure(group, cell) for cell in row.cells)] for row in group.rows))]


def _targets(report: Report) -> list[str]:
    """Return a section for each target: what it needs and how many cases passed."""
    parts = []
    for figures in report.targets:
        rows = [[code(one.need.text), code(one.need.capability), one.figures, one.state.value] for one in figures.needs]
        parts += [
            f"## Target {figures.target.name}: {code(figures.decoder)}",
            plain(f"{figures.headline}. Source: {figures.target.source}."),
            table(["needed", "capability", "passed", ""], rows),
        ]
    return parts


def _failures(report: Report) -> list[str]:
    """Return the section of failures and the commands that repeat them; empty without any."""
    failures = report.failures
    if not failures:
        return []
    shown = failures[:SHOWN_FAILURES]
    rows = [[code(case.result.vector), code(case.result.decoder), case.result.outcome.value, code(_what_happened(case))] for case in shown]
    parts = [f"## Failures: {len(failures)}", table(["vector", "decoder", "outcome", "what happened"], rows)]
    if len(failures) > len(shown):
        parts.append(f"The other {len(failures) - len(shown)} are in the HTML report.")
    return parts + _folded("Commands that repeat them", ["\n".join(f"- {code(case.reproduce)}" for case in shown)])


def _expected(report: Report) -> list[str]:
    """Tabulate failures that are known, and cases that pass although their failure is expected."""
    parts = []
    for title, cases in (("Known failures", report.known), ("Expected to fail, but pass", report.stale)):
        if cases:
            rows = (
                [code(case.result.vector), code(case.result.decoder), plain(case.known or case.stale)] for case in cases[:SHOWN_FAILURES]
            )
            parts += [f"## {title}: {len(cases)}", table(["vector", "decoder", "reason"], rows)]
            if len(cases) > SHOWN_FAILURES:
                parts.append(f"The other {len(cases) - SHOWN_FAILURES} are in the HTML report.")
    return parts


def _what_happened(case: ReportedCase) -> str:
    """Describe a failure in one line: message, first difference, the decoder's words."""
    first = case.result.first_difference
    where = f"; {first.tensor}: {first.kind.value}, expected {first.expected}, given {first.actual}" if first is not None else ""
    said = f"; its message: {case.said}" if case.said else ""
    said += f"; standard error: {case.stderr.splitlines()[-1]}" if case.stderr else ""
    text = one_line(case.result.message + where + said)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _networks(report: Report) -> list[str]:
    """Return the section of accuracies by network and decoder; empty if none were measured."""
    if not report.measured:
        return []
    headings = ["network", "original", "reference", *(code(decoder.info.name) for decoder in report.decoders)]
    rows = [
        [code(row.network), *(f"{answer.top1:.2%}" if answer is not None else "" for answer in (row.original, row.reference, *row.decoded))]
        for row in report.measured
    ]
    return ["## Networks: top-1 accuracy on held data", table(headings, rows), *_drift(report)]


def _drift(report: Report) -> list[str]:
    """Tabulate relative output errors and the first differing layer, for each network vector and
    decoder.
    """
    headings = [
        "network vector",
        "decoder",
        "from the original",
        "from the reference",
        "largest of a layer",
        "first layer that differs from the reference",
    ]
    rows = [
        [
            code(measured.vector),
            code(report.decoders[number].info.name),
            relative_error_text(own),
            relative_error_text(own.to_reference),
            f"{relative_error_text(worst.distance)} {code(worst.output)}" if (worst := worst_layer(own)) is not None else "",
            code(drift) if (drift := first_drift_text(own)) else "none" if own.to_reference is not None else "",
        ]
        for measured in report.measured
        for number, own in measured.answered
    ]
    return ["## Networks: relative error of the outputs", table(headings, rows)] if rows else []


def _choices(report: Report) -> list[str]:
    """Return a folded table of the choices that decoders made at disputed points.

    A row is a vector, a column a decoder; without such vectors there is no table.
    """
    if not report.choices:
        return []
    headings = ["disputed vector", *(code(decoder.info.name) for decoder in report.decoders)]
    rows = [
        [
            code(vector.id),
            *(
                ", ".join(f"{made.switch} = {made.choice}" for made in case.result.choices) if case is not None else ""
                for case in vector.cases
            ),
        ]
        for vector in report.choices
    ]
    return _folded("Choices at disputed points", [table(headings, rows)])


def _folded(title: str, parts: Sequence[str]) -> list[str]:
    return ["\n\n".join([f"<details><summary>{title}</summary>", *parts, "</details>"])] if parts else []
