"""The fast search of the trellis: the same indexes as `trellis.search`, to the bit.

With dependent quantization a node of a path is a stateId. Two edges leave a node, one for each
parity, and two enter it. `fast_uniform` searches without dependent quantization.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.compiled import inlined, kernel
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.fast_encoder import costs_by_row
from nnc_conformance.reference.entropy.intrinsics import LINE, address_of
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray, Tables
from nnc_conformance.reference.entropy.machine import INITIAL, build_machine
from nnc_conformance.reference.entropy.parameter_search import BIT, bit_costs
from nnc_conformance.reference.quantization import fast_uniform, trellis
from nnc_conformance.reference.quantization.path_parts import (
    FIRST,
    ORIGIN_SHIFT,
    SECOND,
    ZERO,
    CompiledCosts,
    CompiledPaths,
    FloatArray,
    bits_of_candidates,
    candidates,
    code_index,
    commit_window,
    copy_contexts,
)
from nnc_conformance.reference.quantization.trellis import BYPASS_COST, highest_candidate

EDGES: Final = 2
"""Edges that leave a node, and edges that enter it."""

_U64: Final = np.uint64
_1, _3 = (_U64(number) for number in (1, 3))


class Edges(NamedTuple):
    """The edges of the trellis, numbered 2 * node + parity.

    Args:
        sources: int64 (nodes, 2), the edges that enter a node, ascending.
        costs: float64 (2 * nodes,), costs of the paths along each edge.
        choices: int64 (2 * nodes,), their candidates.
    """

    sources: IntArray
    costs: FloatArray
    choices: IntArray


@inlined
def contexts_of(paths: CompiledPaths, time: Any, node: Any) -> Any:
    """Return the address of a path's contexts, before (0) or after (1) an even weight."""
    return address_of(paths.contexts) + ((_U64(time) * _U64(paths.contexts.shape[1]) + _U64(node)) * _U64(paths.contexts.shape[2]) << _3)


@inlined
def follow_edges(
    model: CompiledCosts,
    paths: CompiledPaths,
    edges: Edges,
    now: int,
    node: Any,
    first: int,
    sign_flag: int,
    errors: tuple[float, float, float],
) -> None:
    """Find the cheapest candidate on each edge of a node.

    Args:
        first: Magnitude of `FIRST`, before doubling.
        errors: Squared errors of the candidates.
    """
    so_far = paths.costs[now, node]
    costs_0, costs_1, costs_2 = so_far + errors[0], so_far + errors[1], so_far + errors[2]
    if model.lagrangian > 0:
        place = np.int64(node), paths.previous[now, node]
        bits_0, bits_1, bits_2 = bits_of_candidates(
            model, paths, contexts_of(paths, now, node), place, first, sign_flag, errors[2] < np.inf
        )
        costs_0 += model.lagrangian * bits_0
        costs_1 += model.lagrangian * bits_1
        costs_2 += model.lagrangian * bits_2
    edge = _U64(2) * _U64(node)
    odd = (first & 1) == 1
    even_cost, odd_cost = (costs_2, costs_1) if odd else (costs_1, costs_2)
    even_choice, odd_choice = (SECOND, FIRST) if odd else (FIRST, SECOND)
    zero_is_best = not even_cost < costs_0
    edges.costs[edge] = costs_0 if zero_is_best else even_cost
    edges.choices[edge] = ZERO if zero_is_best else even_choice
    edges.costs[edge + _1] = odd_cost
    edges.choices[edge + _1] = odd_choice


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
    target = contexts_of(paths, 1 - now, node)
    copy_contexts(paths, target, contexts_of(paths, now, origin))
    code_index(model, paths, target, (np.int64(origin), paths.previous[now, origin]), magnitude, sign_flag)
    paths.previous[1 - now, node] = 2 - sign_flag if magnitude else 0


