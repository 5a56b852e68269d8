"""A covering selection: few rows in which every pair of levels that can meet does, and as many
triples as the number of rows allows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from random import Random
from typing import Any, Final

Row = dict[str, Any]
Levels = tuple[tuple[str, Any], ...]

CANDIDATES: Final = 12
ATTEMPTS: Final = 4000
"""Random rows to find one with a given pair; a pair that is in none counts as one that cannot meet.
"""


def combined(row: Row, strength: int) -> Iterator[Levels]:
    """Return a row's combinations of levels of a number of factors."""
    return combinations(sorted(row.items()), strength)


def select(factors: Mapping[str, Sequence[Any]], possible: Callable[[Row], bool], count: int, seed: int) -> list[Row]:
    """So many rows, the same for the same arguments: each the best of `CANDIDATES` by pairs, then
    by triples that are new.
    """
    random = Random(seed)
    wanted = [pair for pair in _pairs(factors) if _completed(dict(pair), factors, possible, random)]
    missing, seen = dict.fromkeys(wanted), set[Levels]()
    rows: list[Row] = []
    while len(rows) < count:
        fixed: list[Levels] = random.sample(list(missing), min(CANDIDATES, len(missing))) if missing else [()] * CANDIDATES
        found = [row for start in fixed if (row := _completed(dict(start), factors, possible, random))]
        if not found:
            continue
        best = max(
            found,
            key=lambda row: (sum(pair in missing for pair in combined(row, 2)), sum(triple not in seen for triple in combined(row, 3))),
        )
        rows.append(best)
        seen.update(combined(best, 3))
        for pair in combined(best, 2):
            missing.pop(pair, None)
    return rows


def pairs_that_meet(factors: Mapping[str, Sequence[Any]], possible: Callable[[Row], bool], seed: int) -> set[Levels]:
    """Every pair of levels that some possible row has."""
    random = Random(seed)
    return {pair for pair in _pairs(factors) if _completed(dict(pair), factors, possible, random)}


def _pairs(factors: Mapping[str, Sequence[Any]]) -> Iterator[Levels]:
    for first, second in combinations(sorted(factors), 2):
        for left in factors[first]:
            for right in factors[second]:
                yield (first, left), (second, right)


def _completed(fixed: Row, factors: Mapping[str, Sequence[Any]], possible: Callable[[Row], bool], random: Random) -> Row | None:
    """A possible row with the fixed levels, the others at random."""
    for _ in range(ATTEMPTS):
        row = {name: fixed[name] if name in fixed else random.choice(levels) for name, levels in factors.items()}
        if possible(row):
            return row
    return None
