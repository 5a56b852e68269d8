"""Covering goals with few candidates: a greedy set cover, then removal of redundant choices."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import TypeVar

GoalT = TypeVar("GoalT", bound=Hashable)


def plan(wanted: Collection[GoalT], candidates: Mapping[str, Collection[GoalT]], cost: Callable[[str], int] = lambda name: 1) -> list[str]:
    """Choose few and cheap candidates that meet every goal any candidate meets.

    Greedy: each step takes the candidate with the most missing goals for its cost, the first among
    equals. Then, most expensive first, candidates are dropped if the others meet their goals. The
    result keeps the candidates' order.

    Args:
        wanted: The goals to meet.
        candidates: The goals that each candidate meets, by name.
        cost: A candidate's cost by its name; at least 1 is counted.
    """
    missing = set(wanted)
    offers = {name: missing.intersection(goals) for name, goals in candidates.items()}
    costs = {name: max(cost(name), 1) for name in candidates}
    missing = set().union(*offers.values())
    chosen: list[str] = []
    gains = {name: len(goals) for name, goals in offers.items()}
    while missing:
        best = _best(offers, gains, costs, missing)
        chosen.append(best)
        missing -= offers[best]
    return _reduced(chosen, offers, costs, list(candidates))


def needless(offers: Mapping[str, Collection[GoalT]]) -> list[str]:
    """Return the names that could each be dropped alone: the others meet all its goals."""
    times = _times(offers.values())
    return [name for name, goals in offers.items() if all(times[goal] > 1 for goal in goals)]


def _times(offers: Iterable[Collection[GoalT]]) -> Counter[GoalT]:
    """Count the offers that contain each goal."""
    return Counter(goal for goals in offers for goal in set(goals))


def _best(offers: Mapping[str, set[GoalT]], gains: dict[str, int], costs: Mapping[str, int], missing: set[GoalT]) -> str:
    """Return the offer that meets most missing goals for its cost.

    Args:
        offers: The goals that each name meets.
        gains: Upper bounds from earlier steps; lowered where they could matter.
        costs: The cost of each name.
        missing: The goals that are not met yet.
    """
    best, best_rate = "", 0.0
    for name in sorted(gains, key=lambda name: -gains[name] / costs[name]):
        if gains[name] / costs[name] <= best_rate:
            break
        gains[name] = len(offers[name] & missing)
        if gains[name] / costs[name] > best_rate:
            best, best_rate = name, gains[name] / costs[name]
    return best


def _reduced(chosen: list[str], offers: Mapping[str, set[GoalT]], costs: Mapping[str, int], order: list[str]) -> list[str]:
    """Drop each chosen name whose goals the others meet, the most expensive first.

    Args:
        chosen: The names chosen.
        offers: The goals that each name meets.
        costs: The cost of each name.
        order: The order of the result.
    """
    times = _times(offers[name] for name in chosen)
    kept = set(chosen)
    for name in sorted(chosen, key=lambda name: -costs[name]):
        if all(times[goal] > 1 for goal in offers[name]):
            kept.remove(name)
            times.subtract(offers[name])
    return [name for name in order if name in kept]
