"""The fast search of the trellis: the same indexes as `trellis.search`, to the bit.

A node of a path is a stateId with dependent quantization, else whether the last index was other
than 0 (all such indexes of one weight have the same sign). Two edges leave a node, and two enter
it. Contexts are words of `machine`, so a cost or an update is a look-up, and a path's contexts are
a few lines of memory to copy.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX
from nnc_conformance.reference.entropy.compiled import inlined, kernel
from nnc_conformance.reference.entropy.contexts import NEIGHBOURS, ContextLayout
from nnc_conformance.reference.entropy.fast_encoder import costs_by_row
from nnc_conformance.reference.entropy.fast_engine import ONES, STATE_SUM_SHIFT, updated_states
from nnc_conformance.reference.entropy.intrinsics import LINE, address_of, copy_line, load, store
from nnc_conformance.reference.entropy.kernel_tables import IntArray, Tables
from nnc_conformance.reference.entropy.machine import INITIAL, Words, build_machine
from nnc_conformance.reference.entropy.parameter_search import BIT, bit_costs
from nnc_conformance.reference.entropy.plain import doubled
from nnc_conformance.reference.quantization import trellis
from nnc_conformance.reference.quantization.trellis import BYPASS_COST, highest_candidate

FloatArray = npt.NDArray[np.float64]

EDGES: Final = 2
"""Edges that leave a node, and edges that enter it."""
ZERO, FIRST, SECOND = range(3)
"""Candidates of a weight: 0, and the values at and after the nearest one towards 0."""
ORIGIN_SHIFT: Final = 2
"""Bits of a decision that hold the candidate; the node that the path comes from is above."""

_U64: Final = np.uint64
_0, _1, _3, _6 = (_U64(number) for number in (0, 1, 3, 6))
_LINE: Final = _U64(LINE)


class CompiledCosts(NamedTuple):
    """The costs of candidates, in squared steps.

    Args:
        step: The step size.
        lagrangian: Squared steps per unit of ``bin_costs``; 0 leaves contexts alone.
        bin_costs: int64 (128,), costs by bin and row of lps_range.
        bypass_cost: Cost of a bin without a context.
        words: Tables of `machine`.
        initial: uint64 (contexts,), the contexts at the start of a block row.
        block_row: Indexes in a block row.
        targets: int64 (nodes, 2), the node at the end of each edge. With dependent quantization
            an edge has a parity; else the first edge is for 0.
        sources: int64 (nodes, 2), the edges that enter a node, as 2 * node + edge, ascending.
    """

    step: float
    lagrangian: float
    layout: ContextLayout
    bin_costs: IntArray
    bypass_cost: int
    words: Words
    initial: Words
    block_row: int
    targets: IntArray
    sources: IntArray


class CompiledPaths(NamedTuple):
    """The best paths before and after a weight; those before weight t are at index t & 1.

    Args:
        costs: float64 (2, nodes), squared steps including rate; infinite for a node that is not
            reached.
        contexts: uint64 (2, nodes, words), whole lines of them.
        previous: int64 (2, nodes), class of the last index.
        decisions: uint8 (window, nodes), for each weight of a window the candidate and the origin
            of the path to a node.
        edge_costs: float64 (2 * nodes,), costs of the paths along each edge.
        edge_choices: int64 (2 * nodes,), their candidates.
    """

    costs: FloatArray
    contexts: Words
    previous: IntArray
    decisions: npt.NDArray[np.uint8]
    edge_costs: FloatArray
    edge_choices: IntArray


@inlined
def bin_cost(model: CompiledCosts, states: Any, bin_value: Any) -> Any:
    """Look up the cost of a bin for a context's word."""
    return model.bin_costs[(_U64(bin_value) << _6) + (states >> STATE_SUM_SHIFT)]


@inlined
def context_at(paths: CompiledPaths, base: Any, context: int) -> Any:
    """Load a context's word.

    Args:
        base: Address of the path's contexts.
    """
    return load(paths.contexts, base + (_U64(context) << _3))


@inlined
def remainder_cost(model: CompiledCosts, paths: CompiledPaths, base: Any, rest: int) -> Any:
    """Compute the cost of prefix and suffix; see `trellis.remainder_cost`."""
    cost: Any = 0
    rem_bits = 0
    while rest >= 1 << rem_bits:
        cost += bin_cost(model, context_at(paths, base, model.layout.prefix + rem_bits), 1) + model.bypass_cost
        rest -= 1 << rem_bits
        rem_bits += 1
    return cost + bin_cost(model, context_at(paths, base, model.layout.prefix + rem_bits), 0)


