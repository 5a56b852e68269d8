"""Tables of the fast kernels, made from `Tables`.

Contexts, coder and parse share one array of words.

A context takes two words.

The second word holds its probability states: s + 4096 in bits 51..63, S0 + 128 in bits 21..28, S1 +
2048 in bits 1..12. Bits 30..31 and 14..15 hold the numbers of its set's two shifts; bits 29 and 13
are 0. Adding `OFFSET_1` turns bits 24..31 and 8..15 into the table positions of the change that a
bin 1 makes to the word; subtracting `OFFSET_0` gives those for a bin 0.

The first word is the row of lps_range that s selects: one byte for each value of IvlCurrRange bits
7..5, such that row << (8 * these bits) has rLPS in bits 55..62. Bit 63 is the most probable bin.

The parse is a state machine. A node waits for one bin with one context. A link is what a bin leads
to; each node has two, of `LINK_BYTES` each. The low bits of a link's address are its flags.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.contexts import INITIAL_S, INITIAL_S0, NEIGHBOURS, SHIFT_0, SHIFT_1, ContextLayout
from nnc_conformance.reference.entropy.kernel_tables import SETS, STATES, IntArray, Tables

Words = npt.NDArray[np.uint64]
"""An array of 64-bit words."""

LPS_ROWS: Final = 2240
"""First word of the rows of lps_range; the contexts, at most 1110, are before it."""
STEPS_1: Final = LPS_ROWS + 64
"""First word of the changes to S1, by bits 8..15 of a context's word (see above)."""
STEPS_0: Final = STEPS_1 + 256
"""First word of the changes to S0, by bits 24..31."""
INITIAL: Final = STEPS_0 + 256
"""First word of the initial context words, by parameter set."""
LINKS: Final = INITIAL + 16
"""First word of the links."""

OFFSET_0: Final = 1 << 1 | 1 << 21
"""Number to subtract from a context's word to look up the changes of a bin 0."""
OFFSET_1: Final = 1 << 13 | 1 << 29
"""Number to add to a context's word to look up the changes of a bin 1."""

ESCAPE: Final = 1
"""Flag of a link: the bin leads to the exp-Golomb prefix."""
SIGNIFICANCE: Final = 2
"""Flag of a link: the bin leads to a significance node."""
STAY: Final = ESCAPE | SIGNIFICANCE
"""Flags of a link: the bin leads to a significance node with the same context.

The context must be updated before it is read again.
"""
EMIT: Final = 4
"""Bytes by which the output advances if a bin completes an index."""
LINK_BYTES: Final = 40
"""Bytes of a link."""
LINK: Final = np.dtype(
    {
        "names": ["next_0", "next_1", "emit", "context_0", "context_1", "context", "value"],
        "formats": ["<u8", "<u8", "<u8", "<u2", "<u2", "<u2", "<i2"],
        "offsets": [0, 8, 16, 24, 26, 28, 30],
    }
)
"""Layout of a link to a node.

next_0 and next_1 are the links of that node; context_0 and context_1 the contexts, as byte offsets,
of the nodes to which these lead; context that of the node itself. value is the index that the bin
completes; for an escape, bit 0 is the sign and bit 1 the parity of the stateId. emit is `EMIT` or
0.
"""
NEXT_0, NEXT_1, EMITTED, CONTEXT_0, CONTEXT_1, CONTEXT, VALUE = (LINK.fields[name][1] for name in LINK.names or ())  # type: ignore[index]
"""Byte offsets of the fields of a link."""


class Machine(NamedTuple):
    """Tables of the fast kernels for one tensor.

    Args:
        words: uint64, all tables; contexts are not set, and links hold offsets from the start.
        links: int64, byte offset of each link, two for each node.
        starts: int64 (states * NEIGHBOURS,), byte offset of a link to the significance node of each
            stateId and class of the previous index.
    """

    words: Words
    links: IntArray
    starts: IntArray


