"""Covering arrays over the tool choices, kept as data.

They were made once with covertable, because its next release may order rows differently. ``python
-m nnc_conformance.generator.coverage.arrays`` makes them again. The tests compare them with the
goals; `nox -s arrays` makes them with the release of covertable that made them, and compares.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from nnc_conformance.generator.coverage.choices import (
    ALLOWED_BY,
    BLOCK,
    CONSTRAINTS,
    FACTORS,
    NO,
    YES,
    Constraint,
    Constraints,
    keeps,
    standing_of,
    tuple_key,
    tuple_keys,
)
from nnc_conformance.generator.coverage.goals import GoalStanding, Key
from nnc_conformance.generator.planner import plan
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import canonical_json

FILE: Final = "arrays.json"
STRENGTHS: Final = {2: "pairs", 3: "triples"}
LATER: Final = "with codebooks of G and H"
"""Name of the arrays of what `FIRST_TABLE` leaves out."""
FIRST_TABLE: Final = (
    *CONSTRAINTS,
    Constraint(
        ("payload type", "codebook", "DC"), lambda kind, book, dc: kind != BLOCK or NO in (book, dc), LATER, GoalStanding.INFERRED
    ),
)  # fmt: skip
"""The table that the first arrays were made for. Published vectors hold their rows, so that they
stay as they are.
"""
_CODEBOOKS: Final = {"payload type": BLOCK, "codebook": YES, "DC": YES}
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class ArraysError(NNCError):
    """The arrays were made for another table of choices."""


@cache
def _document() -> dict[str, Any]:
    """Read the stored arrays of tool combinations.

    Raises `ArraysError` if they were made for another table of choices.
    """
    document: dict[str, Any] = json.loads(files("nnc_conformance.generator.coverage").joinpath(FILE).read_text(encoding="utf-8"))
    if document["factors"] != {factor: list(values) for factor, values in FACTORS.items()}:
        raise ArraysError("the table of choices has changed: make the arrays anew")
    return document


def rows(strength: int, standing: GoalStanding) -> list[dict[str, str]]:
    """Return whole choices that together hold every pair or triple of a standing.

    The standing is one in `FIRST_TABLE`; pairs are given by 2, triples by 3.

    Raises `ArraysError` if the arrays belong to another table of choices.
    """
    return _read(_document()[STRENGTHS[strength]][standing.value])


def later_rows(standing: GoalStanding) -> list[dict[str, str]]:
    """Return decomposed blocks with codebooks that hold every other triple of a standing.

    They hold every other pair too. Raises `ArraysError` if the arrays belong to another table of
    choices.
    """
    return _read(_document()[LATER][standing.value])


def _read(coded: list[str]) -> list[dict[str, str]]:
    return [{factor: values[_DIGITS.index(digit)] for digit, (factor, values) in zip(row, FACTORS.items(), strict=True)} for row in coded]


def document(maker: str) -> dict[str, Any]:
    """Compute all arrays of tool combinations, as the stored file holds them.

    Args:
        maker: Release of the package covertable, which makes them.
    """
    first = {
        name: {standing.value: [_coded(row) for row in build(strength, standing)] for standing in GoalStanding}
        for strength, name in STRENGTHS.items()
    }
    later = {standing.value: [_coded(row) for row in build_later(standing)] for standing in GoalStanding}
    return {"covertable": maker, "factors": {factor: list(values) for factor, values in FACTORS.items()}, **first, LATER: later}


def build(strength: int, standing: GoalStanding) -> list[dict[str, str]]:
    """Make an array of `FIRST_TABLE` with covertable.

    Rows that hold no tuple of this standing are left out.

    Raises `ArraysError` if the array misses a tuple.
    """
    return _build(strength, standing, wanted(strength, standing, FIRST_TABLE), FIRST_TABLE)


def build_later(standing: GoalStanding) -> list[dict[str, str]]:
    """Make the array of decomposed blocks with codebooks; raise ArraysError if it misses a triple."""
    new = wanted(3, standing, CONSTRAINTS) - wanted(3, standing, FIRST_TABLE)
    return _build(3, standing, new, CONSTRAINTS, _CODEBOOKS) if new else []


def wanted(strength: int, standing: GoalStanding, constraints: Constraints) -> set[Key]:
    """Return the keys of all tuples of choices of a standing.

    Args:
        strength: 2 for pairs, 3 for triples.
        standing: The standing.
        constraints: The table that decides each tuple's standing.
    """
    return {key for key, chosen in tuple_keys(strength) if standing_of(chosen, constraints) is standing}


def _build(
    strength: int, standing: GoalStanding, goals: set[Key], constraints: Constraints, fixed: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Build the rows of an array with covertable, and keep those that the goals need.

    Raises `ArraysError` if the rows miss a goal.

    Args:
        strength: 2 for pairs, 3 for triples.
        standing: The standing of the choices.
        goals: The tuples to cover.
        constraints: The constraints on choices.
        fixed: Values that all rows have.
    """
    import covertable

    conditions = [
        {"operator": "fn", "requires": list(constraint.factors), "evaluate": _Holds(constraint)}
        for constraint in constraints
        if constraint.standing in ALLOWED_BY[standing]
    ]
    order = list(GoalStanding)

    def is_allowed(factor: str, value: str) -> bool:
        return order.index(standing_of({factor: value}, constraints) or GoalStanding.INFERRED) <= order.index(standing)

    levels = {factor: [value for value in values if is_allowed(factor, value)] for factor, values in FACTORS.items()}
    levels |= {factor: [value] for factor, value in (fixed or {}).items()}
    made = [dict(row) for row in covertable.make(levels, strength=2 if fixed else strength, constraints=conditions)]
    candidates = {str(number): held(row, strength) for number, row in enumerate(made) if keeps(row, standing, constraints)}
    chosen = [made[int(name)] for name in plan(goals, candidates)]
    missing = goals.difference(*(held(row, strength) for row in chosen))
    if missing:
        raise ArraysError(f"{len(missing)} {standing.value} {STRENGTHS[strength]} are in no row, among them {min(missing)}")
    return chosen


class _Holds:
    """A constraint in the form that covertable takes."""

    def __init__(self, constraint: Constraint) -> None:
        self.constraint = constraint

    def __call__(self, row: Mapping[str, str]) -> bool:
        return self.constraint.holds(*(row[factor] for factor in self.constraint.factors))


def held(row: Mapping[str, str], strength: int) -> list[Key]:
    """Return the tuples of a strength that a whole choice holds."""
    return [tuple_key(row, factors) for factors in combinations(FACTORS, strength)]


def _coded(row: Mapping[str, str]) -> str:
    return "".join(_DIGITS[FACTORS[factor].index(row[factor])] for factor in FACTORS)


def main() -> None:
    """Write the arrays next to this module."""
    outputs.write_text(Path(__file__).parent / FILE, canonical_json(document(version("covertable"))))


if __name__ == "__main__":
    main()
