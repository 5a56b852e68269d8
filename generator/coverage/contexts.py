"""Contexts by the names that coverage uses (clause 10).

Also when a context is at an extreme of its adaptation.

An extreme is a state that another bin of the same value leaves unchanged. The sum s = 16 * S0 + S1
moves with both states in one direction, so it stands still only if both do: two bins in a row that
meet the same s, the first of them 0 (low) or 1 (high).
"""

from collections import Counter
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from nnc_conformance.generator.coverage.goals import GoalKind, Key
from nnc_conformance.reference.entropy.coding import EVENT_FIELDS, TensorCoding
from nnc_conformance.reference.entropy.contexts import (
    HDSP_FLAG,
    SET_BITS,
    SHIFT_BITS,
    ContextLayout,
    context_layout,
    context_name,
    set_is_signalled,
)
from nnc_conformance.reference.entropy.kernel_tables import SETS, IntArray
from nnc_conformance.reference.entropy.plain import CONTEXT_BIN
from nnc_conformance.reference.syntax.structures.data_unit import DEFAULT_UNARY_LENGTH

KIND, ELEMENT, BIN, RANGE, OFFSET, STATE, POSITION, RENORMALISATION, INDEX = range(len(EVENT_FIELDS))
"""Columns of a recorded event."""
EXTREMES: Final = ("low", "high")
GREATER_GROUPS: Final = ((10, 15), (16, 31), (32, 63), (64, 127), (128, 255))
"""Groups of the greater-than contexts j beyond the default length."""


@cache
def context_names(layout: ContextLayout) -> tuple[str, ...]:
    """Return the name of each context 0..layout.flag.

    Contexts of the default length have single names, greater-than contexts beyond it the name of
    their group.
    """
    names = []
    for context in range(layout.flag + 1):
        name = context_name(layout, context)
        if context < layout.sign and not layout.dq_flag:
            name = name.replace("stateId 0", "without dq_flag")
        j, negative = divmod(context - layout.greater, 2)
        if layout.greater <= context < layout.prefix and j >= DEFAULT_UNARY_LENGTH:
            low, high = next(group for group in GREATER_GROUPS if group[0] <= j <= group[1])
            name = f"abs_level_greater_x[{low}..{high}], {'negative' if negative else 'positive'}"
        names.append(name)
    return tuple(names)


def context_keys() -> list[Key]:
    """Return a goal (context, parameter set, extreme) for every context.

    The flag's own context has set 0 only.
    """
    plain, longest = context_layout(False, DEFAULT_UNARY_LENGTH), context_layout(True, GREATER_GROUPS[-1][1] + 1)
    names = dict.fromkeys((*context_names(plain)[: plain.sign], *context_names(longest)))
    flag = context_names(longest)[longest.flag]
    return [key(name, chosen, extreme) for name in names for chosen in range(1 if name == flag else SETS) for extreme in EXTREMES]


def key(name: str, parameter_set: int, extreme: str) -> Key:
    """Return the goal of a context at an extreme under one of the nine sets."""
    return Key(GoalKind.CONTEXT, name, f"set {parameter_set}, {extreme}")


@cache
def signalled_contexts(layout: ContextLayout, hdsp: bool) -> tuple[int, ...]:
    """Return the contexts whose parameter sets are signalled, in order."""
    return tuple(context for context in range(layout.flag) if set_is_signalled(layout, context, hdsp))


def signalled_sets(head: IntArray, layout: ContextLayout) -> IntArray:
    """Return the parameter set of each context of a tensor, int64 (layout.flag + 1,).

    It is 0 for contexts whose set the events no longer code, because the codeword broke off.

    Args:
        head: The recorded bins of the tensor before its first index, a row each.
        layout: The tensor's contexts.
    """
    sets = np.zeros(layout.flag + 1, np.int64)
    hdsp = bool((head[head[:, ELEMENT] == HDSP_FLAG][:, BIN] == 1).any())
    contexts = iter(signalled_contexts(layout, hdsp))
    context, place = -1, 0
    for element, bin_value in head[:, (ELEMENT, BIN)].tolist():
        if element == layout.flag:
            context = next(contexts)
            sets[context] = bin_value
            place = SET_BITS
        elif element == SHIFT_BITS:
            place -= 1
            sets[context] += bin_value << place
    return sets


def _groups(events: IntArray, coding: TensorCoding) -> tuple[IntArray, IntArray]:
    """Return the places of a tensor's context-coded bins, and the group of each.

    A group is one context in one block row.
    """
    rows = np.flatnonzero(events[:, KIND] == CONTEXT_BIN)
    row_size = coding.columns * coding.area.side if coding.block_rows > 1 else max(coding.count, 1)
    group = (events[rows, INDEX] // row_size) * (coding.layout.flag + 1) + events[rows, ELEMENT]
    return rows, group


def by_context(events: IntArray, coding: TensorCoding) -> tuple[IntArray, IntArray]:
    """Sort a tensor's context-coded bins by context and block row.

    Returns:
        A number for each group of one context in one block row, and the sorted bins.
    """
    rows, group = _groups(events, coding)
    order = np.argsort(group, kind="stable")
    return group[order], events[rows[order]]


class StillBins(NamedTuple):
    """The context bins of a tensor that left their context at an extreme.

    They are sorted by context, in each block row anew.

    Args:
        group: A number for each context of each block row, int64 (bins,).
        element: The context, int64 (bins,).
        value: The bin, int64 (bins,).
    """

    group: IntArray
    element: IntArray
    value: IntArray


def still_bins(events: IntArray, coding: TensorCoding) -> StillBins:
    """Find the bins of a tensor that did not change the state of their context.

    The state is then at one of its two ends, where it cannot move further. Only bins with a later
    bin of the same context in the same block row are found, since contexts begin anew in each row.

    Args:
        events: The recorded bins of this tensor alone; each row of the array is a bin.
        coding: Its coding.
    """
    rows, group = _groups(events, coding)
    order = np.argsort(group.astype(np.uint16) if group.size and group.max() < 1 << 16 else group, kind="stable")
    group, rows = group[order], rows[order]
    states = events[rows, STATE]
    still = np.flatnonzero((group[1:] == group[:-1]) & (states[1:] == states[:-1]))
    return StillBins(group[still], events[rows[still], ELEMENT], events[rows[still], BIN])


def saturated(events: IntArray, coding: TensorCoding, still: StillBins) -> Counter[Key]:
    """Count how often each context of a tensor met a bin at an extreme.

    Args:
        events: The recorded events of this tensor alone.
        coding: Its coding.
        still: Its `still_bins`.
    """
    layout = coding.layout
    sets = signalled_sets(events[events[:, INDEX] < 0], layout)
    names = context_names(layout)
    found: Counter[Key] = Counter()
    for place, count in enumerate(np.bincount(2 * still.element + still.value).tolist()):
        if count:
            found[key(names[place >> 1], int(sets[place >> 1]), EXTREMES[place & 1])] += count
    return found


def turned(sets: IntArray, still: StillBins) -> set[tuple[int, str]]:
    """Return (set, extreme reached) of the contexts that went from one extreme to the other.

    They do so within a block row.

    Args:
        sets: The tensor's `signalled_sets`.
        still: Its `still_bins`.
    """
    turns = 1 + np.flatnonzero((still.group[1:] == still.group[:-1]) & (still.value[1:] != still.value[:-1]))
    return {
        (int(sets[element]), EXTREMES[to]) for element, to in zip(still.element[turns].tolist(), still.value[turns].tolist(), strict=True)
    }
