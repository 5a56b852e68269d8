"""The coverage report: one self-contained page to browse, by clause, element and value class."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, groupby
from pathlib import Path
from typing import Final

from markupsafe import Markup

from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.choices import FACTORS
from nnc_conformance.generator.coverage.goals import Goal, Key, Kind, Standing
from nnc_conformance.generator.coverage.measure import Coverage, Tally
from nnc_conformance.reference.syntax.branches import branch_of
from nnc_conformance.reports.heat import WARMEST, context_place, event_place, grids
from nnc_conformance.reports.html import environment, resource, style_digest
from nnc_conformance.storage import outputs

HTML_FILE: Final = "index.html"
MOST_NAMES: Final = 12
MOST_MISSING: Final = 400
KIND_TITLES: Final = {
    Kind.ELEMENT: "Syntax elements",
    Kind.VALUE: "Value classes",
    Kind.BRANCH: "Branches",
    Kind.CONTEXT: "Contexts at extremes",
    Kind.EVENT: "Events of the coder",
    Kind.PAIR: "Pairs of tool choices",
    Kind.TRIPLE: "Triples of tool choices",
}


@dataclass(frozen=True)
class GoalRow:
    """One goal as the page shows it: met, missing, or unreachable; ``names`` are the first streams that meet it."""

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
    """The goals of one subject, and how many of the reachable ones are met."""

    name: str
    rows: tuple[GoalRow, ...]

    @property
    def tally(self) -> Tally:
        """Goals met of those reachable, whatever they rest on."""
        reachable = [row for row in self.rows if not row.goal.unreachable]
        return Tally(sum(row.hits > 0 for row in reachable), len(reachable))


def sections(coverage: Coverage, kinds: Iterable[Kind]) -> Iterator[tuple[str, list[Subject]]]:
    """Clauses with their subjects: elements with all their value classes, or structures with their branches."""
    wanted = set(kinds)
    goals = [goal for goal in catalogue().values() if goal.key.kind in wanted]
    order = {clause: place for place, clause in enumerate(dict.fromkeys(goal.clause for goal in goals))}
    by_clause = sorted(goals, key=lambda goal: order[goal.clause])
    for clause, members in groupby(by_clause, key=lambda goal: goal.clause):
        named: dict[str, list[GoalRow]] = {}
        for goal in members:
            named.setdefault(_subject(goal.key), []).append(_row(goal, coverage))
        yield clause, [Subject(name, tuple(rows)) for name, rows in named.items()]


def _subject(key: Key) -> str:
    """Return an element's name without its descriptor, or the structure that a branch is in."""
    return branch_of(key.subject).function if key.kind is Kind.BRANCH else key.subject.partition(" ")[0]


def _row(goal: Goal, coverage: Coverage) -> GoalRow:
    names = coverage.streams_of.get(goal.key, [])
    return GoalRow(goal, coverage.totals[goal.key], len(names), tuple(names[:MOST_NAMES]))


@dataclass(frozen=True)
class PairCell:
    """The certified pairs of two factors."""

    first: str
    second: str
    tally: Tally
    missing: tuple[str, ...]


def pair_matrix(coverage: Coverage) -> dict[tuple[str, str], PairCell]:
    """Every two factors with their certified pairs."""
    cells = {}
    goals = [goal for goal in _certified(Kind.PAIR) if not goal.unreachable]
    by_subject: dict[str, list[Goal]] = {}
    for goal in goals:
        by_subject.setdefault(goal.key.subject, []).append(goal)
    for first, second in combinations(FACTORS, 2):
        members = by_subject.get(f"{first} x {second}", [])
        missing = tuple(goal.key.case for goal in members if goal.key not in coverage.totals)
        cells[first, second] = PairCell(first, second, Tally(len(members) - len(missing), len(members)), missing)
    return cells


def _certified(kind: Kind) -> list[Goal]:
    return [goal for goal in catalogue().values() if goal.key.kind is kind and goal.standing is Standing.CERTIFIED]


def missing_triples(coverage: Coverage) -> list[Key]:
    """Certified triples that no stream meets."""
    return [goal.key for goal in _certified(Kind.TRIPLE) if not goal.unreachable and goal.key not in coverage.totals]


@cache
def unreachable() -> dict[str, list[Key]]:
    """Goals that cannot be met by their reason."""
    found: dict[str, list[Key]] = {}
    for key, goal in catalogue().items():
        if goal.unreachable and key.kind not in (Kind.PAIR, Kind.TRIPLE):
            found.setdefault(goal.unreachable, []).append(key)
    return found


def render_coverage(coverage: Coverage) -> str:
    """The page as one HTML document without a reference to anything outside it."""
    style = resource("report.css") + resource("coverage.css")
    template = environment().get_template("coverage.html.jinja")
    return template.render(
        coverage=coverage,
        style=Markup(style),
        policy=f"default-src 'none'; style-src '{style_digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'",
        Kind=Kind,
        kinds=KIND_TITLES,
        standings=list(Standing),
        broken={name: measured.error for name, measured in coverage.streams.items() if measured.error},
        elements=list(sections(coverage, (Kind.ELEMENT, Kind.VALUE))),
        branches=list(sections(coverage, (Kind.BRANCH,))),
        contexts=grids(coverage, Kind.CONTEXT, context_place),
        events=grids(coverage, Kind.EVENT, event_place),
        factors=list(FACTORS),
        pairs=pair_matrix(coverage),
        triples=missing_triples(coverage),
        unreachable=unreachable(),
        most_missing=MOST_MISSING,
        warmest=WARMEST,
    )


def write_coverage(coverage: Coverage, folder: Path) -> Path:
    """Writes the page into ``folder``, made if needed, and returns its path. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs.write_text(folder / HTML_FILE, render_coverage(coverage))
    return folder / HTML_FILE
