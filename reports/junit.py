"""The report as JUnit XML: one suite per decoder, outcomes mapped by the table `OUTCOMES`."""

from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

from nnc_conformance.reports.report import DecoderSummary, Report, ReportedCase
from nnc_conformance.reports.text import visible
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome

_COUNTED: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}
_PROPERTY: Final = "property"
_KNOWN: Final = "known"
"""Type of the `skipped` element of a failure that is expected."""
_STALE: Final = "stale"
"""Type of the `failure` element of a case that passes although its failure is expected."""


def render_junit(report: Report) -> str:
    """Render one JUnit XML document; characters that XML 1.0 forbids are escaped as ``\\u{hex}``.

    Times are wall times in seconds, timestamps are UTC. Where several decoders were judged, the class
    name has the decoder: readers such as GitLab ignore a second case of the same class and name. Problems that make the whole results
    incomplete are errors of a separate suite ``results``.
    """
    root = ElementTree.Element("testsuites", name="nnc-conformance")
    if report.problems:
        suite = ElementTree.SubElement(root, "testsuite", name="results")
        for problem in report.problems:
            _mark(_testcase(suite, "results are complete", "nnc.results"), Outcome.NOT_RUN, problem, "")
        _count(suite)
    for decoder in report.decoders:
        _suite(root, report, decoder)
    for total in ("tests", *_COUNTED.values()):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    root.set("time", _seconds(sum(case.seconds for case in report.cases)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ElementTree.Element, report: Report, decoder: DecoderSummary) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=visible(decoder.info.name))
    suite.set("time", _seconds(sum(case.seconds for case in report.of(decoder.info.name))))
    if decoder.started:
        suite.set("timestamp", datetime.fromisoformat(decoder.started).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    properties = ElementTree.SubElement(suite, "properties")
    named = {
        "decoder": decoder.info.name,
        "version": decoder.info.version,
        "kind": decoder.info.kind,
        "verdict": decoder.verdict.value,
        "conformance": f"{decoder.conformance.passed} of {decoder.conformance.judged}",
        **{f"false-claim.{number}": claim for number, claim in enumerate(decoder.false_claims)},
        **{f"{place}.{key}" if len(report.environment) > 1 else key: text for place, rows in report.environment for key, text in rows},
    }
    for name, value in named.items():
        ElementTree.SubElement(properties, "property", name=visible(name), value=visible(value))
    for case in report.of(decoder.info.name):
        _case(suite, case, _group(report, case.result.level.value, decoder))
    for name in decoder.absent:
        _mark(
            _testcase(suite, name.partition("@")[0], _group(report, "absent", decoder)),
            Outcome.NOT_RUN,
            "planned, but without a result",
            "",
        )
    _count(suite)


def _group(report: Report, name: str, decoder: DecoderSummary) -> str:
    """Return the class name of cases: their level, and the decoder if there are several."""
    return f"nnc.{name}.{decoder.info.name}" if len(report.decoders) > 1 else f"nnc.{name}"


def _case(suite: ElementTree.Element, case: ReportedCase, group: str) -> None:
    result = case.result
    element = _testcase(suite, result.vector, group)
    if case.file:
        element.set("file", visible(case.file))
    element.set("time", _seconds(case.seconds))
    details = [result.message, *(f"{d.tensor}: {d.kind.value}, expected {d.expected}, given {d.actual}" for d in result.differences)]
    if len(result.judged_steps) > 1:
        details += [f"step {number}: {step.outcome.value}" for number, step in enumerate(result.judged_steps)]
    if case.stderr:
        details.append(f"standard error:\n{case.stderr}")
    notes = {f"choice.{made.switch}": made.choice for made in result.choices}
    if case.retried:
        notes["retried"] = case.retried
    if OUTCOMES[result.outcome].junit == _PROPERTY:
        notes["outcome"] = result.outcome.value
    if notes:
        properties = ElementTree.SubElement(element, "properties")
        for name, value in notes.items():
            ElementTree.SubElement(properties, "property", name=visible(name), value=visible(value))
    text = "\n".join([*filter(None, details), case.reproduce])
    if case.known:
        _add(element, "skipped", _KNOWN, f"known failure: {case.known}", text)
    elif case.stale:
        _add(element, "failure", _STALE, f"passes although expected to fail: {case.stale}; remove it from the list", "")
    else:
        _mark(element, result.outcome, result.message or result.title, text)


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _testcase(suite: ElementTree.Element, name: str, group: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", name=visible(name), classname=visible(group))


def _mark(testcase: ElementTree.Element, outcome: Outcome, message: str, text: str) -> None:
    tag = OUTCOMES[outcome].junit
    if tag in _COUNTED:
        _add(testcase, tag, outcome.value, message, text)


def _add(testcase: ElementTree.Element, tag: str, kind: str, message: str, text: str) -> None:
    ElementTree.SubElement(testcase, tag, type=kind, message=visible(message)).text = visible(text) or None


def _count(suite: ElementTree.Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag, total in _COUNTED.items():
        suite.set(total, str(len(suite.findall(f"testcase/{tag}"))))
