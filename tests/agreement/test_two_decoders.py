"""The reference and the plain decoder, which share no code, agree on vectors, on made tensors and
on damaged streams.
"""

import os
from dataclasses import replace
from math import prod

import numpy as np
import plain_decoder
import pytest
from helpers.broken_streams import BROKEN, BROKEN_IDS
from helpers.samples import SAMPLES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_decoder import PlainError

from nnc_conformance.reference import decode
from nnc_conformance.reference.composer import TensorContent, data_unit, model_parameter_set, simple_header, start_unit
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.payload import coded_parts
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DC, LS, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT, Codebook

EXAMPLES = int(os.environ.get("NNC_MADE_STREAMS", "150"))
"""Made tensors to compare; 10000 in the nox session ``agreement``."""

Plain = dict[str, tuple[np.dtype, tuple[int, ...], bytes]]


def plainly(parameters: dict[str, np.ndarray]) -> Plain:
    return {name: (values.dtype, values.shape, values.tobytes()) for name, values in parameters.items()}


def on_the_trellis(coded: list[int]) -> list[int]:
    state, doubled = 0, []
    for k in coded:
        doubled.append(0 if k == 0 else 2 * k - (1 if k > 0 else -1) * (state & 1))
        state = STATE_TRANS_TAB[state][k & 1]
    return doubled


def in_scan_order(rows: int, columns: int, scan_order: int) -> list[int]:
    """Row-major places in the order they are coded."""
    if scan_order == 0:
        return list(range(rows * columns))
    side = 4 << scan_order
    key = lambda place: (place // columns // side, place % columns // side, place // columns, place % columns)  # noqa: E731
    return sorted(range(rows * columns), key=key)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    payload_type = draw(st.sampled_from([NNR_PT_INT, NNR_PT_FLOAT, NNR_PT_BLOCK]))
    dimensions = tuple(draw(st.lists(st.integers(1, 19), min_size=1, max_size=4)))
    if prod(dimensions) > 700:
        dimensions = dimensions[:2]
    quantization = Quantization(draw(st.integers(0, 7)), draw(st.integers(-60, 20)))
    header = simple_header(payload_type, "w", dimensions, quantization, dq_flag=draw(st.booleans()))
    header = replace(
        header,
        unary_length=draw(st.sampled_from([1, 2, 3, 10, 17, 256])),
        scan_order=draw(st.integers(0, 4)) if len(dimensions) > 1 else 0,
    )
    largest = draw(st.sampled_from([1, 3, 40, 1 << 20]))
    if payload_type == NNR_PT_BLOCK:
        kinds = draw(st.integers(1, 15))
        names = ["G", "H"] if kinds & DC else ["w"]
        names += ["ls"] * bool(kinds & LS) + ["beta", "gamma", "mean", "variance"] * bool(kinds & BN) + ["bias"] * bool(kinds & BI)
        rows = draw(st.sampled_from([n for n in range(1, prod(dimensions) + 1) if prod(dimensions) % n == 0])) if kinds & DC else 0
        header = replace(
            header,
            ids=tuple(names),
            parameter_types=kinds,
            g_number_of_rows=rows,
            decomposition_rank=draw(st.integers(1, 5)) if rows else 0,
        )
    elif payload_type == NNR_PT_FLOAT and not header.dq_flag and draw(st.booleans()):
        size = draw(st.integers(1, 9))
        deltas = draw(st.lists(st.integers(1, 5000), min_size=size, max_size=size))
        zero = draw(st.integers(0, size - 1))
        header = replace(header, codebook=Codebook(np.cumsum(deltas).astype(np.int32) - 900, zero))
    tensors = {}
    for part in coded_parts(header):
        rows, columns = part.dimensions[0], prod(part.dimensions[1:])
        low, high = (-largest, largest)
        if header.codebook is not None:
            low, high = -header.codebook.zero_offset, len(header.codebook.values) - 1 - header.codebook.zero_offset
        generator = np.random.default_rng(draw(st.integers(0, 2**32)))
        coded = generator.integers(low, high + 1, size=rows * columns) * (generator.random(rows * columns) < draw(st.floats(0.1, 1)))
        coded = coded.clip(low, high).astype(np.int64)
        values = np.zeros(rows * columns, np.int32)
        order = in_scan_order(rows, columns, header.scan_order if part.is_weight else 0)
        values[order] = on_the_trellis(coded.tolist()) if header.dq_flag else coded
        sets = draw(st.sampled_from(["default", "search"]))
        bound = 1 << (5 + quantization.qp_density)
        delta = 0 if payload_type == NNR_PT_INT else draw(st.integers(-bound, bound - 1))
        tensors[part.id] = TensorContent(values, delta, sets)
    units = [start_unit(), model_parameter_set(quantization), data_unit(header, tensors)]
    return write_units(units)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(streams())
def test_made_tensors(stream: bytes) -> None:
    assert plainly(decode(stream).parameters) == plainly(plain_decoder.decode(stream).parameters)


SMALL = [path for path in SAMPLES if path.stat().st_size < 300]


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(SMALL), st.lists(st.integers(0, 8 * 70), min_size=1, max_size=3))
def test_damaged_streams_are_accepted_by_both_or_by_none(path: object, bits: list[int]) -> None:
    stream = bytearray(path.read_bytes())  # type: ignore[attr-defined]
    for bit in bits:
        bit %= 8 * len(stream)
        stream[bit >> 3] ^= 0x80 >> (bit & 7)
    try:
        reference = plainly(decode(bytes(stream)).parameters)
    except StreamError:
        with pytest.raises(PlainError):
            plain_decoder.decode(bytes(stream))
    else:
        assert reference == plainly(plain_decoder.decode(bytes(stream)).parameters)


@pytest.mark.parametrize(("rule", "stream"), BROKEN, ids=BROKEN_IDS)
def test_a_broken_rule_is_named(rule: str, stream: bytes) -> None:
    with pytest.raises(StreamError) as refusal:
        decode(stream)
    assert refusal.value.rule == rule
