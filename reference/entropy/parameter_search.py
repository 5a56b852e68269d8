"""The encoder's choice of parameter sets: the cheapest for each context, including signalling."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import ScanArea, TensorToCode
from nnc_conformance.reference.entropy.contexts import SET_BITS, ContextLayout, reset_contexts, set_is_signalled, update_state
from nnc_conformance.reference.entropy.kernel_tables import SETS, IntArray, Tables

BIT: Final = 1 << 15
"""Units of estimated costs per bit."""


def bit_costs(tables: Tables) -> IntArray:
    """Compute costs of most and least probable bins, int64 (32, 2), by ``abs(s >> 7)``.

    They are averages over the ranges 256 to 510, each weighted by its inverse: the logarithm of an
    arithmetic coder's range is uniform. Their unit is 1 / `BIT` bits.
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
    tools: TensorToCode | None = None,
) -> IntArray:
    """Estimate the cost of each context's bins under each set, in a single pass.

    Args:
        indexes: int32 (rows * columns,), row-major, doubled with dq_flag.
        quant_tensor: The kernel to use.
        tools: The tensor whose history, hdsp flag and skipped rows are in force (second edition).

    Returns:
        int64 (9, contexts), in units of 1 / `BIT` bits; meaningless if dependent quantization
            cannot represent a value.
    """
    registers = np.zeros(plain.REGISTERS, np.int64)
    registers[plain.MODE] = plain.ESTIMATE
    coder = plain.new_coder(tables, layout, registers, np.zeros(0, np.uint8), lane_sets=tuple(range(SETS)), bit_costs=bit_costs(tables))
    if tools is not None:
        registers[plain.HDSP] = tools.hdsp
        skipped = np.zeros(0, np.uint8) if tools.skipped is None else np.asarray(tools.skipped, np.uint8)
        coder = coder._replace(base=tools.history.base, seen=tools.history.seen, skipped=skipped)
    entry_points = np.zeros((area.rows // area.side if area.side else 0, 3), np.int64)
    quant_tensor(coder, layout, area, indexes, entry_points)
    costs: IntArray = coder.costs[:, : layout.flag]
    return costs


def cheapest_sets(tables: Tables, costs: IntArray, layout: ContextLayout | None = None, *, hdsp: bool = False) -> IntArray:
    """Choose the set of each context, int64 (contexts,), from `estimated_costs`.

    It is 0 where no flag is coded. The choice of one context affects others only through the flag,
    whose probability adapts. Contexts are therefore decided in signalling order, each with the flag
    in the state after the earlier choices.

    Args:
        layout: The tensor's contexts, if some may have no flag.
        hdsp: hist_dep_sig_prob_enabled_flag.
    """
    bins = bit_costs(tables)
    flag_set, flag_states = np.zeros((1, 1), np.int64), np.zeros((1, 1, 2), np.int64)
    reset_contexts(tables, flag_set, flag_states)
    sets = np.zeros(costs.shape[1], np.int64)
    for context in range(costs.shape[1]):
        if layout is not None and not set_is_signalled(layout, context, hdsp):
            continue
        s = 16 * flag_states[0, 0, 0] + flag_states[0, 0, 1]
        no_flag, flag = bins[abs(s >> 7), ::-1] if s >= 0 else bins[abs(s >> 7)]
        totals = costs[:, context] + flag + SET_BITS * BIT
        totals[0] = costs[0, context] + no_flag
        sets[context] = totals.argmin()
        update_state(tables, 0, flag_states[0, 0], 1 if sets[context] else 0)
    return sets
