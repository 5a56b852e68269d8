"""Rate-distortion optimised quantization: the cheapest path through the candidates of each weight, in coded order.

A path ends in a node. Without dependent quantization the nodes are the classes of the index coded last, with it the stateIds. Of all
paths that reach a node only the cheapest goes on, and takes along the states that its indexes have left the contexts in.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX
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
from nnc_conformance.reference.entropy.plain import doubled

FloatArray = npt.NDArray[np.float64]

WINDOW = 1 << 18
"""Weights after which the best path is settled, so that memory stays bounded; the last few before each are decided without what follows."""
BYPASS_COST = BIT


class Weighing(NamedTuple):
    """How candidates are weighed.

    ``step``: the step size; ``lagrangian``: squared steps for a unit of ``bit_costs`` (see `parameter_search.bit_costs`);
    ``parameter_sets`` int64 (1, contexts): the set of each context that can be met; ``block_row``: indexes in a block row, after which
    the contexts start anew.
    """

    step: float
    lagrangian: float
    layout: ContextLayout
    tables: Tables
    parameter_sets: IntArray
    bit_costs: IntArray
    block_row: int


class Paths(NamedTuple):
    """The best paths before and after a weight, which change places at each; those of weight t are at t & 1.

    costs float64 (2, nodes): squared steps, rate included, infinite for a node not reached; states int64 (2, nodes, contexts, 2);
    previous int64 (2, nodes): class of the last index. Then what each weight of a window has for each node: origins int8 (window, nodes),
    the node that its path comes from, and quants int32 (window, nodes), the index, before any doubling.
    """

    costs: FloatArray
    states: IntArray
    previous: IntArray
    origins: npt.NDArray[np.int8]
    quants: npt.NDArray[np.int32]


@kernel
def offer(paths: Paths, now: int, place: int, node: int, origin: int, quant: int, cost: float) -> None:
    """Takes a candidate as the way to a node if it is the cheapest so far."""
    if cost < paths.costs[1 - now, node]:
        paths.costs[1 - now, node] = cost
        paths.origins[place, node] = origin
        paths.quants[place, node] = quant


@kernel
def extend(how: Weighing, paths: Paths, now: int, place: int, node: int, value: float) -> None:
    """Offers a path's candidates for a weight of ``value`` steps: 0 and the two nearest that its state has."""
    layout, costs = how.layout, how.bit_costs
    states, previous = paths.states[now, node], paths.previous[now, node]
    so_far = paths.costs[now, node]
    state_id = node if layout.dq_flag else 0
    spacing, shift = (2, state_id & 1) if layout.dq_flag else (1, 0)
    magnitude, sign_flag = abs(value), 1 if value < 0 else 0

    sig_flag = states[NEIGHBOURS * state_id + previous]
    target = how.tables.state_trans[state_id, 0] if layout.dq_flag else 0
    offer(paths, now, place, target, node, 0, so_far + magnitude * magnitude + how.lagrangian * bin_cost(costs, sig_flag, 0))

    nearest = int((magnitude + shift) / spacing)
    first = max(nearest, 1)
    bits = bin_cost(costs, sig_flag, 1) + bin_cost(costs, states[layout.sign + previous], sign_flag)
    for j in range(min(first - 1, layout.unary_length)):
        bits += bin_cost(costs, states[layout.greater + 2 * j + sign_flag], 1)
    for quant in range(first, nearest + 2):
        if spacing * quant - shift > INT32_MAX:
            break
        if quant <= layout.unary_length:
            greater = states[layout.greater + 2 * (quant - 1) + sign_flag]
            last = bin_cost(costs, greater, 0)
            more = bin_cost(costs, greater, 1)
        else:
            last = remainder_cost(how, states, quant - 1 - layout.unary_length)
            more = 0
        error = magnitude - (spacing * quant - shift)
        cost = so_far + error * error + how.lagrangian * (bits + last)
        target = how.tables.state_trans[state_id, quant & 1] if layout.dq_flag else 2 - sign_flag
        offer(paths, now, place, target, node, -quant if sign_flag else quant, cost)
        bits += more


@kernel
def remainder_cost(how: Weighing, states: IntArray, rest: int) -> int:
    """What prefix and suffix cost of a magnitude that is ``rest`` above the least which has a prefix; int32 needs 30 ones at most."""
    cost = 0
    rem_bits = 0
    while rest >= 1 << rem_bits:
        cost += bin_cost(how.bit_costs, states[how.layout.prefix + rem_bits], 1) + BYPASS_COST
        rest -= 1 << rem_bits
        rem_bits += 1
    return cost + bin_cost(how.bit_costs, states[how.layout.prefix + rem_bits], 0)


@kernel
def code_bin(how: Weighing, states: IntArray, context: int, bin_value: int) -> None:
    """Moves a context as coding the bin does."""
    update_state(how.tables, how.parameter_sets[0, context], states[context], bin_value)


