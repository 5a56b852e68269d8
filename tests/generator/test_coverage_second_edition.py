"""Coverage of the second edition: its vectors meet every goal that the edition brought, each level
its own.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import nnc
from helpers.shared import made_once

from nnc_conformance.generator.building import build
from nnc_conformance.generator.coverage.catalogue import catalogue, catalogue_2024
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding, Key
from nnc_conformance.generator.coverage.measure import Coverage, StreamCoverage, measure_session
from nnc_conformance.generator.coverage.second_edition import FACTORS, tuples_of, whole_choices
from nnc_conformance.generator.coverage.streams import cover, find_sessions, vector_streams
from nnc_conformance.generator.randomness import DEFAULT_SEED
from nnc_conformance.generator.recipes.topics import session_recipes
from nnc_conformance.generator.recipes.updates_pairs import covering
from nnc_conformance.reference import BaseModel
from nnc_conformance.storage.vector import Level

VECTORS = Path(__file__).parents[2] / "vectors"
LEVELS = {Level.DISPUTED: GoalStanding.DISPUTED, Level.INFERRED: GoalStanding.INFERRED}


@pytest.fixture(scope="session")
def covered(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[Level], Coverage]:
    """Measures a published level by itself, once in a run of the tests."""

    def measured(level: Level) -> Coverage:
        return made_once(f"coverage-2024-{level}", lambda: cover(vector_streams(VECTORS, level, 2024)), tmp_path_factory, worker_id)

    return cache(measured)


def missing(coverage: Coverage, kind: GoalKind, standing: GoalStanding) -> list[str]:
    goals = [goal for goal in catalogue_2024().values() if goal.key.kind is kind and goal.standing is standing and not goal.unreachable]
    return [str(goal.key) for goal in goals if goal.key not in coverage.totals]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in GoalKind if kind is not GoalKind.TRIPLE])
def test_core_meets_every_certified_goal(covered: Callable[[Level], Coverage], kind: GoalKind) -> None:
    assert missing(covered(Level.CORE), kind, GoalStanding.CERTIFIED) == []


@pytest.mark.slow
def test_core_and_full_meet_every_triple(covered: Callable[[Level], Coverage]) -> None:
    both = Coverage({**covered(Level.CORE).streams, **covered(Level.FULL).streams})
    assert missing(both, GoalKind.TRIPLE, GoalStanding.CERTIFIED) == []


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_the_other_levels_meet_their_own_goals(covered: Callable[[Level], Coverage], level: Level) -> None:
    both = Coverage({**covered(Level.CORE).streams, **covered(level).streams})
    for kind in GoalKind:
        assert missing(both, kind, LEVELS[level]) == []


@pytest.mark.slow
@pytest.mark.parametrize("level", [Level.CORE, Level.DISPUTED, Level.INFERRED])
def test_nothing_meets_what_is_called_unreachable(covered: Callable[[Level], Coverage], level: Level) -> None:
    unreachable = {key for key, goal in catalogue_2024().items() if goal.unreachable}
    assert unreachable & covered(level).totals.keys() == set()


def test_editions_have_goals_of_their_own() -> None:
    assert catalogue().keys() & catalogue_2024().keys() == set()


def session(name: str) -> StreamCoverage:
    made = build(session_recipes()[name], DEFAULT_SEED)
    streams = [made.files[file] for file in sorted(made.files) if file.endswith(".nnr")]
    return measure_session(streams, base=BaseModel())


def test_the_steps_of_a_vector_are_found_as_one_session(tmp_path: Path) -> None:
    step0, step1 = VECTORS / "core" / "update-one" / "step-0.nnr", VECTORS / "core" / "update-one" / "step-1.nnr"
    assert find_sessions([step1.parent, VECTORS / "core" / "block-bi"]) == {
        str(step1.parent): (step0, step1),
        "stream.nnr": VECTORS / "core" / "block-bi" / "stream.nnr",
    }
    assert find_sessions([step1]) == {"step-1.nnr": step1}
    for folder, names in {"a": ["step-0.nnr", "step-2.nnr", "step-10.nnr", "other.nnr"], "b": ["step-0.nnr"]}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    a, b = tmp_path / "a", tmp_path / "b"
    assert find_sessions([tmp_path]) == {
        "a/other.nnr": a / "other.nnr",
        "a": (a / "step-0.nnr", a / "step-2.nnr", a / "step-10.nnr"),
        "b": (b / "step-0.nnr",),
    }


@pytest.mark.slow
def test_the_command_counts_sessions(tmp_path: Path) -> None:
    steps = [str(VECTORS / "core" / "update-one" / f"step-{number}.nnr") for number in range(2)]
    words = ("--jobs", "1", "--json", str(tmp_path / "goals.json"), "--html", str(tmp_path))
    done = nnc("coverage", "--session", *steps, *words)
    assert done.returncode == 0, done.stderr
    assert "1 streams or sessions, 0 of them broken" in done.stdout
    page = json.loads((tmp_path / "goals.json").read_text(encoding="utf-8"))
    met = {(goal["subject"], goal["case"]) for goal in page["goals"] if goal["edition"] == 2024 and goal["hits"]}
    assert (page["format"], list(page["summary"])) == ("nnc-coverage/2", ["2022", "2024"])
    assert ("no tool after", "the base model alone") in met
    assert 'id="second"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    nnc("coverage", str(VECTORS / "core" / "block-bi"), *words)
    page = json.loads((tmp_path / "goals.json").read_text(encoding="utf-8"))
    assert page["format"] == "nnc-coverage/1"
    assert not any("edition" in goal for goal in page["goals"])
    assert 'id="second"' not in (tmp_path / "index.html").read_text(encoding="utf-8")


def subjects(name: str, kind: GoalKind) -> set[tuple[str, str]]:
    return {(key.subject, key.case) for key in session(name).counts if key.kind is kind}


def test_what_a_session_meets_is_what_it_was_made_of() -> None:
    met = subjects("row-skip-first", GoalKind.EVENT)
    assert {case for subject, case in met if subject == "skipped, scan 0, dq_flag 0"} == {"the first row"}
    assert subjects("row-skip-all", GoalKind.EVENT) >= {("skipped, scan 0, dq_flag 0", "every row")}
    assert ("TCA after", "another dq_flag") in subjects("update-from-dq-tca", GoalKind.STATE)
    assert ("no tool after", "left out of an update") in subjects("update-left-out-sum", GoalKind.STATE)
    assert ("codebook", "1, index 0 at the left end") in subjects("codebook-2024-one-value", GoalKind.EVENT)
    neighbours = {case for subject, case in subjects("row-skip-neighbours", GoalKind.EVENT) if subject.startswith("neighbour")}
    assert len(neighbours) == 9


def test_a_covering_holds_every_pair() -> None:
    choices = whole_choices(disputed=False)
    few = choices[covering(choices, 2)]
    assert set(tuples_of(few, 2)) == set(tuples_of(choices, 2))
    assert len(few) < 60
    assert Key(GoalKind.PAIR, "2024: payload type x TCA", "NNR_PT_RAW_FLOAT, 1") not in set(tuples_of(choices, 2))
    assert np.array([len(values) for values in FACTORS.values()]).prod() > len(choices)
