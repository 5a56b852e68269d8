"""Heat maps of coverage: contexts and events of the arithmetic decoder, as grids of goals."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import Goal, GoalKind, Key
from nnc_conformance.generator.coverage.measure import Coverage

WARMEST: Final = 6
"""Highest class of a cell: class 0 is never met, class n is met fewer than 10^n times, this one
10^5 times or more.
"""

Place = tuple[str, str, str]
"""Title of the grid, row and column of a goal."""


@dataclass(frozen=True)
class Cell:
    """One goal of a grid.

    It has the times met, streams that meet it, class, and why it is unreachable (empty if it is
    not).
    """

    hits: int
    streams: int
    warmth: int
    unreachable: str


@dataclass(frozen=True)
class Grid:
    """A heat map; a cell without a goal is None."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


def context_place(key: Key) -> Place:
    """Place a context goal: contexts by row, parameter sets and extremes by column."""
    return "Contexts at their extremes, by parameter set", key.subject, key.case.removeprefix("set ")


def event_place(key: Key) -> Place:
    """Return the grid's title, the row and the column of an event goal."""
    subject, case = key.subject, key.case
    if subject.startswith("lps_range_table"):
        column, path = case.removeprefix("column ").split(", ")
        return f"lps_range_table, {path}: bits 7 to 5 of the range by abs(s >> 7)", subject.rpartition(" ")[2], column
    if subject == "byte fetch, renormalisation":
        shifted, before = case.split(", after ")
        return "Byte fetch within a renormalisation: its bits by those shifted before the fetch", shifted, before
    if subject == "byte fetch, bypass":
        return "Byte fetch by a bypass bin", "bypass", case
    if re.match(r"scan [1-4]", subject):
        rows, columns = case.removeprefix("rows ").split(", columns ")
        return "Block scans: rows by columns", f"{subject}, {rows}", columns
    titles = {
        "renormalisation": "Renormalisation",
        "terminate, stop bit": "The stop bit's place in its byte",
        "terminate, IvlCurrRange": "IvlCurrRange at the terminate bin",
        "greater-than run, length 10": "Greater-than bins of 1 in a row, unary length 10",
        "greater-than run, all ones": "The longest run of greater-than bins, by unary length",
        "trellis": "Trellis: stateId by parity of the index",
        "scan 0": "Scan 0: rows by columns",
        "entry points, scan": "Entry points, by dq_flag",
        "entry points of G and H": "Entry points of a decomposed block",
        "prefix run": "Prefix bins of 1 in a row",
        "bypass run": "Bypass bins in a row",
    }
    title = next(title for start, title in titles.items() if subject.startswith(start))
    return title, subject.partition(", ")[2] or subject, case.removeprefix("length ")


def state_place(key: Key) -> Place:
    """Place a goal about state in its grid.

    The row is what is kept or reset, the column the tools or the state before.
    """
    subject, case = key.subject, key.case
    if subject.startswith("block rows"):
        sets, rows, dq_flag, unary = case.split(", ")
        return "Tensors with several block rows", f"{subject.removeprefix('block rows, ')}, {sets}, {rows}", f"{dq_flag}, {unary}"
    if subject.startswith("reset"):
        chosen, dq_flag = case.split(", ")
        return "Contexts reset at a block row, by parameter set", f"{subject.partition(', ')[2]}, {dq_flag}", chosen
    if subject.startswith("from one extreme"):
        return "Contexts from one extreme to the other, by parameter set", subject.rpartition(" ")[2], case
    if subject.startswith("qp in force"):
        source, form = case.split(", ")
        return "The qp in force", f"{subject.partition(', ')[2]}, {form}", source
    if subject.startswith("between"):
        return "Units between an NNR_LPS and what it holds for", "met", case
    if " in a unit of " in subject:
        return "Vectors of a BLOCK with codebooks", subject, case
    place, _, what = subject.partition(" start, ")
    own, _, before = case.partition(" after ")
    return f"Start of a {place}, {what}", own, f"after {before}" if before else "met"


def grids(coverage: Coverage, kind: GoalKind, place: Callable[[Key], Place]) -> list[Grid]:
    """Arrange all goals of a kind in grids.

    Args:
        coverage: How often each goal was met.
        kind: The kind of goals.
        place: Returns the grid's title, the row and the column of a goal.
    """
    goals: dict[str, dict[tuple[str, str], Goal]] = {}
    for key, goal in catalogue().items():
        if key.kind is kind:
            title, row, column = place(key)
            goals.setdefault(title, {})[row, column] = goal
    return [_grid(title, members, coverage) for title, members in goals.items()]


def _grid(title: str, members: dict[tuple[str, str], Goal], coverage: Coverage) -> Grid:
    rows, columns = _distinct(row for row, _ in members), _distinct(column for _, column in members)
    cells = {place: _cell(goal, coverage) for place, goal in members.items()}
    return Grid(title, columns, tuple((row, tuple(cells.get((row, column)) for column in columns)) for row in rows))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _cell(goal: Goal, coverage: Coverage) -> Cell:
    hits = coverage.totals[goal.key]
    return Cell(hits, len(coverage.streams_of.get(goal.key, ())), min(len(str(hits)), WARMEST) if hits else 0, goal.unreachable)
