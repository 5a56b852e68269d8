"""The goals by which core's vectors are chosen."""

from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import GoalStanding, Key
from nnc_conformance.generator.coverage.measure import Coverage


def core_goals(coverage: Coverage) -> dict[str, set[Key]]:
    """The goals that count for core which each stream meets: certified and reachable, triples of choices among them."""
    wanted = {key for key, goal in catalogue().items() if goal.standing is GoalStanding.CERTIFIED and not goal.unreachable}
    return {name: wanted.intersection(measured.counts) for name, measured in coverage.streams.items()}
