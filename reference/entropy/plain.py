"""The plain kernel: coding engine and structures of clause 10, once for all directions.

Every ``code_`` function takes the value to code and returns the coded value. When decoding, it
ignores its argument and returns what it read. When encoding, it writes its argument and returns it.
When estimating, it adds the cost of its argument for each parameter set and writes nothing. The
register MODE holds the direction.

An error sets the registers STATUS, FAILED_ELEMENT and FAILED_BIT. Whatever is coded after that has
no meaning, and the loops over indexes end.

Where a line does not show it, a comment names the syntax element that the line computes, for
diagnosis (`faults.mutants.concerned`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN, ScanArea
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import (
    ABS_REMAINDER,
    BLOCK_ROW_START,
    END_TERMINATE,
    INITIALISATION,
    MAX_PREFIX,
    NEIGHBOURS,
    SET_BITS,
    SHIFT_BITS,
    ContextLayout,
    bin_cost,
    reset_contexts,
    update_state,
)
from nnc_conformance.reference.entropy.kernel_tables import IntArray, Tables

DECODE, ENCODE, ESTIMATE = range(3)
"""Directions: values of the register MODE."""
OK, CABAC_END, INTERVAL, PREFIX, TERMINATE, UNREACHABLE = range(6)
"""Outcomes: values of the register STATUS.

UNREACHABLE: an encoder met a value that dependent quantization cannot represent in its state.
"""
MODE, RANGE, OFFSET, POSITION, ELEMENT, INDEX, STATUS, FAILED_ELEMENT, FAILED_BIT, EVENTS = range(10)
"""Numbers of the registers.

MODE: the direction.
RANGE: IvlCurrRange.
OFFSET: IvlOffset; when encoding, the low end of the interval in a window of 9 bits, which moves
    over the bits already written.
