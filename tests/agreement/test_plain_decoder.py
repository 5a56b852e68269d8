"""The plain decoder against the streams that two independent codecs agree on, and its descriptors
against examples worked by hand.
"""

import ast
import math
from pathlib import Path

import plain_decoder
import pytest
from plain_decoder import CHOICES, decode
from plain_decoder.bits import Bits
from plain_decoder.codebook import Codebook, codebook
from plain_decoder.handmade import ie, packed, ue
from plain_decoder.switches import complete
from plain_decoder.values import quantization_step
from safetensors.numpy import load_file

from nnc_conformance.reference.interpretation import Interpretation

DATA = Path(__file__).parents[1] / "data"
SAMPLES = sorted(DATA.glob("*-samples/*.nnr"))


def reader(bits: str) -> Bits:
    """A reader of a string of 0 and 1, filled up with zeros."""
    return Bits(packed(bits + "0" * (-len(bits) % 8)), complete(None))


def test_both_sets_of_samples_are_there() -> None:
    assert len(list((DATA / "peer-samples").glob("*.nnr"))) == 99
    assert len(list((DATA / "agreed-samples").glob("*.nnr"))) == 87


@pytest.mark.parametrize("stream", SAMPLES, ids=lambda path: path.stem)
def test_sample_decodes_bit_for_bit(stream: Path) -> None:
    expected = load_file(stream.with_suffix(".safetensors"))
    decoded = decode(stream.read_bytes())
    got = {name: (array.dtype, array.shape, array.tobytes()) for name, array in decoded.parameters.items()}
    assert got == {name: (array.dtype, array.shape, array.tobytes()) for name, array in expected.items()}
    for points in decoded.entry_points.values():
        assert points.header == points.observed


def test_samples_hold_entry_points() -> None:
    scanned = decode((DATA / "agreed-samples" / "basic-so2-dq0.nnr").read_bytes())
    assert sum(len(points.header) for points in scanned.entry_points.values()) > 0


def test_imports_nothing_but_the_standard_library_and_numpy() -> None:
    allowed = {"collections", "dataclasses", "hashlib", "math", "numpy", "plain_decoder", "re", "struct", "typing", "zlib"}
    for source in Path(plain_decoder.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, source.name


def test_switches_have_the_names_and_choices_of_the_reference() -> None:
    switches = Interpretation.switches()
    assert list(CHOICES) == list(switches)
    for name, choices in CHOICES.items():
        assert [choice.value for choice in switches[name]] == list(choices)
        assert getattr(Interpretation(), name).value == choices[0]


def test_unknown_switch_or_choice_is_a_usage_error() -> None:
    with pytest.raises(ValueError, match="data_format"):
        decode(b"", {"data_format": "perhaps"})
    with pytest.raises(ValueError, match="weather"):
        decode(b"", {"weather": "count"})


@pytest.mark.parametrize(("bits", "n", "value"), [("101", 3, 5), ("0", 1, 0), ("", 0, 0), ("1" * 34, 34, 2**34 - 1)])
def test_u(bits: str, n: int, value: int) -> None:
    assert reader(bits).u(n) == value


@pytest.mark.parametrize(("bits", "value"), [("101", -3), ("011", 3), ("100", -4), ("111", -1), ("000", 0)])
def test_i(bits: str, value: int) -> None:
    assert reader(bits).i(3) == value


@pytest.mark.parametrize(
    ("k", "bits", "value"),
    [
        (0, "1", 0),
        (0, "010", 1),
        (0, "011", 2),
        (0, "00100", 3),
        (1, "10", 0),
        (1, "11", 1),
        (1, "0100", 2),
        (1, "0111", 5),
        (1, "001000", 6),
        (7, "10000101", 5),
        (7, "010000000" + "0", 128),
        (2, "111", 3),
    ],
)
def test_ue(k: int, bits: str, value: int) -> None:
    bit_reader = reader(bits)
    assert bit_reader.ue(k) == value
    assert bit_reader.position == len(bits)
    assert ue(k, value) == bits


@pytest.mark.parametrize(("bits", "value"), [("1", 0), ("010", 1), ("011", -1), ("00100", 2), ("00101", -2)])
def test_ie(bits: str, value: int) -> None:
    assert reader(bits).ie(0) == value
    assert ie(0, value) == bits


@pytest.mark.parametrize("offset", range(8))
def test_flt_is_little_endian_at_any_bit(offset: int) -> None:
    bit_reader = reader("1" * offset + "00000000" + "00000000" + "10100000" + "11000000")
    bit_reader.u(offset)
    assert bit_reader.flt() == -5.0


def test_st_ends_at_its_zero_byte_and_bs_at_the_end() -> None:
    bit_reader = Bits("é1\0rest\0".encode(), complete(None))
    assert bit_reader.st() == "é1"
    assert bit_reader.bs() == b"rest\0"
    assert bit_reader.left() == 0


@pytest.mark.parametrize(("read", "after"), [(0, 8), (1, 8), (7, 8), (8, 16)])
def test_byte_alignment_is_always_at_least_one_bit(read: int, after: int) -> None:
    bit_reader = reader("0" * read + "1" + "0" * 15)
    bit_reader.u(read)
    bit_reader.byte_alignment()
    assert bit_reader.position == after


def test_codebook_worked_by_hand() -> None:
    # egk 0, size 3, centre offset 0, zero value 5, one delta to the left of 1, one to the right of
    # 0
    bits = "0000" + "111" + "100" + "10001001" + "010" + "1"
    assert codebook(reader(bits)) == Codebook(values=[3, 5, 6], zero_offset=1)


def test_step_worked_by_hand() -> None:
    assert quantization_step(0, 0) == 1.0
    assert quantization_step(5, 2) == 2.5  # (4 + 1) * 2^(1 - 2)
    assert quantization_step(-5, 2) == 7 / 16  # -5 mod 4 is 3, -5 >> 2 is -2: (4 + 3) * 2^(-2 - 2)
    assert quantization_step(1 << 20, 0) == math.inf
