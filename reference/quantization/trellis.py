"""Rate-distortion optimised quantization: the cheapest path through candidates in coded order.

A path ends in a node. Without dependent quantization the nodes are the classes of the last index;
with it, the stateIds. Of all paths to a node only the cheapest continues, with the probability
states in which its indexes have left the contexts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX, NO_HISTORY, TensorHistory
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import (
    NEIGHBOURS,
    ContextLayout,
    bin_cost,
    reset_contexts,
    update_state,
)
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray, Tables
from nnc_conformance.reference.entropy.parameter_search import BIT, bit_costs
from nnc_conformance.reference.entropy.plain import (
    ENCODE,
    HDSP,
    MODE,
    REGISTERS,
    Coder,
    base_index,
    doubled,
    greater_context,
    new_coder,
    significance_context,
)

FloatArray = npt.NDArray[np.float64]

WINDOW = 1 << 18
"""Weights after which the best path is fixed, to bound memory.

The last few before each such point are decided without knowledge of what follows.
"""
BYPASS_COST = BIT
"""Cost of a bin without a context."""


class CostModel(NamedTuple):
    """The costs of candidates, in squared steps.

    Args:
        step: The step size.
        lagrangian: Squared steps per unit of ``bit_costs`` (see `parameter_search.bit_costs`).
        parameter_sets: int64 (1, contexts), the sets of the contexts that can occur.
        block_row: Indexes in a block row, after which the contexts are reset.
        coder: Holds what earlier streams left, in coded order; its contexts are not used.
    """

    step: float
    lagrangian: float
    layout: ContextLayout
    tables: Tables
    parameter_sets: IntArray
    bit_costs: IntArray
    block_row: int
    coder: Coder


class Paths(NamedTuple):
    """The best paths before and after a weight.

    Those before weight t are at index t & 1.

    Args:
        costs: float64 (2, nodes), squared steps including rate; infinite for a node that is not
            reached.
        states: int64 (2, nodes, contexts, 2), probability states.
        previous: int64 (2, nodes), class of the last index.
        origins: int8 (window, nodes), for each weight of a window the node that the path to a
            node comes from.
        quants: int32 (window, nodes), the index of that weight on that path, before any
            doubling.
    """

    costs: FloatArray
    states: IntArray
    previous: IntArray
    origins: npt.NDArray[np.int8]
    quants: npt.NDArray[np.int32]


@kernel
def offer_candidate(paths: Paths, now: int, place: int, node: int, origin: int, quant: int, cost: float) -> None:
    """Take a candidate as the path to a node if it is cheaper.

    Args:
        paths: The paths, changed in place.
        now: Row of the paths before the weight, 0 or 1.
        place: Number of the weight in the window.
        node: Node that the candidate leads to.
        origin: Node that it comes from.
        quant: Its index.
        cost: Cost of the path with it, in squared steps.
    """
    if cost < paths.costs[1 - now, node]:
        paths.costs[1 - now, node] = cost
        paths.origins[place, node] = origin
        paths.quants[place, node] = quant


@kernel
def sign_context(layout: ContextLayout, previous: int, base: int) -> int:
    """Select the context of the sign: by base index or previous index, in this order."""
    return layout.sign + previous if base == 0 else layout.sign_tca + (1 if base > 0 else 0)


@kernel
def extend(model: CostModel, paths: Paths, now: int, place: int, node: int, number: int, value: float) -> None:
    """Offer the candidates of a path for a weight.

    They are 0 and the two values nearest to the weight that the state of the path allows.

    Args:
        place: Index of the weight in the window.
        number: Number of the weight in coded order.
        value: The weight in steps.
    """
    layout, costs = model.layout, model.bit_costs
    states, previous = paths.states[now, node], paths.previous[now, node]
    so_far = paths.costs[now, node]
    state_id = node if layout.dq_flag else 0
    spacing, shift = (2, state_id & 1) if layout.dq_flag else (1, 0)
    magnitude, sign_flag = abs(value), 1 if value < 0 else 0

    base = base_index(model.coder, layout, number)
    sig_flag = states[significance_context(model.coder, layout, state_id, previous, number)]
    target = model.tables.state_trans[state_id, 0] if layout.dq_flag else 0
    offer_candidate(paths, now, place, target, node, 0, so_far + magnitude * magnitude + model.lagrangian * bin_cost(costs, sig_flag, 0))

    nearest = int((magnitude + shift) / spacing)
    first = max(nearest, 1)
    bits = bin_cost(costs, sig_flag, 1) + bin_cost(costs, states[sign_context(layout, previous, base)], sign_flag)
    for j in range(min(first - 1, layout.unary_length)):
        bits += bin_cost(costs, states[greater_context(layout, base, j, sign_flag)], 1)
    for quant in range(first, nearest + 2):
        if spacing * quant - shift > INT32_MAX:
            break
        if quant <= layout.unary_length:
            greater = states[greater_context(layout, base, quant - 1, sign_flag)]
            last = bin_cost(costs, greater, 0)
            more = bin_cost(costs, greater, 1)
        else:
            last = remainder_cost(model, states, quant - 1 - layout.unary_length)
            more = 0
        error = magnitude - (spacing * quant - shift)
        cost = so_far + error * error + model.lagrangian * (bits + last)
        target = model.tables.state_trans[state_id, quant & 1] if layout.dq_flag else 2 - sign_flag
        offer_candidate(paths, now, place, target, node, -quant if sign_flag else quant, cost)
        bits += more


@kernel
def remainder_cost(model: CostModel, states: IntArray, rest: int) -> int:
    """Compute the cost of prefix and suffix.

    Args:
        rest: The magnitude minus the least one that has a prefix. int32 needs at most 30 bins
            1.
    """
    cost = 0
    rem_bits = 0
    while rest >= 1 << rem_bits:
        cost += bin_cost(model.bit_costs, states[model.layout.prefix + rem_bits], 1) + BYPASS_COST
        rest -= 1 << rem_bits
        rem_bits += 1
    return cost + bin_cost(model.bit_costs, states[model.layout.prefix + rem_bits], 0)


@kernel
def code_bin(model: CostModel, states: IntArray, context: int, bin_value: int) -> None:
    """Update the state of a context as if a bin were coded with it."""
    update_state(model.tables, model.parameter_sets[0, context], states[context], bin_value)


@kernel
def code_index(model: CostModel, states: IntArray, state_id: int, previous: int, number: int, quant: int) -> None:
    """Update a path's contexts as coding the index does (see `plain.quant_param`).

    Args:
        states: int64 (contexts, 2).
        number: Number of the weight in coded order.
    """
    layout = model.layout
    code_bin(model, states, significance_context(model.coder, layout, state_id, previous, number), 1 if quant != 0 else 0)
    if quant == 0:
        return
    base = base_index(model.coder, layout, number)
    magnitude, sign_flag = abs(quant), 1 if quant < 0 else 0
    code_bin(model, states, sign_context(layout, previous, base), sign_flag)
    for j in range(min(magnitude, layout.unary_length)):
        code_bin(model, states, greater_context(layout, base, j, sign_flag), 1 if magnitude > j + 1 else 0)
    if magnitude > layout.unary_length:
        rest = magnitude - 1 - layout.unary_length
        rem_bits = 0
        while rest >= 1 << rem_bits:
            code_bin(model, states, layout.prefix + rem_bits, 1)
            rest -= 1 << rem_bits
            rem_bits += 1
        code_bin(model, states, layout.prefix + rem_bits, 0)


@kernel
def advance_node(model: CostModel, paths: Paths, now: int, place: int, node: int, number: int) -> None:
    """Copy a node the contexts of its cheapest path, and update them by its index.

    Args:
        model: The costs of the search.
        paths: The paths; rows ``now`` are read, rows ``1 - now`` written.
        now: Row of the paths before the index, 0 or 1.
        place: Number of the index in the window.
        node: The node that the path leads to.
        number: Number of the index in coded order.
    """
    origin, quant = int(paths.origins[place, node]), int(paths.quants[place, node])
    states = paths.states[1 - now, node]
    for context in range(states.shape[0]):
        states[context, 0] = paths.states[now, origin, context, 0]
        states[context, 1] = paths.states[now, origin, context, 1]
    code_index(model, states, origin if model.layout.dq_flag else 0, paths.previous[now, origin], number, quant)
    paths.previous[1 - now, node] = 0 if quant == 0 else 1 if quant < 0 else 2


@kernel
def start_block_row(model: CostModel, paths: Paths, now: int) -> None:
    """Reset the contexts of all paths at a block row, in place; stateIds go on.

    Args:
        model: The costs of the search, with the initial contexts.
        paths: The paths.
        now: Row of the paths, 0 or 1.
    """
    for node in range(paths.costs.shape[1]):
        reset_contexts(model.tables, model.parameter_sets, paths.states[now, node : node + 1])
        paths.previous[now, node] = 0


@kernel
def commit_window(model: CostModel, paths: Paths, now: int, indexes: npt.NDArray[np.int32]) -> None:
    """Write the indexes of a window along the cheapest path, and drop all other paths.

    Args:
        model: The costs of the search.
        paths: The paths; the cost of the cheapest is reset to 0, the others become infinite.
        now: Row of ``paths.costs`` after the window, 0 or 1.
        indexes: Filled with the window's indexes, doubled with dq_flag.
    """
    best = 0
    for node in range(paths.costs.shape[1]):
        if paths.costs[now, node] < paths.costs[now, best]:
            best = node
    for node in range(paths.costs.shape[1]):
        paths.costs[now, node] = 0.0 if node == best else np.inf
    for place in range(indexes.shape[0] - 1, -1, -1):
        quant = int(paths.quants[place, best])
        best = int(paths.origins[place, best])
        indexes[place] = doubled(quant, best) if model.layout.dq_flag else quant


@kernel
def search(model: CostModel, paths: Paths, values: npt.NDArray[np.float32], indexes: npt.NDArray[np.int32]) -> None:
    """Find the indexes of float32 values in coded order.

    Args:
        indexes: int32 (n,), filled with the result, doubled with dq_flag.
    """
    window = paths.quants.shape[0]
    for number in range(values.shape[0]):
        now, place = number & 1, number % window
        if number % model.block_row == 0:
            start_block_row(model, paths, now)
        value = float(values[number]) / model.step
        for node in range(paths.costs.shape[1]):
            paths.costs[1 - now, node] = np.inf
        for node in range(paths.costs.shape[1]):
            if paths.costs[now, node] < np.inf:
                extend(model, paths, now, place, node, number, value)
        for node in range(paths.costs.shape[1]):
            if paths.costs[1 - now, node] < np.inf:
                advance_node(model, paths, now, place, node, number)
        if place == window - 1 or number == values.shape[0] - 1:
            commit_window(model, paths, 1 - now, indexes[number - place : number + 1])


def greatest_magnitude(values: npt.NDArray[np.float32]) -> float:
    """Return the greatest absolute value; 0 without values, NaN if any value is NaN."""
    return float(np.maximum(values.max(initial=0), -values.min(initial=0)))


def highest_candidate(values: npt.NDArray[np.float32], step: float, layout: ContextLayout) -> int:
    """Return the greatest magnitude, before doubling, that is a candidate of any value."""
    greatest = greatest_magnitude(values) / step
    return int((greatest + 1) / 2 if layout.dq_flag else greatest) + 1


def cheapest_path(
    values: npt.NDArray[np.float32],
    step: float,
    layout: ContextLayout,
    *,
    tables: Tables,
    parameter_sets: IntArray,
    lagrangian: float,
    block_row: int,
    history: TensorHistory = NO_HISTORY,
) -> npt.NDArray[np.int32]:
    """Quantize (n,) values in coded order.

    Args:
        parameter_sets: The set of each context.
        lagrangian: Squared steps per bit.
        block_row: Indexes after which the contexts are reset.
        history: What earlier streams left, in coded order, as far as the tools in force use it.

    Returns:
        int32 (n,) in the same order, doubled with dq_flag.
    """
    nodes = STATES if layout.dq_flag else NEIGHBOURS
    highest = highest_candidate(values, step, layout)
    contexts = layout.greater + 2 * highest if highest <= layout.unary_length and not layout.tca else layout.flag
    window = min(max(values.size, 1), WINDOW)
    sets = parameter_sets[None, :contexts].copy()
    model = CostModel(
        float(step), lagrangian / BIT, layout, tables, sets, bit_costs(tables), max(block_row, 1), coder_with(tables, layout, history)
    )
    paths = Paths(
        np.full((2, nodes), np.inf),
        np.zeros((2, nodes, contexts, 2), np.int64),
        np.zeros((2, nodes), np.int64),
        np.zeros((window, nodes), np.int8),
        np.zeros((window, nodes), np.int32),
    )
    paths.costs[0, 0] = 0.0
    indexes = np.zeros(values.size, np.int32)
    search(model, paths, values, indexes)
    return indexes


def coder_with(tables: Tables, layout: ContextLayout, history: TensorHistory) -> Coder:
    """Return a coder with the history of a tensor, to look up contexts with."""
    registers = np.zeros(REGISTERS, np.int64)
    registers[MODE], registers[HDSP] = ENCODE, history.seen.size > 0
    return new_coder(tables, layout, registers, np.zeros(0, np.uint8), history=history)
