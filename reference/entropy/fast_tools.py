"""Tools of the second edition as the fast decoder and encoder take them: places and their contexts.

The kind of a place selects the group of its significance context: ordinary, by base index, or by
history.
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.coding import ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import NEIGHBOURS, NO_LIMIT, TCA_NEIGHBOURS, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import Indexes
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray

ORDINARY, BASE_OF_ONE, BASE_ABOVE_ONE, SEEN = range(4)
"""Kinds of places."""
KINDS: Final = 4
"""Number of kinds."""
SKIPPED: Final = 1 << 20
"""Guide of a place in a skipped row."""
SKIPPED_FIRST: Final = SKIPPED + 1
"""Guide of the first place of a skipped row in a block; SKIPPED_FIRST + 1 in a narrower block."""

_U64: Final = np.uint64


class Tools(NamedTuple):
    """Tools of the second edition for some rows of a tensor.

    Args:
        on: whether any tool is in use; if not, the rest has no meaning.
        base: int16 (indexes,), the base index at each place; empty without TCA.
        seen: uint8 (indexes,), 1 where an earlier update was not zero; empty without HDSP.
        skipped: uint8 (rows,), row_skip_list; empty without row skipping.
        significance: uint64 (KINDS * STATES * NEIGHBOURS,), byte offset of the significance
            context by kind, stateId and class of the previous index.
        states_after_skipped: int64 (2, STATES), stateId after the part of a skipped row in a
            block, by stateId before it: in a full block, and in a narrower one.
        state_trans: that of the tables.
    """

    on: bool
    base: npt.NDArray[np.int16]
    seen: npt.NDArray[np.uint8]
    skipped: npt.NDArray[np.uint8]
    significance: npt.NDArray[np.uint64]
    states_after_skipped: IntArray
    state_trans: IntArray


def tools_of(coder: plain.Coder, layout: ContextLayout, area: ScanArea) -> Tools:
    """Return the tools in use for a tensor."""
    base = coder.base if layout.tca else coder.base[:0]
    seen = coder.seen if coder.registers[plain.HDSP] else coder.seen[:0]
    limited = min(layout.negative_limit, layout.positive_limit) < NO_LIMIT
    on = limited or base.size > 0 or seen.size > 0 or coder.skipped.size > 0
    width = area.side or area.columns
    widths = (width, area.columns % width) if layout.skip_by_index else (area.columns,) * 2
    zero = coder.tables.state_trans[:, 0] if layout.dq_flag else np.arange(STATES)
    after = np.stack([_repeated(zero, steps) for steps in widths])
    return Tools(on, base, seen, coder.skipped, _significance(layout), after, coder.tables.state_trans)


def has_bins(layout: ContextLayout) -> bool:
    """Whether indexes have bins; with a codebook of one value they have none."""
    return max(layout.negative_limit, layout.positive_limit) > 0


def _repeated(step: IntArray, times: int) -> IntArray:
    """Return where a step leads from each stateId when it is repeated."""
    after = np.arange(STATES)
    while times:
        after = step[after] if times & 1 else after
        step, times = step[step], times >> 1
    return after


@lru_cache(maxsize=32)
def _significance(layout: ContextLayout) -> npt.NDArray[np.uint64]:
    """Make the table of significance contexts; see `Tools`."""
    states = STATES if layout.dq_flag else 1
    kind, state, previous = np.ogrid[:KINDS, :states, :NEIGHBOURS]
    of_base = layout.sig_tca + TCA_NEIGHBOURS * state
    contexts = np.zeros((KINDS, STATES, NEIGHBOURS), np.uint64)
    contexts[:, :states] = np.choose(kind, (NEIGHBOURS * state + previous, of_base, of_base + 1, layout.sig_hdsp + state))
    return 16 * contexts.reshape(-1)


@kernel
def part_of(tools: Tools, first: int, after: int, columns: int) -> Tools:
    """Return the tools of the rows from ``first`` up to ``after``."""
    return Tools(
        tools.on,
        tools.base[first * columns : after * columns],
        tools.seen[first * columns : after * columns],
        tools.skipped[first:after],
        tools.significance,
        tools.states_after_skipped,
        tools.state_trans,
    )


@kernel
def kind_of_place(tools: Tools, place: Any) -> tuple[Any, Any]:
    """Return the kind of a place, and its base index (0 without)."""
    base = np.int64(tools.base[place]) if tools.base.shape[0] > 0 else np.int64(0)
    kind = _U64(min(abs(base), BASE_ABOVE_ONE))
    if tools.seen.shape[0] > 0 and tools.seen[place]:
        kind = _U64(SEEN)
    return kind, base


@kernel
def gather_guides(tools: Tools, area: ScanArea, left: int, right: int, guides: Indexes) -> None:
    """Write a guide for each place of a block row's columns, in coded order.

    A guide is 2 * base index + (1 where an earlier update was not zero), or one of the skipped.
    """
    position = 0
    width = area.side if area.side > 0 else area.columns
    for first in range(left, right, width):
        after = min(first + width, right)
        for row in range(area.rows):
            if tools.skipped.shape[0] > 0 and tools.skipped[row]:
                for place in range(position, position + after - first):
                    guides[place] = SKIPPED
                guides[position] = SKIPPED_FIRST + (after - first < width)
                position += after - first
                continue
            for place in range(row * area.columns + first, row * area.columns + after):
                base = np.int64(tools.base[place]) if tools.base.shape[0] > 0 else np.int64(0)
                guides[position] = 2 * base + (tools.seen[place] if tools.seen.shape[0] > 0 else 0)
                position += 1