POSITION: payload bits read or written.
ELEMENT: the context being coded, or the negative number of an element without contexts.
INDEX: indexes of the tensor coded so far; -1 before its first index.
STATUS: OK, or the first error; FAILED_ELEMENT and FAILED_BIT: ELEMENT and POSITION at that error.
EVENTS: bins since recording began.
"""
REGISTERS = 10
"""Number of registers."""
CONTEXT_BIN, BYPASS_BIN, TERMINATE_BIN = range(3)
"""Kinds of bins in a recorded event."""
INITIAL_RANGE = 510
"""IvlCurrRange at the start of a codeword."""
FORCED_RANGE = 256
"""IvlCurrRange at the start of a block row, in tensors with several."""
WINDOW_BITS = 9
"""Bits of IvlOffset."""
WINDOW_MASK = (1 << WINDOW_BITS) - 1
"""The bits of IvlOffset, all set."""


class Coder(NamedTuple):
    """Everything that a kernel works on.

    A lane is one set of contexts: coding needs one lane, estimating has one for each parameter set.

    Args:
        registers: int64 (REGISTERS,).
        payload: uint8 (bytes,), read from, or written to up to its size.
        parameter_sets: int64 (lanes, contexts), the number of each context's set.
        states: int64 (lanes, contexts, 2), the probability states S0 and S1.
        bit_costs: int64 (32, 2), the cost of a most and a least probable bin by ``abs(s >>
            7)``; empty unless estimating.
        costs: int64 (lanes, contexts), the sums of costs; empty unless estimating.
        events: int64 (capacity, 9), a row of EVENT_FIELDS for each bin; empty unless recording.
        tables: the tables of the coder.
    """

    registers: IntArray
    payload: npt.NDArray[np.uint8]
    parameter_sets: IntArray
    states: IntArray
    bit_costs: IntArray
    costs: IntArray
    events: IntArray
    tables: Tables


# The engine


@kernel
def fail(coder: Coder, status: int) -> None:
    """Record the first error with its place."""
    r = coder.registers
    if r[STATUS] == OK:
        r[STATUS] = status
        r[FAILED_ELEMENT] = r[ELEMENT]
        r[FAILED_BIT] = r[POSITION]


@kernel
def record(coder: Coder, kind: int, bin_value: int, before: tuple[int, int, int, int]) -> None:
    """Record a bin; if there is no room, only count it.

    Args:
        before: range, offset, state sum and position before the bin.
    """
    r = coder.registers
    if r[EVENTS] < coder.events.shape[0]:
        event = coder.events[r[EVENTS]]
        event[0] = kind
        event[1] = r[ELEMENT]
        event[2] = bin_value
        event[3], event[4], event[5], event[6] = before
        event[7] = r[POSITION] - before[3]
        event[8] = r[INDEX]
    r[EVENTS] += 1


@kernel
def shift_bit(coder: Coder) -> None:
    """Double IvlOffset: read the next payload bit, or write the leading bit of the window."""
    r = coder.registers
    byte = r[POSITION] >> 3
    place = 7 - (r[POSITION] & 7)
    inside = byte < coder.payload.shape[0]
    if r[MODE] == DECODE:
        bit = 0
        if inside:
            bit = (np.int64(coder.payload[byte]) >> place) & 1
        else:
            fail(coder, CABAC_END)
        r[OFFSET] = 2 * r[OFFSET] + bit
    else:
        if inside:
            coder.payload[byte] = np.int64(coder.payload[byte]) | ((r[OFFSET] >> (WINDOW_BITS - 1)) << place)
        r[OFFSET] = (2 * r[OFFSET]) & WINDOW_MASK
    r[POSITION] += 1


@kernel
def carry(coder: Coder) -> None:
    """Add one to the last bit written."""
    last = coder.registers[POSITION] - 1
    byte = last >> 3
    one = 1 << (7 - (last & 7))
    while 0 <= byte < coder.payload.shape[0]:
        total = np.int64(coder.payload[byte]) + one
        coder.payload[byte] = total & 255
        if total < 256:
            return
        byte -= 1
        one = 1


@kernel
def take_upper_part(coder: Coder, lower_part: int) -> None:
    """Move the low end of the interval up by the width of its lower part.

    A decoder subtracts it from IvlOffset; an encoder adds it to the window.
    """
    r = coder.registers
    if r[MODE] == DECODE:
        r[OFFSET] -= lower_part
    else:
        r[OFFSET] += lower_part
        if r[OFFSET] > WINDOW_MASK:
            r[OFFSET] &= WINDOW_MASK
            carry(coder)


@kernel
def renormalise(coder: Coder) -> None:
    """Double range and offset until the range is at least 256."""
    r = coder.registers
    while r[RANGE] < 256:
        r[RANGE] *= 2
        shift_bit(coder)


@kernel
def initialise(coder: Coder, mode: int) -> None:
    """Start the codeword: reset the registers, and read the first 9 bits when decoding."""
    r = coder.registers
    r[:] = 0
    r[MODE] = mode
    r[RANGE] = INITIAL_RANGE
    r[ELEMENT] = INITIALISATION
    r[INDEX] = -1
    if mode == DECODE:
        for _ in range(WINDOW_BITS):
            shift_bit(coder)
        if r[OFFSET] >= r[RANGE]:
            fail(coder, INTERVAL)


@kernel
def code_bin(coder: Coder, context: int, bin_value: int) -> int:
    """Code one bin with a context."""
    r = coder.registers
    r[ELEMENT] = context
    if r[MODE] == ESTIMATE:
        estimate_bin(coder, context, bin_value)
        return bin_value
    state = coder.states[0, context]
    s = 16 * state[0] + state[1]
    before = (r[RANGE], r[OFFSET], s, r[POSITION])
    most_probable = 1 if s >= 0 else 0
    lps_range = coder.tables.lps_range[abs(s >> 7) + (r[RANGE] & 0xE0)]
    mps_range = r[RANGE] - lps_range
    if r[MODE] == DECODE:
        bin_value = 1 - most_probable if r[OFFSET] >= mps_range else most_probable
    if bin_value == most_probable:
        r[RANGE] = mps_range
    else:
        take_upper_part(coder, mps_range)
        r[RANGE] = lps_range
    renormalise(coder)
    update_state(coder.tables, coder.parameter_sets[0, context], state, bin_value)
    if coder.events.shape[0] > 0:
        record(coder, CONTEXT_BIN, bin_value, before)
    return bin_value


@kernel
def estimate_bin(coder: Coder, context: int, bin_value: int) -> None:
    """Add the cost of a bin in every lane."""
    for lane in range(coder.states.shape[0]):
        state = coder.states[lane, context]
        coder.costs[lane, context] += bin_cost(coder.bit_costs, state, bin_value)
        update_state(coder.tables, coder.parameter_sets[lane, context], state, bin_value)


@kernel
def code_bypass(coder: Coder, bin_value: int) -> int:
    """Code one bin without a context; it takes exactly one bit."""
    r = coder.registers
    if r[MODE] == ESTIMATE:
        return bin_value
    before = (r[RANGE], r[OFFSET], 0, r[POSITION])
    shift_bit(coder)
    if r[MODE] == DECODE:
        bin_value = 1 if r[OFFSET] >= r[RANGE] else 0
    if bin_value:
        take_upper_part(coder, r[RANGE])
    if coder.events.shape[0] > 0:
        record(coder, BYPASS_BIN, bin_value, before)
    return bin_value


@kernel
def code_terminate(coder: Coder) -> int:
    """Code the terminate bin 1 at the end of the codeword; a decoder fails on a 0.

    An encoder writes the whole window, whose last bit is the stop bit.
    """
    r = coder.registers
    r[ELEMENT] = END_TERMINATE
    r[INDEX] = -1
    before = (r[RANGE], r[OFFSET], 0, r[POSITION])
    bin_value = 1
    r[RANGE] -= 2
    if r[MODE] == DECODE:
        if r[OFFSET] < r[RANGE]:
            bin_value = 0
            fail(coder, TERMINATE)
            renormalise(coder)
    else:
        take_upper_part(coder, r[RANGE])
        r[OFFSET] |= 1
        for _ in range(WINDOW_BITS):
            shift_bit(coder)
    if coder.events.shape[0] > 0:
        record(coder, TERMINATE_BIN, bin_value, before)
    return bin_value


@kernel
def uae_v(coder: Coder, element: int, bits: int, value: int) -> int:
    """Code uae_v(bits): an unsigned number in bypass bins, most significant bit first."""
    coder.registers[ELEMENT] = element
    coded = 0
    for place in range(bits - 1, -1, -1):
        coded = 2 * coded + code_bypass(coder, (value >> place) & 1)
    return coded


@kernel
def iae_v(coder: Coder, element: int, bits: int, value: int) -> int:
    """Code iae_v(bits): a number in two's complement."""
    coded = uae_v(coder, element, bits, value)
    return coded - ((coded >> (bits - 1)) << bits)


