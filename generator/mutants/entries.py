"""Mutants of single entries of the coder's tables: any entry with any value that the coder can run on, made when it is asked for."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.mutants.mutant import Kind
from nnc_conformance.generator.mutants.values import Value, table_mutant, values_by_id
from nnc_conformance.reference.entropy import tables as published
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, STATES, Tables, make_tables

IntArray = npt.NDArray[np.int64]


class _Table(NamedTuple):
    """A table's argument of `make_tables`, and the element that its entries concern."""

    argument: str
    element: str


TABLES: Final = {
    "LPS_RANGE_TABLE": _Table("lps_range", "sig_flag"),
    "STATE_STEP_TABLE": _Table("state_step", "sig_flag"),
    "CONTEXT_PARAMETER_SETS": _Table("parameter_sets", "shift_parameter_ids"),
    "STATE_TRANS_TAB": _Table("state_trans", "dq_flag"),
}
NEAR: Final = (*range(1, 21), 32, 64, 100)
"""How far off a wrong entry may be to either side: by a little, by a bit, by a digit."""
RANGE_ROWS: Final = (8, 32)
_ID: Final = re.compile(r"entropy\.tables\.(\w+):table-(\d+)-as-(-?\d+)")


def places() -> Iterator[tuple[str, int]]:
    """Every entry: the table, and the place in it, row by row."""
    for name in TABLES:
        yield from ((name, place) for place in range(_array(name).size))


@cache
def entry(name: str, place: int, value: int) -> Value | None:
    """The mutant of an entry with another value; None where the coder could not run on it."""
    usual: Any = np.array(vars(published)[name], np.int64)
    changed = usual.copy()
    changed.flat[place] = value
    where = "".join(f"[{at}]" for at in np.unravel_index(place, usual.shape))
    texts = (f"{place}-as-{value}", f"{where} = {usual.flat[place]}", str(value))
    return table_mutant(TABLES[name].argument, name, *texts, TABLES[name].element, changed.tolist())


def usual_value(name: str, place: int) -> int:
    """The value of an entry in the standard."""
    return int(_array(name).flat[place])


def is_entry(mutant_id: str) -> bool:
    """Whether a mutant is one of `entry`."""
    return _ID.fullmatch(mutant_id) is not None


def entries(name: str, place: int) -> Iterator[Value]:
    """The mutants of an entry, the likeliest value first."""
    made = (entry(name, place, value) for value in _others(name, place))
    return (one for one in made if one is not None)


def farthest(name: str, place: int) -> Value | None:
    """The mutant of an entry whose value is farthest off, which shows wherever the entry counts; None where none can be run."""
    return max(entries(name, place), key=lambda made: abs(int(made.mutant.after) - usual_value(name, place)), default=None)


def tables_of(mutant_id: str) -> Tables:
    """The tables that a mutant decodes with; the published ones where it is no mutant of a table."""
    made = values_by_id().get(mutant_id)
    if made is None and (told := _ID.fullmatch(mutant_id)):
        made = entry(told[1], int(told[2]), int(told[3]))
    return make_tables(**made.value) if made is not None and made.mutant.kind is Kind.TABLE else DEFAULT


@cache
def _array(name: str) -> IntArray:
    array = np.array(vars(published)[name], np.int64)
    return array.reshape(RANGE_ROWS) if name == "LPS_RANGE_TABLE" else array


def _others(name: str, place: int) -> list[int]:
    """The values that an entry may have wrongly: near it, its neighbours', with its digits in another order, without its sign."""
    array, value = _array(name), usual_value(name, place)
    if name == "STATE_TRANS_TAB":
        return [other for other in range(STATES) if other != value]
    around = [value + sign * step for step in NEAR for sign in (1, -1)]
    at = np.unravel_index(place, array.shape)
    for axis in range(array.ndim):
        for step in (1, -1):
            beside = [int(number) for number in at]
            beside[axis] += step
            if 0 <= beside[axis] < array.shape[axis]:
                around.append(int(array[tuple(beside)]))
    digits = str(abs(value))
    swapped = [int(digits[:n] + digits[n + 1] + digits[n] + digits[n + 2 :]) for n in range(len(digits) - 1)]
    return [other for other in dict.fromkeys([*around, *swapped, -value, 0, 2 * value, value // 2]) if other != value]
