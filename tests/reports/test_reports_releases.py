"""The page on several releases of a decoder: figures, changes, and each fault with its smallest vector."""

import json
from pathlib import Path

import pytest
from helpers.report_documents import DIFFERENCE, case, document
from markdown_it import MarkdownIt

from nnc_conformance.cli import main
from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy
from nnc_conformance.reports.releases import render_releases
from nnc_conformance.reports.results import Loaded, loaded
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult, ResultsError
from nnc_conformance.suites.results.result_files import write_results

BROKEN_RULE = {"level": Level.NEGATIVE, "rule": "unit-size-min", "policy": Policy.MUST, "category_expected": Category.SIZE}
SIZES = {"small": 20, "large": 900, "later": 50, "bad": 7, "own": 30}


def release(name: str, *cases: CaseResult, absent: tuple[str, ...] = ()) -> Loaded:
    return loaded(name, document(*(one.model_copy(update={"decoder": name}) for one in cases), absent=absent))


def refused(vector: str, message: str = "refused as value: 3 of 'w' at 17") -> CaseResult:
    return case(vector, outcome=Outcome.REFUSED, message=message)


FIRST = release(
    "codec-1",
    refused("small"),
    refused("large", "refused as value: 4 of 'conv' at 9"),
    case("later"),
    case("own"),
    case("bad", **BROKEN_RULE),
)
SECOND = release(
    "codec-2",
    case("small"),
    case("large"),
    case("later", outcome=Outcome.FAIL, differences=(DIFFERENCE,), message="tensor 'w'"),
    case("own", outcome=Outcome.UNSUPPORTED),
    case("bad", outcome=Outcome.WRONGLY_ACCEPTED, **BROKEN_RULE),
)
THIRD = release("codec-3", case("small"), case("large"), refused("later"), absent=("bad@codec-3",))


def tables(page: str) -> list[list[list[str]]]:
    """The tables of a Markdown page, by row and cell."""
    found: list[list[list[str]]] = []
    inside = False
    for token in MarkdownIt().enable("table").parse(page):
        inside = token.type == "table_open" or (inside and token.type != "table_close")
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and inside:
            found[-1][-1].append("".join(child.content for child in token.children or ()))
    return found


def test_figures_are_by_edition_and_level_and_what_was_not_run_never_passes() -> None:
    page = render_releases([FIRST, SECOND, THIRD], SIZES)
    matrix = tables(page)[0]
    assert matrix[0] == ["edition", "level", "codec-1", "codec-2", "codec-3"]
    assert matrix[1] == ["2022", "core", "good 2 of 4 (50.0 %)", "good 2 of 3 (66.6 %)", "good 2 of 3 (66.6 %)"]
    assert matrix[2] == ["2022", "negative", "broken 1 of 1", "broken 0 of 1", "–"]
    assert matrix[3] == ["all", "all", "good 2 of 4 (50.0 %), broken 1 of 1", "good 2 of 3 (66.6 %), broken 0 of 1", "good 2 of 4 (50.0 %)"]
    assert "codec-3`: 1 of 4 planned cases were not run" in page


def test_changes_are_from_each_release_to_the_next() -> None:
    page = render_releases([FIRST, SECOND, THIRD], SIZES)
    changes = page.partition("## What changed")[2].partition("\n## ")[0].replace("\n  ", " ")
    first, second = changes.split("### ")[1:]
    assert "- fixed: 2 (it failed before, and does not fail now): `large`, `small`" in first
    assert "- broken: 2 (it did not fail before, and fails now): `bad`, `later`" in first
    assert "- fails in another way: 1: `later`" in second
    assert "broken" not in second


def test_cases_with_one_symptom_are_one_fault_with_its_smallest_vector() -> None:
    *_, still, gone = tables(render_releases([FIRST, SECOND, THIRD], SIZES))
    assert still[1:] == [["refuses a good stream: refused as value: N of '...' at N", "later", "50 bytes", "1", "✓", "≠", "✕"]]
    assert ["refuses a good stream: refused as value: N of '...' at N", "small", "20 bytes", "2", "✕", "✓", "✓"] in gone
    assert ["decodes a stream where the rule unit-size-min is broken", "bad", "7 bytes", "1", "✓", "✕", "–"] in gone
    assert ["decodes wrongly (value)", "later", "50 bytes", "1", "✓", "✕", "≠"] in gone


def test_which_limit_comes_first_is_no_other_symptom() -> None:
    """That depends on the machine and its load."""
    faults = (Fault.LIMIT, Fault.TIMEOUT, Fault.EXIT_CODE, Fault.STDOUT_CLOSED)
    outcomes = (Outcome.LIMIT, Outcome.TIMEOUT, Outcome.CRASH, Outcome.PROTOCOL)
    runs = [
        release(f"codec-{number}", case("heavy", outcome=outcome, fault=fault, message=f"message {number}"))
        for number, (outcome, fault) in enumerate(zip(outcomes, faults, strict=True))
    ]
    page = render_releases(runs, {})
    assert page.count("Every case does as before.") == 3
    assert tables(page)[1][1][4:] == ["✕"] * 4


def test_capabilities_are_shown_where_releases_differ() -> None:
    page = render_releases([FIRST, THIRD], SIZES)
    assert tables(page)[1] == [["capability", "codec-1", "codec-3"], ["int", "good 2 of 4 (50.0 %)", "good 2 of 3 (66.6 %)"]]
    assert "by capability" not in render_releases([FIRST, release("codec-4", *FIRST.results.cases)], SIZES)


def test_one_release_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(ResultsError, match="name the results of 2 or more"):
        render_releases([FIRST], SIZES)


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = []
    for one in (FIRST, SECOND):
        assert one.results is not None
        folders.append(tmp_path / one.source)
        folders[-1].mkdir()
        write_results(folders[-1], one.results)
    page = tmp_path / "releases.md"
    with pytest.raises(SystemExit) as ended:
        main.main(["report", *map(str, folders), "--output", str(tmp_path / "report"), "--releases", str(page)])
    assert ended.value.code == 1
    assert page.read_text() == render_releases([FIRST, SECOND], {})
    with pytest.raises(SystemExit) as ended:
        main.main(["report", *map(str, folders), "--output", str(tmp_path / "report"), "--releases", str(folders[0] / "results.json")])
    assert ended.value.code == 2
    assert "results.json" in capsys.readouterr().err
    assert json.loads((folders[0] / "results.json").read_text())["format"] == "nnc-results/1"
