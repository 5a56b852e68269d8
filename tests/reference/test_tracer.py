"""The trace and the table of units, held against the bytes of every published vector."""

import json

import pytest
from helpers.sampling import sampled
from helpers.vectors_of import GOOD, VECTORS

from nnc_conformance.reference import trace
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.inspection import row_text, unit_rows
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reference.tracer import LONGEST_VALUE, value_text
from nnc_conformance.storage.suite_folder import StoredVector

SAMPLED = sampled([(stored.vector.id, (stored,)) for stored in GOOD], 3)


@pytest.mark.parametrize("stored", SAMPLED)
def test_the_elements_of_a_vector_are_all_its_bits(stored: StoredVector) -> None:
    stream = stored.read(stored.vector.stream)
    lines = [line for line in trace(stream) if line.bin is None]
    joined = any(line.element == "partial_data" for line in lines)
    position = 0
    for line in lines:
        assert line.element.partition("[")[0] in ELEMENTS
        if not joined:
            assert 8 * line.byte + line.bit == position, line
        position += line.length
    if not joined:
        assert position == 8 * len(stream)


SMALL = [stored for stored in GOOD if stored.vector.stream.size < 250]


@pytest.mark.parametrize("stored", SMALL, ids=lambda stored: stored.vector.id)
def test_bins_begin_and_end_where_the_coder_does(stored: StoredVector) -> None:
    bins = [line for line in trace(stored.read(stored.vector.stream), bins=True) if line.bin is not None]
    named = {line.element.partition("[")[0] for line in bins}
    assert named <= set(stored.vector.elements)
    for line in bins:
        assert line.bin is not None
        assert line.value in (0, 1)
        assert 256 <= line.bin.ivl_curr_range <= 510
        assert line.bin.ivl_offset < line.bin.ivl_curr_range


@pytest.mark.parametrize("stored", SAMPLED)
def test_the_units_of_a_vector_fill_it(stored: StoredVector) -> None:
    rows = list(unit_rows(stored.read(stored.vector.stream)))
    assert sum(row["size"] for row in rows if row["depth"] == 0) == stored.vector.stream.size
    assert all(isinstance(row_text(row), str) for row in rows)
    integers = [row for row in rows if row["content"].get("payload_type") == "NNR_PT_INT"]
    assert not any("qp" in row or "step" in row for row in integers)
    json.dumps(rows)


def test_a_trace_goes_up_to_the_fault() -> None:
    damaged = [stored for stored in VECTORS if stored.vector.negative is not None]
    assert damaged
    for stored in damaged[:40]:
        seen = 0
        with pytest.raises(StreamError) as caught:
            for _ in trace(stored.read(stored.vector.stream), bins=True):
                seen += 1
        assert caught.value.place.byte <= stored.vector.stream.size


@pytest.mark.parametrize("size", [0, 1, 12, 13, 99, 100, 10**7])
def test_values_are_cut_to_their_bound(size: int) -> None:
    shown = [value_text(bytes(size)), value_text("n" * size), value_text(list(range(size % 1000)))]
    assert max(map(len, shown)) <= LONGEST_VALUE
    assert shown[0].endswith(f" {size} bytes") is (size > 12)
