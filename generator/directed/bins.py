"""What an index is as bins, and what a run of equal bins does to a context: the model that directed encoding searches with.

Both come from the kernel itself: binarisation by recording it, adaptation by its own update.
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
"""(context, bin) of each bin coded with a context."""
ContextState = tuple[int, int]
"""S0 and S1."""

MOST_BINS: Final = 1024


@cache
def bins_of(layout: ContextLayout, state_id: int, previous: int, quant: int) -> ContextBins:
    """The context-coded bins of one coded index, given the trellis state and the class of the index before it."""
    registers = np.zeros(plain.REGISTERS, np.int64)
    registers[plain.MODE], registers[plain.RANGE] = plain.ENCODE, plain.INITIAL_RANGE
    events = np.zeros((MOST_BINS, len(EVENT_FIELDS)), np.int64)
    coder = plain.new_coder(DEFAULT, layout, registers, np.zeros(0, np.uint8), events=events)
    plain.quant_param(coder, layout, state_id, previous, quant)
    met = events[: registers[plain.EVENTS]]
    return tuple((element, bin_value) for kind, element, bin_value in met[:, :3].tolist() if kind == plain.CONTEXT_BIN)


def previous_class(quant: int) -> int:
    """The class of an index as the neighbour of the next."""
    return 0 if quant == 0 else 1 if quant < 0 else 2


def initial_state(parameter_set: int) -> ContextState:
    """The states that a context of a set starts with."""
    _, _, s, s0 = CONTEXT_PARAMETER_SETS[parameter_set]
    return s0, s - 16 * s0


@cache
def after(parameter_set: int, state: ContextState, bin_value: int, count: int) -> ContextState:
    """The state after ``count`` equal bins."""
    return orbit(parameter_set, state, bin_value)[min(count, len(orbit(parameter_set, state, bin_value)) - 1)]


@cache
def orbit(parameter_set: int, state: ContextState, bin_value: int) -> tuple[ContextState, ...]:
    """The states that equal bins lead through, the given one first, up to the one that another such bin leaves as it is."""
    states, moving = [state], np.array(state, np.int64)
    while True:
        update_state(DEFAULT, parameter_set, moving, bin_value)
        moved = (int(moving[0]), int(moving[1]))
        if moved == states[-1]:
            return tuple(states)
        states.append(moved)


def bins_to_extreme(parameter_set: int, state: ContextState, bin_value: int) -> int:
    """How many equal bins take a context to its extreme, and are met there: the last two at the same state."""
    return len(orbit(parameter_set, state, bin_value)) + 1
