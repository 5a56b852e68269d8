"""The tables as the kernels take them: arrays passed as arguments, so that an edited table needs no other machine code."""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import tables as published

IntArray = npt.NDArray[np.int64]

STATES: Final = len(published.STATE_TRANS_TAB)
"""stateId of dependent quantization: 0..7."""
SETS: Final = len(published.CONTEXT_PARAMETER_SETS)


class Tables(NamedTuple):
    """The tables as int64 arrays, passed to every kernel (never compiled in) and never written; make them with `make_tables`."""

    lps_range: IntArray
    state_step: IntArray
    parameter_sets: IntArray
    state_trans: IntArray


def make_tables(
    *,
    lps_range: Sequence[int] = published.LPS_RANGE_TABLE,
    state_step: Sequence[int] = published.STATE_STEP_TABLE,
    parameter_sets: Sequence[Sequence[int]] = published.CONTEXT_PARAMETER_SETS,
    state_trans: Sequence[Sequence[int]] = published.STATE_TRANS_TAB,
) -> Tables:
    """Tables with some of them replaced, shapes (256,), (32,), (9, 4), (8, 2).

    Raises `ValueError` where the coder could not run on them: a shape differs, a range is not left positive by each bin, a stateId is
    not 0..7, or a probability state can walk out of the tables.
    """
    tables = Tables(*(np.array(values, np.int64) for values in (lps_range, state_step, parameter_sets, state_trans)))
    for name, array, usual in zip(Tables._fields, tables, _SHAPES, strict=True):
        if array.shape != usual:
            raise ValueError(f"{name} has the shape {array.shape}, not {usual}")
    rows = tables.lps_range.reshape(8, 32)
    if rows.min() < 1 or (rows >= 256 + 32 * np.arange(8)[:, None]).any():
        raise ValueError("lps_range leaves an empty interval")
    if tables.state_trans.min() < 0 or tables.state_trans.max() >= STATES:
        raise ValueError(f"state_trans leads out of 0..{STATES - 1}")
    steps = tuple(tables.state_step.tolist())
    for shift0, shift1, s, s0 in tables.parameter_sets.tolist():
        low0, high0 = _reach(steps, s0, 3, shift0 + 4)
        low1, high1 = _reach(steps, s - 16 * s0, 7, shift1)
        if abs((16 * low0 + low1) >> 7) > 31 or (16 * high0 + high1) >> 7 > 31:
            raise ValueError("the sum of the probability states leads out of lps_range")
    return tables


_SHAPES: Final = ((256,), (32,), (SETS, 4), (STATES, 2))


@cache
def _reach(steps: tuple[int, ...], start: int, scale: int, shift: int) -> tuple[int, int]:
    """Least and greatest value that a probability state can take from its start; `ValueError` if a step lies outside the table."""
    if not 0 <= shift < 64:
        raise ValueError(f"parameter_sets: a shift of {shift} bits")
    seen, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for t in (1, -1):
            place = 16 + ((t * state) >> scale)
            if not 0 <= place < len(steps):
                raise ValueError(f"a probability state of {state} leads out of state_step")
            after = state + t * (steps[place] >> shift)
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return min(seen), max(seen)


DEFAULT: Final = make_tables()
"""The published tables."""
