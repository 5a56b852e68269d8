"""Quantization: what is exact, what is optimal, what a decoder takes, and what may not be quantized
at all.
"""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.quantization_samples import gaussian, lagrangian_cost, laplacian, vector
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.codeword import decode_codeword, encode_codeword
from nnc_conformance.reference.entropy.coding import TensorCoding, TensorHistory, TensorToCode
from nnc_conformance.reference.entropy.contexts import context_layout
from nnc_conformance.reference.entropy.fast import quant_tensor
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT
from nnc_conformance.reference.entropy.parameter_search import BIT, bit_costs, estimated_costs
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.quantization import fast_trellis, quantizer, trellis
from nnc_conformance.reference.quantization.quantizer import history_in_force, optimised, quantize
from nnc_conformance.reference.quantization.scan import in_row_order, in_scan_order

TRELLIS = ((0, 2), (7, 5), (1, 3), (6, 4), (2, 0), (5, 7), (3, 1), (4, 6))
"""StateTransTab, from the sheet."""


# Without rate: the nearest, and the least error that the trellis has


def test_nearest_takes_the_even_one_of_two():
    values = np.array([[-2.5, -1.5, -0.5, 0.5], [1.5, 2.5, 0.49, 0.51]], np.float32)
    assert quantize(values, 1.0, TensorCoding(2, 4, 0, False, 10, 8), rdo=0).tolist() == [-2, -2, 0, 0, 2, 2, 0, 1]


@given(
    st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=50),
    st.floats(0.01, 10),
)
def test_nearest_is_within_half_a_step(values, step):
    array = np.array(values, np.float32)
    indexes = quantize(array, step, vector(array.size), rdo=0)
    assert indexes.dtype == np.int32
    assert (np.abs(array.astype(np.float64) - indexes * step) <= step / 2 * (1 + 1e-12)).all()


def on_trellis(indexes):
    """Whether doubled values can be had in their states."""
    state = 0
    for value in indexes.tolist():
        if value and (value + state) % 2:
            return False
        quant = (abs(value) + (state & 1)) // 2
        state = TRELLIS[state][quant & 1]
    return True


def least_trellis_error(values):
    """Least sum of squared errors, by going through all states with all values in reach."""
    costs = {0: 0.0}
    for value in values:
        after: dict[int, float] = {}
        for state, cost in costs.items():
            for quant in range(-8, 9):
                doubled = 2 * quant - (0 if quant == 0 else (state & 1) * (1 if quant > 0 else -1))
                target = TRELLIS[state][quant & 1]
                after[target] = min(after.get(target, math.inf), cost + (value - doubled) ** 2)
        costs = after
    return min(costs.values())


@given(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=25))
@settings(max_examples=50)
def test_without_rate_dependent_quantization_is_the_best_on_the_trellis(values):
    array = np.array(values, np.float32)
    indexes = quantize(array, 1.0, vector(array.size, dq=True), rdo=0)
    assert on_trellis(indexes)
    assert np.sum((array.astype(np.float64) - indexes) ** 2) == pytest.approx(least_trellis_error(values), abs=1e-9)


# With rate


