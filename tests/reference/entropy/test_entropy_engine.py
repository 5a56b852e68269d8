"""The engine against exact arithmetic, and the probability states against numbers worked by hand."""

import random

import numpy as np
import pytest

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.codeword import (
    BinTrace,
    CodewordError,
    TensorCoding,
    TensorToCode,
    decode_codeword,
    encode_codeword,
)
from nnc_conformance.reference.entropy.contexts import context_layout, context_name, element_name, reset_contexts, update_state
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, make_tables
from nnc_conformance.reference.entropy.parameter_search import BIT, bit_costs
from nnc_conformance.reference.entropy.tables import CONTEXT_PARAMETER_SETS, LPS_RANGE_TABLE

KIND, ELEMENT, BIN, RANGE, OFFSET, STATE, POSITION, RENORMALISATION, INDEX = range(9)


def exact_codeword(events):
    """The codeword of recorded bins, by an encoder that keeps the whole low end as one integer and
    so knows no carry.
    """
    low, width, bits = 0, 510, 9
    for kind, _, bin_value, _, _, state, *_ in events:
        if kind == plain.BYPASS_BIN:
            low, bits = 2 * low + bin_value * width, bits + 1
            continue
        if kind == plain.TERMINATE_BIN:
            low += width - 2
            break
        lps = LPS_RANGE_TABLE[abs(state >> 7) + 32 * (width // 32 % 8)]
        if (state >= 0) == (bin_value == 1):
            width -= lps
        else:
            low, width = low + width - lps, lps
        while width < 256:
            low, width, bits = 2 * low, 2 * width, bits + 1
    size = -(-bits // 8)
    return ((low | 1) << (8 * size - bits)).to_bytes(size)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("unary_length", [1, 3, 40])
def test_bytes_are_those_of_exact_arithmetic(seed, unary_length):
    draw = random.Random(seed)
    spread = draw.choice([1, 5, 100, 2**31 - 1])
    values = np.array([draw.choice([0, 1, draw.randint(-spread, spread)]) for _ in range(200)], np.int32)
    coding = TensorCoding(10, 20, 0, False, unary_length, 8)
    payload = encode_codeword([TensorToCode(coding, values, draw.randint(-128, 127), "search")])
    trace = BinTrace()
    decode_codeword(payload, [coding], trace=trace)
    assert exact_codeword(trace.events.tolist()) == payload


def test_trace_is_a_chain_and_names_every_bin():
    coding = TensorCoding(20, 9, 1, True, 2, 6)
    layout = coding.layout
    values = np.zeros(180, np.int32)
    values[0], values[1] = 40, -2
    payload = encode_codeword([TensorToCode(coding, values, -3)])
    trace = BinTrace()
    decoded = decode_codeword(payload, [coding], trace=trace)
    events = trace.events
    assert (trace.first_events, trace.layouts) == ([0], [layout])
    np.testing.assert_array_equal(events[1:, POSITION], events[:-1, POSITION] + events[:-1, RENORMALISATION])
    assert (events[0, RANGE], events[0, POSITION]) == (510, 9)
    assert events[-1, POSITION] == decoded.bits_read
    assert (events[:, OFFSET] < events[:, RANGE]).all()
    names = [element_name(layout, element) for element in events[:, ELEMENT]]
    assert names[:6] == ["qp_delta"] * 6
    assert names[6 : 6 + layout.flag] == ["shift_parameter_ids"] * layout.flag
    first = [name for name, index in zip(names, events[:, INDEX], strict=True) if index == 0]
    # 40 is coded as 20: 1, two greater-than ones, then 17 = 1 + 2 + 4 + 8 + 2
    greater = ["abs_level_greater_x[0]", "abs_level_greater_x[1]"]
    assert first == ["sig_flag", "sign_flag", *greater, *(f"abs_level_greater_x2[{j}]" for j in range(5)), *["abs_remainder"] * 4]
    assert names[-1] == "end_of_codeword"
    assert events[:, INDEX].max() == 179


def test_trace_grows_and_survives_an_error():
    coding = TensorCoding(1, 30000, 0, False, 10, 0)
    payload = encode_codeword([TensorToCode(coding, np.zeros(30000, np.int32), 0, "default")])
    trace = BinTrace()
    decode_codeword(payload, [coding], trace=trace)
    assert len(trace.events) == coding.layout.flag + 30000 + 1
    whole = trace.events
    with pytest.raises(CodewordError):
        decode_codeword(payload[:-1], [coding], trace=trace)
    assert 0 < len(trace.events) < len(whole)
    np.testing.assert_array_equal(trace.events[:-1], whole[: len(trace.events) - 1])


def test_context_counts_are_the_sheets():
    assert context_layout(False, 10)[:6] == (3, 6, 26, 57, 10, False)
    assert context_layout(True, 256)[:6] == (24, 27, 539, 570, 256, True)
    assert context_name(context_layout(True, 1), 7) == "sig_flag, stateId 2, previous negative"
    assert context_name(context_layout(True, 1), 28) == "abs_level_greater_x[0], negative"
    assert context_name(context_layout(True, 1), 29) == "abs_level_greater_x2[0]"
    for wrong in (0, 257):
        with pytest.raises(ValueError, match="unary"):
            context_layout(False, wrong)


def test_states_start_and_move_as_worked_by_hand():
    sets = np.arange(9, dtype=np.int64)[None]
    states = np.zeros((1, 9, 2), np.int64)
    reset_contexts(DEFAULT, sets, states)
    assert [16 * s0 + s1 for s0, s1 in states[0].tolist()] == [row[2] for row in CONTEXT_PARAMETER_SETS]
    state = np.zeros(2, np.int64)
    update_state(DEFAULT, 0, state, 1)  # step 64: 64 >> 5, 64 >> 4
    assert state.tolist() == [2, 4]
    update_state(DEFAULT, 0, state, 0)  # t * S0 = -2 and t * S1 = -4 lie in row 15, step 80: 80 >> 5 = 2, 80 >> 4 = 5
    assert state.tolist() == [0, -1]
    for _ in range(1000):
        update_state(DEFAULT, 0, state, 1)  # by 2 and by 4 (from -1 first by 5), until the last row, whose step is 0
    assert state.tolist() == [120, 1920]


def test_costs_are_logarithms_of_the_interval():
    costs = bit_costs(DEFAULT) / BIT
    assert costs.shape == (32, 2)
    assert abs(costs[0] - 1).max() < 0.2
    assert (np.diff(costs[:, 0]) <= 0).all()
    np.testing.assert_allclose((2.0**-costs).sum(axis=1), 1, atol=0.03)


def test_edited_tables_change_the_codeword_without_other_code():
    edited = list(LPS_RANGE_TABLE)
    edited[224] -= 1
    coding = TensorCoding(4, 8, 0, False, 2, 0)
    values = np.arange(-16, 16, dtype=np.int32)
    usual = encode_codeword([TensorToCode(coding, values)])
    other = encode_codeword([TensorToCode(coding, values)], tables=make_tables(lps_range=edited))
    assert usual != other
    np.testing.assert_array_equal(decode_codeword(other, [coding], tables=make_tables(lps_range=edited)).tensors[0].indexes, values)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("lps_range", [0, *LPS_RANGE_TABLE[1:]], "empty interval"),
        ("lps_range", [256, *LPS_RANGE_TABLE[1:]], "empty interval"),
        ("lps_range", LPS_RANGE_TABLE[:-1], "shape"),
        ("state_step", [3000] * 32, "would leave state_step"),
        ("parameter_sets", [(8, 12, -4072, -127)] * 9, "would leave lps_range"),
        ("state_trans", [[8, 0]] * 8, "outside 0..7"),
        ("parameter_sets", [(1, 4, 5000, 0)] * 9, "would leave state_step"),
        ("parameter_sets", [(-5, 4, 0, 0)] * 9, "shift of -1"),
    ],
)
def test_tables_that_cannot_run_are_refused(name, values, message):
    with pytest.raises(ValueError, match=message):
        make_tables(**{name: values})
