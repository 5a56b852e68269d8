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

from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN, NO_HISTORY, ScanArea, TensorHistory
from nnc_conformance.reference.entropy.compiled import kernel
from nnc_conformance.reference.entropy.contexts import (
    ABS_REMAINDER,
    BLOCK_ROW_START,
    END_TERMINATE,
    HDSP_FLAG,
    INITIALISATION,
    MAX_PREFIX,
    NEIGHBOURS,
    ROW_SKIP_FLAG,
    SET_BITS,
    SHIFT_BITS,
    TCA_NEIGHBOURS,
    ContextLayout,
    bin_cost,
    reset_contexts,
    set_is_signalled,
    update_state,
)
from nnc_conformance.reference.entropy.kernel_tables import IntArray, Tables

DECODE, ENCODE, ESTIMATE = range(3)
"""Directions: values of the register MODE."""
OK, CABAC_END, INTERVAL, PREFIX, TERMINATE, UNREACHABLE, CODEBOOK_LIMIT = range(7)
"""Outcomes: values of the register STATUS.

UNREACHABLE: an encoder met a value that it cannot represent: by dependent quantization in its
    state, in a skipped row, or outside the codebook.
CODEBOOK_LIMIT: a decoder met an index outside the codebook.
"""
MODE, RANGE, OFFSET, POSITION, ELEMENT, INDEX, STATUS, FAILED_ELEMENT, FAILED_BIT, EVENTS, HDSP = range(11)
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
HDSP: hist_dep_sig_prob_enabled_flag of the tensor.
"""
REGISTERS = 11
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
        tables: The tables of the coder.
        base: int16 (indexes,), the base index at each place (see `TensorHistory`); empty
            without history.
        seen: uint8 (indexes,), 1 where an earlier update was not zero; empty without history.
        skipped: uint8 (rows,), row_skip_list; empty without row skipping.
    """

    registers: IntArray
    payload: npt.NDArray[np.uint8]
    parameter_sets: IntArray
    states: IntArray
    bit_costs: IntArray
    costs: IntArray
    events: IntArray
    tables: Tables
    base: npt.NDArray[np.int16]
    seen: npt.NDArray[np.uint8]
    skipped: npt.NDArray[np.uint8]


# The engine


@kernel
def fail(coder: Coder, status: int) -> None:
    """Record an error in the registers: status, element and bit.

    An error that is recorded already stays.
    """
    r = coder.registers
    if r[STATUS] == OK:
        r[STATUS] = status
        r[FAILED_ELEMENT] = r[ELEMENT]
        r[FAILED_BIT] = r[POSITION]


@kernel
def record(coder: Coder, kind: int, bin_value: int, before: tuple[int, int, int, int]) -> None:
    """Record a bin; if there is no room, only count it.

    Args:
        before: Range, offset, state sum and position before the bin.
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
    """Propagate a carry into the written payload: add one to its last bit."""
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
    """Start the codeword: reset the registers; a decoder reads the first 9 bits.

    Args:
        coder: The coder.
        mode: DECODE, ENCODE or ESTIMATE.
    """
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
    """Code one bin with a context, and update the context.

    Args:
        coder: The coder; its mode decides whether the bin is decoded, encoded or estimated.
        context: Number of the context.
        bin_value: The bin to encode; ignored by a decoder.

    Returns:
        The bin.
    """
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
    """Add the cost of a bin to its context in every lane.

    The context's state moves there too; each lane has parameter sets of its own.
    """
    for lane in range(coder.states.shape[0]):
        state = coder.states[lane, context]
        coder.costs[lane, context] += bin_cost(coder.bit_costs, state, bin_value)
        update_state(coder.tables, coder.parameter_sets[lane, context], state, bin_value)


@kernel
def code_bypass(coder: Coder, bin_value: int) -> int:
    """Code one bin without a context, which takes exactly one bit; return the bin.

    A decoder ignores ``bin_value``. An estimate counts nothing.
    """
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
    """Code the terminate bin 1 at the end of the codeword.

    A decoder fails on a 0.

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
    """Code uae_v(bits): an unsigned number in bypass bins, most significant bit first.

    Args:
        coder: The coder.
        element: Number of the element, for errors and traces.
        bits: Number of bins.
        value: The number to encode; ignored by a decoder.

    Returns:
        The number.
    """
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
def hist_dep_sig_prob_enabled_flag(coder: Coder, value: int) -> int:
    """Code whether the significance contexts of places seen before are in use."""
    coder.registers[HDSP] = uae_v(coder, HDSP_FLAG, 1, value)
    return int(coder.registers[HDSP])


