"""What can be covered: a goal is a kind, a subject and one case of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from nnc_conformance.reference.syntax.rules import Provenance


class GoalKind(StrEnum):
    """The kinds of goals, in the order of reports."""

    ELEMENT = "element"
    VALUE = "value"
    BRANCH = "branch"
    CONTEXT = "context"
    EVENT = "event"
    STATE = "state"
    PAIR = "pair"
    TRIPLE = "triple"


class GoalStanding(StrEnum):
    """What a goal rests on; each has a denominator of its own. ``certified``: facts of provenance V
    and P that nobody disputes.
    """

    CERTIFIED = "certified"
    DISPUTED = "disputed"
    INFERRED = "inferred"


class Key(NamedTuple):
    """A goal's identity: ``value / scan_order u(4) / 3``."""

    kind: GoalKind
    subject: str
    case: str

    def __str__(self) -> str:
        return f"{self.kind} / {self.subject} / {self.case}"


@dataclass(frozen=True)
class Goal:
    """A goal of coverage.

    ``why`` says what makes it disputed or inferred; ``unreachable`` why no good stream meets it,
    empty if one can.
    """

    key: Key
    clause: str
    provenance: Provenance
    standing: GoalStanding = GoalStanding.CERTIFIED
    why: str = ""
    unreachable: str = ""
