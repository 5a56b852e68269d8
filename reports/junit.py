"""The report as JUnit XML: one suite per decoder, outcomes mapped by the table `OUTCOMES`."""

from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

from nnc_conformance.reports.junit_parts import (
    add_notes,
    add_outcome,
    add_properties,
    add_suite,
    add_testcase,
    counted_suite,
    finished,
    mark,
    new_document,
    seconds,
)
from nnc_conformance.reports.report import NOTHING_COUNTS, DecoderSummary, Report, ReportedCase
from nnc_conformance.reports.text import visible
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome

_NOT_IN_SUREFIRE: Final = {"testcase": ("file",), "skipped": ("type",)}
"""Attributes that the schema of Maven Surefire lacks, by element."""
_PROPERTY: Final = "property"
_KNOWN: Final = "known"
"""Type of the `skipped` element of a failure that is expected."""
_STALE: Final = "stale"
"""Type of the `failure` element of a case that passes although its failure is expected."""


def render_surefire(report: Report) -> str:
    """Render the cases as one ``testsuite`` with nothing that the schema of Maven Surefire lacks.

    Readers that are strict about that schema refuse `render_junit`'s for the ``file`` that GitLab
    needs. Properties are named by their decoder where there are several.
    """
    suites = list(_document(report))
    whole = ElementTree.Element("testsuite", name=DISTRIBUTION, time=seconds(sum(case.seconds for case in report.cases)))
    several = len(report.decoders) > 1
    add_properties(
        whole,
        {
            f"{suite.get('name')}.{one.get('name')}" if several else one.get("name", ""): one.get("value", "")
            for suite in suites
            for one in suite.iterfind("properties/property")
        },
    )
    whole.extend(testcase for suite in suites for testcase in suite.iterfind("testcase"))
    for element in whole.iter():
        if element.tag == "testcase":
            element.attrib.setdefault("time", seconds(0.0))
        for name in _NOT_IN_SUREFIRE.get(element.tag, ()):
            element.attrib.pop(name, None)
    return counted_suite(whole)


def render_junit(report: Report) -> str:
    """Render one JUnit XML document; characters that XML 1.0 forbids are escaped as ``\\u{hex}``.

    Times are wall times in seconds, timestamps are UTC. Where several decoders were judged, the class
    name has the decoder: readers such as GitLab ignore a second case of the same class and name. Problems that make the whole results
    incomplete are errors of a separate suite ``results``.
    """
    return finished(_document(report))


def _document(report: Report) -> ElementTree.Element:
    """Make the document without its totals."""
    root = new_document()
    if report.problems:
        suite = add_suite(root, "results")
        for problem in report.problems:
            mark(add_testcase(suite, "results are complete", "nnc.results"), Outcome.NOT_RUN, problem, "")
    for decoder in report.decoders:
        _suite(root, report, decoder)
    root.set("time", seconds(sum(case.seconds for case in report.cases)))
    return root


def _suite(root: ElementTree.Element, report: Report, decoder: DecoderSummary) -> None:
    """Add a decoder's suite to the document: properties, cases, and those without a result."""
    suite = add_suite(root, decoder.info.name)
    suite.set("time", seconds(sum(case.seconds for case in report.of(decoder.info.name))))
    if decoder.started:
        suite.set("timestamp", datetime.fromisoformat(decoder.started).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    named = {
        "decoder": decoder.info.name,
        "version": decoder.info.version,
        "kind": decoder.info.kind,
        "verdict": decoder.verdict.value,
        "conformance": decoder.conformance.figures or NOTHING_COUNTS,
        **{f"false-claim.{number}": claim for number, claim in enumerate(decoder.false_claims)},
        **{f"{place}.{key}" if len(report.environment) > 1 else key: text for place, rows in report.environment for key, text in rows},
    }
    add_properties(suite, named)
    for case in report.of(decoder.info.name):
        _case(suite, case, _group(report, case.result.level.value, decoder))
    for name in decoder.absent:
        mark(
            add_testcase(suite, name.partition("@")[0], _group(report, "absent", decoder)),
            Outcome.NOT_RUN,
            "planned, but without a result",
            "",
        )


def _group(report: Report, name: str, decoder: DecoderSummary) -> str:
    """Return the class name of cases: their level, and the decoder if there are several."""
    return f"nnc.{name}.{decoder.info.name}" if len(report.decoders) > 1 else f"nnc.{name}"


def _case(suite: ElementTree.Element, case: ReportedCase, group: str) -> None:
    """Add a case to a suite, with the outcome, details and command to repeat it.

    A known failure counts as skipped, and a pass that was expected to fail as a failure.
    """
    result = case.result
    element = add_testcase(suite, result.vector, group)
    if case.file:
        element.set("file", visible(case.file))
    element.set("time", seconds(case.seconds))
    details = [result.message, *(f"{d.tensor}: {d.kind.value}, expected {d.expected}, given {d.actual}" for d in result.differences)]
    if len(result.judged_steps) > 1:
        details += [f"step {number}: {step.outcome.value}" for number, step in enumerate(result.judged_steps)]
    if case.said:
        details.append(f"the decoder's message: {case.said}")
    if case.stderr:
        details.append(f"standard error:\n{case.stderr}")
    notes = {f"choice.{made.switch}": made.choice for made in result.choices}
    if case.retried:
        notes["retried"] = case.retried
    if OUTCOMES[result.outcome].junit == _PROPERTY:
        notes["outcome"] = result.outcome.value
    text = "\n".join([*filter(None, details), case.reproduce])
    if case.known:
        add_outcome(element, "skipped", _KNOWN, f"known failure: {case.known}", text)
    elif case.stale:
        add_outcome(element, "failure", _STALE, f"passes although expected to fail: {case.stale}; remove it from the list", "")
    else:
        mark(element, result.outcome, result.message or result.title, text)
    add_notes(element, notes)
