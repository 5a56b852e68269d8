"""Codewords that an independent encoder made (qp, unary length, scan and dependent quantization
vary) decode to what it decodes them to.
"""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from nnc_conformance.reference.entropy.codeword import CodewordError, TensorCoding, decode_block_row, decode_codeword
from nnc_conformance.reference.entropy.indices import decode_indices, encode_indices

TRUNCATIONS_APART = 37
"""Bytes between the sampled truncations; an odd prime, so that all places of a word are met."""
FILES = sorted((Path(__file__).parents[1] / "data" / "peer-codewords").glob("*.safetensors"))


def load(path):
    """The indexes, the payload and the coding's arguments, which the file's name tells."""
    tensors = load_file(path)
    dq, scan, unary = (int("".join(filter(str.isdigit, part))) for part in path.stem.split("-"))
    return tensors["q"], tensors["payload"].tobytes(), {"dq": bool(dq), "scan_order": scan, "unary_length": unary}


def coding_of(q, options):
    return TensorCoding(*q.shape, options["scan_order"], options["dq"], options["unary_length"], 0)


def test_all_fixtures_are_there():
    assert len(FILES) == 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_decodes_and_encodes_back(path):
    q, payload, options = load(path)
    decoded = decode_indices(payload, q.shape, **options)
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, q)
    for choice in ("search", "default"):
        ours = encode_indices(q, parameter_sets=choice, **options)
        np.testing.assert_array_equal(decode_indices(ours, q.shape, **options), q)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_same_parameter_sets_give_the_same_bytes(path):
    q, payload, options = load(path)
    sets = decode_codeword(payload, [coding_of(q, options)]).tensors[0].parameter_sets
    assert encode_indices(q, parameter_sets=sets, **options) == payload


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_ends_with_the_stop_bit_and_zeros(path):
    q, payload, options = load(path)
    bits_read = decode_codeword(payload, [coding_of(q, options)]).bits_read
    assert len(payload) == -(-bits_read // 8)
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    assert bits[bits_read - 1] == 1
    assert not bits[bits_read:].any()


@pytest.mark.parametrize("every", [TRUNCATIONS_APART, pytest.param(1, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_truncation_is_found_at_the_first_missing_bit(path, every):
    q, payload, options = load(path)
    for size in range(0, len(payload), every):
        with pytest.raises(CodewordError) as caught:
            decode_indices(payload[:size], q.shape, **options)
        assert (caught.value.rule, caught.value.bit) == ("cabac-end", 8 * size)


@pytest.mark.parametrize("path", [path for path in FILES if "scan2" in path.stem], ids=lambda path: path.stem)
def test_block_rows_decode_alone(path):
    q, payload, options = load(path)
    coding = coding_of(q, options)
    whole = decode_codeword(payload, [coding])
    tensor = whole.tensors[0]
    assert len(tensor.entry_points) == -(-q.shape[0] // 16) - 1
    ends = [entry.bit_position for entry in tensor.entry_points[1:]]
    for row, entry in enumerate(tensor.entry_points, start=1):
        assert 0 <= entry.cabac_offset < 256
        assert tensor.first_bit < entry.bit_position
        indexes, after = decode_block_row(payload, coding, tensor.parameter_sets, entry, row)
        np.testing.assert_array_equal(indexes, q[16 * row : 16 * (row + 1)].reshape(-1))
        assert after == (ends[row - 1] if row <= len(ends) else whole.bits_read)
