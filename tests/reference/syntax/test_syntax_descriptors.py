"""Each descriptor against examples worked out by hand from the sheet's table, and against itself
both ways.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc_conformance.reference.syntax.descriptors import BitReader, BitWriter, LongGolombError, NoZeroByteError, OutOfBitsError


def read(bits: str) -> BitReader:
    return BitReader(int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8)), 0, len(bits))


@pytest.mark.parametrize(
    ("bits", "k", "value"),
    [
        *[("1", 0, 0), ("010", 0, 1), ("011", 0, 2), ("00100", 0, 3), ("00111", 0, 6)],
        *[("10", 1, 0), ("11", 1, 1), ("0100", 1, 2), ("0111", 1, 5)],
        *[("10000000", 7, 0), ("11111111", 7, 127), ("0100000000", 7, 128), ("0111111111", 7, 383)],
    ],
)
def test_ue_examples(bits: str, k: int, value: int) -> None:
    assert read(bits).golomb(k) == value
    writer = BitWriter()
    writer.golomb(value, k)
    assert f"{int.from_bytes(writer.buffer):0{8 * len(writer.buffer)}b}"[: writer.position] == bits


@pytest.mark.parametrize(("bits", "value"), [("1", 0), ("010", 1), ("011", -1), ("00100", 2), ("00101", -2), ("00110", 3)])
def test_ie_examples(bits: str, value: int) -> None:
    assert read(bits).signed_golomb(0) == value


def test_i_is_twos_complement() -> None:
    assert read("1111111111111").signed(13) == -1
    assert read("1000000000000").signed(13) == -4096
    assert read("0111111111111").signed(13) == 4095


def test_flt_is_little_endian_at_any_bit() -> None:
    assert BitReader(bytes.fromhex("0000803f")).binary32() == np.float32(1.0)
    shifted = int.from_bytes(bytes.fromhex("0000803f")) << 5
    assert BitReader(shifted.to_bytes(5), 3).binary32() == np.float32(1.0)


def test_flt_keeps_nan_payloads() -> None:
    raw = bytes.fromhex("0100807f")
    writer = BitWriter()
    writer.binary32(BitReader(raw).binary32())
    assert bytes(writer.buffer) == raw


def test_reads_never_pass_the_bound() -> None:
    reader = BitReader(b"\xff\xff", 0, 11)
    reader.bits(8)
    with pytest.raises(OutOfBitsError) as caught:
        reader.bits(4)
    assert caught.value.bit == 8
    with pytest.raises(OutOfBitsError):
        BitReader(b"\x00" * 4).golomb(0)
    with pytest.raises(NoZeroByteError):
        BitReader(b"name").string()
    with pytest.raises(LongGolombError):
        BitReader(b"\x00" * 4000 + b"\x01").golomb(0)


ITEM = st.one_of(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.just("bits"), st.integers(0, (1 << n) - 1), st.just(n))),
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.just("signed"), st.integers(-(1 << (n - 1)), (1 << (n - 1)) - 1), st.just(n))),
    st.tuples(st.just("golomb"), st.integers(0, 1 << 40), st.integers(0, 15)),
    st.tuples(st.just("signed_golomb"), st.integers(-(1 << 40), 1 << 40), st.integers(0, 15)),
    st.tuples(st.just("string"), st.binary(max_size=9).filter(lambda text: b"\0" not in text), st.none()),
)


@given(st.lists(ITEM, max_size=20))
def test_what_is_written_is_read(items: list[tuple[str, object, int | None]]) -> None:
    writer = BitWriter()
    for kind, value, argument in items:
        getattr(writer, kind)(value, *([] if argument is None else [argument]))
    reader = BitReader(bytes(writer.buffer), 0, writer.position)
    for kind, value, argument in items:
        assert getattr(reader, kind)(*([] if argument is None else [argument])) == value
    assert reader.position == writer.position


def test_no_flags_take_no_bits() -> None:
    writer = BitWriter()
    writer.flags([])
    assert (writer.position, bytes(writer.buffer)) == (0, b"")


@given(st.lists(st.integers(0, 1), max_size=70), st.integers(0, 7))
def test_flags_are_single_bits(values: list[int], shift: int) -> None:
    writer = BitWriter()
    writer.bits(0, shift)
    writer.flags(np.array(values, dtype=np.uint8))
    reader = BitReader(bytes(writer.buffer), shift, writer.position)
    assert [reader.bits(1) for _ in values] == values
    assert list(BitReader(bytes(writer.buffer), shift, writer.position).flags(len(values))) == values
