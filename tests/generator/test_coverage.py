"""Coverage: what a stream worked out by hand meets, that core meets every goal it must, and that
what is unreachable says why.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.coverage_page import not_needed
from helpers.samples import DATA
from helpers.shared import made_once
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.generator.coverage import standings, unreachable
from nnc_conformance.generator.coverage.catalogue import catalogue, catalogue_2024
from nnc_conformance.generator.coverage.costs import BYTES_FOR_ONE, COSTS, ELEMENTS_FOR_ONE, PART_FOR_SIZES, most_dimensions
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding, Key
from nnc_conformance.generator.coverage.measure import Coverage, measure
from nnc_conformance.generator.coverage.streams import cover, vector_streams
from nnc_conformance.generator.lint import CORE_BYTES
from nnc_conformance.generator.planner import needless
from nnc_conformance.reference.syntax.branches import all_branches
from nnc_conformance.reference.syntax.elements import ELEMENTS, FIRST_EDITION
from nnc_conformance.storage.vector import VECTOR_FILE, Level

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "vectors"
START = bytes.fromhex("00040000")
CERTIFIED = [kind for kind in GoalKind if kind is not GoalKind.TRIPLE]


def met(stream: bytes, kind: GoalKind) -> set[str]:
    return {key.subject for key in measure(stream).counts if key.kind is kind}


def test_a_start_unit_meets_its_six_elements() -> None:
    assert met(START, GoalKind.ELEMENT) == {
        "nnr_unit_size_flag", "nnr_unit_size", "nnr_unit_type", "independently_decodable_flag",
        "partial_data_counter_present_flag", "general_profile_idc",
    }  # fmt: skip
    for kind in (GoalKind.CONTEXT, GoalKind.EVENT, GoalKind.PAIR, GoalKind.TRIPLE):
        assert met(START, kind) == set()


def test_a_broken_stream_counts_up_to_its_error() -> None:
    cut = measure(START + bytes.fromhex("000804"))
    assert "unit-size-end" in cut.error
    assert {key for key in measure(START).counts if key.kind is GoalKind.ELEMENT} <= set(cut.counts)


def test_every_registered_element_is_a_goal() -> None:
    assert {goal.key.subject for goal in catalogue().values() if goal.key.kind is GoalKind.ELEMENT} == {
        name for name, row in ELEMENTS.items() if row.edition == FIRST_EDITION
    }


def test_what_is_unreachable_says_why() -> None:
    unreachable = [goal for goal in catalogue().values() if goal.unreachable]
    assert 0 < len(unreachable) < len(catalogue()) / 2


def test_every_row_of_the_tables_of_goals_has_one() -> None:
    names = {label for row in (*standings.ROWS, *unreachable.TABLE) for label in getattr(row, "branches", ()) if not label.endswith(".")}
    assert sorted(names - {branch.label for branch in all_branches()}) == []
    assert sorted({name for row in standings.ROWS for name in row.elements} - set(ELEMENTS)) == []
    assert [row for row in (*standings.ROWS, *unreachable.TABLE) if not any(map(row.has, (*catalogue(), *catalogue_2024())))] == []


PAGE = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
LEVELS = {"core": GoalStanding.CERTIFIED, "disputed": GoalStanding.DISPUTED, "inferred": GoalStanding.INFERRED}


@pytest.fixture(scope="session")
def covered(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str], Coverage]:
    """Measures a published level by itself, once in a run of the tests."""
    return cache(
        lambda level: made_once(
            f"coverage-{level}", lambda: cover(vector_streams(VECTORS, Level(level), 2022)), tmp_path_factory, worker_id
        )
    )


@pytest.fixture(scope="session")
def core(covered: Callable[[str], Coverage]) -> Coverage:
    return covered("core")


@pytest.mark.slow
@pytest.mark.parametrize("kind", CERTIFIED)
def test_core_meets_every_certified_goal(core: Coverage, kind: GoalKind) -> None:
    tally = core.tally(kind, GoalStanding.CERTIFIED)
    assert tally.reached == tally.reachable > 0


@pytest.mark.slow
def test_core_is_small(core: Coverage) -> None:
    assert len(core.streams) <= 400
    assert sum(path.stat().st_size for path in (VECTORS / "core").rglob("*") if path.is_file()) <= 12_000_000


@pytest.mark.slow
def test_the_page_tells_what_each_vector_of_core_is_needed_for(core: Coverage) -> None:
    goals = core.core_goals()
    rows = re.findall(r"^\| (?:needed to|of the others, needed|not needed).* \| (\d+) \| [\d,]+ \|$", PAGE, re.MULTILINE)
    with_goals, with_bugs, with_names, needless_ones = map(int, rows)
    assert with_goals == len(goals) - len(needless(goals))
    assert with_bugs + with_names + needless_ones == len(core.streams) - with_goals
    assert len(not_needed()) == needless_ones
    assert not_needed() <= set(needless(goals))


@pytest.mark.slow
def test_the_page_has_the_figures_of_core(core: Coverage) -> None:
    for kind in CERTIFIED:
        tally = core.tally(kind, GoalStanding.CERTIFIED)
        assert f"\n| {kind} | {tally.reached} of {tally.reachable} ({tally.share:.2%}) |" in PAGE


@pytest.mark.slow
@pytest.mark.parametrize("level", ["disputed", "inferred"])
def test_the_other_levels_meet_their_own_goals(covered: Callable[[str], Coverage], level: str) -> None:
    own = Coverage({name: one for which in ("core", level) for name, one in covered(which).streams.items() if not one.error})
    for kind in GoalKind:
        tally = own.tally(kind, LEVELS[level])
        assert tally.reached == tally.reachable


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_no_good_stream_meets_what_is_called_unreachable(covered: Callable[[str], Coverage], level: str) -> None:
    unreachable = {key for key, goal in catalogue().items() if goal.unreachable}
    for name, measured in covered(level).streams.items():
        assert measured.error or not unreachable & measured.counts.keys(), name


def least_magnitude(key: Key) -> int:
    """The least magnitude of a class of integers, 0 of any other class."""
    return min(abs(int(end)) for end in key.case.split("..")) if re.fullmatch(r"-?\d+(\.\.-?\d+)?", key.case) else 0


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_every_vector_has_the_bytes_and_elements_that_its_values_need(covered: Callable[[str], Coverage], level: str) -> None:
    held = 0
    for name, measured in ((name, measured) for name, measured in covered(level).streams.items() if not measured.error):
        files = [path for path in (VECTORS / level / name).iterdir() if path.name != VECTOR_FILE]
        size = sum(path.stat().st_size for path in files)
        elements = sum(times for key, times in measured.counts.items() if key.kind is GoalKind.ELEMENT)
        for key in measured.counts:
            cost = COSTS.get(key.subject.partition(" ")[0])
            if key.kind is GoalKind.VALUE and cost is not None and least_magnitude(key):
                held += 1
                assert cost.size(least_magnitude(key)) <= size, (name, key)
                assert cost.elements(least_magnitude(key)) <= elements, (name, key)
    assert held > 20


def together(share: int) -> int:
    """Bytes that the certified classes need at least whose least value takes no more than this."""
    classes = [goal.key for goal in catalogue().values() if goal.key.kind is GoalKind.VALUE and goal.standing is GoalStanding.CERTIFIED]
    priced = [(COSTS[name], least_magnitude(key)) for key in classes if (name := key.subject.partition(" ")[0]) in COSTS]
    sizes = [cost.size(least) for cost, least in priced if cost.elements(least) <= ELEMENTS_FOR_ONE]
    return sum(size for size in sizes if size <= share)


def test_a_share_is_the_largest_that_leaves_core_to_the_other_goals() -> None:
    assert together(BYTES_FOR_ONE) <= CORE_BYTES // PART_FOR_SIZES < together(2 * BYTES_FOR_ONE)


def test_numpy_holds_as_many_dimensions_as_it_is_said_to() -> None:
    assert np.zeros((1,) * most_dimensions()).size == 1
    with pytest.raises(ValueError, match="maximum"):
        np.zeros((1,) * (most_dimensions() + 1))


def test_the_command_writes_a_summary(tmp_path: Path) -> None:
    sample = DATA / "agreed-samples" / "basic.nnr"
    done = CliRunner().invoke(
        build_app(), ["coverage", str(sample), "--json", str(tmp_path / "c.json"), "--html", str(tmp_path), "--jobs", "1"]
    )
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "c.json").read_text())["summary"]
    assert set(summary) == {kind.value for kind in GoalKind}
    assert 0 < summary["element"]["reached"] < summary["element"]["reachable"]
    assert list(tmp_path.glob("*.html"))
