"""Derives every coverage goal.

Goals follow from the registry of elements, the structures' source, the tables of the coder and the
table of choices.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

from nnc_conformance.generator.coverage import second_edition
from nnc_conformance.generator.coverage.choices import reason_of, standing_of, tuple_keys
from nnc_conformance.generator.coverage.classes import classes_of, variants
from nnc_conformance.generator.coverage.contexts import context_keys
from nnc_conformance.generator.coverage.events import event_keys
from nnc_conformance.generator.coverage.goals import Goal, GoalKind, GoalStanding, Key
from nnc_conformance.generator.coverage.standings import standing_row
from nnc_conformance.generator.coverage.states import state_keys
from nnc_conformance.generator.coverage.unreachable import reason_for
from nnc_conformance.reference.syntax.branches import all_branches, indexed_elements
from nnc_conformance.reference.syntax.elements import ELEMENTS, FIRST_EDITION, SECOND_EDITION, ElementRow, clause_of
from nnc_conformance.reference.syntax.rules import Provenance

MET: Final = "met"
PLACES: Final = ("index 0", "index 1 or more", "one entry", "several entries")


def value_key(element: str, descriptor: str, label: str) -> Key:
    """Return the key of the goal of a value class."""
    return Key(GoalKind.VALUE, f"{element} {descriptor}", label)


def _element_goals(row: ElementRow) -> Iterator[Goal]:
    """Yield the goals of an element: it occurs, and has a value of each class.

    An element of an array also has goals for first, inner and last place.
    """
    clause = clause_of(row.name)
    keys = [Key(GoalKind.ELEMENT, row.name, MET)]
    keys += [value_key(row.name, descriptor, label) for descriptor in variants(row) for label in classes_of(row.name, descriptor).labels]
    if row.name in indexed_elements():
        keys += [Key(GoalKind.VALUE, f"{row.name} array", place) for place in PLACES]
    yield from (_goal(key, clause, row.provenance) for key in keys)


def _goal(key: Key, clause: str, provenance: Provenance) -> Goal:
    """Make a goal with its standing, which says whether it counts, and the reason.

    Args:
        key: What is to be reached.
        clause: Its clause.
        provenance: Where the fact comes from.
    """
    row = standing_row(key)
    if row is not None:
        standing, why = row.standing, row.why
    elif provenance is Provenance.INFERRED:
        standing, why = GoalStanding.INFERRED, "provenance I"
    else:
        standing, why = GoalStanding.CERTIFIED, ""
    return Goal(key, clause, provenance, standing, why, reason_for(key))


def _branch_goals() -> Iterator[Goal]:
    for branch in all_branches():
        if branch.edition != FIRST_EDITION:
            continue
        provenance = Provenance.INFERRED if branch.inferred else Provenance.VERIFIED
        yield from (_goal(Key(GoalKind.BRANCH, branch.label, side), "6", provenance) for side in branch.sides)


def _tuple_goals(strength: int) -> Iterator[Goal]:
    for key, chosen in tuple_keys(strength):
        standing = standing_of(chosen)
        provenance = Provenance.INFERRED if standing is GoalStanding.INFERRED else Provenance.PUBLISHED
        why = "" if standing is GoalStanding.CERTIFIED else reason_of(chosen)
        if standing is None:
            yield Goal(key, "6", provenance, unreachable=why)
        else:
            yield Goal(key, "6", provenance, standing, why)


@cache
def catalogue() -> dict[Key, Goal]:
    """Return every goal by its key, in the order of reports."""
    goals = [goal for row in ELEMENTS.values() if row.edition == FIRST_EDITION for goal in _element_goals(row)]
    goals += _branch_goals()
    goals += [_goal(key, "10", Provenance.VERIFIED) for key in (*context_keys(), *event_keys(), *state_keys())]
    goals += [*_tuple_goals(2), *_tuple_goals(3)]
    order = list(GoalKind)
    return {goal.key: goal for goal in sorted(goals, key=lambda goal: order.index(goal.key.kind))}


FIRST_EDITION_SIDES: Final = {(label, "false") for label in ("2024.profile-known", "2024.mps", "2024.ndu", "2024.dimension-shift")}
"""Sides of branches that only streams of the first edition, or of a profile that no edition has,
go.
"""


@cache
def catalogue_2024() -> dict[Key, Goal]:
    """Return every goal that the second edition brought, by its key.

    They are in the order of reports.
    """
    goals = [goal for row in ELEMENTS.values() if row.edition == SECOND_EDITION for goal in _element_goals(row)]
    for branch in all_branches():
        if branch.edition == SECOND_EDITION:
            provenance = Provenance.INFERRED if branch.inferred else Provenance.VERIFIED
            keys = (Key(GoalKind.BRANCH, branch.label, side) for side in branch.sides)
            goals += [_goal(key, "6", provenance) for key in keys if (key.subject, key.case) not in FIRST_EDITION_SIDES]
    for key in second_edition.context_keys():
        goals.append(Goal(key, "10", Provenance.VERIFIED, unreachable=second_edition.why_not_met(key)))
    goals += [
        Goal(key, "10", Provenance.VERIFIED, *second_edition.standing_of_event(key)) for key in dict.fromkeys(second_edition.event_keys())
    ]
    for key in second_edition.history_keys():
        standing, why = second_edition.standing_of_history(key)
        goals.append(Goal(key, "10", Provenance.VERIFIED, standing, why))
    for strength in (2, 3):
        certified = set(second_edition.tuples_of(second_edition.whole_choices(disputed=False), strength))
        for key in second_edition.tuples_of(second_edition.whole_choices(disputed=True), strength):
            standing = GoalStanding.CERTIFIED if key in certified else GoalStanding.DISPUTED
            why = "" if key in certified else "int_dq_flag, codebook_dq"
            goals.append(Goal(key, "6", Provenance.PUBLISHED, standing, why))
    order = list(GoalKind)
    return {goal.key: goal for goal in sorted(goals, key=lambda goal: order.index(goal.key.kind))}


def catalogue_of(edition: int) -> dict[Key, Goal]:
    """Return every goal that an edition brought by its key, in the order of reports."""
    return catalogue() if edition == FIRST_EDITION else catalogue_2024()


def wanted_values(element: str, descriptor: str) -> list[int]:
    """Return a value of each class of an integer element that streams reach, ascending.

    `classes_of` divides the values of an element into classes that coverage counts. Of a class that
    is a range this is the second value, since the ends of ranges are often classes of their own.
    """
    found = []
    for label in classes_of(element, descriptor).labels:
        if not reason_for(value_key(element, descriptor, label)):
            low, _, high = label.partition("..")
            found.append(min(int(low) + 1, int(high)) if high else int(low))
    return sorted(found)
