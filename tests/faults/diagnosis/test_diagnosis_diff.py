"""``diff``: two results, what changed, and the exit code for it."""

import json
from pathlib import Path

import pytest
from helpers.report_documents import case, document

from nnc_conformance.cli import main
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import Results
from nnc_conformance.suites.results.result_files import write_results

OLD = document(
    case("same"), case("breaks"), case("mended", outcome=Outcome.CRASH), case("gone"), case("shaky", outcome=Outcome.NONDETERMINISTIC)
)
BROKEN = document(
    case("same"), case("breaks", outcome=Outcome.FAIL), case("mended"), case("new"), case("shaky", outcome=Outcome.NONDETERMINISTIC)
)
MENDED = document(case("same"), case("breaks"), case("mended"), case("gone"), case("shaky"))


@pytest.fixture
def diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(old: Results, new: Results, *options: str) -> tuple[int, str]:
        for name, results in (("old", old), ("new", new)):
            (tmp_path / name).mkdir()
            write_results(tmp_path / name, results)
        with pytest.raises(SystemExit) as ended:
            main.main(["diff", str(tmp_path / "old"), str(tmp_path / "new" / "results.json"), *options])
        return ended.value.code, capsys.readouterr().out

    return run


def test_a_broken_case_is_told_and_fails_the_command(diff) -> None:
    code, out = diff(OLD, BROKEN)
    assert code == 1
    assert [line.split("\t")[:2] for line in out.splitlines()[:-1]] == [
        ["broken", "breaks"], ["unstable", "shaky"], ["fixed", "mended"], ["new", "new"], ["gone", "gone"],
    ]  # fmt: skip
    assert out.splitlines()[-1] == "1 broken, 1 unstable, 1 fixed, 1 new, 1 gone; 1 as before"


def test_what_became_of_a_vector_is_told(diff) -> None:
    earlier = document(case("bad-profile-1"), case("revised", revision=1), case("old-name", title="one row"))
    suite = load_suite(built_in_root(), levels=(), verify=False)
    later = document(
        case("revised", revision=2, outcome=Outcome.FAIL),
        case("new-name", title="one row", catches="bug of old-name", outcome=Outcome.FAIL),
    )
    later = later.model_copy(update={"suite": later.suite.model_copy(update={"manifest_sha256": suite.manifest_sha256})})
    code, out = diff(earlier, later)
    assert code == 1
    assert {tuple(line.split("\t")[:2]): line.split("\t")[5] for line in out.splitlines()[:-1]} == {
        ("broken", "new-name"): "renamed from old-name",
        ("broken", "revised"): "revision 1 -> 2",
        ("gone", "bad-profile-1"): "retired",
    }


def test_json_says_the_same(diff) -> None:
    code, out = diff(OLD, MENDED, "--json")
    said = json.loads(out)
    assert code == 0
    assert said["counts"] == {"fixed": 2}
    assert said["unchanged"] == 3
    assert said["changes"][0] == {"kind": "fixed", "vector": "mended", "decoder": "alpha", "old": "crash", "new": "pass"}


def test_a_later_run_that_did_not_end_is_no_good_news(diff) -> None:
    assert diff(OLD, document(case("same"), absent=("breaks@alpha",)))[0] == 3


def test_what_is_no_results_file_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"format": "other"}')
    with pytest.raises(SystemExit) as ended:
        main.main(["diff", str(tmp_path), str(tmp_path)])
    assert ended.value.code == 2
