"""The values that recipes have to meet, as the goals say."""

from nnc_conformance.generator.coverage.catalogue import value_key
from nnc_conformance.generator.coverage.classes import classes_of
from nnc_conformance.generator.coverage.unreachable import reason_for


def wanted_values(element: str, descriptor: str) -> list[int]:
    """One value of each reachable class of an integer element, ascending: of a class that is a range, the second."""
    found = []
    for label in classes_of(element, descriptor).labels:
        if not reason_for(value_key(element, descriptor, label)):
            low, _, high = label.partition("..")
            found.append(min(int(low) + 1, int(high)) if high else int(low))
    return sorted(found)
