"""The model that directed encoding searches with.

It gives the bins of an index, and how bins move a context.

Both come from the kernel: binarisation by recording it, adaptation by calling its update.
"""

from functools import cache
from typing import Final

import numpy as np

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import EVENT_FIELDS
from nnc_conformance.reference.entropy.contexts import ContextLayout, update_state
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT
from nnc_conformance.reference.entropy.tables import CONTEXT_PARAMETER_SETS

ContextBins = tuple[tuple[int, int], ...]
"""(context, bin) of each context-coded bin."""
ContextState = tuple[int, int]
"""S0 and S1."""

MOST_BINS: Final = 1024
"""Room for the bins of one index."""


@cache
def bins_of(layout: ContextLayout, state_id: int, previous: int, quant: int) -> ContextBins:
    """Return the context-coded bins of one coded index.

    Args:
        layout: The tensor's contexts.
        state_id: The state of the trellis.
        previous: The class of the index before (`previous_class`).
        quant: The index.
    """
    registers = np.zeros(plain.REGISTERS, np.int64)
    registers[plain.MODE], registers[plain.RANGE] = plain.ENCODE, plain.INITIAL_RANGE
    events = np.zeros((MOST_BINS, len(EVENT_FIELDS)), np.int64)
    coder = plain.new_coder(DEFAULT, layout, registers, np.zeros(0, np.uint8), events=events)
    plain.quant_param(coder, layout, state_id, previous, 0, quant)
    met = events[: registers[plain.EVENTS]]
    return tuple((element, bin_value) for kind, element, bin_value in met[:, :3].tolist() if kind == plain.CONTEXT_BIN)


def previous_class(quant: int) -> int:
    """Return the class that an index has as the neighbour of the next one."""
    return 0 if quant == 0 else 1 if quant < 0 else 2


def initial_state(parameter_set: int) -> ContextState:
    """Return the state that a context starts with under a parameter set."""
    _, _, s, s0 = CONTEXT_PARAMETER_SETS[parameter_set]
    return s0, s - 16 * s0


@cache
def after(parameter_set: int, state: ContextState, bin_value: int, count: int) -> ContextState:
    """Return the state after ``count`` equal bins."""
    return orbit(parameter_set, state, bin_value)[min(count, len(orbit(parameter_set, state, bin_value)) - 1)]


@cache
def orbit(parameter_set: int, state: ContextState, bin_value: int) -> tuple[ContextState, ...]:
    """Return the states visited when the same bin repeats.

    Args:
        parameter_set: Number of the context's set, 0..8.
        state: The first state.
        bin_value: The bin, 0 or 1.

    Returns:
        The states from ``state`` to the fixed point, both included.
    """
    states, moving = [state], np.array(state, np.int64)
    while True:
        update_state(DEFAULT, parameter_set, moving, bin_value)
        moved = (int(moving[0]), int(moving[1]))
        if moved == states[-1]:
            return tuple(states)
        states.append(moved)


def bins_to_extreme(parameter_set: int, state: ContextState, bin_value: int) -> int:
    """Return the number of equal bins that reach the fixed point and meet it twice."""
    return len(orbit(parameter_set, state, bin_value)) + 1
