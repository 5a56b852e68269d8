"""Few that cover all: a greedy set cover, then whatever it made superfluous taken out again."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import TypeVar

GoalT = TypeVar("GoalT", bound=Hashable)


def plan(wanted: Collection[GoalT], candidates: Mapping[str, Collection[GoalT]], cost: Callable[[str], int] = lambda name: 1) -> list[str]:
    """Names of candidates that together meet all of ``wanted`` that any candidate meets, few and cheap; in the candidates' order.

    Greedy: the next is the one that meets the most missing goals for its cost, the first among equals. Then, the dearest first, those
    are dropped whose goals the others meet.
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
    """Names each of which could go by itself: every goal that it meets is met by another."""
    times = _times(offers.values())
    return [name for name, goals in offers.items() if all(times[goal] > 1 for goal in goals)]


def _times(offers: Iterable[Collection[GoalT]]) -> Counter[GoalT]:
    """How many of the offers have each goal."""
    return Counter(goal for goals in offers for goal in set(goals))


def _best(offers: Mapping[str, set[GoalT]], gains: dict[str, int], costs: Mapping[str, int], missing: set[GoalT]) -> str:
    """The best offer; ``gains`` are upper bounds from before, made exact only where they could matter."""
    best, best_rate = "", 0.0
    for name in sorted(gains, key=lambda name: -gains[name] / costs[name]):
        if gains[name] / costs[name] <= best_rate:
            break
        gains[name] = len(offers[name] & missing)
        if gains[name] / costs[name] > best_rate:
            best, best_rate = name, gains[name] / costs[name]
    return best


def _reduced(chosen: list[str], offers: Mapping[str, set[GoalT]], costs: Mapping[str, int], order: list[str]) -> list[str]:
    """The chosen without those that the others make superfluous."""
    times = _times(offers[name] for name in chosen)
    kept = set(chosen)
    for name in sorted(chosen, key=lambda name: -costs[name]):
        if all(times[goal] > 1 for goal in offers[name]):
            kept.remove(name)
            times.subtract(offers[name])
    return [name for name in order if name in kept]