@inlined
def ending_cost(model: CompiledCosts, paths: CompiledPaths, base: Any, quant: int, sign_flag: int) -> tuple[Any, Any]:
    """Return the cost of ending a magnitude, and of the bin that continues it.

    Args:
        model: The costs of the search.
        paths: The paths with their contexts.
        base: Address of a path's contexts.
        quant: The magnitude, before doubling, at least 1.
        sign_flag: 1 for a negative index.
    """
    layout = model.layout
    if quant <= layout.unary_length:
        greater = context_at(paths, base, layout.greater + 2 * (quant - 1) + sign_flag)
        return bin_cost(model, greater, 0), bin_cost(model, greater, 1)
    return remainder_cost(model, paths, base, quant - 1 - layout.unary_length), 0


@inlined
def bits_of_candidates(
    model: CompiledCosts, paths: CompiledPaths, base: Any, place: tuple[Any, Any], first: int, sign_flag: int, has_second: bool
) -> tuple[Any, Any, Any]:
    """Compute the costs in bits of the three candidates.

    Args:
        base: Address of the path's contexts.
        place: stateId and class of the last index.
        first: Magnitude of `FIRST`, before doubling.
        has_second: Whether there is a `SECOND`; its cost is 0 otherwise.
    """
    layout = model.layout
    state_id, previous = place
    sig_flag = context_at(paths, base, NEIGHBOURS * state_id + previous)
    bits = bin_cost(model, sig_flag, 1) + bin_cost(model, context_at(paths, base, layout.sign + previous), sign_flag)
    for j in range(min(first - 1, layout.unary_length)):
        bits += bin_cost(model, context_at(paths, base, layout.greater + 2 * j + sign_flag), 1)
    last, more = ending_cost(model, paths, base, first, sign_flag)
    second: Any = 0
    if has_second:
        after, _ = ending_cost(model, paths, base, first + 1, sign_flag)
        second = bits + more + after
    return bin_cost(model, sig_flag, 0), bits + last, second


@inlined
def nearest_below(magnitude: float, shift: int, dq_flag: bool) -> int:
    """Return the magnitude, before doubling, of the value nearest towards 0."""
    return int((magnitude + shift) * (0.5 if dq_flag else 1.0))


@inlined
def squared_error(magnitude: float, quant: int, shift: int, dq_flag: bool) -> float:
    """Compute the squared error of a magnitude, before doubling; infinite where it leaves int32."""
    value = (2 if dq_flag else 1) * quant - shift
    if value > INT32_MAX:
        return float(np.inf)
    error = magnitude - value
    return error * error


@inlined
def follow_edges(
    model: CompiledCosts, paths: CompiledPaths, now: int, node: Any, first: int, sign_flag: int, errors: tuple[float, float, float]
) -> None:
    """Find the cheapest candidate on each edge of a node.

    Args:
        first: Magnitude of `FIRST`, before doubling.
        errors: Squared errors of the candidates.
    """
    so_far = paths.costs[now, node]
    costs_0, costs_1, costs_2 = so_far + errors[0], so_far + errors[1], so_far + errors[2]
    if model.lagrangian > 0:
        base = address_of(paths.contexts) + ((_U64(now) * _U64(paths.contexts.shape[1]) + _U64(node)) * _U64(paths.contexts.shape[2]) << _3)
        place = (np.int64(node) if model.layout.dq_flag else 0), paths.previous[now, node]
        bits_0, bits_1, bits_2 = bits_of_candidates(model, paths, base, place, first, sign_flag, errors[2] < np.inf)
        costs_0 += model.lagrangian * bits_0
        costs_1 += model.lagrangian * bits_1
        costs_2 += model.lagrangian * bits_2
    edge = _U64(2) * _U64(node)
    if model.layout.dq_flag:
        odd = (first & 1) == 1
        even_cost, odd_cost = (costs_2, costs_1) if odd else (costs_1, costs_2)
        even_choice, odd_choice = (SECOND, FIRST) if odd else (FIRST, SECOND)
        zero_is_best = not even_cost < costs_0
        paths.edge_costs[edge] = costs_0 if zero_is_best else even_cost
        paths.edge_choices[edge] = ZERO if zero_is_best else even_choice
        paths.edge_costs[edge + _1] = odd_cost
        paths.edge_choices[edge + _1] = odd_choice
    else:
        second_is_best = costs_2 < costs_1
        paths.edge_costs[edge] = costs_0
        paths.edge_choices[edge] = ZERO
        paths.edge_costs[edge + _1] = costs_2 if second_is_best else costs_1
        paths.edge_choices[edge + _1] = SECOND if second_is_best else FIRST


@inlined
def code_bin(model: CompiledCosts, paths: CompiledPaths, base: Any, context: int, bin_value: int) -> None:
    """Update the word of a context as if a bin were coded with it.

    Args:
        model: The costs of the search.
        paths: The paths with their contexts.
        base: Address of a path's contexts.
        context: Number of the context.
        bin_value: The bin.
    """
    address = base + (_U64(context) << _3)
    mask = _U64(bin_value) - _1 if bin_value else ONES
    store(paths.contexts, address, updated_states(model.words, address_of(model.words), load(paths.contexts, address), mask))


