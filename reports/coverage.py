"""The coverage report: one self-contained HTML page by clause, element and value class."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, groupby
from pathlib import Path
from typing import Final

from nnc_conformance.generator.coverage.catalogue import catalogue, catalogue_of
from nnc_conformance.generator.coverage.choices import FACTORS
from nnc_conformance.generator.coverage.goals import Goal, GoalKind, GoalStanding, Key
from nnc_conformance.generator.coverage.measure import Coverage, GoalTally
from nnc_conformance.reference.syntax.branches import branch_of
from nnc_conformance.reference.syntax.elements import FIRST_EDITION, SECOND_EDITION
from nnc_conformance.reports.heat import WARMEST, context_place, event_place, grids, state_place
from nnc_conformance.reports.html import render_page, resource
from nnc_conformance.storage import outputs
from nnc_conformance.storage.vector import Edition

HTML_FILE: Final = "index.html"
MOST_NAMES: Final = 12
"""Streams named at a goal before the rest is only counted."""
MOST_MISSING: Final = 400
"""Missing triples listed before the rest is only counted."""
KIND_TITLES: Final = {
    GoalKind.ELEMENT: "Syntax elements",
    GoalKind.VALUE: "Value classes",
    GoalKind.BRANCH: "Branches",
    GoalKind.CONTEXT: "Contexts at extremes",
    GoalKind.EVENT: "Events of the coder",
    GoalKind.STATE: "Entropy state between block rows, parts and units",
    GoalKind.PAIR: "Pairs of tool choices",
    GoalKind.TRIPLE: "Triples of tool choices",
}


@dataclass(frozen=True)
class GoalRow:
    """One goal.

    It has the times met, the streams that meet it, and the names of the first of them.
    """

    goal: Goal
    hits: int
    streams: int
    names: tuple[str, ...]

    @property
    def state(self) -> str:
        """``met``, ``missing`` or ``unreachable``."""
        return "met" if self.hits else "unreachable" if self.goal.unreachable else "missing"


@dataclass(frozen=True)
class Subject:
    """The goals of one element or structure."""

    name: str
    rows: tuple[GoalRow, ...]

    @property
    def tally(self) -> GoalTally:
        """Goals met of those reachable, certified or not."""
        reachable = [row for row in self.rows if not row.goal.unreachable]
        return GoalTally(sum(row.hits > 0 for row in reachable), len(reachable))


def sections(coverage: Coverage, kinds: Iterable[GoalKind], edition: Edition = FIRST_EDITION) -> Iterator[tuple[str, list[Subject]]]:
    """Yield each clause with its subjects.

    These are elements with their value classes, or structures with their branches.
    """
    wanted = set(kinds)
    goals = [goal for goal in catalogue_of(edition).values() if goal.key.kind in wanted]
    order = {clause: place for place, clause in enumerate(dict.fromkeys(goal.clause for goal in goals))}
    by_clause = sorted(goals, key=lambda goal: order[goal.clause])
    for clause, members in groupby(by_clause, key=lambda goal: goal.clause):
        named: dict[str, list[GoalRow]] = {}
        for goal in members:
            named.setdefault(_subject(goal.key), []).append(_row(goal, coverage))
        yield clause, [Subject(name, tuple(rows)) for name, rows in named.items()]


def _subject(key: Key) -> str:
    """Return an element's name without its descriptor, or the structure that a branch is in."""
    return branch_of(key.subject).function if key.kind is GoalKind.BRANCH else key.subject.partition(" ")[0]


def _row(goal: Goal, coverage: Coverage) -> GoalRow:
    names = coverage.streams_of.get(goal.key, [])
    return GoalRow(goal, coverage.totals[goal.key], len(names), tuple(names[:MOST_NAMES]))


@dataclass(frozen=True)
class PairCell:
    """Certified pairs of choices of two factors: how many are met, and which are missing."""

    first: str
    second: str
    tally: GoalTally
    missing: tuple[str, ...]


def pair_matrix(coverage: Coverage) -> dict[tuple[str, str], PairCell]:
    """Count the certified pairs of choices, and those missing, by every two factors."""
    cells = {}
    goals = [goal for goal in _certified(GoalKind.PAIR) if not goal.unreachable]
    by_subject: dict[str, list[Goal]] = {}
    for goal in goals:
        by_subject.setdefault(goal.key.subject, []).append(goal)
    for first, second in combinations(FACTORS, 2):
        members = by_subject.get(f"{first} x {second}", [])
        missing = tuple(goal.key.case for goal in members if goal.key not in coverage.totals)
        cells[first, second] = PairCell(first, second, GoalTally(len(members) - len(missing), len(members)), missing)
    return cells


def _certified(kind: GoalKind) -> list[Goal]:
    return [goal for goal in catalogue().values() if goal.key.kind is kind and goal.standing is GoalStanding.CERTIFIED]


def missing_triples(coverage: Coverage) -> list[Key]:
    """Return the certified triples that no stream meets."""
    return [goal.key for goal in _certified(GoalKind.TRIPLE) if not goal.unreachable and goal.key not in coverage.totals]


@cache
def unreachable() -> dict[str, list[Key]]:
    """Return the goals that no stream can reach, by reason, pairs and triples excepted."""
    found: dict[str, list[Key]] = {}
    for key, goal in catalogue().items():
        if goal.unreachable and key.kind not in (GoalKind.PAIR, GoalKind.TRIPLE):
            found.setdefault(goal.unreachable, []).append(key)
    return found


def render_coverage(coverage: Coverage) -> str:
    """Render the page as one HTML document that refers to nothing outside itself."""
    return render_page(
        "coverage.html.jinja",
        style=resource("report.css") + resource("coverage.css"),
        coverage=coverage,
        Kind=GoalKind,
        kinds=KIND_TITLES,
        standings=list(GoalStanding),
        broken={name: measured.error for name, measured in coverage.streams.items() if measured.error},
        elements=list(sections(coverage, (GoalKind.ELEMENT, GoalKind.VALUE))),
        branches=list(sections(coverage, (GoalKind.BRANCH,))),
        contexts=grids(coverage, GoalKind.CONTEXT, context_place),
        events=grids(coverage, GoalKind.EVENT, event_place),
        states=grids(coverage, GoalKind.STATE, state_place),
        factors=list(FACTORS),
        pairs=pair_matrix(coverage),
        triples=missing_triples(coverage),
        unreachable=unreachable(),
        second=list(sections(coverage, [kind for kind in GoalKind if kind is not GoalKind.TRIPLE], SECOND_EDITION))
        if SECOND_EDITION in coverage.editions
        else [],
        most_missing=MOST_MISSING,
        warmest=WARMEST,
    )


def write_coverage(coverage: Coverage, folder: Path) -> Path:
    """Write the page into ``folder``, created if needed; return its path. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs.write_text(folder / HTML_FILE, render_coverage(coverage))
    return folder / HTML_FILE
