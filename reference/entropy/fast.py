"""The fast kernel; it leaves special cases and broken codewords to the plain one.

A special case is a codebook with a single value, whose indexes have no bins.
"""

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import fast_decoder, fast_encoder, plain
from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.fast_engine import SCRATCH
from nnc_conformance.reference.entropy.fast_tools import Tools, has_bins, tools_of
from nnc_conformance.reference.entropy.kernel_tables import SETS, IntArray
from nnc_conformance.reference.entropy.machine import Machine, build_machine


def quant_tensor(coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray) -> None:
    """Read or write all indexes of a tensor, as `plain.quant_tensor`, but faster.

    Bins are not recorded. What the fast kernels cannot do is left to the plain one: tables other
    than the standard's, and a payload that breaks a rule.
    """
    tools = tools_of(coder, layout, area)
    machine = build_machine(coder.tables, layout, by_place=tools.by_place)
    mode = coder.registers[plain.MODE]
    if machine is None or not has_bins(layout) or (mode == plain.ESTIMATE and coder.parameter_sets.shape[0] != SETS):
        plain.quant_tensor(coder, layout, area, indexes, entry_points)
    elif mode != plain.DECODE:
        _encode(coder, layout, area, (indexes, entry_points), machine, tools)
    elif not _decode(coder, layout, area, (indexes, entry_points), machine, tools):
        plain.quant_tensor(coder, layout, area, indexes, entry_points)


Arrays = tuple[npt.NDArray[np.int32], IntArray]
"""Indexes and entry points of a tensor."""


def _decode(coder: plain.Coder, layout: ContextLayout, area: ScanArea, arrays: Arrays, machine: Machine, tools: Tools) -> bool:
    """Decode a tensor; return False to leave it to the plain kernel.

    Then registers are unchanged, and the arrays invalid.

    Args:
        coder: The coder before the tensor's indexes.
        layout: The tensor's contexts.
        area: Its rows and columns, and the side of its blocks.
        arrays: Indexes and entry points, which are filled.
        machine: The tables from `build_machine`, which are overwritten.
        tools: The tools of the second edition.
    """
    several = 0 < area.side < area.rows
    coding = coder.registers, coder.payload, coder.parameter_sets[0]
    return decode_block_rows(machine, coding, layout, area, arrays, (0, several, 0), tools) >= 0


def decode_block_rows(
    machine: Machine,
    coding: tuple[IntArray, npt.NDArray[np.uint8], IntArray],
    layout: ContextLayout,
    area: ScanArea,
    results: Arrays,
    start: tuple[int, bool, int],
    tools: Tools,
) -> int:
    """Call `fast_decoder.decode_block_rows` with new buffers.

    Args:
        machine: Tables of the layout, which are overwritten.
        coding: Registers, payload and parameter sets.
        layout: The tensor's contexts.
        area: Rows and columns of these block rows.
        results: Indexes and entry points, which are filled.
        start: As for `fast_decoder.decode_block_rows`, whose result is returned.
        tools: Tools of the second edition for the tensor.
    """
    buffers = (*results, np.empty(SCRATCH, np.int32), np.empty(fast_decoder.ENGINE, np.uint64), np.empty(SCRATCH + 1, np.int32))
    return int(fast_decoder.decode_block_rows(machine, coding, layout, area, buffers, start, tools))


def _encode(coder: plain.Coder, layout: ContextLayout, area: ScanArea, arrays: Arrays, machine: Machine, tools: Tools) -> None:
    """Encode a tensor, or estimate what it costs with each parameter set.

    The coder's registers say which: in mode ESTIMATE the costs are written to ``coder.costs``.

    Args:
        coder: The coder.
        layout: The tensor's contexts.
        area: Its rows and columns, and the side of its blocks.
        arrays: Its indexes, and the entry points to fill.
        machine: The tables from `build_machine`.
        tools: The tools of the second edition.
    """
    estimating = coder.registers[plain.MODE] == plain.ESTIMATE
    order = list(fast_encoder.LANES) if estimating else [0]
    guides = np.empty(SCRATCH if area.side else arrays[0].size, np.int32) if fast_encoder.uses_guides(layout, tools) else None
    lanes = coder.costs.size
    costs = np.zeros(lanes, np.int64)
    fast_encoder.encode_tensor(
        machine.words,
        (coder.registers, coder.payload, coder.parameter_sets[order]),
        layout,
        area,
        (coder.tables.state_trans, fast_encoder.templates(layout), fast_encoder.costs_by_row(coder.bit_costs) if estimating else costs),
        (
            *arrays,
            np.empty(SCRATCH, np.int32),
            np.empty(fast_encoder.BINS, np.uint16),
            np.zeros(fast_encoder.CURSOR, np.int64),
            np.empty(fast_encoder.ENGINE, np.uint64),
        ),
        (np.empty(lanes, np.uint64), costs, np.full(lanes, -1, np.int64)),
        tools,
        guides,
    )
    if estimating:
        coder.costs[order] = costs.reshape(-1, SETS).T
