"""The fast kernel; it leaves special cases and broken codewords to the plain one."""

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import fast_decoder, fast_encoder, plain
from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.contexts import NO_LIMIT, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import SCRATCH
from nnc_conformance.reference.entropy.kernel_tables import SETS, IntArray
from nnc_conformance.reference.entropy.machine import Machine, build_machine


def quant_tensor(coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray) -> None:
    """Do the same as `plain.quant_tensor`, but faster and without recording."""
    if uses_second_edition_tools(coder, layout):
        plain.quant_tensor(coder, layout, area, indexes, entry_points)
        return
    machine = build_machine(coder.tables, layout)
    mode = coder.registers[plain.MODE]
    if machine is None or (mode == plain.ESTIMATE and coder.parameter_sets.shape[0] != SETS):
        plain.quant_tensor(coder, layout, area, indexes, entry_points)
    elif mode != plain.DECODE:
        _encode(coder, layout, area, indexes, entry_points, machine)
    elif not _decode(coder, layout, area, indexes, entry_points, machine):
        plain.quant_tensor(coder, layout, area, indexes, entry_points)


def uses_second_edition_tools(coder: plain.Coder, layout: ContextLayout) -> bool:
    """Whether the tensor needs tools that only the plain kernel has.

    They are TCA, HDSP, row skipping and codebook limits.
    """
    limited = min(layout.negative_limit, layout.positive_limit) < NO_LIMIT
    return limited or layout.tca or coder.registers[plain.HDSP] != 0 or coder.skipped.shape[0] > 0


def _decode(
    coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray, machine: Machine
) -> bool:
    """Decode a tensor; False to leave it to the plain kernel."""
    several = 0 < area.side < area.rows
    coding = coder.registers, coder.payload, coder.parameter_sets[0]
    return decode_block_rows(machine, coding, layout, area, (indexes, entry_points), (0, several)) >= 0


def decode_block_rows(
    machine: Machine,
    coding: tuple[IntArray, npt.NDArray[np.uint8], IntArray],
    layout: ContextLayout,
    area: ScanArea,
    results: tuple[npt.NDArray[np.int32], IntArray],
    entered: tuple[int, bool],
) -> int:
    """Call `fast_decoder.decode_block_rows` with new buffers."""
    buffers = (*results, np.empty(SCRATCH, np.int32), np.empty(fast_decoder.ENGINE, np.uint64))
    return int(fast_decoder.decode_block_rows(machine, coding, layout, area, buffers, entered))


def _encode(
    coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray, machine: Machine
) -> None:
    """Encode or estimate a tensor."""
    estimating = coder.registers[plain.MODE] == plain.ESTIMATE
    order = list(fast_encoder.LANES) if estimating else [0]
    lanes = coder.costs.size
    costs = np.zeros(lanes, np.int64)
    fast_encoder.encode_tensor(
        machine.words,
        (coder.registers, coder.payload, coder.parameter_sets[order]),
        layout,
        area,
        (coder.tables.state_trans, fast_encoder.templates(layout), fast_encoder.costs_by_row(coder.bit_costs) if estimating else costs),
        (
            indexes,
            entry_points,
            np.empty(SCRATCH, np.int32),
            np.empty(fast_encoder.BINS, np.uint16),
            np.zeros(fast_encoder.CURSOR, np.int64),
            np.empty(fast_encoder.ENGINE, np.uint64),
        ),
        (np.empty(lanes, np.uint64), costs, np.full(lanes, -1, np.int64)),
    )
    if estimating:
        coder.costs[order] = costs.reshape(-1, SETS).T