def estimated_bits(indexes, coding, sets):
    """Of context-coded bins, as the search of parameter sets counts them, and of bypass bins."""
    layout, quants, state = coding.layout, [], 0
    for value in indexes.tolist():
        quants.append((abs(value) + (state & 1)) // 2 if coding.dq_flag else abs(value))
        state = TRELLIS[state][quants[-1] & 1] if coding.dq_flag else 0
    suffixes = sum((quant - layout.unary_length).bit_length() - 1 for quant in quants if quant > layout.unary_length)
    costs = estimated_costs(DEFAULT, layout, coding.area, indexes, quant_tensor)
    return costs[sets, np.arange(layout.flag)].sum() / BIT + suffixes


def least_cost(values, coding, sets, lagrangian):
    """The least cost of all sequences of candidates."""
    best, scale = math.inf, 2 if coding.dq_flag else 1

    def follow(chosen, state):
        nonlocal best
        if len(chosen) == len(values):
            indexes = np.array(chosen, np.int32)
            error = float(np.sum((np.array(values, np.float64) - indexes) ** 2))
            best = min(best, error + lagrangian * estimated_bits(indexes, coding, sets))
            return
        value = values[len(chosen)]
        shift = state & 1 if coding.dq_flag else 0
        floor = math.floor((abs(value) + shift) / scale)
        for quant in {0, floor, floor + 1}:
            magnitude = scale * quant - shift if quant else 0
            follow([*chosen, -magnitude if value < 0 else magnitude], TRELLIS[state][quant & 1])

    follow([], 0)
    return best


def assert_cheapest(values, coding, sets, lagrangian):
    array = np.array(values, np.float32)
    path = trellis.cheapest_path(
        array, 1.0, coding.layout, tables=DEFAULT, parameter_sets=sets, lagrangian=lagrangian, block_row=max(array.size, 1)
    )
    error = float(np.sum((array.astype(np.float64) - path) ** 2))
    cost = error + lagrangian * estimated_bits(path, coding, sets)
    assert cost == pytest.approx(least_cost(array.tolist(), coding, sets, lagrangian), rel=1e-12, abs=1e-9)


@given(st.floats(-3000, 3000, width=32), st.sampled_from([1, 2, 10]), st.booleans(), st.floats(0, 2), st.data())
@settings(max_examples=100)
def test_a_single_weight_takes_its_cheapest_candidate(value, unary_length, dq, lagrangian, data):
    coding = vector(1, dq=dq, unary_length=unary_length)
    sets = np.array(data.draw(st.lists(st.integers(0, 8), min_size=coding.layout.flag, max_size=coding.layout.flag)))
    assert_cheapest([value], coding, sets, lagrangian)


@given(st.lists(st.floats(-0.75, 0.75, width=32), min_size=2, max_size=3), st.booleans(), st.floats(0, 0.5), st.integers(0, 8))
@settings(max_examples=100)
def test_paths_that_never_met_are_compared_exactly(values, dq, lagrangian, set_id):
    """Two weights below 1 lead to a node each by one path only without dependent quantization,
    three with it.
    """
    values = values if dq else values[:2]
    coding = vector(len(values), dq=dq)
    assert_cheapest(values, coding, np.full(coding.layout.flag, set_id), lagrangian)


@given(
    st.lists(st.integers(-40, 40), max_size=60), st.booleans(), st.sampled_from([1, 3, 10]), st.integers(0, 8), st.booleans(), st.booleans()
)
@settings(max_examples=50)
def test_a_path_moves_its_contexts_as_coding_does(quants, dq, unary_length, set_id, tca, hdsp):
    layout = context_layout(dq, unary_length, tca=tca, hdsp=True)
    rng = np.random.default_rng(len(quants))
    base = rng.integers(-5, 6, len(quants) if tca else 0).astype(np.int16)
    history = TensorHistory(base, rng.integers(0, 2, len(quants) if hdsp else 0).astype(np.uint8))
    registers = np.zeros(plain.REGISTERS, np.int64)
    registers[plain.MODE], registers[plain.HDSP] = plain.ESTIMATE, hdsp
    lane = {"lane_sets": (set_id,), "bit_costs": bit_costs(DEFAULT), "history": history}
    coder = plain.new_coder(DEFAULT, layout, registers, np.zeros(0, np.uint8), **lane)
    chooser = trellis.coder_with(DEFAULT, layout, history)
    how = trellis.CostModel(1.0, 0.0, layout, DEFAULT, coder.parameter_sets, coder.bit_costs, 1, chooser)
    states = coder.states[0].copy()
    state, previous = 0, 0
    for number, quant in enumerate(quants):
        plain.quant_param(coder, layout, state, previous, number, quant)
        trellis.code_index(how, states, state, previous, number, quant)
        previous = 0 if quant == 0 else 1 if quant < 0 else 2
        state = TRELLIS[state][quant & 1] if dq else 0
    assert (states == coder.states[0]).all()


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("scan_order", [0, 1])
@pytest.mark.parametrize(("tca", "hdsp"), [(True, False), (False, True), (True, True)])
def test_the_contexts_of_tools_in_force_lower_the_cost(tca, hdsp, scan_order, dq):
    """The cost is what the coder counts with these contexts, not what the search believes."""
    coding = TensorCoding(40, 30, scan_order, dq, 10, 8, second_edition=True, has_parent=True, tca=tca)
    rng = np.random.default_rng(7)
    base = (rng.integers(-3, 4, coding.count) * (rng.random(coding.count) < 0.3)).astype(np.int16)
    scale = 2 if dq else 1
    values = (scale * (laplacian(8, coding.count, 0.3) + 0.6 * base)).astype(np.float32)
    history = TensorHistory(base, (base != 0).astype(np.uint8))
    lagrangian = 0.05 * scale**2

    def cost(indexes):
        content = TensorToCode(coding, indexes, 0, "search", history, hdsp)
        return float(np.sum((values - indexes) ** 2)) + lagrangian * 8 * len(encode_codeword([content]))

    without = optimised(values, 1.0, coding, lagrangian)
    known = optimised(values, 1.0, coding, lagrangian, history_in_force(history, coding, hdsp=hdsp))
    assert cost(known) < 0.99 * cost(without)


@pytest.mark.parametrize("dq", [False, True])
def test_each_block_row_starts_with_fresh_contexts(dq):
    """Two equal block rows are quantized alike where no state goes on from one to the other;
    without a restart the second differs.
    """
    half = laplacian(1, 800, 1.5) + np.float32(0.2)
    both = np.concatenate([half, half])

    def path(block_row):
        layout = vector(both.size, dq=dq).layout
        sets = np.full(layout.flag, 4)
        return trellis.cheapest_path(both, 1.0, layout, tables=DEFAULT, parameter_sets=sets, lagrangian=0.3, block_row=block_row)

    restarted, running = path(800), path(1600)
    if not dq:
        assert (restarted[:800] == restarted[800:]).all()
    assert (restarted[800:] != running[800:]).any()


@pytest.mark.parametrize("dq", [False, True])
def test_a_full_window_settles_its_best_path_and_goes_on(dq, monkeypatch):
    values, coding = laplacian(4, 503, 0.7), vector(503, dq=dq)
    whole = optimised(values, 1.0, coding, 0.1)
    monkeypatch.setattr(trellis, "WINDOW", 50)
    windowed = optimised(values, 1.0, coding, 0.1)
    decoded = decode_codeword(encode_codeword([TensorToCode(coding, windowed)]), [coding])
    assert (decoded.tensors[0].indexes == windowed).all()
    costs = [lagrangian_cost(values, indexes, coding, 1.0, 0.1) for indexes in (whole, windowed)]
    assert abs(costs[1] - costs[0]) < values.size // 50


@given(
    st.lists(st.floats(-60, 60, width=32) | st.floats(-1.5, 1.5, width=32), max_size=80),
    st.booleans(),
    st.sampled_from([1, 3, 10, 256]),
    st.sampled_from([0.0, 0.0139, 0.3, 2.0]),
    st.sampled_from([1, 7, 1000]),
    st.sampled_from([1.0, 0.001]),
    st.data(),
)
@settings(max_examples=200)
def test_the_fast_search_finds_the_same_path(values, dq, unary_length, lagrangian, block_row, step, data):
    array, layout = np.array(values, np.float32), vector(1, dq=dq, unary_length=unary_length).layout
    sets = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 9, layout.flag)
    window = data.draw(st.sampled_from([9, trellis.WINDOW]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trellis, "WINDOW", window)
        plain_path, fast_path = (
            search(array, step, layout, tables=DEFAULT, parameter_sets=sets, lagrangian=lagrangian, block_row=block_row)
            for search in (trellis.cheapest_path, fast_trellis.cheapest_path)
        )
    assert fast_path.tolist() == plain_path.tolist()


@pytest.mark.parametrize("dq", [False, True])
def test_the_fast_search_leaves_values_beyond_int32_out(dq):
    edge = np.array([2.0**31 - 128, -(2.0**31) + 128, 2.0**30, 1.0], np.float32)
    layout = vector(4, dq=dq).layout
    sets = np.zeros(layout.flag, np.int64)
    options = {"tables": DEFAULT, "parameter_sets": sets, "lagrangian": 0.1, "block_row": 4}
    assert fast_trellis.cheapest_path(edge, 1.0, layout, **options).tolist() == trellis.cheapest_path(edge, 1.0, layout, **options).tolist()


@pytest.mark.parametrize("dq", [False, True])
def test_the_fast_search_agrees_over_many_weights(dq):
    for scale in (0.15, 1.0, 6.0):
        values, layout = laplacian(9, 30_000, scale), vector(1, dq=dq).layout
        options = {"tables": DEFAULT, "parameter_sets": np.full(layout.flag, 5), "lagrangian": 0.05, "block_row": 11_000}
        assert (fast_trellis.cheapest_path(values, 1.0, layout, **options) == trellis.cheapest_path(values, 1.0, layout, **options)).all()


def test_parameter_sets_are_fitted_to_a_sample(monkeypatch):
    """A sample of whole block rows, or of stretches where there is but one, serves nearly as well
    as all weights.
    """
    for coding in (TensorCoding(100, 12, 1, True, 10, 8), vector(1200, dq=True), TensorCoding(8, 150, 4, True, 10, 8)):
        values = gaussian(6, coding.count, 1.0)
        fitted_to_all = optimised(values, 1.0, coding, 0.1)
        with monkeypatch.context() as patch:
            patch.setattr(quantizer, "SAMPLE", 400)
            taken, area = quantizer.sample(in_scan_order(values, coding.area), coding)
            fitted_to_some = optimised(values, 1.0, coding, 0.1)
        assert 300 <= taken.size <= 400
        assert taken.size == area.rows * area.columns
        assert set(taken.tolist()) <= set(values.tolist())
        costs = [lagrangian_cost(values, indexes, coding, 1.0, 0.1) for indexes in (fitted_to_all, fitted_to_some)]
        assert costs[1] == pytest.approx(costs[0], rel=0.02)


# What is coded


@given(
    st.integers(1, 24),
    st.integers(1, 20),
    st.integers(0, 4),
    st.booleans(),
    st.sampled_from([1, 2, 10, 256]),
    st.sampled_from([0.0, 0.5, 1.0, 20.0]),
    st.floats(0.05, 500),
    st.integers(0, 1000),
)
@settings(max_examples=40)
def test_what_is_quantized_can_be_coded(rows, columns, scan_order, dq, unary_length, rdo, deviation, seed):
    coding = TensorCoding(rows, columns, scan_order, dq, unary_length, 8)
    values = laplacian(seed, coding.count, deviation).reshape(rows, columns)
    indexes = quantize(values, 1.0, coding, rdo=rdo)
    assert indexes.shape == (coding.count,)
    assert indexes.dtype == np.int32
    decoded = decode_codeword(encode_codeword([TensorToCode(coding, indexes, 0, "search")]), [coding])
    assert (decoded.tensors[0].indexes == indexes).all()
    if rdo <= 1:
        assert np.abs(values.reshape(-1) - indexes).max() < 3.5


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2))
def test_scan_order_goes_block_by_block(rows, columns, scan_order):
    area = TensorCoding(rows, columns, scan_order, False, 10, 8).area
    side = area.side or rows * columns
    places = sorted(np.ndindex(rows, columns), key=lambda at: (at[0] // side, at[1] // side, at))
    values = np.arange(rows * columns)
    ordered = in_scan_order(values, area)
    assert ordered.tolist() == [row * columns + column for row, column in places]
    assert (in_row_order(ordered, area) == values).all()


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("rdo", [0.0, 1.0])
def test_the_greatest_magnitudes_of_int32_can_be_quantized(dq, rdo):
    greatest = np.nextafter(np.float32(2**31), np.float32(0))
    values = np.array([greatest, -greatest, 0, greatest, 1, -1], np.float32)
    coding = vector(values.size, dq=dq, unary_length=1)
    indexes = quantize(values, 1.0, coding, rdo=rdo)
    assert (np.abs(indexes.astype(np.float64) - values) <= 3).all()
    decoded = decode_codeword(encode_codeword([TensorToCode(coding, indexes)]), [coding])
    assert (decoded.tensors[0].indexes == indexes).all()


@pytest.mark.parametrize("dq", [False, True])
def test_no_candidate_goes_beyond_int32(dq):
    """2^31 would be the next candidate: in all states without dependent quantization, with it in
    half of them.
    """
    values, coding = np.array([1, -1] * 4, np.float32), vector(8, dq=dq)
    indexes = quantize(values, 1 / (2**31 - 1.2), coding, rdo=1.0)
    assert (np.abs(np.abs(indexes.astype(np.int64)) - (2**31 - 1.2)) < 2).all()
    assert (np.sign(indexes) == np.sign(values)).all()


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("rdo", [0.0, 1.0])
def test_no_values_give_no_indexes(dq, rdo):
    assert quantize(np.zeros((0, 3), np.float32), 1.0, TensorCoding(0, 3, 0, dq, 10, 8), rdo=rdo).shape == (0,)


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("rdo", [0.0, 1.0])
@pytest.mark.parametrize(
    ("values", "step", "message"),
    [
        ([0.0, math.nan], 1.0, "nan"),
        ([0.0, -math.inf], 1.0, "inf"),
        ([0.0, -(2.0**31)], 1.0, "int32"),
        ([0.0, 1.0], 1e-10, "int32"),
        ([0.0, 1.0], 0.0, "positive and finite, not 0"),
        ([0.0, 1.0], math.inf, "positive and finite, not inf"),
        ([0.0, 1.0, 2.0], 1.0, "3 values; 1 x 2 are needed"),
    ],
)
def test_what_cannot_be_quantized_is_refused(dq, rdo, values, step, message):
    with pytest.raises(EncodeError, match=message):
        quantize(np.array(values, np.float32), step, vector(2, dq=dq), rdo=rdo)


AGREE = """
import numpy as np
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.quantization import fast_trellis
from nnc_conformance.reference.quantization.quantizer import quantize
assert hasattr(fast_trellis.search, "py_func") is COMPILED
for scan_order, unary_length, step, rdo in ((0, 10, 0.1, 1.0), (1, 1, 0.013, 3.0), (1, 10, 0.0007, 0.0)):
    values = np.random.default_rng(7).random((20, 13), np.float32) ** 3 - np.float32(0.3)
    for dq in (False, True):
        print(quantize(values, step, TensorCoding(20, 13, scan_order, dq, unary_length, 8), rdo=rdo).tolist())
"""


@pytest.mark.slow
def test_uncompiled_source_gives_the_same_without_warnings():
    def run(*, compiled):
        environment = os.environ | {"NUMBA_DISABLE_JIT": str(int(not compiled))}
        script = AGREE.replace("COMPILED", str(compiled))
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=120
        ).stdout

    assert run(compiled=True) == run(compiled=False)
