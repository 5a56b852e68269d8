"""JUnit XML, Markdown, CSV and badges, each read back with a reader of another make."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from helpers.report_documents import HOSTILE, case, document, every_outcome
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt

from nnc_conformance.reference.syntax.rules import Policy
from nnc_conformance.reports.badge import badge_message, render_badge_endpoint, render_badge_svg
from nnc_conformance.reports.csv import render_csv
from nnc_conformance.reports.junit import render_junit, render_surefire
from nnc_conformance.reports.markdown import code, render_markdown
from nnc_conformance.reports.pages import PAGES, write_pages
from nnc_conformance.reports.results import Loaded, loaded
from nnc_conformance.reports.summary import build_report
from nnc_conformance.reports.text import one_line, visible
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import Outcome

FAILURES = {"fail", "refused", "wrongly_accepted", "nondeterministic"}
ERRORS = {"crash", "timeout", "limit", "protocol", "not_run"}


OUTCOME = ({"type", "message"}, set(), set())
COUNTS = {"name", "time", "tests", "failures", "errors"}
JENKINS = {
    "testsuites": (COUNTS | {"disabled"}, set(), {"testsuite"}),
    "testsuite": (
        COUNTS | {"disabled", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"name", "tests", "failures", "errors"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "classname", "time", "assertions", "timestamp", "status", "class", "file", "line", "log", "group", "url"},
        {"name"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "system-out": (set(), set(), set()),
    "failure": OUTCOME,
    "error": OUTCOME,
    "skipped": OUTCOME,
}
"""Attributes that the schema junit-10 of Jenkins' xUnit plugin allows and needs, and child elements."""


SUREFIRE = {
    "testsuite": (COUNTS | {"skipped", "group"}, {"name", "tests", "failures", "errors", "skipped"}, ["properties", "testcase"]),
    "testcase": ({"name", "classname", "group", "time"}, {"name", "time"}, ["failure", "skipped", "error", "system-out"]),
    "properties": (set(), set(), ["property"]),
    "property": ({"name", "value"}, {"name", "value"}, []),
    "failure": ({"message", "type"}, {"type"}, []),
    "error": ({"message", "type"}, {"type"}, []),
    "skipped": ({"message"}, set(), []),
    "system-out": (set(), set(), []),
}
"""The same for the schema of Maven Surefire's reports, whose child elements have an order."""


def report_of(*cases, **more):
    return build_report([loaded("results.json", document(*cases, **more))])


@pytest.fixture(scope="module")
def full():
    return report_of(*every_outcome("alpha"), *every_outcome("beta", HOSTILE))


def test_junit_maps_the_outcomes(full):
    suites = JUnitXml.fromstring(render_junit(full).encode())
    assert [suite.name for suite in suites] == ["alpha", "beta"]
    for suite in suites:
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (16, 6, 5, 1)
        properties = {one.name: one.value for one in suite.properties()}
        assert properties["conformance"] == "good 2 of 11 (18.1 %), broken 0 of 1"
        for test in suite:
            marks = {type(result): result.type for result in test.result}
            outcome = test.name.removeprefix("case-").replace("-", "_")
            if outcome in FAILURES:
                assert marks == {Failure: outcome}
            elif outcome in ERRORS:
                assert marks == {Error: outcome}
            elif outcome == "unsupported":
                assert marks == {Skipped: outcome}
            elif outcome in ("pass", "disputed", "network", "own_limit"):
                assert marks == {}
    assert (suites.tests, suites.failures, suites.errors, suites.skipped) == (32, 12, 10, 2)


def test_junit_has_what_gitlab_reads(full):
    """GitLab reads name, classname, file and time, and ignores a second case of one class and name."""
    cases = [test for suite in JUnitXml.fromstring(render_junit(full).encode()) for test in suite]
    assert len({(one.classname, one.name) for one in cases}) == len(cases) == 32
    assert {one.classname for one in cases if one.name == "network"} == {"nnc.models.alpha", "nnc.models.beta"}
    assert all(one._elem.get("file").startswith("vectors/") and one.time >= 0 for one in cases)
    (alone,) = next(iter(JUnitXml.fromstring(render_junit(report_of(case("one"))).encode())))
    assert (alone.classname, alone._elem.get("file")) == ("nnc.core", "vectors/core/one/vector.json")


def test_junit_tells_the_choice_and_the_command(full):
    root = ElementTree.fromstring(render_junit(full))
    disputed = root.find(".//testcase[@name='disputed']")
    assert disputed.findtext("system-out").splitlines() == ["choice.int_dq_flag: ignored", "outcome: choice"]
    failure = root.find(".//testcase[@name='case-fail']/failure")
    assert "nnc-conformance run --decoder alpha --filter id=case-fail" in failure.text
    assert "expected 1.0 (0x3f800000), given -1.0 (0xbf800000)" in failure.text


def test_junit_has_only_what_jenkins_takes(full):
    """Jenkins' xUnit plugin refuses a whole file for one attribute or element that its schema lacks."""
    root = ElementTree.fromstring(render_junit(full))
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, needed, children = JENKINS[element.tag]
        assert needed <= set(element.keys()) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag


