"""Decodes block rows of a tensor in threads, from the entry points of a stream."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import (
    MIN_INDEXES_PER_THREAD,
    EntryPoint,
    ListedEntryPoints,
    ScanArea,
    TensorCoding,
)
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.fast import decode_block_rows
from nnc_conformance.reference.entropy.fast_tools import has_bins, tools_of
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray
from nnc_conformance.reference.entropy.machine import build_machine
from nnc_conformance.reference.threads import thread_pool


class BlockRows(NamedTuple):
    """Consecutive block rows for one thread.

    Args:
        first: Number of the first one.
        after: Number of the last one + 1.
        start: State of the decoder at their start.
    """

    first: int
    after: int
    start: EntryPoint


def split_block_rows(starts: Sequence[EntryPoint], end: int, number: int) -> list[BlockRows]:
    """Split block rows into parts of similar length.

    Args:
        starts: Entry points of all block rows, at rising positions.
        end: Bit at the end of the payload.
        number: Most parts.
    """
    positions = [start.bit_position for start in starts]
    targets = [positions[0] + (end - positions[0]) * part // number for part in range(number)]
    firsts = sorted({min(bisect_left(positions, place), len(starts) - 1) for place in targets})
    return [BlockRows(first, after, starts[first]) for first, after in pairwise([*firsts, len(starts)])]


def parallel_kernel(
    tensors: Sequence[TensorCoding], listed_entry_points: ListedEntryPoints, threads: int, in_sequence: Callable[..., None]
) -> Callable[..., None]:
    """Make a kernel that decodes the tensors of a payload in their order.

    It decodes in parallel where listed entry points are right, else with the sequential kernel.

    Args:
        tensors: The coding of each tensor of the payload.
        listed_entry_points: Returns the entry points in the stream, given the number of a tensor
            and
        the payload bit at which its indexes begin.
        threads: Most threads to use.
        in_sequence: The sequential kernel.

    Returns:
        A function with the signature of `plain.quant_tensor`, to be called once for each tensor
            that
        has indexes.
    """
    numbers = iter([number for number, coding in enumerate(tensors) if coding.count])

    def quant_tensor(
        coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray
    ) -> None:
        """Decode the next tensor of the payload, in parallel if that is possible."""
        number = next(numbers)
        listed = listed_entry_points(number, int(coder.registers[plain.POSITION])) if indexes.size >= 2 * MIN_INDEXES_PER_THREAD else ()
        if not decode_in_parallel(coder, layout, area, indexes, entry_points, listed, threads):
            in_sequence(coder, layout, area, indexes, entry_points)

    return quant_tensor


def decode_in_parallel(
    coder: plain.Coder,
    layout: ContextLayout,
    area: ScanArea,
    indexes: npt.NDArray[np.int32],
    entry_points: IntArray,
    listed_entry_points: Sequence[EntryPoint],
    threads: int,
) -> bool:
    """Decode a tensor in parallel; return False if it must be decoded in sequence.

    Each part is decoded from its listed entry point. If each ends in the entry point listed for the
    next part, the result is the same as in sequence. Everything else, also a list whose positions
    fall or exceed the payload, is left to sequential decoding, which reports the right error.

    Args:
        coder: The coder before the tensor's indexes; its registers change only on success.
        layout: The tensor's contexts.
        area: Its rows and columns, and the side of its blocks.
        indexes: Filled in coded order; partly filled in case of False.
        entry_points: Filled with the entry points that decoding finds.
        listed_entry_points: The entry points in the stream's list.
        threads: Most threads to use.
    """
    number = min(threads, indexes.size // MIN_INDEXES_PER_THREAD)
    if number < 2 or not has_bins(layout) or len(listed_entry_points) != len(entry_points) or not listed_entry_points:
        return False
    start = EntryPoint(int(coder.registers[plain.OFFSET]), 0, int(coder.registers[plain.POSITION]))
    end = 8 * coder.payload.size
    positions = [start.bit_position, *(point.bit_position for point in listed_entry_points), end]
    if any(before > after for before, after in pairwise(positions)):
        return False
    parts = split_block_rows([start, *listed_entry_points], end, number)
    coders = [_entered(coder, part) for part in parts]
    with thread_pool(len(parts)) as pool:
        states = list(pool.map(lambda part_coder, part: _decode(part_coder, layout, area, indexes, entry_points, part), coders, parts))
    for part, part_coder, state_id in zip(parts, coders, states, strict=True):
        if state_id < 0:
            return False
        if part.after <= len(listed_entry_points):
            reached = EntryPoint(int(part_coder.registers[plain.OFFSET]), state_id, int(part_coder.registers[plain.POSITION]))
            if reached != listed_entry_points[part.after - 1]:
                return False
            entry_points[part.after - 1] = reached.cabac_offset, reached.dq_state, reached.bit_position
    coder.registers[:] = coders[-1].registers
    coder.registers[plain.INDEX] = indexes.size
    return True


def _entered(coder: plain.Coder, part: BlockRows) -> plain.Coder:
    """Make a coder for a part, with registers of its own set to its start."""
    registers = coder.registers.copy()
    registers[plain.OFFSET], registers[plain.POSITION] = part.start.cabac_offset, part.start.bit_position
    return coder._replace(registers=registers)


def _decode(
    coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray, part: BlockRows
) -> int:
    """Decode the block rows of one part with the fast kernel.

    Args:
        coder: A coder in the state at the part's start.
        layout: The tensor's contexts.
        area: Rows and columns of the whole tensor, and the side of its blocks.
        indexes: The tensor's indexes in coded order; those of the part are filled.
        entry_points: The tensor's entry points; those within the part are filled.
        part: The block rows, and the entry point at their start.

    Returns:
        The stateId after the part, or -1 if sequential decoding must find the error.
    """
    tools, start = tools_of(coder, layout, area), part.start
    machine = build_machine(coder.tables, layout, by_place=tools.by_place)
    states = STATES if layout.dq_flag else 1
    possible = 0 <= start.cabac_offset <= plain.INITIAL_RANGE and 0 <= start.dq_state < states and start.bit_position >= 0
    if machine is None or not possible:
        return -1
    first, after = part.first * area.side, min(part.after * area.side, area.rows)
    results = indexes[first * area.columns : after * area.columns], entry_points[part.first : part.after - 1]
    coding = coder.registers, coder.payload, coder.parameter_sets[0]
    rows = ScanArea(after - first, area.columns, area.side)
    return decode_block_rows(machine, coding, layout, rows, results, (start.dq_state, True, first), tools)
