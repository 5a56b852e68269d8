"""The reference decodes every stream of two independent codecs bit for bit, and damaged ones give
typed errors in place.
"""

from pathlib import Path

import numpy as np
import pytest
from helpers.samples import NAMES, SAMPLES

from nnc_conformance.reference import decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.bitstream import read_units, write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.storage.tensors import read_tensors


@pytest.mark.parametrize("kernel", ["fast", "plain"])
@pytest.mark.parametrize("path", SAMPLES, ids=NAMES)
def test_sample_decodes_bit_for_bit(path: Path, kernel: str) -> None:
    expected = read_tensors(path.with_suffix(".safetensors"))
    decoded = decode(path.read_bytes(), kernel=kernel).parameters
    assert set(decoded) == set(expected)
    for name, values in expected.items():
        assert (decoded[name].dtype, decoded[name].shape) == (values.dtype, values.shape)
        assert decoded[name].tobytes() == values.tobytes(), name


def unit_starts(stream: bytes) -> list[int]:
    return [unit.offset for unit in read_units(stream, StreamContext(), interpretation=Interpretation())]


@pytest.mark.parametrize("path", SAMPLES, ids=NAMES)
def test_sample_is_written_again_byte_for_byte(path: Path) -> None:
    stream = path.read_bytes()
    units = []
    for unit in read_units(stream, StreamContext(), interpretation=Interpretation()):
        flag = stream[unit.offset] >> 7
        units.append({"nnr_unit_size_flag": flag, "nnr_unit_header": unit.header, "nnr_unit_payload": unit.payload})
    assert write_units(units) == stream


SMALL = [path for path in SAMPLES if path.stat().st_size < 400]


@pytest.mark.parametrize("path", SMALL, ids=[path.stem for path in SMALL])
def test_a_cut_anywhere_but_at_a_unit_gives_a_placed_error(path: Path) -> None:
    stream = path.read_bytes()
    boundaries = {*unit_starts(stream), len(stream)}
    for length in range(len(stream)):
        if length in boundaries - {0}:
            decode(stream[:length])
            continue
        with pytest.raises(StreamError) as caught:
            decode(stream[:length])
        place = caught.value.place
        assert place.byte <= length
        assert place.element.partition("[")[0] in ELEMENTS
        assert place.unit_type


@pytest.mark.parametrize("path", SMALL[::6], ids=[path.stem for path in SMALL[::6]])
def test_damage_gives_tensors_or_a_typed_error(path: Path) -> None:
    stream = path.read_bytes()
    generator = np.random.default_rng(len(stream))
    for _ in range(120):
        damaged = bytearray(stream)
        for at in generator.integers(0, 8 * len(stream), size=generator.integers(1, 4)):
            damaged[at >> 3] ^= 0x80 >> (at & 7)
        for lenient in (False, True):
            try:
                decode(bytes(damaged), lenient=lenient)
            except StreamError as error:
                assert error.place.element.partition("[")[0] in ELEMENTS


def test_a_claim_of_2_to_40_elements_costs_nothing() -> None:
    stream = bytearray((SAMPLES[0].parents[1] / "agreed-samples" / "basic.nnr").read_bytes())
    unit = list(read_units(bytes(stream), StreamContext(), interpretation=Interpretation()))[-1]
    header = unit.header | {"tensor_dimensions": [1 << 20, 1 << 20]}
    claim = write_units([{"nnr_unit_header": header, "nnr_unit_payload": unit.payload}], context=_after_mps(), enforce=False)
    with pytest.raises(StreamError) as caught:
        decode(bytes(stream[: unit.offset]) + claim)
    assert (caught.value.rule, caught.value.category) == ("dims-product", "limit")


def _after_mps() -> StreamContext:
    from nnc_conformance.reference.syntax.context import Quantization

    return StreamContext(str_seen=True, mps_seen=True, mps_quantization=Quantization(2, -20))