@kernel
def row_skip_enabled_flag(coder: Coder, value: int) -> int:
    """Code whether a list of skipped rows follows."""
    return uae_v(coder, ROW_SKIP_FLAG, 1, value)


@kernel
def row_skip_list(coder: Coder, layout: ContextLayout) -> None:
    """Code a bin for each row: 1 if no index of the row is coded."""
    for row in range(coder.skipped.shape[0]):
        coder.skipped[row] = code_bin(coder, layout.row_skip, int(coder.skipped[row]))


@kernel
def shift_parameter_ids(coder: Coder, layout: ContextLayout) -> None:
    """Code the parameter set of each context.

    The contexts have their initial states here; the context of the flag itself uses set 0.
    """
    sets = coder.parameter_sets[0]
    for context in range(layout.flag):
        signalled = set_is_signalled(layout, context, coder.registers[HDSP] != 0)  # second edition
        if signalled and code_bin(coder, layout.flag, 1 if sets[context] > 0 else 0):
            sets[context] = 1 + uae_v(coder, SHIFT_BITS, SET_BITS, sets[context] - 1)
        else:
            sets[context] = 0


@kernel
def significance_context(coder: Coder, layout: ContextLayout, state_id: int, previous: int, place: int) -> int:
    """Select the context of sig_flag: by HDSP, else by TCA, else by the previous index.

    Args:
        coder: The coder, with the tensor's history.
        layout: Its contexts.
        state_id: stateId; 0 without dependent quantization.
        previous: Class of the previous index: 0 for zero, 1 for negative, 2 for positive.
        place: Number of the index, row-major.
    """
    if coder.registers[HDSP] != 0 and coder.seen.shape[0] > 0 and coder.seen[place] != 0:  # second edition
        return layout.sig_hdsp + state_id  # second edition
    base = base_index(coder, layout, place)  # second edition
    if base != 0:  # second edition
        return layout.sig_tca + TCA_NEIGHBOURS * state_id + (1 if abs(base) > 1 else 0)  # second edition
    return NEIGHBOURS * state_id + previous


@kernel
def base_index(coder: Coder, layout: ContextLayout, place: int) -> int:
    """Return the index of the base model at a place; 0 without temporal context adaptation."""
    return int(coder.base[place]) if layout.tca and coder.base.shape[0] > 0 else 0


@kernel
def code_sign(coder: Coder, layout: ContextLayout, previous: int, base: int, quant: int) -> int:
    """Code and return sign_flag, unless the codebook has only one side of index 0.

    Args:
        coder: The coder.
        layout: The tensor's contexts, with the codebook's limits.
        previous: Class of the index coded before it: 0 zero, 1 negative, 2 positive.
        base: The index of the base model that TCA uses; 0 without TCA.
        quant: The index to encode; ignored by a decoder.
    """
    if layout.negative_limit == 0 or layout.positive_limit == 0:  # second edition
        return 0 if layout.negative_limit == 0 else 1  # second edition
    if base != 0:  # second edition
        return code_bin(coder, layout.sign_tca + (1 if base > 0 else 0), 1 if quant < 0 else 0)  # second edition
    return code_bin(coder, layout.sign + previous, 1 if quant < 0 else 0)


@kernel
def greater_context(layout: ContextLayout, base: int, j: int, sign_flag: int) -> int:
    """Return the context of greater-than bin ``j``.

    Args:
        layout: The tensor's contexts.
        base: The index of the base model that TCA uses; 0 without TCA.
        j: Number of the bin, from 0.
        sign_flag: 1 for a negative index.
    """
    if base != 0:  # second edition
        return layout.greater_tca + 2 * j + (1 if abs(base) < j else 0)  # second edition
    return layout.greater + 2 * j + sign_flag


@kernel
def code_possible_bin(coder: Coder, possible: bool, context: int, bin_value: int) -> int:
    """Code a bin; if the codebook makes a 1 impossible, code nothing and return 0."""
    return code_bin(coder, context, bin_value) if possible else 0


