"""Tools of the second edition in both kernels: random histories, skipped rows and codebooks, and
what cannot be coded.
"""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference.entropy import fast, plain
from nnc_conformance.reference.entropy.codeword import decode_block_row, decode_codeword, encode_codeword
from nnc_conformance.reference.entropy.coding import CodewordError, TensorCoding, TensorHistory, TensorToCode
from nnc_conformance.reference.entropy.contexts import LayoutChoices
from nnc_conformance.reference.entropy.indices import decode_indices, encode_indices
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT
from nnc_conformance.reference.entropy.parameter_search import estimated_costs
from nnc_conformance.reference.errors import EncodeError

EXAMPLES = int(os.environ.get("NNC_MADE_HISTORIES", "100"))
"""Made tensors with a history; 1000 in the nox session ``agreement``."""
NEXT_STATE = ((0, 2), (7, 5), (1, 3), (6, 4), (2, 0), (5, 7), (3, 1), (4, 6))
"""StateTransTab of the sheet."""
KERNELS = ("plain", "fast")


def doubled(coded, coding, skipped):
    """Values of trellis indexes, by the sheet: a skipped row moves the trellis by its width."""
    values, state = np.zeros_like(coded), 0
    rows, columns = coded.shape
    side = coding.area.side or max(rows, columns, 1)
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            right = min(left + side, columns)
            for row in range(top, min(top + side, rows)):
                if skipped is not None and skipped[row]:
                    for _ in range(right - left if coding.choices.skip_by_index else columns):
                        state = NEXT_STATE[state][0]
                    continue
                for column in range(left, right):
                    k = int(coded[row, column])
                    values[row, column] = 2 * k - (state % 2) * ((k > 0) - (k < 0))
                    state = NEXT_STATE[state][k % 2]
    return values


