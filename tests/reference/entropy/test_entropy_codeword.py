"""Round trips over all that a codeword can hold, and the errors of broken ones."""

import itertools
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.codeword import (
    CodewordError,
    EntryPoint,
    TensorCoding,
    TensorToCode,
    decode_block_row,
    decode_codeword,
    encode_codeword,
)
from nnc_conformance.reference.entropy.contexts import context_layout, reset_contexts
from nnc_conformance.reference.entropy.indices import decode_indices, encode_indices
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT
from nnc_conformance.reference.errors import EncodeError, NNCError

EXAMPLES = int(os.environ.get("NNC_MADE_STREAMS", "150"))
"""Made tensors; the session `agreement` takes ten thousand."""
NEXT_STATE = ((0, 2), (7, 5), (1, 3), (6, 4), (2, 0), (5, 7), (3, 1), (4, 6))


def scan_places(rows, columns, scan_order):
    """Row-major places in coded order, by sorting on (block row, block column, row, column)."""
    side = 4 << scan_order if scan_order else max(rows, columns)
    return sorted(range(rows * columns), key=lambda p: (p // columns // side, p % columns // side, p // columns, p % columns))


def doubled_values(coded, rows, columns, scan_order):
    """Values, row-major, whose trellis indexes are the given ones in coded order."""
    values, state = np.zeros(rows * columns, np.int32), 0
    for place, k in zip(scan_places(rows, columns, scan_order), coded, strict=True):
        values[place] = 2 * k - (state % 2) * ((k > 0) - (k < 0))
        state = NEXT_STATE[state][k % 2]
    return values


@st.composite
def tensors(draw):
    """A tensor to code; magnitudes reach the ends of int32."""
    rows, columns = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    scan_order, dq = draw(st.integers(0, 4)), draw(st.booleans())
    bits = draw(st.sampled_from([6, 9, 13]))
    coding = TensorCoding(rows, columns, scan_order, dq, draw(st.sampled_from([1, 2, 10, 98, 256])), bits)
    seed, spread = draw(st.integers(0, 2**32)), draw(st.sampled_from([0, 1, 3, 30, 1000, 2**30 - 1]))
    random = np.random.default_rng(seed)
    coded = (random.integers(-spread, spread, rows * columns, endpoint=True) * random.integers(0, 2, rows * columns)).tolist()
    if dq:
        values = doubled_values(coded, rows, columns, scan_order)
    else:
        values = np.array(coded, np.int32)
        if spread == 2**30 - 1 and values.size:
            values[0], values[-1] = -(2**31), 2**31 - 1
    sets = draw(st.sampled_from(["default", "search", "given"]))
    chosen = random.integers(0, 9, coding.layout.flag) if sets == "given" else sets
    return TensorToCode(coding, values, draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)), chosen)