def build_machine(tables: Tables, layout: ContextLayout, *, by_place: bool = False) -> Machine | None:
    """Build the compact tables with which the fast kernels code one tensor.

    The array of words is new; the caller may overwrite it.

    Args:
        tables: The tables of the standard, or mutated ones.
        layout: The tensor's contexts.
        by_place: Whether an index's context depends on its position, as with TCA and HDSP. Links
            then hold `slots` of a row of contexts in place of contexts.

    Returns:
        The tables, or None if a table has a value that does not fit its bits of a word.
    """
    engine = _coder_words(tuple(table.tobytes() for table in tables[:3]))
    if engine is None:
        return None
    parse, links, starts = _parse_words(tables.state_trans.tobytes(), layout, by_place)
    return Machine(np.concatenate([engine, parse]), links, starts)


def slots(layout: ContextLayout) -> tuple[int, int, int, int, int]:
    """Return the first slot of each kind of bin, and the number of slots.

    The kinds are significance, sign, greater-than and prefix. A slot is a column in the rows of
    contexts of `contexts_by_place`.
    """
    sign = NEIGHBOURS * (STATES if layout.dq_flag else 1)
    greater = sign + NEIGHBOURS
    prefix = greater + 2 * layout.unary_length
    return 0, sign, greater, prefix, prefix + 1


@lru_cache(maxsize=8)
def _coder_words(tables: tuple[bytes, ...]) -> Words | None:
    """Make the words before the links: range rows, state changes and initial states.

    The result is None if a value does not fit its bits of a word; the plain kernel is then used.

    Args:
        tables: lps_range, state_step and parameter sets, each as the bytes of an int64 array.
    """
    lps_range, state_step, parameter_sets = (np.frombuffer(table, np.int64) for table in tables)
    ranges, sets = lps_range.reshape(8, 32), parameter_sets.reshape(SETS, 4)
    shifts_0, shifts_1 = np.unique(sets[:, SHIFT_0]), np.unique(sets[:, SHIFT_1])
    fit = ranges.min() >= 2 and ranges.max() < 256 and not (ranges[7] & 1).any() and state_step.min() >= 0 and state_step.max() < 1 << 16
    if not fit or len(shifts_0) > 4 or len(shifts_1) > 4:
        return None
    words = np.zeros(LINKS, np.uint64)
    for row in range(64):
        column = ranges[:, min(abs(row - 32), 31)].tolist()
        words[LPS_ROWS + row] = sum(value << 55 >> 8 * place for place, value in enumerate(column)) | (row >= 32) << 63
    for number in range(4):
        falling = np.arange(32) + 64 * number
        for shifts, place, unit in ((shifts_0 + 4, STEPS_0, 1 << 21 | 1 << 55), (shifts_1, STEPS_1, 1 << 1 | 1 << 51)):
            if number < len(shifts):
                steps = (state_step >> shifts[number]).astype(np.uint64) * np.uint64(unit)
                words[place + 32 + falling] = steps
                words[place + falling] = ~steps[::-1] + np.uint64(1)
    for number, given in enumerate(sets.tolist()):
        s, s0 = given[INITIAL_S], given[INITIAL_S0]
        codes = int(np.searchsorted(shifts_0, given[SHIFT_0])) << 30 | int(np.searchsorted(shifts_1, given[SHIFT_1])) << 14
        words[INITIAL + number] = (s + 4096) << 51 | (s0 + 128) << 21 | (s - 16 * s0 + 2048) << 1 | codes
    return words


