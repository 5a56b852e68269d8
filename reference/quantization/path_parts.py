"""Candidates, their costs and a path's contexts, for all fast searches of the trellis.

Contexts are words of `machine`, so a cost or an update is a look-up, and a path's contexts are a
few lines of memory to copy.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX
from nnc_conformance.reference.entropy.compiled import inlined, kernel
from nnc_conformance.reference.entropy.contexts import NEIGHBOURS, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import ONES, STATE_SUM_SHIFT, updated_states
from nnc_conformance.reference.entropy.intrinsics import LINE, address_of, copy_line, load, store
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.entropy.machine import Words
from nnc_conformance.reference.entropy.plain import doubled

FloatArray = npt.NDArray[np.float64]

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
    """

    step: float
    lagrangian: float
    layout: ContextLayout
    bin_costs: IntArray
    bypass_cost: int
    words: Words
    initial: Words
    block_row: int


class CompiledPaths(NamedTuple):
    """The best paths before and after a weight.

    Those before weight t are at index t & 1.

    Args:
        costs: float64 (2, nodes), squared steps including rate; infinite for a node that is not
            reached.
        contexts: uint64 (2, nodes, words), whole lines of them.
        previous: int64 (2, nodes), class of the last index.
        decisions: uint8 (window, nodes), for each weight of a window the candidate and the origin
            of the path to a node.
    """

    costs: FloatArray
    contexts: Words
    previous: IntArray
    decisions: npt.NDArray[np.uint8]


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
    """Return the cost of prefix and suffix of a magnitude, as `trellis.remainder_cost`.

    Args:
        model: The costs of the search.
        paths: The paths with their contexts.
        base: Address of a path's contexts.
        rest: The magnitude minus the least one that has a prefix.
    """
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
    """Return the squared error of an index; infinite if its value leaves int32.

    Args:
        magnitude: Magnitude of the weight in steps.
        quant: Magnitude of the index, before doubling.
        shift: 1 in a state of the second quantizer, else 0.
        dq_flag: Whether dependent quantization is used.
    """
    value = (2 if dq_flag else 1) * quant - shift
    if value > INT32_MAX:
        return float(np.inf)
    error = magnitude - value
    return error * error


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
def copy_contexts(paths: CompiledPaths, target: Any, source: Any) -> None:
    """Copy the contexts of a path.

    Args:
        target: Address of the copy.
        source: Address of the path's contexts.
    """
    for offset in range(_0, _U64(paths.contexts.shape[2]) << _3, _LINE):
        copy_line(paths.contexts, target + offset, source + offset)


@inlined
def code_index(model: CompiledCosts, paths: CompiledPaths, base: Any, place: tuple[Any, Any], magnitude: Any, sign_flag: Any) -> None:
    """Update a path's contexts as coding an index does.

    Args:
        base: Address of the path's contexts.
        place: stateId and class of the last index.
        magnitude: Of the index, before doubling.
    """
    state_id, previous = place
    code_bin(model, paths, base, NEIGHBOURS * state_id + previous, 1 if magnitude else 0)
    if magnitude:
        code_bin(model, paths, base, model.layout.sign + previous, sign_flag)
        code_magnitude(model, paths, base, magnitude, sign_flag)


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