@kernel
def start_block_row(model: CompiledCosts, paths: CompiledPaths, now: int) -> None:
    """Reset the contexts of all paths at a block row, in place; stateIds go on.

    Args:
        model: The costs of the search, with the initial contexts.
        paths: The paths.
        now: Row of the paths, 0 or 1.
    """
    for node in range(paths.costs.shape[1]):
        paths.previous[now, node] = 0
        for context in range(model.initial.shape[0]):
            paths.contexts[now, node, context] = model.initial[context]


@kernel
def search(
    model: CompiledCosts, paths: CompiledPaths, edges: Edges, values: npt.NDArray[np.float32], indexes: npt.NDArray[np.int32]
) -> None:
    """Find the indexes of float32 values in coded order, with dependent quantization.

    Args:
        indexes: int32 (n,), filled with the result, doubled.
    """
    window, nodes = paths.decisions.shape[0], _U64(paths.costs.shape[1])
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
            first_0, errors_0 = candidates(magnitude, 0, True)
            first_1, errors_1 = candidates(magnitude, 1, True)
            for node in range(nodes):
                if node & _1:
                    follow_edges(model, paths, edges, now, node, first_1, sign_flag, errors_1)
                else:
                    follow_edges(model, paths, edges, now, node, first_0, sign_flag, errors_0)
            for node in range(nodes):
                one, other = _U64(edges.sources[node, 0]), _U64(edges.sources[node, 1])
                edge = other if edges.costs[other] < edges.costs[one] else one
                choice, origin = edges.choices[edge], edge >> _1
                paths.costs[1 - now, node] = edges.costs[edge]
                paths.decisions[number - begin, node] = np.uint8((np.int64(origin) << ORIGIN_SHIFT) + choice)
                if model.lagrangian > 0:
                    first = first_1 if origin & _1 else first_0
                    advance_contexts(model, paths, now, node, origin, 0 if choice == ZERO else first + choice - FIRST, sign_flag)
        commit_window(model, paths, end & 1, values[begin:end], indexes[begin:end])


def sources(tables: Tables) -> IntArray | None:
    """Return the sources of `Edges`; None if some node has other than two."""
    order = np.argsort(tables.state_trans.reshape(-1), kind="stable")
    counts = np.bincount(tables.state_trans.reshape(-1), minlength=STATES)
    return order.reshape(STATES, EDGES) if (counts == EDGES).all() else None


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
    """Quantize (n,) values in coded order, as `trellis.cheapest_path`, but faster.

    There is no history. Arguments and result are those of `trellis.cheapest_path`.
    """
    machine, between = build_machine(tables, layout), sources(tables)
    if machine is None or (layout.dq_flag and between is None):
        return trellis.cheapest_path(
            values, step, layout, tables=tables, parameter_sets=parameter_sets, lagrangian=lagrangian, block_row=block_row
        )
    nodes = STATES if layout.dq_flag else fast_uniform.NODES
    initial = machine.words[INITIAL + parameter_sets[: reachable_contexts(layout, highest_candidate(values, step, layout) + 1)]]
    bin_costs = costs_by_row(bit_costs(tables))
    model = CompiledCosts(float(step), lagrangian / BIT, layout, bin_costs, BYPASS_COST, machine.words, initial, max(block_row, 1))
    words = -(-initial.size * initial.itemsize // LINE) * (LINE // initial.itemsize)
    paths = CompiledPaths(
        np.full((2, nodes), np.inf),
        np.zeros((2, nodes, words), np.uint64),
        np.zeros((2, nodes), np.int64),
        np.zeros((min(max(values.size, 1), trellis.WINDOW), nodes), np.uint8),
    )
    paths.costs[0, 0] = 0.0
    indexes = np.zeros(values.size, np.int32)
    if between is not None and layout.dq_flag:
        search(model, paths, Edges(between, np.zeros(EDGES * nodes), np.zeros(EDGES * nodes, np.int64)), values, indexes)
    else:
        fast_uniform.search(model, paths, values, indexes)
    return indexes
