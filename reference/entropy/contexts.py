"""The contexts of one tensor: how they are laid out, what each is called, how its probability states start and move (clause 10)."""

from typing import Final, NamedTuple

from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray, Tables

NEIGHBOURS: Final = 3
"""Classes of the previous coded index: 0 zero, 1 negative, 2 positive."""
MAX_PREFIX: Final = 31
"""Most bins of an exp-Golomb prefix, each with a context of its own."""
MAX_UNARY_LENGTH: Final = 256
SET_BITS: Final = 3
"""Bypass bits that choose one of the sets 1..8."""
SHIFT_0, SHIFT_1, INITIAL_S, INITIAL_S0 = range(4)
"""Columns of the table of parameter sets."""

QP_DELTA: Final = -1
SHIFT_BITS: Final = -2
ABS_REMAINDER: Final = -3
END_TERMINATE: Final = -4
INITIALISATION: Final = -5
BLOCK_ROW_START: Final = -6
_WITHOUT_CONTEXT: Final = {
    QP_DELTA: "qp_delta",
    SHIFT_BITS: "shift_parameter_ids",
    ABS_REMAINDER: "abs_remainder",
    END_TERMINATE: "end_of_codeword",
    INITIALISATION: "IvlOffset",
    BLOCK_ROW_START: "IvlCurrRange",
}


class ContextLayout(NamedTuple):
    """First context of each group, in signalling order; the parameter-set flag's context, ``flag``, comes after all that are signalled.

    So ``flag`` is also the number of signalled contexts, and the significance contexts start at 0.
    """

    sign: int
    greater: int
    prefix: int
    flag: int
    unary_length: int
    dq_flag: bool


def context_layout(dq_flag: bool, unary_length: int) -> ContextLayout:
    """Contexts of a tensor: significance 3, or 24 with dq_flag; sign 3; greater-than 2 * unary_length; prefix 31; flag 1.

    Raises `ValueError` unless 1 <= unary_length <= 256.
    """
    if not 1 <= unary_length <= MAX_UNARY_LENGTH:
        raise ValueError(f"cabac_unary_length {unary_length} is not in 1..{MAX_UNARY_LENGTH}")
    sign = NEIGHBOURS * (STATES if dq_flag else 1)
    greater = sign + NEIGHBOURS
    prefix = greater + 2 * unary_length
    return ContextLayout(sign, greater, prefix, prefix + MAX_PREFIX, unary_length, dq_flag)


def element_name(layout: ContextLayout, element: int) -> str:
    """The published syntax element that a context (0..layout.flag) or an element without context (negative) belongs to."""
    if element < 0:
        return _WITHOUT_CONTEXT[element]
    if element < layout.sign:
        return "sig_flag"
    if element < layout.greater:
        return "sign_flag"
    if element < layout.prefix:
        return f"abs_level_greater_x[{(element - layout.greater) // 2}]"
    if element < layout.flag:
        return f"abs_level_greater_x2[{element - layout.prefix}]"
    return "shift_parameter_ids"


def context_name(layout: ContextLayout, context: int) -> str:
    """A context's full name: its element and what chose it among the element's contexts."""
    name = element_name(layout, context)
    if 0 <= context < layout.sign:
        return f"{name}, stateId {context // NEIGHBOURS}, previous {_PREVIOUS[context % NEIGHBOURS]}"
    if layout.sign <= context < layout.greater:
        return f"{name}, previous {_PREVIOUS[context - layout.sign]}"
    if layout.greater <= context < layout.prefix:
        return f"{name}, {_PREVIOUS[2 - (context - layout.greater) % 2]}"
    return name


_PREVIOUS: Final = ("zero", "negative", "positive")


@kernel
def reset_contexts(tables: Tables, parameter_sets: IntArray, states: IntArray) -> None:
    """Puts every context at the initial states of its set.

    ``parameter_sets`` (lanes, contexts) holds a set's number 0..8 for each, ``states`` (lanes, contexts, 2) becomes S0 and S1. One lane
    codes; nine lanes estimate all sets at once.
    """
    for lane in range(states.shape[0]):
        for context in range(states.shape[1]):
            set_id = parameter_sets[lane, context]
            states[lane, context, 0] = tables.parameter_sets[set_id, INITIAL_S0]
            states[lane, context, 1] = tables.parameter_sets[set_id, INITIAL_S] - 16 * tables.parameter_sets[set_id, INITIAL_S0]


@kernel
def update_state(tables: Tables, set_id: int, state: IntArray, bin_value: int) -> None:
    """Moves both probability states of a context, S0 and S1 in ``state`` int64 (2,), towards the bin that was coded."""
    s0, s1 = state[0], state[1]
    t = 1 if bin_value else -1
    state[0] = s0 + t * (tables.state_step[16 + ((t * s0) >> 3)] >> (tables.parameter_sets[set_id, SHIFT_0] + 4))
    state[1] = s1 + t * (tables.state_step[16 + ((t * s1) >> 7)] >> tables.parameter_sets[set_id, SHIFT_1])


@kernel
def bin_cost(bit_costs: IntArray, state: IntArray, bin_value: int) -> int:
    """What a bin is estimated to cost in a context's probability states int64 (2,), by ``bit_costs`` (see `parameter_search.bit_costs`)."""
    s = 16 * state[0] + state[1]
    least_probable = 1 if (s >= 0) != (bin_value == 1) else 0
    cost: int = bit_costs[abs(s >> 7), least_probable]
    return cost