@st.composite
def tensors(draw):
    """A tensor with tools of the second edition.

    Magnitudes reach the ends of int32, bases +-256.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    size = draw(st.sampled_from([0, 1, 2, 3, 5, 12, 14, 40, 300]))
    codebook = (size, draw(st.integers(0, size - 1))) if size else None
    has_parent = draw(st.booleans())
    coding = TensorCoding(
        rows,
        columns,
        draw(st.integers(0, 4)),
        draw(st.booleans()),
        draw(st.sampled_from([1, 2, 10, 98, 256])),
        6,
        second_edition=True,
        has_parent=has_parent,
        tca=has_parent and draw(st.booleans()),
        codebook=codebook,
        choices=LayoutChoices(*(draw(st.booleans()) for _ in LayoutChoices._fields)),
    )
    reach = draw(st.sampled_from([1, 4, 256]))
    base = (random.integers(-reach, reach, coding.count, endpoint=True) * random.integers(0, 2, coding.count)).astype(np.int16)
    seen = random.integers(0, 2, coding.count).astype(np.uint8)
    history = TensorHistory(base if coding.tca else base[:0], seen) if has_parent else TensorHistory()
    skipped = random.random(rows) < 0.4 if coding.has_row_skip_flag and draw(st.booleans()) else None
    spread = draw(st.sampled_from([0, 1, 3, 30, 1000, 2**30 - 1]))
    low, high = (min(limit, spread) for limit in coding.limits)
    coded = random.integers(-low, high, (rows, columns), endpoint=True) * random.integers(0, 2, (rows, columns))
    if skipped is not None:
        coded[skipped] = 0
    values = doubled(coded, coding, skipped) if coding.dq_flag else coded
    sets = draw(st.sampled_from(["default", "search", "given"]))
    chosen = random.integers(0, 9, coding.layout.flag) if sets == "given" else sets
    hdsp = coding.has_hdsp_flag and draw(st.booleans())
    return TensorToCode(coding, values.reshape(-1), 3, chosen, history=history, hdsp=hdsp, skipped=skipped)


def decoded_by(kernel, payload, tensor):
    """All that a kernel gives for a payload, or its error."""
    try:
        codeword = decode_codeword(payload, [tensor.coding], kernel=kernel, histories=[tensor.history])
    except CodewordError as error:
        return str(error)
    result = codeword.tensors[0]
    return result.indexes.tolist(), result.entry_points, result.first_bit, result.hdsp, codeword.bits_read


@settings(max_examples=EXAMPLES, deadline=None)
@given(tensors(), st.data())
def test_both_kernels_agree_with_any_history(tensor, data):
    payload = encode_codeword([tensor], kernel="fast")
    assert encode_codeword([tensor], kernel="plain") == payload
    plainly, fast_ = (decoded_by(kernel, payload, tensor) for kernel in KERNELS)
    assert plainly == fast_
    assert plainly[0] == tensor.indexes.tolist()
    damaged = np.frombuffer(payload, np.uint8).copy()
    damaged[data.draw(st.integers(0, damaged.size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    plainly, fast_ = (decoded_by(kernel, damaged, tensor) for kernel in KERNELS)
    assert plainly == fast_


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(tensors(), st.data())
def test_both_kernels_refuse_the_same_values(tensor, data):
    if not tensor.coding.count:
        return
    values = tensor.indexes.copy()
    values[data.draw(st.integers(0, values.size - 1))] += data.draw(st.integers(-3, 3))
    changed = TensorToCode(tensor.coding, values, 3, "default", history=tensor.history, hdsp=tensor.hdsp, skipped=tensor.skipped)
    outcomes = []
    for kernel in KERNELS:
        try:
            outcomes.append(encode_codeword([changed], kernel=kernel))
        except EncodeError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(tensors())
def test_a_block_row_decodes_alone(tensor):
    coding = tensor.coding
    payload = encode_codeword([tensor])
    whole = decode_codeword(payload, [coding], histories=[tensor.history]).tensors[0]
    side = coding.area.side
    for row, entry in enumerate(whole.entry_points, start=1):
        tools = {"history": tensor.history, "hdsp": whole.hdsp, "skipped": whole.skipped}
        alone, _ = decode_block_row(payload, coding, whole.parameter_sets, entry, row, **tools)
        np.testing.assert_array_equal(alone, tensor.indexes.reshape(coding.rows, -1)[row * side : (row + 1) * side].reshape(-1))


@pytest.mark.parametrize(
    ("coding", "skipped"),
    [
        (TensorCoding(29, 28, 2, False, 1, 6, second_edition=True, codebook=(1, 0)), None),
        (TensorCoding(48, 2000, 2, False, 1, 6, second_edition=True), np.ones(48, bool)),
    ],
    ids=["one-value", "skipped-rows"],
)
def test_a_block_row_without_bins_decodes_alone(coding, skipped):
    tensor = TensorToCode(coding, np.zeros(coding.count, np.int32), 3, "default", skipped=skipped)
    payload = encode_codeword([tensor])
    whole = decode_codeword(payload, [coding]).tensors[0]
    assert len(whole.entry_points) == coding.block_rows - 1 > 0
    for row, entry in enumerate(whole.entry_points, start=1):
        alone, _ = decode_block_row(payload, coding, whole.parameter_sets, entry, row, hdsp=whole.hdsp, skipped=whole.skipped)
        assert alone.size == coding.columns * min(coding.area.side, coding.rows - row * coding.area.side)
        assert not alone.any()


def test_estimates_of_both_kernels_are_equal():
    random = np.random.default_rng(4)
    coding = TensorCoding(20, 30, 1, False, 3, 0, second_edition=True, has_parent=True, tca=True)
    values = random.integers(-5, 6, 600).astype(np.int32)
    history = TensorHistory(random.integers(-4, 5, 600).astype(np.int16), random.integers(0, 2, 600).astype(np.uint8))
    tools = TensorToCode(coding, values, history=history, hdsp=True)
    costs = [estimated_costs(DEFAULT, coding.layout, coding.area, values, kernel.quant_tensor, tools) for kernel in (fast, plain)]
    np.testing.assert_array_equal(*costs)


@pytest.mark.parametrize(
    ("coding", "tensor", "reason"),
    [
        ({"codebook": (12, 0), "unary_length": 10}, {"indexes": np.full(4, 13)}, "the codebook cannot"),
        ({"codebook": (12, 0), "unary_length": 10}, {"indexes": np.full(4, 14)}, "the codebook cannot"),
        ({"codebook": (3, 1)}, {"indexes": np.full(4, -2)}, "the codebook cannot"),
        ({"codebook": (3, 0)}, {"indexes": np.full(4, -1)}, "the codebook cannot"),
        ({"codebook": (1, 0)}, {"indexes": np.array([0, 0, 0, 1])}, "the codebook cannot represent the value at index 3"),
        (
            {},
            {"indexes": np.array([1, 1, 0, 1]), "skipped": np.array([False, True])},
            "row_skip_list cannot represent the value at index 2",
        ),
        ({"dq_flag": True}, {"indexes": np.array([2, 2, 2, 1])}, "dependent quantization cannot"),
    ],
)
@pytest.mark.parametrize("kernel", KERNELS)
def test_values_that_a_tool_cannot_represent_are_refused(coding, tensor, reason, kernel):
    given = {
        "rows": 2,
        "columns": 2,
        "scan_order": 0,
        "dq_flag": False,
        "unary_length": 1,
        "qp_delta_bits": 0,
        "second_edition": True,
    } | coding
    with pytest.raises(EncodeError, match=reason):
        encode_codeword([TensorToCode(TensorCoding(**given), **tensor)], kernel=kernel)


@pytest.mark.parametrize("kernel", KERNELS)
def test_indices_take_a_history(kernel):
    values = np.array([[0, 3, 0], [0, 0, 0], [-2, 0, 9]], np.int32)
    history = TensorHistory(np.array([0, 2, 0, 0, 0, 0, -1, 0, 5], np.int16), np.array([0, 1, 0, 0, 0, 0, 1, 0, 0], np.uint8))
    options = {"dq": False, "scan_order": 0, "unary_length": 2}
    payload = encode_indices(values, **options, history=history, hdsp=True, skipped=np.array([False, True, False]))
    np.testing.assert_array_equal(decode_indices(payload, (3, 3), **options, history=history, kernel=kernel), values)


def test_a_history_saves_bytes_where_updates_keep_touching_the_same_places():
    random = np.random.default_rng(7)
    base = (random.integers(-3, 4, (100, 100)) * (random.random((100, 100)) < 0.1)).astype(np.int16)
    values = (base + random.integers(-1, 2, base.shape) * (base != 0)).astype(np.int32)
    options = {"dq": False, "scan_order": 0, "unary_length": 10}
    history = TensorHistory(base.reshape(-1), (base != 0).astype(np.uint8).reshape(-1))
    assert len(encode_indices(values, **options, history=history)) < 0.7 * len(encode_indices(values, **options))


def test_a_history_of_another_size_and_tools_without_one_are_refused():
    values, options = np.zeros((2, 3), np.int32), {"dq": False, "scan_order": 0, "unary_length": 2}
    with pytest.raises(ValueError, match=r"history.base has 5 places; the tensor has 6"):
        encode_indices(values, **options, history=TensorHistory(np.zeros(5, np.int16)))
    with pytest.raises(ValueError, match=r"history.seen has 7 places"):
        decode_indices(b"", (2, 3), **options, history=TensorHistory(seen=np.zeros(7, np.uint8)))
    with pytest.raises(EncodeError, match="need a history"):
        encode_indices(values, **options, hdsp=True)
    with pytest.raises(EncodeError, match=r"skipped has shape \(3,\); expected \(2,\)"):
        encode_indices(values, **options, history=TensorHistory(), skipped=np.zeros(3, bool))
