"""Block rows side by side: where a decoder knows the entry points of a tensor, threads decode parts of it at once (clause 10)."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import (
    MIN_INDEXES_PER_THREAD,
    EntryPoint,
    PromisedEntryPoints,
    ScanArea,
    TensorCoding,
)
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.fast import decode_block_rows
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray
from nnc_conformance.reference.entropy.machine import build_machine


class Stretch(NamedTuple):
    """Block rows for one thread: the number of the first, that after the last, and the state at their start."""

    first: int
    after: int
    start: EntryPoint


def stretches(starts: Sequence[EntryPoint], end: int, number: int) -> list[Stretch]:
    """At most ``number`` stretches of about equal length, from the rising starts of all block rows and the payload's end, a bit."""
    positions = [start.bit_position for start in starts]
    wanted = [positions[0] + (end - positions[0]) * part // number for part in range(number)]
    firsts = sorted({min(bisect_left(positions, place), len(starts) - 1) for place in wanted})
    return [Stretch(first, after, starts[first]) for first, after in pairwise([*firsts, len(starts)])]


def side_by_side(
    tensors: Sequence[TensorCoding], promised: PromisedEntryPoints, threads: int, in_sequence: Callable[..., None]
) -> Callable[..., None]:
    """A `plain.quant_tensor` for the tensors of one payload in their order: on threads where the promise holds, else in sequence."""
    numbers = iter([number for number, coding in enumerate(tensors) if coding.count])

    def quant_tensor(
        coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray
    ) -> None:
        number = next(numbers)
        told = promised(number, int(coder.registers[plain.POSITION])) if indexes.size >= 2 * MIN_INDEXES_PER_THREAD else ()
        if not decode_side_by_side(coder, layout, area, indexes, entry_points, told, threads):
            in_sequence(coder, layout, area, indexes, entry_points)

    return quant_tensor


def decode_side_by_side(
    coder: plain.Coder,
    layout: ContextLayout,
    area: ScanArea,
    indexes: npt.NDArray[np.int32],
    entry_points: IntArray,
    promised: Sequence[EntryPoint],
    threads: int,
) -> bool:
    """`plain.quant_tensor` for a decoder that was told all entry points; False, with the registers as they were, to leave it undone.

    A stretch of block rows is decoded from the state that the list promises. Where each ends in the state promised for the next, all is as
    decoding in sequence has it; everything else is left to that, which knows what to report. So is a list whose positions fall, or lie
    outside the payload: no decoding in sequence meets it.
    """
    number = min(threads, indexes.size // MIN_INDEXES_PER_THREAD)
    if number < 2 or len(promised) != len(entry_points) or not promised:
        return False
    start = EntryPoint(int(coder.registers[plain.OFFSET]), 0, int(coder.registers[plain.POSITION]))
    end = 8 * coder.payload.size
    positions = [start.bit_position, *(point.bit_position for point in promised), end]
    if any(before > after for before, after in pairwise(positions)):
        return False
    parts = stretches([start, *promised], end, number)
    coders = [_entered(coder, layout, part) for part in parts]
    with ThreadPoolExecutor(len(parts)) as pool:
        states = list(pool.map(lambda one, part: _decode(one, layout, area, indexes, entry_points, part), coders, parts))
    for part, one, state_id in zip(parts, coders, states, strict=True):
        if state_id < 0:
            return False
        if part.after <= len(promised):
            found = EntryPoint(int(one.registers[plain.OFFSET]), state_id, int(one.registers[plain.POSITION]))
            if found != promised[part.after - 1]:
                return False
            entry_points[part.after - 1] = found.cabac_offset, found.dq_state, found.bit_position
    coder.registers[:] = coders[-1].registers
    coder.registers[plain.INDEX] = indexes.size
    return True


def _entered(coder: plain.Coder, layout: ContextLayout, part: Stretch) -> plain.Coder:
    """A coder of its own for a stretch, in the state at its start."""
    registers = coder.registers.copy()
    registers[plain.OFFSET], registers[plain.POSITION] = part.start.cabac_offset, part.start.bit_position
    entered = plain.new_coder(coder.tables, layout, registers, coder.payload)
    entered.parameter_sets[:] = coder.parameter_sets
    return entered


def _decode(
    coder: plain.Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray, part: Stretch
) -> int:
    """Decodes a stretch; the stateId after it, or -1."""
    machine, start = build_machine(coder.tables, layout), part.start
    states = STATES if layout.dq_flag else 1
    possible = 0 <= start.cabac_offset <= plain.INITIAL_RANGE and 0 <= start.dq_state < states and start.bit_position >= 0
    if machine is None or not possible:
        return -1
    first, after = part.first * area.side, min(part.after * area.side, area.rows)
    results = indexes[first * area.columns : after * area.columns], entry_points[part.first : part.after - 1]
    coding = coder.registers, coder.payload, coder.parameter_sets[0]
    return decode_block_rows(machine, coding, layout, ScanArea(after - first, area.columns, area.side), results, (start.dq_state, True))