@inlined
def code_magnitude(model: CompiledCosts, paths: CompiledPaths, base: Any, magnitude: int, sign_flag: int) -> None:
    """Update a path's contexts as if a magnitude of at least 1 were coded.

    Args:
        model: The costs of the search.
        paths: The paths with their contexts.
        base: Address of a path's contexts.
        magnitude: The magnitude, before doubling.
        sign_flag: 1 for a negative index.
    """
    layout = model.layout
    for j in range(min(magnitude, layout.unary_length)):
        code_bin(model, paths, base, layout.greater + 2 * j + sign_flag, 1 if magnitude > j + 1 else 0)
    if magnitude > layout.unary_length:
        rest = magnitude - 1 - layout.unary_length
        rem_bits = 0
        while rest >= 1 << rem_bits:
            code_bin(model, paths, base, layout.prefix + rem_bits, 1)
            rest -= 1 << rem_bits
            rem_bits += 1
        code_bin(model, paths, base, layout.prefix + rem_bits, 0)


@inlined
def advance_contexts(model: CompiledCosts, paths: CompiledPaths, now: int, node: Any, origin: Any, magnitude: int, sign_flag: int) -> None:
    """Copy a path's contexts to its new node, and update them by its index.

    Args:
        model: The costs of the search.
        paths: The paths; rows ``now`` are read, rows ``1 - now`` written.
        now: Row of the paths before the index, 0 or 1.
        node: The node that the path leads to.
        origin: The node that it comes from.
        magnitude: Magnitude of the index, before doubling.
        sign_flag: 1 for a negative index.
    """
    words = _U64(paths.contexts.shape[2])
    nodes = _U64(paths.contexts.shape[1])
    start = address_of(paths.contexts)
    source = start + ((_U64(now) * nodes + _U64(origin)) * words << _3)
    target = start + ((_U64(1 - now) * nodes + _U64(node)) * words << _3)
    for offset in range(_0, words << _3, _LINE):
        copy_line(paths.contexts, target + offset, source + offset)
    previous = paths.previous[now, origin]
    state_id = np.int64(origin) if model.layout.dq_flag else 0
    code_bin(model, paths, target, NEIGHBOURS * state_id + previous, 1 if magnitude else 0)
    if magnitude:
        code_bin(model, paths, target, model.layout.sign + previous, sign_flag)
        code_magnitude(model, paths, target, magnitude, sign_flag)
    paths.previous[1 - now, node] = 2 - sign_flag if magnitude else 0


@kernel
def start_block_row(model: CompiledCosts, paths: CompiledPaths, now: int) -> None:
    """Reset the contexts of all paths; the nodes stay."""
    for node in range(paths.costs.shape[1]):
        paths.previous[now, node] = 0
        for context in range(model.initial.shape[0]):
            paths.contexts[now, node, context] = model.initial[context]


@inlined
def candidates(magnitude: float, shift: int, dq_flag: bool) -> tuple[int, tuple[float, float, float]]:
    """Return the first candidate's magnitude before doubling, and the squared errors of all three.

    The candidates are `ZERO`, `FIRST` and `SECOND`. There is no `SECOND` if `FIRST` is above the
    weight; its error is then infinite.

    Args:
        magnitude: Magnitude of the weight in steps.
        shift: 1 in a state of the second quantizer, else 0.
        dq_flag: Whether dependent quantization is used.
    """
    nearest = nearest_below(magnitude, shift, dq_flag)
    first = max(nearest, 1)
    after = squared_error(magnitude, first + 1, shift, dq_flag) if nearest else float(np.inf)
    return first, (magnitude * magnitude, squared_error(magnitude, first, shift, dq_flag), after)


@kernel
def commit_window(
    model: CompiledCosts, paths: CompiledPaths, now: int, values: npt.NDArray[np.float32], indexes: npt.NDArray[np.int32]
) -> None:
    """Write the indexes of a window along the cheapest path, and drop all other paths.

    Args:
        model: The costs of the search.
        paths: The paths; the cost of the cheapest is reset to 0, the others become infinite.
        now: Row of ``paths.costs`` after the window, 0 or 1.
        values: The window's weights, in coded order.
        indexes: Filled with the window's indexes, doubled with dq_flag.
    """
    best: Any = 0
    for node in range(paths.costs.shape[1]):
        if paths.costs[now, node] < paths.costs[now, best]:
            best = node
    for node in range(paths.costs.shape[1]):
        paths.costs[now, node] = 0.0 if node == best else np.inf
    for place in range(indexes.shape[0] - 1, -1, -1):
        decision = np.int64(paths.decisions[place, best])
        choice, best = decision & ((1 << ORIGIN_SHIFT) - 1), decision >> ORIGIN_SHIFT
        quant: Any = 0
        if choice != ZERO:
            value = float(values[place]) / model.step
            shift = (best & 1) if model.layout.dq_flag else 0
            quant = max(nearest_below(abs(value), shift, model.layout.dq_flag), 1) + choice - FIRST
            if value < 0:
                quant = -quant
        indexes[place] = doubled(quant, best) if model.layout.dq_flag else quant


