"""Reports of a run with vectors of several steps, and the file format of its results."""

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest
from helpers.html_page import Page
from helpers.report_documents import case, document, sessions

from nnc_conformance.reports.changes import ChangeKind, since
from nnc_conformance.reports.csv import COLUMNS, render_csv
from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.junit import render_junit
from nnc_conformance.reports.markdown import render_markdown
from nnc_conformance.reports.results import loaded
from nnc_conformance.reports.summary import build_report
from nnc_conformance.suites.results.result import CaseResult, ResultsError, SessionResults, with_steps
from nnc_conformance.suites.results.result_files import load_results, parse_results, results_text

DOCS = Path(__file__).parents[2] / "docs"
REPORT = build_report([loaded("now", sessions())])


def test_the_page_shows_the_steps_and_which_one_failed() -> None:
    page = Page(render_html(REPORT))
    (table,) = (text for text in page.texts["table"] if "Steps of the session" in text)
    assert table.index("pass") < table.index("fail") < table.index("tensor 'w'[0]: differs")
    assert "(2 steps, a model after a step differs)" in next(text for text in page.texts["table"] if "All cases" in text)


def test_figures_are_given_for_each_edition() -> None:
    (group,) = (group for group in REPORT.groups if group.field == "edition")
    assert [(row.key, row.cells[0].passed, row.cells[0].judged) for row in group.rows] == [("2022", 1, 1), ("2024", 1, 2)]
    first = build_report([loaded("now", document(case("single")))])
    assert all(group.field != "edition" for group in first.groups)


def test_the_head_of_the_page_names_the_editions() -> None:
    assert "<span>ISO/IEC 15938-17:2022 and 2024</span>" in render_html(REPORT)
    assert "<span>ISO/IEC 15938-17:2022</span>" in render_html(build_report([loaded("now", document(case("single")))]))


def test_text_reports_name_the_step() -> None:
    assert "step 1: tensor 'w'" in render_markdown(REPORT)
    junit = render_junit(REPORT)
    assert "step 0: pass\nstep 1: fail" in junit


def test_the_table_of_cases_has_two_more_columns() -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(REPORT))))
    assert {row["vector"]: (row["edition"], row["steps"]) for row in rows} == {
        "single": ("2022", "pass"),
        "session-good": ("2024", "pass pass"),
        "session-bad": ("2024", "pass fail"),
    }
    assert render_csv(build_report([loaded("now", document(case("single")))])).splitlines()[0] == ",".join(COLUMNS)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(results_text(sessions()))
    read = load_results(tmp_path)
    assert isinstance(read, SessionResults)
    assert read == sessions()
    assert read.editions == (2022, 2024)


def test_results_keep_the_schema_of_their_format() -> None:
    validator = jsonschema.Draft202012Validator(json.loads((DOCS / "results-2.schema.json").read_text()))
    good = json.loads(results_text(sessions()))
    validator.validate(good)
    for damage in ({"format": "nnc-results/1"}, {"suite": {**good["suite"], "editions": [2023]}}, {"more": 1}):
        assert not validator.is_valid(good | damage), damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"format": "nnc-results/1"}, "suite.editions: unknown field"),
        ({"format": "nnc-results/3"}, "unknown format 'nnc-results/3'"),
        ({"suite": {}}, "suite.manifest_sha256: required field is missing"),
    ],
)
def test_what_is_wrong_in_results_is_named(damage: dict[str, object], message: str) -> None:
    text = json.dumps(json.loads(results_text(sessions())) | damage)
    with pytest.raises(ResultsError, match=f"^results: {message}"):
        parse_results(text.encode(), "results")


def test_a_step_that_gives_something_else_is_a_change() -> None:
    before = sessions()
    good = next(one for one in before.cases if one.vector == "session-good")
    steps = (good.steps[0].model_copy(update={"output_sha256": "5" * 64}), good.steps[1])
    found = since("before", before, [good.model_copy(update={"steps": steps})], ["alpha"])
    assert [(change.kind, change.vector) for change in found.changes if change.kind is ChangeKind.CHANGED] == [
        (ChangeKind.CHANGED, "session-good")
    ]


def test_a_vector_of_one_stream_is_the_same_in_both_formats() -> None:
    single: CaseResult = case("single", output_sha256="6" * 64)
    assert since("before", document(single), [with_steps(single)], ["alpha"]).changes == ()
