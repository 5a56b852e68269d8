"""The covering arrays: every tuple of choices there is stands in a row, no row is idle, and the
file is what its maker makes.
"""

import json
import os
from collections import Counter
from importlib.metadata import version
from importlib.resources import files

import pytest

from nnc_conformance.generator.coverage.arrays import FILE, FIRST_TABLE, STRENGTHS, build, document, held, later_rows, rows
from nnc_conformance.generator.coverage.choices import CONSTRAINTS, FACTORS, Constraints, standing_of, tuple_keys
from nnc_conformance.generator.coverage.goals import GoalStanding, Key

ARRAYS = [(strength, standing) for strength in STRENGTHS for standing in GoalStanding]
STORED = json.loads(files("nnc_conformance.generator.coverage").joinpath(FILE).read_text(encoding="utf-8"))


def gaps_and_idle_rows(
    array: list[dict[str, str]], strength: int, standing: GoalStanding, constraints: Constraints = FIRST_TABLE
) -> tuple[set[Key], list[dict[str, str]]]:
    """The tuples of a standing that no row holds, and the rows whose tuples the others hold."""
    wanted = {key for key, chosen in tuple_keys(strength) if standing_of(chosen, constraints) is standing}
    offers = [wanted.intersection(held(row, strength)) for row in array]
    times = Counter(key for offer in offers for key in offer)
    return wanted - set(times), [row for row, offer in zip(array, offers, strict=True) if all(times[key] > 1 for key in offer)]


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "standing"), ARRAYS)
def test_an_array_holds_every_tuple_and_has_no_idle_row(strength: int, standing: GoalStanding) -> None:
    assert gaps_and_idle_rows(rows(strength, standing), strength, standing) == (set(), [])


@pytest.mark.parametrize(("strength", "standing"), ARRAYS)
def test_first_and_later_rows_together_hold_every_tuple(strength: int, standing: GoalStanding) -> None:
    assert gaps_and_idle_rows([*rows(strength, standing), *later_rows(standing)], strength, standing, CONSTRAINTS)[0] == set()


@pytest.mark.slow
@pytest.mark.parametrize("standing", GoalStanding)
def test_no_later_row_is_idle(standing: GoalStanding) -> None:
    later = later_rows(standing)
    assert [row for row in gaps_and_idle_rows([*rows(3, standing), *later], 3, standing, CONSTRAINTS)[1] if row in later] == []


@pytest.mark.parametrize(("strength", "standing"), ARRAYS)
def test_every_row_is_a_choice_that_a_stream_can_have(strength: int, standing: GoalStanding) -> None:
    for row in [*rows(strength, standing), *later_rows(standing)]:
        assert list(row) == list(FACTORS)
        for constraint in CONSTRAINTS:
            if constraint.standing is None:
                assert constraint.holds(*(row[factor] for factor in constraint.factors)), constraint.reason


@pytest.mark.slow
@pytest.mark.parametrize("standing", GoalStanding)
def test_pairs_are_built_whole_by_whatever_release_is_installed(standing: GoalStanding) -> None:
    assert gaps_and_idle_rows(build(2, standing), 2, standing) == (set(), [])


def test_a_missing_row_is_found() -> None:
    array = rows(2, GoalStanding.CERTIFIED)
    assert gaps_and_idle_rows(array[1:], 2, GoalStanding.CERTIFIED)[0]
    assert gaps_and_idle_rows([*array, array[0]], 2, GoalStanding.CERTIFIED)[1] == [array[0], array[0]]


if os.environ.get("NNC_ARRAYS"):

    @pytest.mark.exhaustive
    def test_the_file_is_what_its_maker_makes() -> None:
        assert version("covertable") == STORED["covertable"]
        assert document(STORED["covertable"]) == STORED
