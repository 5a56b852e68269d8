"""The encoder's choice of parameter sets: the cheapest of the nine for each context, signalling counted."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.contexts import SET_BITS, ContextLayout, reset_contexts, update_state
from nnc_conformance.reference.entropy.kernel_tables import SETS, IntArray, Tables

BIT: Final = 1 << 15
"""The unit of estimated costs is 2^-15 bit."""


def bit_costs(tables: Tables) -> IntArray:
    """Costs int64 (32, 2), in 2^-15 bit, of a most and a least probable bin by ``abs(s >> 7)``.

    They are means over the ranges 256..510, each as frequent as its inverse: the logarithm of an arithmetic coder's range is uniform.
    """
    ranges = np.arange(256, plain.INITIAL_RANGE + 1)
    lps = tables.lps_range[np.arange(32)[:, None] + (ranges & 0xE0)]
    costs = np.stack([np.log2(ranges / (ranges - lps)), np.log2(ranges / lps)], axis=1) @ (1 / ranges) / (1 / ranges).sum()
    rounded: IntArray = np.rint(costs * BIT).astype(np.int64)
    return rounded


def estimated_costs(
    tables: Tables,
    layout: ContextLayout,
    area: ScanArea,
    indexes: npt.NDArray[np.int32],
    quant_tensor: Callable[..., None],
) -> IntArray:
    """Estimate in one pass the cost of each context's bins under each set, int64 (9, contexts), in 2^-15 bit.

    ``quant_tensor``: a kernel. The costs mean nothing if dependent quantization cannot reach a value.
    """
    registers = np.zeros(plain.REGISTERS, np.int64)
    registers[plain.MODE] = plain.ESTIMATE
    coder = plain.new_coder(tables, layout, registers, np.zeros(0, np.uint8), lane_sets=tuple(range(SETS)), bit_costs=bit_costs(tables))
    entry_points = np.zeros((area.rows // area.side if area.side else 0, 3), np.int64)
    quant_tensor(coder, layout, area, indexes, entry_points)
    costs: IntArray = coder.costs[:, : layout.flag]
    return costs


def cheapest_sets(tables: Tables, costs: IntArray) -> IntArray:
    """The set of each context, int64 (contexts,), from `estimated_costs`.

    Contexts cost nothing to each other but for the flag, whose probability adapts: they are decided in signalling order, each with the flag
    at the state that the choices before it left.
    """
    bins = bit_costs(tables)
    flag_set, flag_states = np.zeros((1, 1), np.int64), np.zeros((1, 1, 2), np.int64)
    reset_contexts(tables, flag_set, flag_states)
    chosen = np.zeros(costs.shape[1], np.int64)
    for context in range(costs.shape[1]):
        s = 16 * flag_states[0, 0, 0] + flag_states[0, 0, 1]
        no_flag, flag = bins[abs(s >> 7), ::-1] if s >= 0 else bins[abs(s >> 7)]
        totals = costs[:, context] + flag + SET_BITS * BIT
        totals[0] = costs[0, context] + no_flag
        chosen[context] = totals.argmin()
        update_state(tables, 0, flag_states[0, 0], 1 if chosen[context] else 0)
    return chosen