@kernel
def quant_param(coder: Coder, layout: ContextLayout, state_id: int, previous: int, place: int, quant: int) -> int:
    """Code one index (QuantParam), before the doubling of dependent quantization.

    Args:
        previous: Class of the index coded before it: 0 zero, 1 negative, 2 positive.
        place: The index's place in the tensor, row-major.
    """
    if layout.negative_limit == 0 and layout.positive_limit == 0:  # second edition
        return 0  # second edition
    if not code_bin(coder, significance_context(coder, layout, state_id, previous, place), 1 if quant != 0 else 0):
        return 0
    base = base_index(coder, layout, place)  # second edition
    sign_flag = code_sign(coder, layout, previous, base, quant)
    limit = layout.negative_limit if sign_flag else layout.positive_limit  # second edition
    wanted = abs(quant)
    magnitude = 1
    j = 0
    while j < layout.unary_length and code_possible_bin(
        coder, magnitude < limit, greater_context(layout, base, j, sign_flag), 1 if wanted > magnitude else 0
    ):
        magnitude += 1
        j += 1
    if j == layout.unary_length:
        rem_bits = 0  # abs_remainder
        while rem_bits < MAX_PREFIX and code_possible_bin(
            coder,
            magnitude + (1 << rem_bits) <= limit,
            layout.prefix + rem_bits,
            1 if wanted - magnitude >= 1 << rem_bits else 0,
        ):
            magnitude += 1 << rem_bits  # abs_remainder
            rem_bits += 1  # abs_remainder
        magnitude += uae_v(coder, ABS_REMAINDER, rem_bits, wanted - magnitude)
        if magnitude > limit:  # second edition
            fail(coder, CODEBOOK_LIMIT)  # second edition
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
def state_after_skipped(coder: Coder, layout: ContextLayout, state_id: int, columns: int, width: int) -> int:
    """Step the trellis over the part of a skipped row in a block.

    Each index counts as 0.

    The disputed point skipped_stretch decides the number of steps.

    Args:
        coder: The coder, for the table of transitions.
        layout: Whether a step is taken for each index or for each column.
        state_id: stateId before the row.
        columns: Columns of the tensor.
        width: Indexes of the row in this block.
    """
    for _ in range(width if layout.skip_by_index else columns):
        state_id = coder.tables.state_trans[state_id, 0]
    return state_id


@kernel
def quant_block_row(
    coder: Coder, layout: ContextLayout, area: ScanArea, state_id: int, indexes: npt.NDArray[np.int32], first_row: int
) -> int:
    """Code the indexes of one block row, block after block, row-major in each block.

    Scan order 0 has a single block row, the whole tensor. Indexes of a skipped row are not coded.

    Args:
        state_id: stateId at the start.
        indexes: int32 (rows * columns,), the block row in row-major order.
        first_row: The tensor's row with which the block row begins.

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
            skipped = coder.skipped.shape[0] > 0 and coder.skipped[first_row + row] != 0  # second edition
            if skipped and layout.dq_flag:  # second edition
                state_id = state_after_skipped(coder, layout, state_id, area.columns, right - left)  # second edition
            for place in range(row * area.columns + left, row * area.columns + right):
                given = 0 if decoding else int(indexes[place])
                quant, value = 0, 0  # second edition
                if not skipped:  # second edition
                    wanted = undoubled(given, state_id) if layout.dq_flag else given
                    quant = quant_param(coder, layout, state_id, previous, first_row * area.columns + place, wanted)
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
                if skipped:  # second edition
                    continue  # second edition
                previous = 0 if quant == 0 else 1 if quant < 0 else 2  # sig_flag
                if layout.dq_flag:
                    state_id = coder.tables.state_trans[state_id, quant & 1]
                r[INDEX] += 1
    return state_id


@kernel
def enter_block_row(coder: Coder) -> None:
    """Set the range to 256 at the start of a block row.

    That happens in tensors with several only. A decoder fails if IvlOffset is not below it.
    """
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
            part = ScanArea(after - first, area.columns, area.side)
            state_id = quant_block_row(coder, layout, part, state_id, block_row, first)  # dq_flag
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
    history: TensorHistory | None = None,
    skipped: npt.NDArray[np.uint8] | None = None,
) -> Coder:
    """Make a coder for one tensor, with all contexts in their initial states.

    Registers and payload continue from the tensor before.

    Args:
        lane_sets: Parameter set of each lane.
        bit_costs: Costs of bins, if the coder estimates.
        events: Room for recorded bins, if the coder records.
        history: What earlier streams left (second edition).
        skipped: row_skip_list, uint8 (rows,), if rows are skipped.
    """
    contexts = layout.row_skip + 1
    history = history or NO_HISTORY
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
        history.base,
        history.seen,
        np.zeros(0, np.uint8) if skipped is None else skipped,
    )