# The structures


@kernel
def shift_parameter_ids(coder: Coder, layout: ContextLayout) -> None:
    """Code the parameter set of each context.

    The contexts have their initial states here; the context of the flag itself uses set 0.
    """
    sets = coder.parameter_sets[0]
    for context in range(layout.flag):
        if code_bin(coder, layout.flag, 1 if sets[context] > 0 else 0):
            sets[context] = 1 + uae_v(coder, SHIFT_BITS, SET_BITS, sets[context] - 1)
        else:
            sets[context] = 0


@kernel
def quant_param(coder: Coder, layout: ContextLayout, state_id: int, previous: int, quant: int) -> int:
    """Code one index (QuantParam), before the doubling of dependent quantization.

    Args:
        previous: class of the index coded before it: 0 zero, 1 negative, 2 positive.
    """
    if not code_bin(coder, NEIGHBOURS * state_id + previous, 1 if quant != 0 else 0):
        return 0
    sign_flag = code_bin(coder, layout.sign + previous, 1 if quant < 0 else 0)
    wanted = abs(quant)
    magnitude = 1
    j = 0
    while j < layout.unary_length and code_bin(coder, layout.greater + 2 * j + sign_flag, 1 if wanted > magnitude else 0):
        magnitude += 1
        j += 1
    if j == layout.unary_length:
        rem_bits = 0  # abs_remainder
        while rem_bits < MAX_PREFIX and code_bin(coder, layout.prefix + rem_bits, 1 if wanted - magnitude >= 1 << rem_bits else 0):
            magnitude += 1 << rem_bits  # abs_remainder
            rem_bits += 1  # abs_remainder
        magnitude += uae_v(coder, ABS_REMAINDER, rem_bits, wanted - magnitude)
    return -magnitude if sign_flag else magnitude


@kernel
def doubled(quant: int, state_id: int) -> int:
    """Compute the value of a coded index under dependent quantization."""
    if quant == 0:
        return 0
    return 2 * quant - (state_id & 1 if quant > 0 else -(state_id & 1))


@kernel
def undoubled(value: int, state_id: int) -> int:
    """Compute the coded index of a value in this state; the inverse of `doubled`.

    If dependent quantization cannot represent the value in this state, it is that of the nearest
    value below in magnitude.
    """
    magnitude = (abs(value) + (state_id & 1)) >> 1
    return -magnitude if value < 0 else magnitude


