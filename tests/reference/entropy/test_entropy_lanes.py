"""Rare turns of the fast kernels give what the readable one gives: lanes that merge, payloads that
end in a run or in an escape.
"""

import numpy as np
import numpy.typing as npt
import pytest

from nnc_conformance.reference.entropy import fast, plain
from nnc_conformance.reference.entropy.codeword import decode_codeword, encode_codeword
from nnc_conformance.reference.entropy.coding import CodewordError, TensorCoding, TensorToCode
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT
from nnc_conformance.reference.entropy.parameter_search import estimated_costs
from nnc_conformance.reference.errors import EncodeError

LENGTH = 3000


def quants(*stretches: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Values, each repeated a given number of times."""
    return np.concatenate([np.full(count, value, np.int32) for value, count in stretches])


@pytest.mark.parametrize(
    "indexes",
    [quants((0, LENGTH)), quants((0, LENGTH), (1, 9), (0, LENGTH)), quants((0, LENGTH), (-70000, 2), (0, 300))],
    ids=["zeros", "interrupted", "escapes"],
)
@pytest.mark.parametrize("dq", [False, True])
def test_lanes_that_come_to_one_state_cost_the_same(indexes: npt.NDArray[np.int32], dq: bool) -> None:
    values = quants((0, indexes.size)) if dq else indexes
    coding = TensorCoding(1, values.size, 0, dq, 10, 8)
    by_kernel = [estimated_costs(DEFAULT, coding.layout, coding.area, values, kernel) for kernel in (fast.quant_tensor, plain.quant_tensor)]
    assert np.array_equal(*by_kernel)


@pytest.mark.parametrize("indexes", [quants((0, LENGTH)), quants((2**31 - 1, 6)), quants((-(2**31), 6))], ids=["run", "escape", "negative"])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_payload_that_ends_early_ends_both_kernels_at_the_same_bit(indexes: npt.NDArray[np.int32], rows: int) -> None:
    coding = TensorCoding(rows, indexes.size // rows, 0, False, 10, 8)
    payload = encode_codeword([TensorToCode(coding, indexes)])
    for length in range(1, len(payload)):
        messages = []
        for kernel in ("fast", "plain"):
            with pytest.raises(CodewordError) as caught:
                decode_codeword(payload[:length], [coding], kernel=kernel)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


def test_a_value_beyond_int32_ends_both_kernels() -> None:
    coding = TensorCoding(1, 1, 0, False, 1, 8)
    beyond = np.frombuffer(encode_codeword([TensorToCode(coding, np.array([2**31 - 1]))]), np.uint8).copy()
    messages = set()
    for kernel in ("fast", "plain"):
        for bit in range(8, 8 * beyond.size):
            damaged = beyond.copy()
            damaged[bit >> 3] ^= 0x80 >> (bit & 7)
            try:
                values = decode_codeword(damaged, [coding], kernel=kernel).tensors[0].indexes.tolist()
                messages.add((bit, str(values)))
            except CodewordError as error:
                messages.add((bit, str(error)))
    assert len(messages) == 8 * beyond.size - 8
    assert any("does not fit int32" in text for _, text in messages)


def test_an_unknown_kernel_codes_nothing() -> None:
    coding = TensorCoding(1, 1, 0, False, 1, 8)
    with pytest.raises(ValueError, match="unknown kernel 'quick'"):
        encode_codeword([TensorToCode(coding, np.array([1]))], kernel="quick")
    with pytest.raises(EncodeError, match="at least one tensor"):
        encode_codeword([])
