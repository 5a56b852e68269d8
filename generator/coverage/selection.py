"""Who is needed in core: the planner's choice over all that vectors offer, goals met and bugs caught; what it leaves out is superfluous.

A bug is what a vector is there to catch, as it states itself, or a mutant that it kills: whatever tells vectors apart beside the goals.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass

from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import Key, Kind, Standing
from nnc_conformance.generator.coverage.measure import Coverage
from nnc_conformance.generator.planner import plan


@dataclass(frozen=True)
class Selection:
    """``for_goals`` meet every goal that any vector meets, none of them needlessly; with ``for_bugs`` they catch every bug, too.

    ``superfluous`` are the others: every goal and every bug of theirs is another's that is chosen. All in the order given.
    """

    for_goals: tuple[str, ...]
    for_bugs: tuple[str, ...]
    superfluous: tuple[str, ...]


def select(
    goals: Mapping[str, Collection[Key]], bugs: Mapping[str, Collection[Hashable]], cost: Callable[[str], int] = lambda name: 1
) -> Selection:
    """Chooses among vectors by the goals that each meets and the bugs that each catches; a vector without goals may lack in ``goals``."""
    for_goals = plan(set().union(*goals.values()), goals, cost)
    caught: set[Hashable] = set().union(*(bugs.get(name, ()) for name in for_goals))
    uncaught = {name: set(found) - caught for name, found in bugs.items() if name not in for_goals}
    for_bugs = plan(set().union(*uncaught.values()), uncaught, cost)
    chosen = {*for_goals, *for_bugs}
    return Selection(tuple(for_goals), tuple(for_bugs), tuple(name for name in bugs if name not in chosen))


def core_goals(coverage: Coverage) -> dict[str, set[Key]]:
    """The goals of core that each stream meets: certified and reachable, all kinds but triples, which are those of full."""
    wanted = {
        key
        for key, goal in catalogue().items()
        if goal.standing is Standing.CERTIFIED and key.kind is not Kind.TRIPLE and not goal.unreachable
    }
    return {name: wanted.intersection(measured.counts) for name, measured in coverage.streams.items()}