@kernel
def quant_block_row(coder: Coder, layout: ContextLayout, area: ScanArea, state_id: int, indexes: npt.NDArray[np.int32]) -> int:
    """Code the indexes of one block row, block after block, row-major in each block.

    Scan order 0 has a single block row, the whole tensor.

    Args:
        state_id: stateId at the start.
        indexes: int32 (rows * columns,), the block row in row-major order.

    Returns:
        The stateId after the block row.
    """
    r = coder.registers
    decoding = r[MODE] == DECODE
    width = area.side if area.side > 0 else area.columns
    previous = 0  # sig_flag
    for left in range(0, area.columns, width):
        right = min(left + width, area.columns)
        for row in range(area.rows):
            for place in range(row * area.columns + left, row * area.columns + right):
                given = 0 if decoding else int(indexes[place])
                quant = quant_param(coder, layout, state_id, previous, undoubled(given, state_id) if layout.dq_flag else given)
                value = doubled(quant, state_id) if layout.dq_flag else quant
                if decoding:
                    if INT32_MIN <= value <= INT32_MAX:
                        indexes[place] = value
                    else:
                        fail(coder, PREFIX)
                elif value != given:
                    fail(coder, UNREACHABLE)
                if r[STATUS] != OK:
                    return state_id
                previous = 0 if quant == 0 else 1 if quant < 0 else 2  # sig_flag
                if layout.dq_flag:
                    state_id = coder.tables.state_trans[state_id, quant & 1]
                r[INDEX] += 1
    return state_id


@kernel
def enter_block_row(coder: Coder) -> None:
    """Narrow the interval at the start of a block row, in tensors with several."""
    r = coder.registers
    r[ELEMENT] = BLOCK_ROW_START
    r[RANGE] = FORCED_RANGE
    if r[MODE] == DECODE and r[OFFSET] >= r[RANGE]:
        fail(coder, INTERVAL)


@kernel
def quant_tensor(coder: Coder, layout: ContextLayout, area: ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray) -> None:
    """Code all indexes of a tensor that has any; its parameter sets are known.

    Args:
        indexes: int32 (rows * columns,), row-major, doubled with dq_flag.
        entry_points: int64 (block rows - 1, 3), filled with IvlOffset, stateId and position at
            the start of each block row after the first.
    """
    r = coder.registers
    r[INDEX] = 0
    height = area.side if area.side > 0 else area.rows
    state_id = 0  # dq_flag
    for first in range(0, area.rows, height):
        after = min(first + height, area.rows)
        reset_contexts(coder.tables, coder.parameter_sets, coder.states)
        if area.rows > height:
            enter_block_row(coder)
        if first > 0:
            entry_point = entry_points[first // height - 1]
            entry_point[0] = r[OFFSET]
            entry_point[1] = state_id  # dq_state_list
            entry_point[2] = r[POSITION]
        if r[STATUS] == OK:
            block_row = indexes[first * area.columns : after * area.columns]
            state_id = quant_block_row(coder, layout, ScanArea(after - first, area.columns, area.side), state_id, block_row)  # dq_flag
        if r[STATUS] != OK:
            return


def new_coder(
    tables: Tables,
    layout: ContextLayout,
    registers: IntArray,
    payload: npt.NDArray[np.uint8],
    *,
    events: IntArray | None = None,
    lane_sets: tuple[int, ...] = (0,),
    bit_costs: IntArray | None = None,
) -> Coder:
    """Make a coder for one tensor, with all contexts in their initial states.

    Registers and payload continue from the tensor before.

    Args:
        lane_sets: parameter set of each lane.
        bit_costs: costs of bins, if the coder estimates.
        events: room for recorded bins, if the coder records.
    """
    contexts = layout.flag + 1
    parameter_sets = np.repeat(np.array(lane_sets, np.int64)[:, None], contexts, axis=1)
    states = np.zeros((len(lane_sets), contexts, 2), np.int64)
    reset_contexts(tables, parameter_sets, states)
    none = np.zeros((0, 0), np.int64)
    return Coder(
        registers,
        payload,
        parameter_sets,
        states,
        none if bit_costs is None else bit_costs,
        none if bit_costs is None else np.zeros((len(lane_sets), contexts), np.int64),
        none if events is None else events,
        tables,
    )
