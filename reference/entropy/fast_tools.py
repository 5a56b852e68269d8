"""Tools of the second edition in the fast kernels: places and their contexts.

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
from nnc_conformance.reference.entropy.contexts import NEIGHBOURS, TCA_NEIGHBOURS, ContextLayout
from nnc_conformance.reference.entropy.fast_engine import Indexes
from nnc_conformance.reference.entropy.kernel_tables import STATES, IntArray
from nnc_conformance.reference.entropy.machine import slots

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
        on: Whether any tool but a codebook is in use.
        by_place: Whether contexts depend on the place.
        base: int16 (indexes,), the base index at each place; empty without TCA.
        seen: uint8 (indexes,), 1 where an earlier update was not zero; empty without HDSP.
        skipped: uint8 (rows,), row_skip_list; empty without row skipping.
        significance: uint64 (KINDS * STATES * NEIGHBOURS,), byte offset of the significance
            context by kind, stateId and class of the previous index.
        states_after_skipped: int64 (2, STATES), stateId after the part of a skipped row in a
            block, by stateId before it: in a full block, and in a narrower one.
        classes: Largest base index with contexts of its own.
        contexts: uint16, byte offsets of contexts; see `contexts_by_place`.
        row_bytes: Bytes of a row of ``contexts``.
    """

    on: bool
    by_place: bool
    base: npt.NDArray[np.int16]
    seen: npt.NDArray[np.uint8]
    skipped: npt.NDArray[np.uint8]
    significance: npt.NDArray[np.uint64]
    states_after_skipped: IntArray
    classes: int
    contexts: npt.NDArray[np.uint16]
    row_bytes: int


def tools_of(coder: plain.Coder, layout: ContextLayout, area: ScanArea) -> Tools:
    """Collect the tools of the second edition that a tensor uses, with their tables.

    Args:
        coder: The coder, with the tensor's history, HDSP flag and row_skip_list.
        layout: The tensor's contexts.
        area: Its rows and columns, and the side of its blocks.
    """
    base = coder.base if layout.tca else coder.base[:0]
    seen = coder.seen if coder.registers[plain.HDSP] else coder.seen[:0]
    by_place = base.size > 0 or seen.size > 0
    width = area.side or area.columns
    widths = (width, area.columns % width) if layout.skip_by_index else (area.columns,) * 2
    zero = coder.tables.state_trans[:, 0] if layout.dq_flag else np.arange(STATES)
    after = np.stack([_repeated(zero, steps) for steps in widths])
    contexts = contexts_by_place(layout) if by_place else np.zeros(0, np.uint16)
    on = by_place or coder.skipped.size > 0
    significance = _significance(layout)
    return Tools(on, by_place, base, seen, coder.skipped, significance, after, _classes(layout), contexts, 2 * slots(layout)[-1])


def _classes(layout: ContextLayout) -> int:
    """Return the largest base index with greater-than contexts of its own; 0 without TCA."""
    return max(layout.unary_length - 1, 1) if layout.tca else 0


