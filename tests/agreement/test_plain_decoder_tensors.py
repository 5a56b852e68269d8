"""The plain decoder's codewords, products and data formats, on streams made by hand."""

import itertools
import math
import struct

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as some
from plain_decoder import PlainError, decode
from plain_decoder import handmade as hand
from plain_decoder.data_unit import NNR_CPT_BI, NNR_CPT_BN, NNR_CPT_DC, NNR_CPT_LS, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT
from plain_decoder.handmade import (
    START,
    ArithmeticEncoder,
    codeword,
    data_unit_header,
    encode_tensor,
    ie,
    octets,
    raw_unit,
    u,
    ue,
    unit,
)
from plain_decoder.stream import NNR_NDU

TRELLIS = ((0, 2), (7, 5), (1, 3), (6, 4), (2, 0), (5, 7), (3, 1), (4, 6))


@pytest.mark.parametrize(
    ("data_format", "dtype", "low", "high"),
    [
        (0, np.int32, -(2**31), 2**31 - 1),
        (2, np.int8, -2, 1),
        (3, np.int8, -4, 3),
        (4, np.int8, -8, 7),
        (5, np.int8, -128, 127),
        (6, np.int16, -(2**15), 2**15 - 1),
        (7, np.int64, -(2**31), 2**31 - 1),
        (1, np.float32, -(2**24), 2**24),
        (8, np.float16, -65504, 65519),
        (9, np.float64, -(2**31), 2**31 - 1),
    ],
)
def test_integer_payload_in_each_format(data_format: int, dtype: type[np.generic], low: int, high: int) -> None:
    def integers(indexes: list[int]) -> npt.NDArray[np.generic]:
        return decode(
            START + unit(NNR_NDU, data_unit_header(NNR_PT_INT, "w", [len(indexes)], data_format=data_format) + codeword(indexes))
        ).parameters["w"]

    array = integers([low, 0, high])
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, np.array([low, 0, high]).astype(dtype))
    if data_format in (2, 3, 4, 5, 6, 8):
        for outside in (low - 1 - 15 * (data_format == 8), high + 1):
            with pytest.raises(PlainError, match="value"):
                integers([outside])


def test_raw_floats_in_each_format() -> None:
    halves = [0.5, 1.5, 2.5, -0.5, -1.5, 1.0]
    for data_format, dtype in ((0, np.int32), (3, np.int8), (4, np.int8), (5, np.int8), (6, np.int16), (7, np.int64)):
        array = decode(START + raw_unit("w", halves, data_format=data_format)).parameters["w"]
        assert array.dtype == dtype
        assert array.tolist() == [0, 2, 2, 0, -2, 1]
    array = decode(START + raw_unit("w", [0.1, 65519.0, math.inf], data_format=8)).parameters["w"]
    assert array.tobytes() == struct.pack("<3e", 0.1, 65504.0, math.inf)
    for outside, data_format in ((65520.0, 8), (math.inf, 7), (math.nan, 0), (2.0**63, 7)):
        with pytest.raises(PlainError, match="value"):
            decode(START + raw_unit("w", [outside], data_format=data_format))


def test_disputed_data_format() -> None:
    stream = START + raw_unit("w", [1.25], data_format=0)
    assert decode(stream).parameters["w"].dtype == np.int32
    assert decode(stream, {"data_format": "ignored"}).parameters["w"].tolist() == [1.25]


def product(indexes: list[int], qp_delta: int, codebook_bits: str | None, data_format: int, switches: dict[str, str]) -> list[float]:
    header = data_unit_header(NNR_PT_FLOAT, "w", [len(indexes)], codebook=codebook_bits, data_format=data_format)
    payload = codeword(indexes, qp_delta=qp_delta, qp_delta_bits=8)
    values: list[float] = decode(START + unit(NNR_NDU, header + payload), switches).parameters["w"].tolist()
    return values


