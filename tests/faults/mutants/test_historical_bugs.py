"""Decoders with one fault that published ones had, or plausibly have: each is caught, and the
report names the element it lies in.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hostile import support

from nnc_conformance.faults.diagnosis.named_elements import is_quick
from nnc_conformance.faults.mutants.named.published import FAULTS
from nnc_conformance.reports.pages import RUN_PAGES, write_pages
from nnc_conformance.reports.results import load
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.suite_folder import StoredVector, Suite, built_in_root, load_suite
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import Results
from nnc_conformance.suites.results.result_files import load_results
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[2] / "historical_bugs"
BUGS = {fault.name: fault for fault in FAULTS}
LEVELS = {bug.level for bug in BUGS.values()}
SAMPLE = [name for number, name in enumerate(BUGS) if number % 12 == 1]
"""Bugs that every run of the tests judges; the first of them is named in the reports."""
TOGETHER, ALIKE = 5, {"no-whole-byte-of-alignment": 11}
"""So many elements at most are named for a fault; of these faults more, where no vector has one
without the others.
"""
OF_THE_SAME_STRUCTURE = {"layer-set-ignored": {"lps_sparsification_flag"}, "qp-of-both-sets-unsigned": {"qp_delta"}}
"""Elements that a report may name instead of the fault's own.

lps_sparsification_flag stands in every NNR_LPS, too. Core's vectors where it is 1 hold integers,
which no step changes, so that its value 0 fits the failing vectors better than any NNR_LPS does.

qp_delta stands in every unit that takes its qp from a parameter set. Neither set's own element is in
every vector that fails where both are read wrong.
"""


def suite_of(level: Level, *, whole: bool) -> Suite:
    """The small vectors of a level.

    Unless they are asked for whole, the first two of those whose ids differ in numbers alone.
    """
    suite = load_suite(built_in_root(), levels=[level], verify=False)
    if whole:
        return replace(suite, vectors=tuple(stored for stored in suite.vectors if is_quick(stored)))
    families: dict[str, list[StoredVector]] = {}
    for stored in suite.vectors:
        if is_quick(stored):
            families.setdefault(re.sub(r"\d+", "N", stored.vector.id), []).append(stored)
    return replace(suite, vectors=tuple(stored for family in families.values() for stored in family[:2]))


def judged(names: Sequence[str], level: Level, output: Path, *, whole: bool = False) -> Results:
    output.mkdir()
    words = f"{sys.executable} {HERE / 'decoder.py'}"
    tomls = [support.decoder_toml(output, name, "worker", f"{words} {name}") for name in names]
    if "none" in names:
        tomls.append(str(HERE.with_name("one_wrong_entry") / "decoder.toml"))
    return run(suite_of(level, whole=whole), support.decoders(*tomls), output, levels=[level], options=RunOptions(jobs=2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Results]:
    """The results of the sampled bugs and of the decoder without one, by the level of their
    vectors.
    """
    levels = {level: [name for name in SAMPLE if BUGS[name].level == level] for level in sorted(LEVELS)}
    levels[Level.CORE].append("none")
    return {level: judged(names, level, folder / level) for level, names in levels.items() if names}


@pytest.fixture(scope="module")
def other_results(request: pytest.FixtureRequest, folder: Path) -> dict[str, Results]:
    """The results of those of the other bugs that this process tests, by the level of their vectors."""
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    asked = {call.params["name"] for call in calls if call is not None} - set(SAMPLE)
    levels = {level: [name for name in BUGS if name in asked and BUGS[name].level == level] for level in sorted(LEVELS)}
    return {level: judged(names, level, folder / f"other-{level}", whole=True) for level, names in levels.items() if names}


def test_the_decoder_without_a_fault_passes(results: dict[str, Results]) -> None:
    own = [case for case in results["core"].cases if case.decoder == "none"]
    assert len(own) > 100
    assert {case.outcome for case in own} == {Outcome.PASS}
    assert "none" not in {one.decoder for one in results["core"].located}


@pytest.mark.parametrize("name", SAMPLE)
def test_a_fault_is_caught_and_its_element_named(results: dict[str, Results], name: str) -> None:
    check_fault(results, name)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in BUGS if name not in SAMPLE])
def test_every_other_fault_is_caught_and_named(other_results: dict[str, Results], name: str) -> None:
    check_fault(other_results, name)


def check_fault(results: dict[str, Results], name: str) -> None:
    """Assert that a bug is caught and that few elements, its own among them, are named for it."""
    bug = BUGS[name]
    own = [case for case in results[bug.level].cases if case.decoder == name]
    assert {case.outcome for case in own} & {Outcome.FAIL, Outcome.REFUSED, Outcome.CRASH}
    (found,) = (one for one in results[bug.level].located if one.decoder == name)
    assert {one.element for one in found.named} & (set(bug.elements) | OF_THE_SAME_STRUCTURE.get(name, set())), str(found)
    assert len(found.named) <= ALIKE.get(name, TOGETHER)


def test_a_wrong_entry_of_a_table_is_laid_to_the_table(results: dict[str, Results]) -> None:
    (found,) = (one for one in results["core"].located if one.decoder == "one-wrong-entry")
    assert [one.element for one in found.named] == ["lps_range_table"]


def test_reports_name_the_element(results: dict[str, Results], folder: Path) -> None:
    source = folder / "core"
    assert load_results(source).located == results["core"].located
    write_pages(build_report([load(source)]), folder / "pages", RUN_PAGES)
    for page in ("report.html", "report.md"):
        text = (folder / "pages" / page).read_text().replace("\\", "")
        assert "The fault is most likely in dq_state_list (clause 6" in text, page
