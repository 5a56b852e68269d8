"""The contexts of a tensor: their layout, names, and probability states (clause 10)."""

from typing import Final, NamedTuple

from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray, Tables

NEIGHBOURS: Final = 3
"""Number of classes of the previous coded index: 0 zero, 1 negative, 2 positive."""
MAX_PREFIX: Final = 31
"""Most bins of an exp-Golomb prefix; each has a context."""
MAX_UNARY_LENGTH: Final = 256
"""Greatest value of cabac_unary_length."""
SET_BITS: Final = 3
"""Bypass bits that code one of the parameter sets 1 to 8."""
SHIFT_0, SHIFT_1, INITIAL_S, INITIAL_S0 = range(4)
"""Columns of the table of parameter sets."""

QP_DELTA: Final = -1
"""Numbers of elements without contexts; all are negative."""
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
    """First context of each group, in signalling order; significance contexts start at 0.

    The context of the parameter-set flag, ``flag``, follows all contexts whose sets are signalled,
    so it is also their number.
    """

    sign: int
    greater: int
    prefix: int
    flag: int
    unary_length: int
    dq_flag: bool


def context_layout(dq_flag: bool, unary_length: int) -> ContextLayout:
    """Lay out the contexts of a tensor.

    There are 3 significance contexts (24 with dq_flag), 3 for the sign, 2 * unary_length for
    greater-than flags, 31 for the prefix and 1 for the parameter-set flag.

    Raises:
        ValueError: unless 1 <= unary_length <= 256.
    """
    if not 1 <= unary_length <= MAX_UNARY_LENGTH:
        raise ValueError(f"cabac_unary_length {unary_length} is not in 1..{MAX_UNARY_LENGTH}")
    sign = NEIGHBOURS * (STATES if dq_flag else 1)
    greater = sign + NEIGHBOURS
    prefix = greater + 2 * unary_length
    return ContextLayout(sign, greater, prefix, prefix + MAX_PREFIX, unary_length, dq_flag)


def element_name(layout: ContextLayout, element: int) -> str:
    """Return the syntax element of a context, or of an element without contexts.

    Args:
        element: a context (0 to layout.flag), or a negative number such as `QP_DELTA`.
    """
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
    """Return the full name of a context: its element, and what selects it there."""
    name = element_name(layout, context)
    if 0 <= context < layout.sign:
        return f"{name}, stateId {context // NEIGHBOURS}, previous {_PREVIOUS[context % NEIGHBOURS]}"
    if layout.sign <= context < layout.greater:
        return f"{name}, previous {_PREVIOUS[context - layout.sign]}"
    if layout.greater <= context < layout.prefix:
        return f"{name}, {_PREVIOUS[2 - (context - layout.greater) % 2]}"
    return name


_PREVIOUS: Final = ("zero", "negative", "positive")
"""Names of the classes of the previous index."""


@kernel
def reset_contexts(tables: Tables, parameter_sets: IntArray, states: IntArray) -> None:
    """Set all contexts to the initial states of their parameter sets.

    Args:
        parameter_sets: int64 (lanes, contexts), numbers 0 to 8.
        states: int64 (lanes, contexts, 2), filled with S0 and S1.
    """
    for lane in range(states.shape[0]):
        for context in range(states.shape[1]):
            set_id = parameter_sets[lane, context]
            states[lane, context, 0] = tables.parameter_sets[set_id, INITIAL_S0]
            states[lane, context, 1] = tables.parameter_sets[set_id, INITIAL_S] - 16 * tables.parameter_sets[set_id, INITIAL_S0]


@kernel
def update_state(tables: Tables, set_id: int, state: IntArray, bin_value: int) -> None:
    """Move both probability states of a context towards the coded bin.

    Args:
        state: int64 (2,), S0 and S1.
    """
    s0, s1 = state[0], state[1]
    t = 1 if bin_value else -1
    state[0] = s0 + t * (tables.state_step[16 + ((t * s0) >> 3)] >> (tables.parameter_sets[set_id, SHIFT_0] + 4))
    state[1] = s1 + t * (tables.state_step[16 + ((t * s1) >> 7)] >> tables.parameter_sets[set_id, SHIFT_1])


@kernel
def bin_cost(bit_costs: IntArray, state: IntArray, bin_value: int) -> int:
    """Estimate the cost of a bin, in units of `parameter_search.BIT`.

    Args:
        bit_costs: costs from `parameter_search.bit_costs`.
        state: int64 (2,), the probability states of the context.
    """
    s = 16 * state[0] + state[1]
    least_probable = 1 if (s >= 0) != (bin_value == 1) else 0
    cost: int = bit_costs[abs(s >> 7), least_probable]
    return cost
