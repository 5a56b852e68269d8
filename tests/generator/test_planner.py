"""The planner: what it chooses meets all that can be met, and no one chosen is needless."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from nnc_conformance.generator.planner import needless, plan

OFFERS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.frozensets(st.integers(0, 12)), max_size=12)


def union(offers: Mapping[str, frozenset[int]], names: object) -> frozenset[int]:
    return frozenset().union(*(goals for name, goals in offers.items() if name in names))  # type: ignore[operator]


@given(OFFERS, st.frozensets(st.integers(0, 15)), st.integers(1, 5))
def test_a_plan_meets_what_can_be_met_and_has_no_one_needless(
    offers: dict[str, frozenset[int]], wanted: frozenset[int], price: int
) -> None:
    chosen = plan(wanted, offers, lambda name: price * len(name))
    assert union(offers, chosen) & wanted == union(offers, offers) & wanted
    for name in chosen:
        assert union(offers, [other for other in chosen if other != name]) & wanted < union(offers, offers) & wanted
    assert chosen == [name for name in offers if name in chosen]


@given(OFFERS)
def test_needless_are_those_whose_going_loses_nothing(offers: dict[str, frozenset[int]]) -> None:
    alone = [name for name in offers if union(offers, [other for other in offers if other != name]) == union(offers, offers)]
    assert needless(offers) == alone


def test_a_plan_is_cheap() -> None:
    offers = {"dear": {1, 2, 3}, "first": {1, 2}, "second": {3}}
    assert plan({1, 2, 3}, offers, lambda name: 100 if name == "dear" else 1) == ["first", "second"]
    assert plan({1, 2, 3}, offers) == ["dear"]
