"""The bit reader and the descriptors; bits come most significant first."""

import struct
from typing import Final

from plain_decoder.errors import PlainError

LONGEST_SUFFIX: Final = 63
"""Bits after the 1 of an exp-Golomb code, at most."""


class Bits:
    """Reads ``data`` bit by bit from its first byte; nothing past its end is ever read.

    ``switches`` holds the setting of every disputed point; here only ``alignment_bits`` matters.
    """

    def __init__(self, data: bytes, switches: dict[str, str]) -> None:
        self.data = data
        self.switches = switches
        self.position = 0
        """Bits read so far."""

    def left(self) -> int:
        """Bits not yet read."""
        return 8 * len(self.data) - self.position

    def u(self, n: int) -> int:
        """Unsigned, n bits."""
        if n > self.left():
            raise PlainError("truncated", f"{n} bits wanted at bit {self.position}, {self.left()} are left")
        first, last = self.position // 8, (self.position + n + 7) // 8
        word = int.from_bytes(self.data[first:last], "big")
        self.position += n
        return (word >> (8 * last - self.position)) % (1 << n)

    def i(self, n: int) -> int:
        """Two's complement, n bits."""
        value = self.u(n)
        return value - (1 << n) if value >= 1 << (n - 1) else value

    def ue(self, k: int) -> int:
        """Exp-Golomb of order k: each leading 0 adds 2^k and raises k.

        After the ending 1 follow k bits.
        """
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
            if k + zeros > LONGEST_SUFFIX:
                raise PlainError("value", f"an exp-Golomb code of {zeros} zeros before bit {self.position}")
        # 2^k + 2^(k + 1) + ... + 2^(k + zeros - 1)
        x = ((1 << zeros) - 1) << k
        return x + self.u(k + zeros)

    def ie(self, k: int) -> int:
        """Signed exp-Golomb: odd v stands for (v + 1) / 2, even v for -(v / 2)."""
        v = self.ue(k)
        return (v + 1) // 2 if v % 2 == 1 else -(v // 2)

    def flt(self) -> float:
        """binary32, 4 bytes little endian, each of them u(8)."""
        (value,) = struct.unpack("<f", bytes(self.u(8) for _ in range(4)))
        assert isinstance(value, float)
        return value

    def st(self) -> str:
        """UTF-8 string ended by a zero byte; starts byte aligned."""
        assert self.position % 8 == 0
        characters = bytearray()
        while (byte := self.u(8)) != 0:
            characters.append(byte)
        try:
            return characters.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PlainError("text", f"the string before bit {self.position} is not UTF-8") from error

    def bs(self) -> bytes:
        """The bytes up to the end; starts byte aligned."""
        assert self.position % 8 == 0
        rest = self.data[self.position // 8 :]
        self.position = 8 * len(self.data)
        return rest

    def byte_alignment(self) -> None:
        """One bit 1, then the rest of the byte is skipped."""
        if self.u(1) != 1:
            raise PlainError("alignment", f"byte_alignment() has no 1 before bit {self.position}")
        rest = self.u(-self.position % 8)
        if rest != 0 and self.switches["alignment_bits"] == "checked":
            raise PlainError("alignment", f"byte_alignment() before bit {self.position} is not filled up with zeros")

    def reserved_zero(self, n: int) -> None:
        """Reserved bits that are zero."""
        if self.u(n) != 0:
            raise PlainError("reserved", f"the {n} reserved bits before bit {self.position} are not zero")

    def end(self, what: str) -> None:
        """Nothing may follow."""
        if self.left() != 0:
            raise PlainError("size", f"{self.left()} bits after {what}")