@settings(max_examples=EXAMPLES)
@given(st.lists(tensors(), min_size=1, max_size=3))
def test_both_kernels_decode_what_both_encoded(given_tensors):
    payload = encode_codeword(given_tensors, kernel="fast")
    assert encode_codeword(given_tensors, kernel="plain") == payload
    codings = [tensor.coding for tensor in given_tensors]
    decoded, fast = (decode_codeword(payload, codings, kernel=kernel) for kernel in ("plain", "fast"))
    for one, other in zip(decoded.tensors, fast.tensors, strict=True):
        np.testing.assert_array_equal(one.indexes, other.indexes)
        np.testing.assert_array_equal(one.parameter_sets, other.parameter_sets)
        assert (one.qp_delta, one.first_bit, one.entry_points) == (other.qp_delta, other.first_bit, other.entry_points)
    assert decoded.bits_read == fast.bits_read
    assert -(-decoded.bits_read // 8) == len(payload)
    for tensor, result in zip(given_tensors, decoded.tensors, strict=True):
        np.testing.assert_array_equal(result.indexes, tensor.indexes)
        assert result.qp_delta == tensor.qp_delta
        if not isinstance(tensor.parameter_sets, str):
            np.testing.assert_array_equal(result.parameter_sets, tensor.parameter_sets)
        coding = tensor.coding
        for row, entry in enumerate(result.entry_points, start=1):
            alone, _ = decode_block_row(payload, coding, result.parameter_sets, entry, row)
            side = 4 << coding.scan_order
            np.testing.assert_array_equal(alone, tensor.indexes.reshape(coding.rows, -1)[row * side : (row + 1) * side].reshape(-1))


@settings(max_examples=200)
@given(st.binary(max_size=60), st.integers(0, 70), st.integers(0, 70), st.integers(0, 4), st.booleans(), st.sampled_from([1, 10, 256]))
def test_any_bytes_decode_or_raise(payload, rows, columns, scan_order, dq, unary_length):
    coding = TensorCoding(rows, columns, scan_order, dq, unary_length, 7)
    try:
        decoded = decode_codeword(payload, [coding])
    except CodewordError as error:
        assert error.rule in ("cabac-end", "interval", "prefix", "terminate")
        assert 0 <= error.bit <= 8 * len(payload)
    else:
        assert decoded.bits_read <= 8 * len(payload)
        again = encode_codeword([TensorToCode(coding, t.indexes, t.qp_delta, t.parameter_sets) for t in decoded.tensors])
        assert len(again) == -(-decoded.bits_read // 8)
        np.testing.assert_array_equal(decode_codeword(again, [coding]).tensors[0].indexes, decoded.tensors[0].indexes)


@pytest.mark.parametrize("shape", [(), (1,), (37,), (1, 1), (9, 1), (1, 9), (3, 4, 5), (17, 2, 3, 3), (0, 4), (4, 0)])
@pytest.mark.parametrize("scan_order", [0, 1, 3])
def test_shapes_come_back(shape, scan_order):
    values = np.random.default_rng(len(shape)).integers(-9, 9, shape).astype(np.int32)
    payload = encode_indices(values, dq=False, scan_order=scan_order, unary_length=4)
    decoded = decode_indices(payload, shape, dq=False, scan_order=scan_order, unary_length=4)
    assert decoded.shape == shape
    np.testing.assert_array_equal(decoded, values)


def test_search_is_never_longer_than_set_0():
    random = np.random.default_rng(3)
    for scale, dq in itertools.product((0.02, 0.3, 2.0, 50.0), (False, True)):
        coded = np.rint(random.laplace(scale=scale, size=2000)).astype(int).tolist()
        values = (doubled_values(coded, 40, 50, 1) if dq else np.array(coded, np.int32)).reshape(40, 50)
        options = {"dq": dq, "scan_order": 1, "unary_length": 10}
        assert len(encode_indices(values, **options)) <= len(encode_indices(values, parameter_sets="default", **options))


def forced_codeword(quants, *, unary_length, dq_flag=False):
    """A codeword of coded indexes, all in state 0 after a zero, whether they fit int32 or not."""
    layout = context_layout(dq_flag, unary_length)
    registers, payload = np.zeros(plain.REGISTERS, np.int64), np.zeros(400, np.uint8)
    coder = plain.new_coder(DEFAULT, layout, registers, payload)
    plain.initialise(coder, plain.ENCODE)
    plain.shift_parameter_ids(coder, layout)
    reset_contexts(DEFAULT, coder.parameter_sets, coder.states)
    for quant in quants:
        plain.quant_param(coder, layout, 0, 0, 0, quant)
    plain.code_terminate(coder)
    return payload[: (registers[plain.POSITION] + 7) // 8].tobytes()


@pytest.mark.parametrize("unary_length", [1, 256])
@pytest.mark.parametrize("quant", [2**31, -(2**31) - 1, 2**32, -(2**32)])
def test_indexes_beyond_int32_break_the_prefix_rule(quant, unary_length):
    payload = forced_codeword([quant], unary_length=unary_length)
    with pytest.raises(CodewordError) as caught:
        decode_indices(payload, (1, 1), dq=False, scan_order=0, unary_length=unary_length)
    assert (caught.value.rule, caught.value.element, caught.value.index) == ("prefix", "abs_remainder", 0)
    assert isinstance(caught.value, NNCError)


def test_doubled_values_must_fit_int32():
    payload = forced_codeword([2**30], unary_length=1)
    assert decode_indices(payload, (1, 1), dq=False, scan_order=0, unary_length=1) == 2**30
    doubled = encode_indices(np.array([[2**31 - 2]]), dq=True, scan_order=0, unary_length=1)
    assert decode_indices(doubled, (1, 1), dq=True, scan_order=0, unary_length=1) == 2**31 - 2
    beyond = forced_codeword([2**30], unary_length=1, dq_flag=True)
    with pytest.raises(CodewordError) as caught:
        decode_indices(beyond, (1, 1), dq=True, scan_order=0, unary_length=1)
    assert caught.value.rule == "prefix"


def test_a_tensor_that_goes_on_breaks_the_terminate_rule():
    payload = encode_indices(np.full((3, 3), 5, np.int32), dq=False, scan_order=0, unary_length=10)
    with pytest.raises(CodewordError) as caught:
        decode_indices(payload, (1, 2), dq=False, scan_order=0, unary_length=10)
    assert (caught.value.rule, caught.value.element) == ("terminate", "end_of_codeword")


@pytest.mark.parametrize(("payload", "rule", "bit"), [(b"", "cabac-end", 0), (b"\x00", "cabac-end", 8), (b"\xff\x00", "interval", 9)])
def test_the_first_nine_bits(payload, rule, bit):
    with pytest.raises(CodewordError) as caught:
        decode_indices(payload, (1, 1), dq=False, scan_order=0, unary_length=10)
    assert (caught.value.rule, caught.value.bit, caught.value.element) == (rule, bit, "IvlOffset")


def test_an_offset_outside_the_forced_range_breaks_the_interval_rule():
    coding = TensorCoding(20, 3, 1, False, 1, 0)
    sets = np.zeros(coding.layout.flag, np.uint8)
    with pytest.raises(CodewordError) as caught:
        decode_block_row(bytes(40), coding, sets, EntryPoint(256, 0, 9), 1)
    assert (caught.value.rule, caught.value.element) == ("interval", "IvlCurrRange")


def test_claims_beyond_the_payload_take_no_memory():
    for rows, columns in ((2**31 - 1, 2**20), (2**62, 2**62), (1 << 16, 1 << 16)):
        with pytest.raises(CodewordError) as caught:
            decode_indices(bytes(64), (rows, columns), dq=True, scan_order=2, unary_length=10)
        assert (caught.value.rule, caught.value.bit) == ("cabac-end", 512)


def test_the_densest_codeword_stays_within_the_bound():
    zeros = np.zeros((1000, 1000), np.int32)
    payload = encode_indices(zeros, dq=False, scan_order=0, unary_length=1)
    np.testing.assert_array_equal(decode_indices(payload, zeros.shape, dq=False, scan_order=0, unary_length=1), zeros)
    assert zeros.size > 90 * 8 * len(payload)


@pytest.mark.parametrize(
    "tensor",
    [
        TensorToCode(TensorCoding(1, 1, 0, True, 1, 0), np.array([1])),
        TensorToCode(TensorCoding(1, 2, 0, True, 1, 0), np.array([2, 1]), 0, "search"),
        TensorToCode(TensorCoding(1, 1, 0, False, 1, 0), np.array([2**31])),
        TensorToCode(TensorCoding(1, 1, 0, False, 1, 0), np.array([1.0])),
        TensorToCode(TensorCoding(1, 2, 0, False, 1, 0), np.array([1])),
        TensorToCode(TensorCoding(1, 1, 0, False, 1, 0), np.array([1]), 1),
        TensorToCode(TensorCoding(1, 1, 0, False, 1, 6), np.array([1]), 32),
        TensorToCode(TensorCoding(1, 1, 0, False, 1, 6), np.array([1]), -33),
        TensorToCode(TensorCoding(1, 1, 0, False, 1, 6), np.array([1]), 0, np.zeros(38, int)),
        TensorToCode(TensorCoding(1, 1, 0, False, 1, 6), np.array([1]), 0, np.full(39, 9)),
    ],
)
def test_what_cannot_be_coded_is_refused(tensor):
    with pytest.raises(EncodeError):
        encode_codeword([tensor])


@pytest.mark.parametrize("wrong", [{"rows": -1}, {"scan_order": 5}, {"unary_length": 0}, {"unary_length": 257}, {"qp_delta_bits": 32}])
def test_codings_that_do_not_exist(wrong):
    with pytest.raises(ValueError, match=r"coding|unary"):
        TensorCoding(**({"rows": 1, "columns": 1, "scan_order": 0, "dq_flag": False, "unary_length": 1, "qp_delta_bits": 0} | wrong))


def test_a_codeword_holds_a_tensor():
    with pytest.raises(ValueError, match="one tensor"):
        decode_codeword(bytes(9), [])
    with pytest.raises(EncodeError, match="one tensor"):
        encode_codeword([])


def test_unknown_kernels_and_block_rows():
    with pytest.raises(ValueError, match="kernel"):
        decode_indices(b"", (1, 1), dq=False, scan_order=0, unary_length=1, kernel="none")
    coding = TensorCoding(20, 3, 1, False, 1, 0)
    for row, entry in ((3, EntryPoint(0, 0, 9)), (1, EntryPoint(0, 8, 9)), (1, EntryPoint(0, 0, -1)), (1, EntryPoint(-1, 0, 9))):
        with pytest.raises(ValueError, match=r"block row|state"):
            decode_block_row(bytes(40), coding, np.zeros(coding.layout.flag, np.uint8), entry, row)
