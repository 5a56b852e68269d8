"""Reading results files: truncated ones are incomplete, others refused."""

import json

import pytest
from helpers.report_documents import case, document, every_outcome

from nnc_conformance.reports.results import load
from nnc_conformance.reports.summary import build_report
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import ResultsError, Verdict
from nnc_conformance.suites.results.result_files import results_text


def write(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_whole_file_from_its_folder(tmp_path):
    write(tmp_path, results_text(document(case("one"))))
    found = load(tmp_path)
    assert found.problems == ()
    assert found.run is None
    assert build_report([found]).verdict is Verdict.AS_EXPECTED


def test_cut_anywhere_is_incomplete(tmp_path):
    text = results_text(document(case("one"), case("two"))).encode()
    for end in range(0, len(text.rstrip()), 37):
        report = build_report([load(write(tmp_path, text[:end]))])
        assert report.verdict is Verdict.INCOMPLETE, end
        assert report.problems


def test_without_closing_record_is_incomplete(tmp_path):
    value = json.loads(results_text(document(*every_outcome())))
    value["closing"] = None
    report = build_report([load(write(tmp_path, json.dumps(value)))])
    assert report.verdict is Verdict.INCOMPLETE
    del value["closing"]
    assert build_report([load(write(tmp_path, json.dumps(value)))]).verdict is Verdict.INCOMPLETE


def test_a_case_improved_by_hand_is_refused(tmp_path):
    value = json.loads(results_text(document(case("one"), case("two", outcome=Outcome.FAIL))))
    failed = next(one for one in value["cases"] if one["outcome"] == "fail")
    failed["outcome"] = "pass"
    with pytest.raises(ResultsError, match="closing record"):
        load(write(tmp_path, json.dumps(value)))


@pytest.mark.parametrize("text", ["hello", "[1, 2]", "{}", '{"format": "nnc-results/2"}', b"\xff\xfe\x00", "null"])
def test_what_is_no_results_file_is_refused(tmp_path, text):
    with pytest.raises(ResultsError, match="results"):
        load(write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ResultsError):
        load(tmp_path / "none.json")


def test_a_run_file_of_other_results_is_left_out(tmp_path):
    write(tmp_path, results_text(document(case("one"))))
    run = {
        "results_sha256": "1" * 64,
        "suite": "s",
        "decoders": [],
        "started": "",
        "finished": "",
        "host": "",
        "platform": "",
        "python": "",
        "versions": {},
        "jobs": 1,
        "limits": {},
        "network": "none",
        "logs": {},
    }
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert load(tmp_path).run is None
    (tmp_path / "run.json").write_text("{")
    assert load(tmp_path).run is None