BIG = 2**25 + 2  # rounded to 2**25 in binary32
BIG_CODEBOOK = u(4, 0) + ue(2, 1) + ie(2, 0) + ie(7, BIG)


def test_disputed_products() -> None:
    # qp = 11 - 8 = 3: step (4 + 3) * 2^-2 = 7/4
    rounded_first, rounded_once = float(np.float32(np.float32(BIG) * np.float32(1.75))), float(np.float32(BIG * 1.75))
    assert rounded_first != rounded_once
    for codebook_bits, index, switch in ((None, BIG, "plain_product"), (BIG_CODEBOOK, 0, "codebook_product")):
        assert product([index], 11, codebook_bits, 1, {switch: "binary32"}) == [rounded_first]
        assert product([index], 11, codebook_bits, 1, {switch: "binary64"}) == [rounded_once]
        assert product([index], 11, codebook_bits, 9, {}) == [BIG * 1.75]
    assert product([BIG], 11, None, 1, {}) == [rounded_first]
    assert product([0], 11, BIG_CODEBOOK, 1, {}) == [rounded_once]


def doubled(indexes: list[int]) -> list[int]:
    """Dependent quantization from state 0, in coded order."""
    state, values = 0, []
    for k in indexes:
        values.append(2 * k - ((k > 0) - (k < 0)) * (state & 1))
        state = TRELLIS[state][k & 1]
    return values


