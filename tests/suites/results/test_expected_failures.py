"""Tests of lists of expected failures: what they change in a verdict, in pages and in exit codes."""

import tomllib
from datetime import date
from pathlib import Path

import pytest
from helpers.command_line import nnc
from helpers.report_documents import case
from hostile import support
from junitparser import JUnitXml

from nnc_conformance.suites.results.expected_failures import (
    ExpectedFailure,
    ExpectedFailures,
    ExpectedFailuresError,
    list_failures,
    load_expected_failures,
    write_expected_failures,
)
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result_files import load_run

HEAD = 'format = "nnc-expected-failures/1"\n'
FAILING = ("good-000", "good-001", "good-002")
"""Vectors that the decoder ``wrong_value.py`` fails."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite")
    support.write_suite(root, support.good_vectors(3) + support.bad_vectors())
    return root


def listed(folder: Path, *vectors: str, more: str = "") -> Path:
    """Write a list of these vectors, each entry with ``more``, and return its path."""
    path = folder / "known.toml"
    path.write_text(HEAD + "".join(f'[[failure]]\nvector = "{name}"\nreason = "ticket 12"\n{more}\n' for name in vectors))
    return path


def run(root: Path, folder: Path, script: str, *words: object):
    return nnc("run", root, "--decoder", support.command(script), "--output", "out", *words, cwd=folder)


def test_known_failures_do_not_fail_the_run_and_every_page_shows_them(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, "wrong_value.py", "--expect-failures", listed(tmp_path, *FAILING))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the other 3 are known to fail" in done.stdout
    assert "conformance: good 0 of 3 (0.0 %), broken 2 of 2" in done.stdout
    suite = next(suite for suite in JUnitXml.fromfile(str(tmp_path / "out" / "junit.xml")) if suite.tests)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 0, 0, 3)
    for page in ("report.html", "report.md", "junit.xml"):
        assert "ticket 12" in (tmp_path / "out" / page).read_text(), page
    again = nnc("report", "out", "--output", "pages", cwd=tmp_path)
    assert again.returncode == 0, again.stdout
    assert "good 0 of 3, broken 2 of 2, 3 known" in (tmp_path / "pages" / "badge.json").read_text()
    assert (tmp_path / "pages" / "cases.csv").read_text().count(",known,") == 3


def test_a_failure_that_is_not_listed_fails_the_run(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, "wrong_value.py", "--expect-failures", listed(tmp_path, *FAILING[:2]))
    assert done.returncode == 1
    assert "fails 1 of 5 cases, and 2 others as expected" in done.stdout


def test_a_listed_case_that_passes_fails_the_run(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, "toy.py", "--expect-failures", listed(tmp_path, "good-001"))
    assert done.returncode == 1
    assert "1 case passes although expected to fail: remove it from the list" in done.stdout
    (suite,) = JUnitXml.fromfile(str(tmp_path / "out" / "junit.xml"))
    assert suite.failures == 1


@pytest.mark.slow
def test_an_expired_entry_has_no_effect(root: Path, tmp_path: Path) -> None:
    over = listed(tmp_path, *FAILING, more="expires = 2020-01-01")
    assert run(root, tmp_path, "wrong_value.py", "--expect-failures", over).returncode == 1
    assert len(load_run(tmp_path / "out").expected_failures.expired) == 3
    assert run(root, tmp_path, "toy.py", "--expect-failures", over).returncode == 0
    later = listed(tmp_path, *FAILING, more="expires = 2999-01-01")
    assert run(root, tmp_path, "wrong_value.py", "--expect-failures", later).returncode == 0


def test_the_last_day_of_an_entry_is_the_day_before_it_expires() -> None:
    entry = ExpectedFailures(format="nnc-expected-failures/1", failure=(ExpectedFailure(vector="a", reason="r", expires=date(2030, 5, 2)),))
    failing = [case("a", outcome=Outcome.CRASH)]
    assert entry.compare(failing, date(2030, 5, 1)).known
    assert entry.compare(failing, date(2030, 5, 2)).expired


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f'{HEAD}[[failure]]\nvector = "good-00"\nreason = "r"\n', "good-00"),
        (f'{HEAD}[[failure]]\nvector = "good-000"\ndecoder = "other"\nreason = "r"\n', "other"),
        (f'{HEAD}[[failure]]\nvector = "good-000"\n', "reason"),
        (f'{HEAD}[[failure]]\nvector = "good-000"\nreason = ""\n', "reason"),
        (f'{HEAD}[[failure]]\nvector = "good-000"\nreason = "r"\nuntil = 1\n', "until"),
        (HEAD + '[[failure]]\nvector = "good-000"\nreason = "r"\n' * 2, "good-000 is listed twice"),
        ('format = "nnc-expected-failures/2"\n', "format"),
        ("", "format"),
        ("= 1", "line 1"),
        ("x = " + "[" * 100000, "known.toml"),
    ],
)
def test_a_list_that_cannot_be_meant_is_a_usage_error(root: Path, tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "known.toml").write_text(text)
    done = run(root, tmp_path, "toy.py", "--expect-failures", tmp_path / "known.toml")
    assert done.returncode == 2
    assert named in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_listed_vector_outside_the_selection_is_not_unknown(root: Path, tmp_path: Path) -> None:
    known = listed(tmp_path, *FAILING)
    assert run(root, tmp_path, "wrong_value.py", "--expect-failures", known, "--filter", "id=good-000").returncode == 0


def test_a_written_list_is_read_again_and_keeps_reasons(root: Path, tmp_path: Path) -> None:
    before = listed(tmp_path, "good-001", more="expires = 2999-01-01")
    done = run(root, tmp_path, "wrong_value.py", "--expect-failures", before, "--write-expect-failures", tmp_path / "next.toml")
    assert done.returncode == 1
    entries = {entry.vector: entry for entry in load_expected_failures(tmp_path / "next.toml").failure}
    assert tuple(sorted(entries)) == FAILING
    assert (entries["good-001"].reason, entries["good-001"].expires) == ("ticket 12", date(2999, 1, 1))
    assert entries["good-000"].reason.startswith("fail: ")
    assert run(root, tmp_path, "wrong_value.py", "--expect-failures", tmp_path / "next.toml").returncode == 0


def test_a_list_written_again_keeps_what_was_edited_by_hand(root: Path, tmp_path: Path) -> None:
    known = listed(tmp_path, "good-001")
    assert run(root, tmp_path, "wrong_value.py", "--write-expect-failures", known).returncode == 1
    reasons = {entry.vector: entry.reason for entry in load_expected_failures(known).failure}
    assert (*sorted(reasons), reasons["good-001"]) == (*FAILING, "ticket 12")
    known.write_text(known.read_text().replace("[[failure]]", "[[failure]"))
    before = known.read_bytes()
    done = run(root, tmp_path, "wrong_value.py", "--write-expect-failures", known)
    assert (done.returncode, known.read_bytes()) == (2, before)
    assert "known.toml" in done.stderr


def test_updating_a_list_by_a_part_of_the_suite_keeps_the_other_entries(root: Path, tmp_path: Path) -> None:
    known = listed(tmp_path, "good-000", "good-002")
    words = ("--filter", "id=good-00[01]", "--expect-failures", known, "--write-expect-failures", known)
    assert run(root, tmp_path, "wrong_value.py", *words).returncode == 1
    reasons = {entry.vector: entry.reason for entry in load_expected_failures(known).failure}
    assert (reasons["good-000"], reasons["good-002"], *reasons) == ("ticket 12", "ticket 12", *FAILING)


def test_hostile_messages_and_names_survive_the_file(tmp_path: Path) -> None:
    message = 'quo"te \\ \x7f \x00 \u202e \n ]] é'
    made = list_failures([case("a", 'de"coder', Outcome.FAIL, message=message), case("b")], None)
    write_expected_failures(tmp_path / "known.toml", made)
    assert load_expected_failures(tmp_path / "known.toml") == made
    assert tomllib.loads((tmp_path / "known.toml").read_text())["failure"][0]["reason"] == f"fail: {message}"


def test_unsupported_and_unexecuted_cases_are_neither_known_nor_stale() -> None:
    entries = ExpectedFailures(format="nnc-expected-failures/1", failure=(ExpectedFailure(vector="a", reason="r"),))
    for outcome in (Outcome.UNSUPPORTED, Outcome.NOT_RUN, Outcome.CHOICE):
        seen = entries.compare([case("a", outcome=outcome)], date(2030, 1, 1))
        assert not seen.known
        assert not seen.stale


def test_a_missing_list_is_a_usage_error(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, "toy.py", "--expect-failures", tmp_path / "none.toml")
    assert done.returncode == 2
    assert "none.toml" in done.stderr
    with pytest.raises(ExpectedFailuresError, match="more than"):
        (tmp_path / "large.toml").write_bytes(b"#" * (1 << 23))
        load_expected_failures(tmp_path / "large.toml")
