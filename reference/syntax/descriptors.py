"""The descriptors of clause 6: from values to bits, most significant bit first, and back.

A `BitReader` works within bounds and never reads past them: `OutOfBitsError` tells how far it got.
A `BitWriter` appends.
"""

import re
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import NNCError

MAXIMUM_GOLOMB_BITS: Final = 63
"""Bits of the longest suffix of an exp-Golomb code that is read, so that values stay below 2 ** 64.
"""


class OutOfBitsError(NNCError):
    """An element needs bits beyond the bound.

    ``bit`` is the position at which they would start.
    """

    def __init__(self, bit: int) -> None:
        super().__init__(f"no bits left at bit {bit}")
        self.bit = bit


class LongGolombError(NNCError):
    """An exp-Golomb code whose suffix is longer than `MAXIMUM_GOLOMB_BITS`."""


class NoZeroByteError(NNCError):
    """A string has no zero byte before the bound."""


class BitReader:
    """Reads from ``data`` at bit ``position`` up to, not including, bit ``end``."""

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = position
        self.end = 8 * len(data) if end is None else end

    def bits(self, n: int) -> int:
        """Read and return u(n): ``n`` bits as an unsigned number; raise `OutOfBitsError`."""
        start, stop = self.position, self.position + n
        if stop > self.end:
            raise OutOfBitsError(start)
        chunk = int.from_bytes(self.data[start >> 3 : (stop + 7) >> 3])
        self.position = stop
        return (chunk >> (-stop & 7)) & ((1 << n) - 1)

    def signed(self, n: int) -> int:
        """Read i(n), in two's complement; raise `OutOfBitsError`."""
        value = self.bits(n)
        return value - (1 << n) if value >> (n - 1) else value

    def golomb(self, k: int) -> int:
        """Read and return ue(k), exp-Golomb of order ``k``.

        Raise `OutOfBitsError`, or `LongGolombError` for a suffix that is too long.
        """
        start, value = self.position, 0
        while not self.bits(1):
            value += 1 << k
            k += 1
            if k > MAXIMUM_GOLOMB_BITS:
                self.position = start
                raise LongGolombError(f"an exp-Golomb suffix of more than {MAXIMUM_GOLOMB_BITS} bits")
        return value + self.bits(k)

    def signed_golomb(self, k: int) -> int:
        """Read and return ie(k): odd codes are positive, even codes zero or negative.

        Raise the errors of `golomb`.
        """
        code = self.golomb(k)
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def binary32(self) -> np.float32:
        """Read flt(32): four bytes, least significant first, at any bit position.

        Keep NaN payloads; raise `OutOfBitsError`.
        """
        raw = self.bits(32).to_bytes(4)
        return np.frombuffer(raw, dtype="<f4")[0].astype(np.float32)  # type: ignore[no-any-return]

    def flags(self, count: int) -> np.ndarray:
        """Read ``count`` times u(1), as uint8 of shape (count,); raise `OutOfBitsError`."""
        start, stop = self.position, self.position + count
        if stop > self.end:
            raise OutOfBitsError(start)
        self.position = stop
        raw = np.frombuffer(self.data[start >> 3 : (stop + 7) >> 3], dtype=np.uint8)
        return np.unpackbits(raw)[start & 7 : (start & 7) + count]

    def string(self) -> bytes:
        """Read st(v), a text and the zero byte that ends it; return the text alone.

        Raises:
            NoZeroByteError: If no zero byte follows before the end.
        """
        start = self.position
        if start & 7 == 0:
            stop = self.data.find(b"\0", start >> 3, self.end >> 3)
            if stop < 0:
                raise NoZeroByteError("no zero byte ends the string")
            self.position = 8 * (stop + 1)
            return self.data[start >> 3 : stop]
        text = bytearray()
        while self.position + 8 <= self.end:
            byte = self.bits(8)
            if byte == 0:
                return bytes(text)
            text.append(byte)
        raise NoZeroByteError("no zero byte ends the string")

    def rest(self) -> bytes:
        """Read bs(v): all whole bytes up to the bound, from a byte-aligned position."""
        start = self.position
        self.position = self.end
        return self.data[start >> 3 : self.end >> 3]


class BitWriter:
    """Appends bits to a byte string."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.position = 0

    def bits(self, value: int, n: int) -> None:
        """Append u(n): ``n`` bits of ``value``, which must be in [0, 2 ** n)."""
        free = -self.position & 7
        if free:
            taken = min(free, n)
            self.buffer[-1] |= ((value >> (n - taken)) & ((1 << taken) - 1)) << (free - taken)
        else:
            taken = 0
        left = n - taken
        if left:
            size = (left + 7) >> 3
            self.buffer += ((value & ((1 << left) - 1)) << (8 * size - left)).to_bytes(size)
        self.position += n

    def signed(self, value: int, n: int) -> None:
        """Append i(n), in two's complement."""
        self.bits(value & ((1 << n) - 1), n)

    def golomb(self, value: int, k: int) -> None:
        """Append ue(k)."""
        while value >= 1 << k:
            self.bits(0, 1)
            value -= 1 << k
            k += 1
        self.bits((1 << k) | value, k + 1)

    def signed_golomb(self, value: int, k: int) -> None:
        """Append ie(k)."""
        self.golomb(2 * value - 1 if value > 0 else -2 * value, k)

    def binary32(self, value: np.float32) -> None:
        """Append flt(32)."""
        self.bits(int.from_bytes(np.asarray(value, dtype="<f4").tobytes()), 32)

    def flags(self, values: npt.ArrayLike) -> None:
        """Append u(1) for each value of a one-dimensional array."""
        ones = np.asarray(values, np.uint8)
        self.bits(int.from_bytes(np.packbits(ones)) >> (-len(ones) & 7), len(ones))

    def string(self, value: bytes) -> None:
        """Append st(v): ``value`` and a zero byte."""
        self.data(value + b"\0")

    def data(self, value: bytes) -> None:
        """Append whole bytes at any bit position."""
        if self.position & 7:
            self.bits(int.from_bytes(value), 8 * len(value))
        else:
            self.buffer += value
            self.position += 8 * len(value)

    def replace(self, first: int, count: int, value: bytes) -> None:
        """Replace ``count`` bytes from byte ``first`` on by ``value``.

        The writer must be at a byte boundary.
        """
        self.buffer[first : first + count] = value
        self.position = 8 * len(self.buffer)


def value_range(descriptor: str) -> tuple[int, int] | None:
    """Return the least and greatest value of an integer descriptor such as ``u(8)`` or ``i(13)``.

    Return None if it is unbounded.
    """
    match = re.fullmatch(r"([ui])\((\d+)\)", descriptor)
    if not match:
        return None
    n = int(match[2])
    return (0, (1 << n) - 1) if match[1] == "u" else (-(1 << (n - 1)), (1 << (n - 1)) - 1)