@given(
    indexes=some.lists(some.one_of(some.integers(-3, 3), some.integers(-(2**30) + 1, 2**30 - 1)), min_size=1, max_size=40),
    columns=some.integers(1, 7),
    dq=some.booleans(),
    unary_length=some.sampled_from([1, 2, 10, 256]),
    sets=some.dictionaries(some.integers(0, 30), some.integers(1, 8)),
)
def test_what_the_coder_turned_round_writes_is_read(
    indexes: list[int], columns: int, dq: bool, unary_length: int, sets: dict[int, int]
) -> None:
    rows = -(-len(indexes) // columns)
    indexes = indexes + [0] * (rows * columns - len(indexes))
    payload = codeword(indexes, (rows, columns), dq=dq, unary_length=unary_length, parameter_sets=sets)
    header = data_unit_header(NNR_PT_INT, "w", [rows, columns], dq=int(dq), unary_length=unary_length)
    values = decode(START + unit(NNR_NDU, header + payload)).parameters["w"]
    assert values.shape == (rows, columns)
    assert values.ravel().tolist() == (doubled(indexes) if dq else indexes)


def entry_list(encoder: ArithmeticEncoder, tensors: list[list[hand.Mark]], dq: int) -> str:
    """The entries of the marks of each tensor, the chain of lengths running on from one to the
    next.
    """
    bits, length = "", None
    for marks in tensors:
        for before, mark in itertools.pairwise(marks):
            new = mark.shifts - before.shifts
            bits += u(8, encoder.offset(mark)) + (u(3, mark.state) if dq else "")
            bits += ue(11, new) if length is None else ie(7, new - length)
            length = new
    return bits


@pytest.mark.parametrize("dq", [0, 1])
@pytest.mark.parametrize(("g_rows", "rank"), [(20, 9), (3, 20), (20, 3), (2, 2)])
def test_decomposed_block_with_everything(dq: int, g_rows: int, rank: int) -> None:
    """Coded LS, BI, BN, G, H.

    Listed G, H, LS, BN, BI; the codebooks of G and H differ; one list of entry points for both.
    """
    encoder = ArithmeticEncoder()
    dims, columns = [g_rows, 2, 3], 6
    vectors = {name: [n + k for k in range(g_rows)] for n, name in enumerate(["ls", "bi", "beta", "gamma", "mean", "var"])}
    options = {"qp_delta": 8, "qp_delta_bits": 8, "dq": bool(dq)}
    for vector in vectors.values():
        encode_tensor(encoder, vector, (g_rows,), **options)  # type: ignore[arg-type]
    g = [(n * 7) % 3 - 1 for n in range(g_rows * rank)]
    h = [(n * 5) % 3 - 1 for n in range(rank * columns)]
    marks = [encode_tensor(encoder, g, (g_rows, rank), scan_order=1, **options)]  # type: ignore[arg-type]
    marks.append(encode_tensor(encoder, h, (rank, columns), scan_order=1, **options))  # type: ignore[arg-type]
    payload = octets(encoder.terminate())

    # values -50, -48, ... and -200, -199, ...: wide enough for doubled indexes
    codebook_g = u(4, 0) + ue(2, 11) + ie(2, 0) + ie(7, 0) + ue(0, 1) * 10
    codebook_h = u(4, 0) + ue(2, 11) + ie(2, 0) + ie(7, 100) + ue(0, 0) * 10
    header = data_unit_header(
        NNR_PT_BLOCK,
        ["g", "h", "ls", "beta", "gamma", "mean", "var", "bi"],
        dims,
        dq=dq,
        codebook=codebook_g,
        codebook_dc=codebook_h,
        parameter_types=NNR_CPT_DC | NNR_CPT_LS | NNR_CPT_BN | NNR_CPT_BI,
        rank_and_rows=(rank, g_rows),
        scan_order=1,
        entry_points=entry_list(encoder, marks, dq),
    )
    decoded = decode(START + unit(NNR_NDU, header + payload))

    def in_blocks(indexes: list[int], rows: int) -> list[int]:
        """Doubled in scan order: blocks of 8 x 8."""
        width = len(indexes) // rows
        places = [
            (r, c)
            for top in range(0, rows, 8)
            for left in range(0, width, 8)
            for r in range(top, min(top + 8, rows))
            for c in range(left, min(left + 8, width))
        ]
        scanned = [indexes[r * width + c] for r, c in places]
        scanned = doubled(scanned) if dq else scanned
        return [value for _, value in sorted(zip(places, scanned, strict=True))]

    assert list(decoded.parameters) == ["g", "h", "ls", "beta", "gamma", "mean", "var", "bi"]
    assert decoded.parameters["g"].shape == (g_rows, rank)
    assert decoded.parameters["h"].shape == (rank, columns)
    assert decoded.parameters["g"].ravel().tolist() == [2 * k for k in in_blocks(g, g_rows)]
    assert decoded.parameters["h"].ravel().tolist() == [100 + k for k in in_blocks(h, rank)]
    for name, vector in vectors.items():
        assert decoded.parameters[name].tolist() == (doubled(vector) if dq else vector)
    assert {name: len(points.observed) for name, points in decoded.entry_points.items()} == {
        name: -(-rows // 8) - 1 for name, rows in (("g", g_rows), ("h", rank)) if rows > 8
    }


def test_disputed_dq_flag_of_integers() -> None:
    indexes = [3, -2, 1, 0, 5]
    stream = START + unit(NNR_NDU, data_unit_header(NNR_PT_INT, "w", [5], dq=1) + codeword(indexes))
    assert decode(stream, {"int_dq_flag": "ignored"}).parameters["w"].tolist() == indexes


def test_disputed_block_scan_of_a_column() -> None:
    indexes = list(range(-10, 10))
    as_matrix = ArithmeticEncoder()
    marks = encode_tensor(as_matrix, indexes, (20, 1), scan_order=1)
    payload = octets(as_matrix.terminate())
    header = data_unit_header(NNR_PT_INT, "w", [20, 1], scan_order=1, entry_points=entry_list(as_matrix, [marks], 0))
    assert decode(START + unit(NNR_NDU, header + payload)).parameters["w"].ravel().tolist() == indexes
    row_major = START + unit(NNR_NDU, header + codeword(indexes, (20, 1)))
    assert decode(row_major, {"column_block_scan": "as-scan-0"}).parameters["w"].ravel().tolist() == indexes