@kernel
def code_index(how: Weighing, states: IntArray, state_id: int, previous: int, quant: int) -> None:
    """Moves a path's contexts, states int64 (contexts, 2), as coding the index does (see `plain.quant_param`)."""
    layout = how.layout
    code_bin(how, states, NEIGHBOURS * state_id + previous, 1 if quant != 0 else 0)
    if quant == 0:
        return
    magnitude, sign_flag = abs(quant), 1 if quant < 0 else 0
    code_bin(how, states, layout.sign + previous, sign_flag)
    for j in range(min(magnitude, layout.unary_length)):
        code_bin(how, states, layout.greater + 2 * j + sign_flag, 1 if magnitude > j + 1 else 0)
    if magnitude > layout.unary_length:
        rest = magnitude - 1 - layout.unary_length
        rem_bits = 0
        while rest >= 1 << rem_bits:
            code_bin(how, states, layout.prefix + rem_bits, 1)
            rest -= 1 << rem_bits
            rem_bits += 1
        code_bin(how, states, layout.prefix + rem_bits, 0)


@kernel
def enter(how: Weighing, paths: Paths, now: int, place: int, node: int) -> None:
    """Gives a reached node the contexts of the path that came in cheapest, moved by its index."""
    origin, quant = int(paths.origins[place, node]), int(paths.quants[place, node])
    states = paths.states[1 - now, node]
    for context in range(states.shape[0]):
        states[context, 0] = paths.states[now, origin, context, 0]
        states[context, 1] = paths.states[now, origin, context, 1]
    code_index(how, states, origin if how.layout.dq_flag else 0, paths.previous[now, origin], quant)
    paths.previous[1 - now, node] = 0 if quant == 0 else 1 if quant < 0 else 2


@kernel
def start_block_row(how: Weighing, paths: Paths, now: int) -> None:
    """Puts the contexts of all paths at their start; the nodes stay."""
    for node in range(paths.costs.shape[1]):
        reset_contexts(how.tables, how.parameter_sets, paths.states[now, node : node + 1])
        paths.previous[now, node] = 0


@kernel
def settle(how: Weighing, paths: Paths, now: int, indexes: npt.NDArray[np.int32]) -> None:
    """Traces the best path back into a window's indexes, and leaves it alone to go on."""
    best = 0
    for node in range(paths.costs.shape[1]):
        if paths.costs[now, node] < paths.costs[now, best]:
            best = node
    for node in range(paths.costs.shape[1]):
        paths.costs[now, node] = 0.0 if node == best else np.inf
    for place in range(indexes.shape[0] - 1, -1, -1):
        quant = int(paths.quants[place, best])
        best = int(paths.origins[place, best])
        indexes[place] = doubled(quant, best) if how.layout.dq_flag else quant


@kernel
def search(how: Weighing, paths: Paths, values: npt.NDArray[np.float32], indexes: npt.NDArray[np.int32]) -> None:
    """The indexes int32 (n,), doubled with dq_flag, of float32 ``values`` in coded order."""
    window = paths.quants.shape[0]
    for number in range(values.shape[0]):
        now, place = number & 1, number % window
        if number % how.block_row == 0:
            start_block_row(how, paths, now)
        value = float(values[number]) / how.step
        for node in range(paths.costs.shape[1]):
            paths.costs[1 - now, node] = np.inf
        for node in range(paths.costs.shape[1]):
            if paths.costs[now, node] < np.inf:
                extend(how, paths, now, place, node, value)
        for node in range(paths.costs.shape[1]):
            if paths.costs[1 - now, node] < np.inf:
                enter(how, paths, now, place, node)
        if place == window - 1 or number == values.shape[0] - 1:
            settle(how, paths, 1 - now, indexes[number - place : number + 1])


def greatest_magnitude(values: npt.NDArray[np.float32]) -> float:
    """The greatest absolute value, 0 where there are none, NaN where there is one."""
    return float(np.maximum(values.max(initial=0), -values.min(initial=0)))


def cheapest_path(
    values: npt.NDArray[np.float32],
    step: float,
    layout: ContextLayout,
    *,
    tables: Tables,
    parameter_sets: IntArray,
    lagrangian: float,
    block_row: int,
) -> npt.NDArray[np.int32]:
    """Quantizes (n,) values in coded order; int32 (n,) in the same order, doubled with dq_flag.

    ``parameter_sets``: of each context; ``lagrangian``: squared steps a bit; ``block_row``: indexes after which the contexts start anew.
    """
    nodes = STATES if layout.dq_flag else NEIGHBOURS
    greatest = greatest_magnitude(values) / step
    highest = int((greatest + 1) / 2 if layout.dq_flag else greatest) + 1
    contexts = layout.greater + 2 * highest if highest <= layout.unary_length else layout.flag
    window = min(max(values.size, 1), WINDOW)
    sets = parameter_sets[None, :contexts].copy()
    how = Weighing(float(step), lagrangian / BIT, layout, tables, sets, bit_costs(tables), max(block_row, 1))
    paths = Paths(
        np.full((2, nodes), np.inf),
        np.zeros((2, nodes, contexts, 2), np.int64),
        np.zeros((2, nodes), np.int64),
        np.zeros((window, nodes), np.int8),
        np.zeros((window, nodes), np.int32),
    )
    paths.costs[0, 0] = 0.0
    indexes = np.zeros(values.size, np.int32)
    search(how, paths, values, indexes)
    return indexes