@lru_cache(maxsize=8)
def contexts_by_place(layout: ContextLayout) -> npt.NDArray[np.uint16]:
    """Make the rows of contexts, as byte offsets.

    There is a row for each class of base index and each kind of the next place.

    A row gives the context of each slot (see `slots`) at a place: sign and greater-than bins have
    those of the place; a significance bin belongs to the next place. The place's base index,
    clamped to +-``classes``, and the next place's kind select the row.
    """
    classes = _classes(layout)
    _, sign, greater, prefix, size = slots(layout)
    rows = np.zeros((2 * classes + 1, KINDS, size), np.uint16)
    rows[:, :, :sign] = _significance(layout).reshape(KINDS, -1)[:, :sign]
    base = np.arange(-classes, classes + 1)[:, None, None]
    rows[:, :, sign:greater] = 16 * np.where(base == 0, layout.sign + np.arange(NEIGHBOURS), layout.sign_tca + (base > 0))
    place = np.arange(2 * layout.unary_length)
    above = place // 2 > abs(base)
    rows[:, :, greater:prefix] = 16 * np.where(base == 0, layout.greater + place, layout.greater_tca + place // 2 * 2 + above)
    rows[:, :, prefix:] = 16 * layout.prefix
    return rows.reshape(-1)


def has_bins(layout: ContextLayout) -> bool:
    """Whether indexes have bins; with a codebook of one value they have none."""
    return max(layout.negative_limit, layout.positive_limit) > 0


def _repeated(step: IntArray, times: int) -> IntArray:
    """Return the stateId after repeating a step, for each stateId before it.

    Args:
        step: int64 (STATES,), the stateId after one step, by that before it.
        times: Number of repetitions.
    """
    after = np.arange(STATES)
    while times:
        after = step[after] if times & 1 else after
        step, times = step[step], times >> 1
    return after


@lru_cache(maxsize=32)
def _significance(layout: ContextLayout) -> npt.NDArray[np.uint64]:
    """Make the table of significance contexts, by kind of place, stateId and class before.

    It holds byte offsets of contexts, as `Tools` says.
    """
    states = STATES if layout.dq_flag else 1
    kind, state, previous = np.ogrid[:KINDS, :states, :NEIGHBOURS]
    of_base = layout.sig_tca + TCA_NEIGHBOURS * state
    contexts = np.zeros((KINDS, STATES, NEIGHBOURS), np.uint64)
    contexts[:, :states] = np.choose(kind, (NEIGHBOURS * state + previous, of_base, of_base + 1, layout.sig_hdsp + state))
    return 16 * contexts.reshape(-1)


@kernel
def part_of(tools: Tools, first: int, after: int, columns: int) -> Tools:
    """Return the tools of some rows of a tensor.

    Args:
        tools: The tools of the tensor.
        first: The first row.
        after: The last row + 1.
        columns: Columns of the tensor.
    """
    return Tools(
        tools.on,
        tools.by_place,
        tools.base[first * columns : after * columns],
        tools.seen[first * columns : after * columns],
        tools.skipped[first:after],
        tools.significance,
        tools.states_after_skipped,
        tools.classes,
        tools.contexts,
        tools.row_bytes,
    )


@kernel
def kind_of_place(tools: Tools, place: int) -> tuple[Any, Any]:
    """Return what selects the significance context of a place, and its base index.

    Args:
        tools: The tools in use.
        place: Number of the index, row-major.

    Returns:
        `SEEN` if HDSP is on and an index of an earlier update was not 0 there; else 0, 1 or 2 by
            the
        magnitude of the base model's index: 0, 1 or more, always 0 without TCA. And that index, 0
        without TCA.
    """
    base: Any = np.int64(tools.base[place]) if tools.base.shape[0] > 0 else np.int64(0)
    kind: Any = min(abs(base), BASE_ABOVE_ONE)
    if tools.seen.shape[0] > 0 and tools.seen[place]:
        kind = SEEN
    return kind, base


@kernel
def add_context_rows(tools: Tools, first: int, after: int, rows: Indexes, position: int) -> int:
    """Write the row of contexts, as a byte offset, of consecutive places in coded order.

    Args:
        first: The first place, row-major.
        after: The last place + 1.
        rows: int32, rows of the places so far; that of the last one lacks the next place's kind.
        position: Number of places so far.

    Returns:
        The number of places.
    """
    size = after - first
    has_base, has_seen = tools.base.shape[0] > 0, tools.seen.shape[0] > 0
    classes, row_bytes = tools.classes, tools.row_bytes
    places = rows[position : position + size]
    base = tools.base[first:after] if has_base else tools.base
    if has_base:
        for place in range(size):
            places[place] = (min(max(np.int64(base[place]), -classes), classes) + classes) * (KINDS * row_bytes)  # type: ignore[operator]
    else:
        places[:] = classes * (KINDS * row_bytes)
    # the kind of a place belongs to the row before
    begin = 0 if position > 0 else 1
    before = rows[position + begin - 1 : position + size - 1]
    base, seen = base[begin:] if has_base else base, tools.seen[first + begin : after] if has_seen else tools.seen
    if has_base and has_seen:
        for place in range(size - begin):
            before[place] += max(min(abs(np.int64(base[place])), BASE_ABOVE_ONE), SEEN * np.int64(seen[place])) * row_bytes  # type: ignore[operator]
    elif has_base:
        for place in range(size - begin):
            before[place] += min(abs(np.int64(base[place])), BASE_ABOVE_ONE) * row_bytes  # type: ignore[operator]
    elif has_seen:
        for place in range(size - begin):
            before[place] += np.int64(seen[place]) * (SEEN * row_bytes)
    return position + size


@kernel
def gather_guides(tools: Tools, area: ScanArea, left: int, right: int, guides: Indexes) -> None:
    """Write a guide for the encoder at each place of some columns, in coded order.

    A guide is 2 * base index, plus 1 if an earlier update was not zero there; `SKIPPED` or
    `SKIPPED_FIRST` in a skipped row.

    Args:
        tools: The tools in use, for these rows.
        area: Rows, columns and block side of the block row.
        left: First column.
        right: Column after the last.
        guides: Filled with the guides.
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