@kernel
def search(model: CompiledCosts, paths: CompiledPaths, values: npt.NDArray[np.float32], indexes: npt.NDArray[np.int32]) -> None:
    """Find the indexes of float32 values in coded order.

    Args:
        indexes: int32 (n,), filled with the result, doubled with dq_flag.
    """
    window, nodes, dq_flag = paths.decisions.shape[0], _U64(paths.costs.shape[1]), model.layout.dq_flag
    until_reset = 0
    for begin in range(0, values.shape[0], window):
        end = min(begin + window, values.shape[0])
        for number in range(begin, end):
            now = number & 1
            if until_reset == 0:
                start_block_row(model, paths, now)
                until_reset = model.block_row
            until_reset -= 1
            value = float(values[number]) / model.step
            magnitude, sign_flag = abs(value), 1 if value < 0 else 0
            first_0, errors_0 = candidates(magnitude, 0, dq_flag)
            first_1, errors_1 = candidates(magnitude, 1, dq_flag) if dq_flag else (first_0, errors_0)
            for node in range(nodes):
                if node & _1:
                    follow_edges(model, paths, now, node, first_1, sign_flag, errors_1)
                else:
                    follow_edges(model, paths, now, node, first_0, sign_flag, errors_0)
            for node in range(nodes):
                one, other = _U64(model.sources[node, 0]), _U64(model.sources[node, 1])
                edge = other if paths.edge_costs[other] < paths.edge_costs[one] else one
                choice, origin = paths.edge_choices[edge], edge >> _1
                paths.costs[1 - now, node] = paths.edge_costs[edge]
                paths.decisions[number - begin, node] = np.uint8((np.int64(origin) << ORIGIN_SHIFT) + choice)
                if model.lagrangian > 0:
                    first = first_1 if origin & _1 else first_0
                    advance_contexts(model, paths, now, node, origin, 0 if choice == ZERO else first + choice - FIRST, sign_flag)
        commit_window(model, paths, end & 1, values[begin:end], indexes[begin:end])


def edges(tables: Tables, dq_flag: bool) -> tuple[IntArray, IntArray] | None:
    """Return the targets and sources of `CompiledCosts`; None if some node has other than two sources."""
    targets = tables.state_trans if dq_flag else np.array([[0, 1], [0, 1]])
    order = np.argsort(targets.reshape(-1), kind="stable")
    if (np.bincount(targets.reshape(-1), minlength=len(targets)) != EDGES).any():
        return None
    return targets, order.reshape(-1, EDGES)


def reachable_contexts(layout: ContextLayout, highest: int) -> int:
    """Return how many contexts, from the first, a magnitude up to ``highest`` can use."""
    if highest <= layout.unary_length:
        return layout.greater + 2 * highest
    return min(layout.prefix + (highest - layout.unary_length).bit_length(), layout.flag)


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
    """Do the same as `trellis.cheapest_path`, but faster."""
    machine, between = build_machine(tables, layout), edges(tables, layout.dq_flag)
    if machine is None or between is None:
        return trellis.cheapest_path(
            values, step, layout, tables=tables, parameter_sets=parameter_sets, lagrangian=lagrangian, block_row=block_row
        )
    targets, sources = between
    nodes = len(targets)
    initial = machine.words[INITIAL + parameter_sets[: reachable_contexts(layout, highest_candidate(values, step, layout) + 1)]]
    bin_costs = costs_by_row(bit_costs(tables))
    model = CompiledCosts(
        float(step), lagrangian / BIT, layout, bin_costs, BYPASS_COST, machine.words, initial, max(block_row, 1), targets, sources
    )
    words = -(-initial.size * initial.itemsize // LINE) * (LINE // initial.itemsize)
    paths = CompiledPaths(
        np.full((2, nodes), np.inf),
        np.zeros((2, nodes, words), np.uint64),
        np.zeros((2, nodes), np.int64),
        np.zeros((min(max(values.size, 1), trellis.WINDOW), nodes), np.uint8),
        np.zeros(EDGES * nodes),
        np.zeros(EDGES * nodes, np.int64),
    )
    paths.costs[0, 0] = 0.0
    indexes = np.zeros(values.size, np.int32)
    search(model, paths, values, indexes)
    return indexes
