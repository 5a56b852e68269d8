"""The tables of the fast kernels: contexts, engine and parse as words of one array, made from `Tables` (pure, cached).

A context is one word: s + 4096 in bits 51..63, S0 + 128 in bits 21..28, S1 + 2048 in bits 1..12; the numbers of its set's two shifts in
bits 30..31 and 14..15. So bit 63 is the most probable bin, the word >> 58 says the row of lps_range, and bits 24..31 and 8..15 say by
how much the word rises with a bin 1; those of the word - `UNIT` by how much it falls with a bin 0. Bits 29 and 13 stay 0.

A row of lps_range is one word of eight bytes, one a value of IvlCurrRange bits 7..5, such that the row << (8 * these bits) has rLPS in
bits 55..62.

The parse is a machine of nodes: a node waits for one bin with one context. For each node and bin there is a link to the next node.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.contexts import INITIAL_S, INITIAL_S0, NEIGHBOURS, SHIFT_0, SHIFT_1, ContextLayout
from nnc_conformance.reference.entropy.kernel_tables import SETS, STATES, IntArray, Tables

Words = npt.NDArray[np.uint64]

CONTEXT_WORDS: Final = 1024
"""Room for the contexts at the start of the array."""
LPS_ROWS: Final = CONTEXT_WORDS
RISES_1: Final = LPS_ROWS + 64
RISES_0: Final = RISES_1 + 256
FALLS_1: Final = RISES_0 + 256
FALLS_0: Final = FALLS_1 + 256
INITIAL: Final = FALLS_0 + 256
"""A context's first word, by its set."""
LINKS: Final = INITIAL + 16
"""Where the links start: two for each node, one for each bin."""

UNIT: Final = 1 << 1 | 1 << 21

ESCAPE: Final = 1
"""The link leads to the exp-Golomb prefix."""
STAY: Final = 2
"""The next node and the one after its bin 0 have the same context."""
EMIT: Final = 4
"""The index is complete: its value is the link's."""
LINK_FIELDS: Final = {"context_0": 3, "context_1": 16, "node": 26, "context": 41, "value": 53}
"""First bits of a link's other fields: the contexts of the next node's successors by bin 0 and 1, twice the next node's number, its
context, and the signed value of the index (of an escape: bit 0 says negative, bit 1 is the stateId's parity)."""


class Machine(NamedTuple):
    """``words``: uint64, all tables, the contexts not yet set; ``starts``: offset from LINKS of a link to the first node, by stateId."""

    words: Words
    starts: IntArray


def machine(tables: Tables, layout: ContextLayout) -> Machine | None:
    """The machine of a tensor's layout; None where the tables have values that the words cannot hold. Do not write to it."""
    engine = _engine(tuple(table.tobytes() for table in tables[:3]))
    if engine is None:
        return None
    links, starts = _links(tables.state_trans.tobytes(), layout)
    return Machine(np.concatenate([engine, links]), starts)


@lru_cache(maxsize=8)
def _engine(tables: tuple[bytes, ...]) -> Words | None:
    """The words before the links."""
    lps_range, state_step, parameter_sets = (np.frombuffer(table, np.int64) for table in tables)
    ranges, sets = lps_range.reshape(8, 32), parameter_sets.reshape(SETS, 4)
    shifts_0, shifts_1 = np.unique(sets[:, SHIFT_0]), np.unique(sets[:, SHIFT_1])
    fit = ranges.min() >= 2 and ranges.max() < 256 and not (ranges[7] & 1).any() and state_step.min() >= 0 and state_step.max() < 1 << 16
    if not fit or len(shifts_0) > 4 or len(shifts_1) > 4:
        return None
    words = np.zeros(LINKS, np.uint64)
    for row in range(64):
        column = ranges[:, min(abs(row - 32), 31)].tolist()
        words[LPS_ROWS + row] = sum(value << 55 >> 8 * place for place, value in enumerate(column))
    for number in range(4):
        places = np.arange(32) + 64 * number
        for shifts, rises, falls, bit in (
            (shifts_0 + 4, RISES_0, FALLS_0, 1 << 21 | 1 << 55),
            (shifts_1, RISES_1, FALLS_1, 1 << 1 | 1 << 51),
        ):
            if number < len(shifts):
                steps = (state_step >> shifts[number]).astype(np.uint64) * np.uint64(bit)
                words[rises + places] = steps
                words[falls + places] = steps[::-1]
    for number, given in enumerate(sets.tolist()):
        s, s0 = given[INITIAL_S], given[INITIAL_S0]
        codes = int(np.searchsorted(shifts_0, given[SHIFT_0])) << 30 | int(np.searchsorted(shifts_1, given[SHIFT_1])) << 14
        words[INITIAL + number] = (s + 4096) << 51 | (s0 + 128) << 21 | (s - 16 * s0 + 2048) << 1 | codes
    return words


@lru_cache(maxsize=32)
def _links(state_trans: bytes, layout: ContextLayout) -> tuple[Words, IntArray]:
    """The links, two a node, and the offset of the link to each stateId's first node.

    Nodes: significance by stateId and class of the previous index, sign likewise, greater-than by stateId, sign and number, the escape by
    stateId and sign (its links say where to go on after an even and an odd index), and one whose links lead to the start of a stateId.
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
    nodes = first + states

    context = np.zeros(nodes, np.int64)
    after, value, flags = (np.zeros((nodes, 2), np.int64) for _ in range(3))
    context[significance] = NEIGHBOURS * state[..., 0, 0] + previous[..., 0, 0]
    context[signs] = layout.sign + previous[..., 0, 0]
    context[greater] = layout.greater + 2 * j[0] + sign[0]
    context[escapes] = layout.prefix

    after[significance, 0] = significance[transitions[:, 0], 0][:, None]
    after[significance, 1] = signs
    flags[significance, 0] = EMIT
    after[signs] = greater[:, None, :, 0]
    magnitude = 1 + j[:, 0]
    parity = state[:, 0] & 1
    value[greater, 0] = (1 - 2 * sign[:, 0]) * (2 * magnitude - parity if layout.dq_flag else magnitude)
    after[greater, 0] = significance[transitions[state[:, 0], magnitude & 1], 2 - sign[:, 0]]
    flags[greater, 0] = EMIT
    after[greater[..., :-1], 1] = greater[..., 1:]
    after[greater[..., -1], 1] = escapes
    flags[greater[..., -1], 1] = ESCAPE
    value[greater[..., -1], 1] = sign[:, 0, :, 0] | parity[..., 0] << 1
    after[escapes] = significance[transitions[:, None, :], 2 - sign[:, 0]]
    after[first:] = significance[:, :1]

    successors = context[after[after]]
    flags |= np.where(successors[..., 0] == context[after], STAY, 0)
    fields = {
        "context_0": successors[..., 0],
        "context_1": successors[..., 1],
        "node": 2 * after,
        "context": context[after],
        "value": value & 0x7FF,
    }
    links = flags.astype(np.uint64)
    for name, numbers in fields.items():
        links |= numbers.astype(np.uint64) << np.uint64(LINK_FIELDS[name])
    return links.reshape(-1), 2 * np.arange(first, nodes)