@pytest.mark.parametrize("absent", [(), ("two@alpha",)])
def test_surefire_xml_has_only_what_surefires_schema_has(full, absent):
    report = build_report(
        [*([Loaded("r", None, ("cut",))] if absent else []), loaded("s", document(*every_outcome("alpha"), absent=absent))]
    )
    for one in (full, report):
        root, usual = ElementTree.fromstring(render_surefire(one)), ElementTree.fromstring(render_junit(one))
        assert root.tag == "testsuite"
        for element in root.iter():
            attributes, needed, children = SUREFIRE[element.tag]
            assert needed <= set(element.keys()) <= attributes, element.tag
            places = [children.index(child.tag) for child in element]
            assert places == sorted(places), element.tag
            assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))
        assert [case.get("name") for case in root.iter("testcase")] == [case.get("name") for case in usual.iter("testcase")]
        assert (root.get("tests"), root.get("failures"), root.get("errors")) == tuple(map(usual.get, ("tests", "failures", "errors")))


def test_junit_of_incomplete_results_has_errors():
    cut = JUnitXml.fromstring(render_junit(build_report([Loaded("r", None, ("cut",))])).encode())
    assert cut.errors == 1
    absent = JUnitXml.fromstring(render_junit(report_of(case("one"), absent=("two@alpha",))).encode())
    assert (absent.tests, absent.errors) == (2, 1)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_junit_takes_any_message(message):
    root = ElementTree.fromstring(render_junit(report_of(case("one", outcome=Outcome.CRASH, message=message))))
    assert root.find(".//error").get("message") in (visible(message), visible(message).replace("\n", " "), "title of one")


@given(st.text(max_size=200))
def test_visible_text_is_allowed_in_xml(text):
    marks = visible(text)
    assert all(c in "\t\n" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" for c in marks)
    assert not any("\x7f" <= c <= "\x9f" or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in marks)
    assert one_line(marks) == one_line(text)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_code_spans_hold_any_text_inside_a_table(text):
    tokens = MarkdownIt("commonmark").enable("table").parse(f"| a | b |\n| --- | --- |\n| {code(text)} | end |\n")
    cells = [token for token in tokens if token.type == "inline"][2:]
    assert len(cells) == 2
    spans = cells[0].children
    assert [span.type for span in spans] == ["code_inline"]
    assert spans[0].content.strip() == one_line(text)
    assert cells[1].content == "end"


def test_markdown_is_well_formed_and_inert(full):
    text = render_markdown(full)
    assert text.startswith("# NNC conformance: Fail\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    blocks = [token.content for token in tokens if token.type == "html_block"]
    assert all("script" not in block and "img" not in block for block in blocks)
    for token in tokens:
        for child in token.children or ():
            assert child.type not in ("html_inline", "link_open", "image"), child
    assert text.count("<details>") == text.count("</details>") > 0
    assert "`case-crash`" in text


def test_markdown_tells_relative_errors_and_the_first_layer_that_drifts(full):
    tokens = MarkdownIt("commonmark").enable("table").parse(render_markdown(full))
    cells = ["".join(child.content for child in token.children) for token in tokens if token.type == "inline"]
    at = cells.index("Networks: relative error of the outputs") + 7
    assert cells[at : at + 12] == [
        *("network", "alpha", "0.25", "0.125", "1 gemm", "gemm (Gemm)"),
        *("network", "beta", "0.25", "0.125", "1 gemm", "gemm (Gemm)"),
    ]


def test_markdown_counts_what_it_does_not_list():
    text = render_markdown(report_of(*(case(f"case-{n}", outcome=Outcome.FAIL, message="m" * 400) for n in range(250))))
    assert "## Failures: 250" in text
    assert "The other 150 are in the HTML report." in text
    assert len(text) < 60_000


def test_csv_has_a_line_for_each_case(full):
    rows = list(csv.DictReader(io.StringIO(render_csv(full))))
    assert len(rows) == 32
    assert {row["outcome"] for row in rows} == {outcome.value for outcome in Outcome}
    assert sum(row["fails"] == "yes" for row in rows) == 20
    assert {row["standing"] for row in rows} == {"conformance", "inferred", "disputed", "own"}


def test_csv_holds_no_formula():
    (row,) = csv.DictReader(io.StringIO(render_csv(report_of(case("one", "@SUM(1)", message="=cmd|'/c calc'!A0\nnext")))))
    assert row["message"] == "'=cmd|'/c calc'!A0 next"
    assert row["decoder"] == "'@SUM(1)"


REFUSED = tuple(case(f"bad-{n}", level=Level.NEGATIVE, policy=Policy.MUST) for n in range(3))


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (report_of(case("one"), case("two")), "pass, good 2 of 2"),
        (report_of(case("one"), case("two", outcome=Outcome.FAIL)), "fail, good 1 of 2"),
        (report_of(case("one", outcome=Outcome.REFUSED), *REFUSED), "fail, good 0 of 1, broken 3 of 3"),
        (report_of(case("one"), closed=False), "incomplete"),
        (report_of(case("one", "alpha"), case("one", "beta", Outcome.FAIL)), "1 of 2 decoders pass"),
        (build_report([Loaded("r", None, ("cut",))]), "incomplete"),
    ],
)
def test_badges(report, message):
    assert badge_message(report) == message
    endpoint = json.loads(render_badge_endpoint(report))
    assert endpoint.keys() == {"schemaVersion", "label", "message", "color"}
    assert (endpoint["schemaVersion"], endpoint["message"]) == (1, message)
    svg = ElementTree.fromstring(render_badge_svg(report))
    assert svg.get("aria-label") == f"NNC conformance: {message}"
    widths = [float(part.get("width")) for part in svg.findall("{*}rect")]
    assert sum(widths) == float(svg.get("width"))


def test_pages_are_the_same_every_time(full, tmp_path):
    page = write_pages(full, tmp_path / "deep" / "folder")
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert {path.name for path in page.parent.iterdir()} == set(PAGES)
    for name, render in PAGES.items():
        assert (page.parent / name).read_text() == render(full)
