"""Mutants of single entries of the coder's tables, made on demand.

Any entry can have any value that the coder can run on.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

import numpy as np

from nnc_conformance.faults.mutants.mutant import MutantKind
from nnc_conformance.faults.mutants.values import TABLES, Value, entry_mutant, values_by_id
from nnc_conformance.reference.entropy import tables as published
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, STATES, IntArray, Tables, make_tables

NEAR: Final = (*range(1, 21), 32, 64, 100)
"""Distances of a wrong entry from the right one, to either side: a slip, a bit, a digit."""
RANGE_ROWS: Final = (8, 32)
_ID: Final = re.compile(r"entropy\.tables\.(\w+):table-(\d+)-as-(-?\d+)")


def entry_places() -> Iterator[tuple[str, int]]:
    """Yield every entry: its table, and its place there in row-major order."""
    for name in TABLES:
        yield from ((name, place) for place in range(_array(name).size))


@cache
def entry(name: str, place: int, value: int) -> Value | None:
    """Return the mutant of a table with another entry.

    It is None if the coder could not run on it.

    Args:
        name: The table, such as ``LPS_RANGE_TABLE``.
        place: Place of the entry, row-major.
        value: The entry's other value.
    """
    return entry_mutant(name, place, value, f"{place}-as-{value}")


def usual_value(name: str, place: int) -> int:
    """Return the value of an entry in the standard."""
    return int(_array(name).flat[place])


def is_entry(mutant_id: str) -> bool:
    """Return whether a mutant was made by `entry`."""
    return _ID.fullmatch(mutant_id) is not None


def entries(name: str, place: int) -> Iterator[Value]:
    """Yield the mutants of an entry, the likeliest value first."""
    return _runnable(name, place, _others(name, place))


def farthest(name: str, place: int) -> Value | None:
    """Return the mutant of a table's entry with the most distant value that can run.

    It shows wherever the entry is used. Return None if no other value can run.

    Args:
        name: The table, such as ``LPS_RANGE_TABLE``.
        place: Place of the entry, row-major.
    """
    values = sorted(_others(name, place), key=lambda value: -abs(value - usual_value(name, place)))
    return next(_runnable(name, place, values), None)


def _runnable(name: str, place: int, values: Iterable[int]) -> Iterator[Value]:
    made = (entry(name, place, value) for value in values)
    return (one for one in made if one is not None)


def tables_of(mutant_id: str) -> Tables:
    """Return the tables that a mutant decodes with.

    The published ones if it is not a mutant of a table.
    """
    made = values_by_id().get(mutant_id)
    if made is None and (parts := _ID.fullmatch(mutant_id)):
        made = entry(parts[1], int(parts[2]), int(parts[3]))
    return make_tables(**made.value) if made is not None and made.mutant.kind is MutantKind.TABLE else DEFAULT


@cache
def _array(name: str) -> IntArray:
    array = np.array(vars(published)[name], np.int64)
    return array.reshape(RANGE_ROWS) if name == "LPS_RANGE_TABLE" else array


def _others(name: str, place: int) -> list[int]:
    """Return plausible wrong values of a table's entry.

    They are close ones, those of its neighbours, with digits swapped, with another sign.

    Args:
        name: The table, such as ``LPS_RANGE_TABLE``.
        place: Place of the entry, row-major.
    """
    array, value = _array(name), usual_value(name, place)
    if name == "STATE_TRANS_TAB":
        return [other for other in range(STATES) if other != value]
    around = [value + sign * step for step in NEAR for sign in (1, -1)]
    at = np.unravel_index(place, array.shape)
    for axis in range(array.ndim):
        for step in (1, -1):
            neighbour = [int(number) for number in at]
            neighbour[axis] += step
            if 0 <= neighbour[axis] < array.shape[axis]:
                around.append(int(array[tuple(neighbour)]))
    digits = str(abs(value))
    swapped = [int(digits[:n] + digits[n + 1] + digits[n] + digits[n + 2 :]) for n in range(len(digits) - 1)]
    return [other for other in dict.fromkeys([*around, *swapped, -value, 0, 2 * value, value // 2]) if other != value]
