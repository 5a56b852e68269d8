"""codebook(): the reconstruction values that indexes stand for."""

from dataclasses import dataclass

from plain_decoder.bits import Bits
from plain_decoder.errors import PlainError

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


@dataclass
class Codebook:
    """``values`` ascend; index k stands for ``values[k + zero_offset]``."""

    values: list[int]
    zero_offset: int

    def value(self, k: int) -> int:
        """The value of index k."""
        place = k + self.zero_offset
        if not 0 <= place < len(self.values):
            raise PlainError("value", f"index {k} lies outside a codebook of {len(self.values)} with CbZeroOffset {self.zero_offset}")
        return self.values[place]


def codebook(bits: Bits) -> Codebook:
    """Read a codebook."""
    codebook_egk = bits.u(4)
    codebook_size = bits.ue(2)
    codebook_centre_offset = bits.ie(2)
    codebook_zero_value = bits.ie(7)
    if codebook_size < 1:
        raise PlainError("value", "codebook_size 0")
    zero_offset = (codebook_size >> 1) + codebook_centre_offset
    if not 0 <= zero_offset < codebook_size:
        raise PlainError("value", f"CbZeroOffset {zero_offset} in a codebook of {codebook_size}")
    values = [_int32(codebook_zero_value)]
    for _ in range(zero_offset):
        codebook_delta_left = bits.ue(codebook_egk)
        values.insert(0, _int32(values[0] - codebook_delta_left - 1))
    for _ in range(codebook_size - 1 - zero_offset):
        codebook_delta_right = bits.ue(codebook_egk)
        values.append(_int32(values[-1] + codebook_delta_right + 1))
    return Codebook(values, zero_offset)


def _int32(value: int) -> int:
    if not INT32_MIN <= value <= INT32_MAX:
        raise PlainError("value", f"codebook value {value} does not fit int32")
    return value
