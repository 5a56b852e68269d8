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
HDSP_FLAG: Final = -7
ROW_SKIP_FLAG: Final = -8
_WITHOUT_CONTEXT: Final = {
    QP_DELTA: "qp_delta",
    SHIFT_BITS: "shift_parameter_ids",
    ABS_REMAINDER: "abs_remainder",
    END_TERMINATE: "end_of_codeword",
    INITIALISATION: "IvlOffset",
    BLOCK_ROW_START: "IvlCurrRange",
    HDSP_FLAG: "hist_dep_sig_prob_enabled_flag",
    ROW_SKIP_FLAG: "row_skip_enabled_flag",
}

NO_LIMIT: Final = 1 << 40
"""Magnitude limit of a tensor without a codebook: above every index."""
TCA_NEIGHBOURS: Final = 2
"""Contexts that temporal context adaptation adds, for each stateId and for the sign."""


class ContextLayout(NamedTuple):
    """Contexts of a tensor: first context of each group, and what selects a bin's context.

    The groups are in signalling order: significance (from 0), by base index (``sig_tca``) and by
    history (``sig_hdsp``); ``sign``, ``sign_tca``; ``greater``, ``greater_tca``; ``prefix``. The
    group of a tool that is off is empty. ``flag`` is the context of the parameter-set flags, and
    the number of contexts that can have such a flag. ``row_skip`` codes row_skip_list.
    ``negative_limit`` and ``positive_limit`` are the largest magnitudes for which a codebook has an
    entry, else `NO_LIMIT`. The last three fields are disputed points (see `interpretation`).
    """

    sign: int
    greater: int
    prefix: int
    flag: int
    unary_length: int
    dq_flag: bool
    sig_tca: int
    sig_hdsp: int
    sign_tca: int
    greater_tca: int
    row_skip: int
    tca: bool
    negative_limit: int
    positive_limit: int
    skip_by_index: bool
    exact_greater_flags: bool
    exact_prefix_flags: bool


class LayoutChoices(NamedTuple):
    """Disputed points of the second edition that change contexts or the order of indexes.

    False is the default of each.
    """

    skip_by_index: bool = False
    exact_greater_flags: bool = False
    exact_prefix_flags: bool = False


DEFAULT_CHOICES: Final = LayoutChoices()


def context_layout(
    dq_flag: bool,
    unary_length: int,
    *,
    tca: bool = False,
    hdsp: bool = False,
    limits: tuple[int, int] = (NO_LIMIT, NO_LIMIT),
    choices: LayoutChoices = DEFAULT_CHOICES,
) -> ContextLayout:
    """Lay out the contexts of a tensor (clause 10).

    Args:
        dq_flag: Dependent quantization; there are significance contexts for each of 8 stateIds.
        unary_length: cabac_unary_length, the number of greater-than bins.
        tca: Temporal context adaptation; adds contexts selected by the base index.
        hdsp: The tensor may use history dependent significance; adds contexts for places seen
            before.
        limits: Largest magnitudes of a negative and a positive index (second edition, with a
            codebook).
        choices: Choices at disputed points.

    Raises:
        ValueError: Unless 1 <= unary_length <= 256.
    """
    if not 1 <= unary_length <= MAX_UNARY_LENGTH:
        raise ValueError(f"cabac_unary_length {unary_length} is not in 1..{MAX_UNARY_LENGTH}")
    states = STATES if dq_flag else 1
    sig_tca = NEIGHBOURS * states
    sig_hdsp = sig_tca + (TCA_NEIGHBOURS * states if tca else 0)
    sign = sig_hdsp + (states if hdsp else 0)
    sign_tca = sign + NEIGHBOURS
    greater = sign_tca + (TCA_NEIGHBOURS if tca else 0)
    greater_tca = greater + 2 * unary_length
    prefix = greater_tca + (2 * unary_length if tca else 0)
    flag = prefix + MAX_PREFIX
    return ContextLayout(
        sign, greater, prefix, flag, unary_length, dq_flag, sig_tca, sig_hdsp, sign_tca, greater_tca, flag + 1, tca, *limits, *choices
    )


@kernel
def set_is_signalled(layout: ContextLayout, context: int, hdsp_enabled: bool) -> bool:
    """Return whether a parameter-set flag is coded for a context; otherwise it uses set 0.

    Flags of contexts that the codebook makes impossible are not coded; their number is disputed
    (see `LayoutChoices`).
    """
    largest = max(layout.negative_limit, layout.positive_limit)
    if largest == 0:
        return False
    if context < layout.sign:
        return context < layout.sig_hdsp or hdsp_enabled
    if context < layout.greater:
        return layout.negative_limit > 0 and layout.positive_limit > 0
    if context < layout.greater_tca:
        return context - layout.greater < 2 * (largest - (1 if layout.exact_greater_flags else 0))
    if context < layout.prefix:
        return context - layout.greater_tca < 2 * (largest - 1)
    most = layout.unary_length + (1 << (context - layout.prefix + 1))
    return most <= largest if layout.exact_prefix_flags else most - 2 < largest


def element_name(layout: ContextLayout, element: int) -> str:
    """Return the syntax element of a context, or of an element without contexts.

    Args:
        element: A context (0 to layout.flag), or a negative number such as `QP_DELTA`.
    """
    if element < 0:
        return _WITHOUT_CONTEXT[element]
    if element < layout.sign:
        return "sig_flag"
    if element < layout.greater:
        return "sign_flag"
    if element < layout.prefix:
        first = layout.greater if element < layout.greater_tca else layout.greater_tca
        return f"abs_level_greater_x[{(element - first) // 2}]"
    if element < layout.flag:
        return f"abs_level_greater_x2[{element - layout.prefix}]"
    return "shift_parameter_ids" if element == layout.flag else "row_skip_list"


def context_name(layout: ContextLayout, context: int) -> str:
    """Return the full name of a context: its element, and what selects it there."""
    name = element_name(layout, context)
    if 0 <= context < layout.sig_tca:
        return f"{name}, stateId {context // NEIGHBOURS}, previous {_PREVIOUS[context % NEIGHBOURS]}"
    if layout.sig_tca <= context < layout.sig_hdsp:
        state_id, large = divmod(context - layout.sig_tca, TCA_NEIGHBOURS)
        return f"{name}, stateId {state_id}, base index {'above' if large else 'of magnitude'} 1"
    if layout.sig_hdsp <= context < layout.sign:
        return f"{name}, stateId {context - layout.sig_hdsp}, place seen before"
    if layout.sign <= context < layout.sign_tca:
        return f"{name}, previous {_PREVIOUS[context - layout.sign]}"
    if layout.sign_tca <= context < layout.greater:
        return f"{name}, base index {_PREVIOUS[1 + context - layout.sign_tca]}"
    if layout.greater <= context < layout.greater_tca:
        return f"{name}, {_PREVIOUS[2 - (context - layout.greater) % 2]}"
    if layout.greater_tca <= context < layout.prefix:
        return f"{name}, base index {'below' if (context - layout.greater_tca) % 2 else 'reaches'} it"
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
        bit_costs: Costs from `parameter_search.bit_costs`.
        state: int64 (2,), the probability states of the context.
    """
    s = 16 * state[0] + state[1]
    least_probable = 1 if (s >= 0) != (bin_value == 1) else 0
    cost: int = bit_costs[abs(s >> 7), least_probable]
    return cost
