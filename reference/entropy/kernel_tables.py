"""The tables as arrays for kernels.

Kernels take them as arguments, so changed tables need no new machine code.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import tables as published

IntArray = npt.NDArray[np.int64]
"""An int64 array of any shape."""

STATES: Final = len(published.STATE_TRANS_TAB)
"""Number of stateIds of dependent quantization."""
SETS: Final = len(published.CONTEXT_PARAMETER_SETS)
"""Number of parameter sets."""


class Tables(NamedTuple):
    """The tables as int64 arrays, passed to every kernel; make them with `make_tables`.

    They are never written, and never compiled into machine code.
    """

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
    """Make tables, some of them replaced.

    Shapes are (256,), (32,), (9, 4) and (8, 2).

    Raises:
        ValueError: If the coder could not run on them: a wrong shape, an empty range after a
            bin, a stateId outside 0 to 7, or a probability state that would leave the tables.
    """
    tables = Tables(*(np.array(values, np.int64) for values in (lps_range, state_step, parameter_sets, state_trans)))
    for name, array, expected in zip(Tables._fields, tables, _SHAPES, strict=True):
        if array.shape != expected:
            raise ValueError(f"{name} has shape {array.shape}; expected {expected}")
    rows = tables.lps_range.reshape(8, 32)
    if rows.min() < 1 or (rows >= 256 + 32 * np.arange(8)[:, None]).any():
        raise ValueError("lps_range would leave an empty interval")
    if tables.state_trans.min() < 0 or tables.state_trans.max() >= STATES:
        raise ValueError(f"state_trans has a stateId outside 0..{STATES - 1}")
    steps = tuple(tables.state_step.tolist())
    for shift0, shift1, s, s0 in tables.parameter_sets.tolist():
        low0, high0 = _state_bounds(steps, s0, 3, shift0 + 4)
        low1, high1 = _state_bounds(steps, s - 16 * s0, 7, shift1)
        if abs((16 * low0 + low1) >> 7) > 31 or (16 * high0 + high1) >> 7 > 31:
            raise ValueError("the sum of the probability states would leave lps_range")
    return tables


_SHAPES: Final = ((256,), (32,), (SETS, 4), (STATES, 2))
"""Shapes of the tables."""


@cache
def _state_bounds(steps: tuple[int, ...], start: int, scale: int, shift: int) -> tuple[int, int]:
    """Return the least and greatest value that a probability state can reach.

    Args:
        steps: The state step table.
        start: The state at the start.
        scale: Bits by which the state is shifted to look a step up.
        shift: Bits by which the step is shifted.

    Raises:
        ValueError: If a step would be outside the table, or the shift is impossible.
    """
    if not 0 <= shift < 64:
        raise ValueError(f"parameter_sets has an invalid shift of {shift} bits")
    seen, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for t in (1, -1):
            place = 16 + ((t * state) >> scale)
            if not 0 <= place < len(steps):
                raise ValueError(f"a probability state of {state} would leave state_step")
            after = state + t * (steps[place] >> shift)
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return min(seen), max(seen)


DEFAULT: Final = make_tables()
"""The published tables."""