@lru_cache(maxsize=32)
def _parse_words(state_trans: bytes, layout: ContextLayout, by_place: bool) -> tuple[Words, IntArray, IntArray]:
    """Make the links, their byte offsets, and those of links to each stateId's first node.

    Offsets count from the start of the array. The nodes are: significance by stateId and class of
    the previous index; sign likewise; greater-than by stateId, sign and number; the escape by
    stateId and sign, whose links continue after an even and an odd index; and one with a link to
    each significance node. A codebook makes the last bins of an index, or its sign, unnecessary.
    """
    states = STATES if layout.dq_flag else 1
    transitions = np.frombuffer(state_trans, np.int64).reshape(STATES, 2) if layout.dq_flag else np.zeros((1, 2), np.int64)
    length = layout.unary_length
    state, previous, sign, j = np.ogrid[:states, :NEIGHBOURS, :2, :length]
    significance = np.arange(states * NEIGHBOURS).reshape(states, NEIGHBOURS)
    signs = significance + significance.size
    greater = 2 * significance.size + np.arange(2 * states * length).reshape(states, 2, length)
    escapes = 2 * significance.size + greater.size + np.arange(2 * states).reshape(states, 2)
    first = int(escapes[-1, -1]) + 1
    nodes = first + significance.size

    context = np.zeros(nodes, np.int64)
    after, value, emit, flags = (np.zeros((nodes, 2), np.int64) for _ in range(4))
    group_starts = slots(layout) if by_place else (0, layout.sign, layout.greater, layout.prefix)
    unit = 2 if by_place else 16
    context[significance] = NEIGHBOURS * state[..., 0, 0] + previous[..., 0, 0]
    context[signs] = group_starts[1] + previous[..., 0, 0]
    context[greater] = group_starts[2] + 2 * j[0] + sign[0]
    context[escapes] = group_starts[3]

    after[significance, 0] = significance[transitions[:, 0], 0][:, None]
    after[significance, 1] = signs
    emit[significance, 0] = EMIT
    limits = np.array((layout.positive_limit, layout.negative_limit))
    parity = state[:, 0] & 1
    # by stateId, sign and magnitude - 1: what completes an index, and where it leads
    magnitude = 1 + np.arange(length + 1)
    completed = (1 - 2 * sign[:, 0]) * (2 * magnitude - parity if layout.dq_flag else magnitude)
    onward = significance[transitions[state[:, 0], magnitude & 1], 2 - sign[:, 0]]
    after[signs] = greater[:, None, :, 0]
    value[greater, 0] = completed[..., :-1]
    after[greater, 0] = onward[..., :-1]
    emit[greater, 0] = EMIT
    after[greater[..., :-1], 1] = greater[..., 1:]
    after[greater[..., -1], 1] = escapes
    flags[greater[..., -1], 1] = ESCAPE
    value[greater[..., -1], 1] = sign[:, 0, :, 0] | parity[..., 0] << 1
    for side in (side for side in (0, 1) if 0 < limits[side] <= length + 1):
        largest = int(limits[side])
        before, which = (signs, side) if largest == 1 else (greater[:, side, largest - 2], 1)
        shape = (states, 1) if largest == 1 else (states,)
        after[before, which] = onward[:, side, largest - 1].reshape(shape)
        value[before, which] = completed[:, side, largest - 1].reshape(shape)
        emit[before, which], flags[before, which] = EMIT, 0
    if 0 in limits:
        only = 1 if limits[0] == 0 else 0
        for table in (after, value, emit, flags):
            table[significance, 1] = table[signs, only]
    after[escapes] = significance[transitions[:, None, :], 2 - sign[:, 0]]
    after[first:] = significance.reshape(-1, 1)
    flags[after < significance.size] = SIGNIFICANCE
    flags[significance] |= np.where(context[after[significance]] == context[significance][..., None], STAY, 0)

    places = 8 * LINKS + LINK_BYTES * np.arange(2 * nodes).reshape(nodes, 2) + flags
    links = np.zeros((nodes, 2), LINK)
    links["next_0"], links["next_1"] = places[after, 0], places[after, 1]
    links["context_0"], links["context_1"] = (unit * context[after[after, bin_value]] for bin_value in (0, 1))
    links["context"], links["value"], links["emit"] = unit * context[after], value, emit
    octets = np.zeros((2 * nodes, LINK_BYTES), np.uint8)
    for flag in (0, ESCAPE, SIGNIFICANCE, STAY):
        flagged = flags.reshape(-1) == flag
        octets[flagged, flag : flag + LINK.itemsize] = links.reshape(-1)[flagged].view(np.uint8).reshape(-1, LINK.itemsize)
    return octets.reshape(-1).view(np.uint64), places.reshape(-1), places[first:, 0].copy()
