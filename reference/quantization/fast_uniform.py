"""The fast search of the trellis without dependent quantization: the same as `trellis.search`.

There are two nodes: the last index was 0, or was another value (all such values of one weight have
the same sign). Every node leads to both. If one path is so much costlier than the other that no
rate of the next weight can make up for it, it ends: nine weights of ten are on one path, which is
not copied. The contexts of a path keep their place while it is the only one.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.compiled import inlined, kernel
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX
from nnc_conformance.reference.entropy.intrinsics import address_of, store
from nnc_conformance.reference.quantization.path_parts import (
    FIRST,
    ORIGIN_SHIFT,
    SECOND,
    ZERO,
    CompiledCosts,
    CompiledPaths,
    bin_cost,
    bits_of_candidates,
    candidates,
    code_bin,
    code_index,
    commit_window,
    context_at,
    copy_contexts,
)

NODES: Final = 2
"""Nodes of the trellis: `ZERO_NODE` and `OTHER_NODE`."""
ZERO_NODE, OTHER_NODE = range(NODES)
ROUNDING: Final = 1.001
"""Factor of a bound that covers the rounding of sums."""
LEAST_MARGIN: Final = 1e-9
"""Squared steps that cover the rounding of sums at a small lagrangian."""

_U64: Final = np.uint64
_3: Final = _U64(3)


@inlined
def margin_of(model: CompiledCosts, dearest: float, first: int) -> float:
    """Compute the most by which the rates of a weight can differ between two paths.

    Args:
        dearest: Cost of the dearest bin, in squared steps.
        first: Magnitude of `FIRST`; the last candidate is one more.
    """
    return dearest * (2 + min(first + 1, model.layout.unary_length + MAX_PREFIX + 1)) * ROUNDING + LEAST_MARGIN


@inlined
def cost_of_zero(model: CompiledCosts, paths: CompiledPaths, base: Any, previous: Any, so_far: float, error: float) -> float:
    """Compute the cost of a path that goes on with 0."""
    return so_far + error + model.lagrangian * bin_cost(model, context_at(paths, base, previous), 0)  # type: ignore[no-any-return]


@inlined
def cost_of_other(
    model: CompiledCosts,
    paths: CompiledPaths,
    base: Any,
    previous: Any,
    so_far: float,
    first: int,
    sign_flag: int,
    errors: tuple[float, float, float],
) -> tuple[float, int]:
    """Return the cost of going on with a value other than 0, and its candidate.

    Args:
        model: The costs of the search.
        paths: The paths with their contexts.
        base: Address of the path's contexts.
        previous: Class of the last index.
        so_far: Cost of the path.
        first: Magnitude of `FIRST`.
        sign_flag: 1 for a negative index.
        errors: Squared errors of the candidates.
    """
    _, bits_1, bits_2 = bits_of_candidates(model, paths, base, (0, previous), first, sign_flag, errors[2] < np.inf)
    cost_1 = so_far + errors[1] + model.lagrangian * bits_1
    cost_2 = so_far + errors[2] + model.lagrangian * bits_2
    return (cost_2, SECOND) if cost_2 < cost_1 else (cost_1, FIRST)


@inlined
def restart(model: CompiledCosts, paths: CompiledPaths, base: Any) -> None:
    """Reset the contexts of a path."""
    for context in range(model.initial.shape[0]):
        store(paths.contexts, base + (_U64(context) << _3), model.initial[context])


@kernel
def search(model: CompiledCosts, paths: CompiledPaths, values: npt.NDArray[np.float32], indexes: npt.NDArray[np.int32]) -> None:
    """Find the indexes of float32 values in coded order.

    Args:
        indexes: int32 (n,), filled with the result.
    """
    window = paths.decisions.shape[0]
    dearest = 0.0
    for place in range(model.bin_costs.shape[0]):
        dearest = max(dearest, model.lagrangian * model.bin_costs[place])
    # of the path to each node: the address of its contexts, its cost (infinite if it has ended), the class of its last index
    contexts_0 = address_of(paths.contexts)
    contexts_1 = contexts_0 + (_U64(paths.contexts.shape[2]) << _3)
    before_0, before_1, class_1 = 0.0, np.inf, 0
    until_reset = 0
    for begin in range(0, values.shape[0], window):
        end = min(begin + window, values.shape[0])
        value = float(values[begin]) / model.step
        first, errors = candidates(abs(value), 0, False)
        for number in range(begin, end):
            if until_reset == 0:
                restart(model, paths, contexts_0)
                restart(model, paths, contexts_1)
                class_1 = 0
                until_reset = model.block_row
            until_reset -= 1
            sign_flag = 1 if value < 0 else 0
            next_value = float(values[min(number + 1, end - 1)]) / model.step
            next_first, next_errors = candidates(abs(next_value), 0, False)
            margin = margin_of(model, dearest, next_first)

            least = min(errors[1], errors[2])
            origin_0, origin_1, choice = 0, 0, FIRST
            cost_0, cost_1 = np.inf, np.inf
            if before_0 < np.inf:
                cost_0 = cost_of_zero(model, paths, contexts_0, 0, before_0, errors[0])
                if before_1 == np.inf and before_0 + least > cost_0 + margin:
                    paths.decisions[number - begin, ZERO_NODE] = ZERO
                    code_bin(model, paths, contexts_0, 0, 0)
                    before_0, value, first, errors = cost_0, next_value, next_first, next_errors
                    continue
                cost_1, choice = cost_of_other(model, paths, contexts_0, 0, before_0, first, sign_flag, errors)
            if before_1 < np.inf:
                zero_1 = cost_of_zero(model, paths, contexts_1, class_1, before_1, errors[0])
                if zero_1 < cost_0:
                    cost_0, origin_0 = zero_1, 1
                if before_0 < np.inf or not before_1 + least > cost_0 + margin:
                    other_1, choice_1 = cost_of_other(model, paths, contexts_1, class_1, before_1, first, sign_flag, errors)
                    if other_1 < cost_1:
                        cost_1, choice, origin_1 = other_1, choice_1, 1

            if cost_0 > cost_1 + margin:
                cost_0 = np.inf
            elif cost_1 > cost_0 + margin:
                cost_1 = np.inf
            paths.decisions[number - begin, ZERO_NODE] = np.uint8(origin_0 << ORIGIN_SHIFT)
            paths.decisions[number - begin, OTHER_NODE] = np.uint8((origin_1 << ORIGIN_SHIFT) + choice)
            previous_0, previous_1 = class_1 if origin_0 else 0, class_1 if origin_1 else 0
            if cost_0 < np.inf and cost_1 < np.inf and origin_0 == origin_1:
                if origin_0:
                    copy_contexts(paths, contexts_0, contexts_1)
                else:
                    copy_contexts(paths, contexts_1, contexts_0)
            elif origin_0 == 1 if cost_0 < np.inf else origin_1 == 0:
                contexts_0, contexts_1 = contexts_1, contexts_0
            if cost_0 < np.inf:
                code_index(model, paths, contexts_0, (0, previous_0), 0, sign_flag)
            if cost_1 < np.inf:
                code_index(model, paths, contexts_1, (0, previous_1), first + choice - FIRST, sign_flag)
                class_1 = 2 - sign_flag
            before_0, before_1 = cost_0, cost_1
            value, first, errors = next_value, next_first, next_errors
        paths.costs[0, ZERO_NODE], paths.costs[0, OTHER_NODE] = before_0, before_1
        commit_window(model, paths, 0, values[begin:end], indexes[begin:end])
        before_0, before_1 = paths.costs[0, ZERO_NODE], paths.costs[0, OTHER_NODE]
