"""The arithmetic decoder and its contexts (clause 10)."""

from plain_decoder.errors import PlainError
from plain_decoder.tables import CONTEXT_PARAMETER_SETS, LPS_RANGE_TABLE, STATE_STEP_TABLE


class Context:
    """An adaptive bin model: two states, S0 fast and S1 slow, and the rate shifts of its parameter
    set.
    """

    def __init__(self) -> None:
        self.parameter_set = 0
        self.reset()

    def reset(self) -> None:
        """Back to the initial state of the parameter set."""
        self.shift0, self.shift1, s, self.S0 = CONTEXT_PARAMETER_SETS[self.parameter_set]
        self.S1 = s - 16 * self.S0

    def update(self, binary: int) -> None:
        """Adapt to a decoded bin."""
        t = 1 if binary == 1 else -1
        self.S0 += t * (STATE_STEP_TABLE[16 + ((t * self.S0) >> 3)] >> (self.shift0 + 4))
        self.S1 += t * (STATE_STEP_TABLE[16 + ((t * self.S1) >> 7)] >> self.shift1)


class ArithmeticDecoder:
    """Decodes bins from the payload's first bit on.

    ``position`` counts the bits read, the initial 9 included.
    """

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.position = 0
        self.IvlCurrRange = 510
        self.IvlOffset = 0
        for _ in range(9):
            self._shift_in()
        self._check_interval()

    def _shift_in(self) -> None:
        byte, bit = divmod(self.position, 8)
        if byte >= len(self.payload):
            raise PlainError("truncated", f"the codeword reads past the payload's {len(self.payload)} bytes")
        self.IvlOffset = 2 * self.IvlOffset + ((self.payload[byte] >> (7 - bit)) & 1)
        self.position += 1

    def _check_interval(self) -> None:
        if self.IvlOffset >= self.IvlCurrRange:
            raise PlainError("entropy", f"IvlOffset {self.IvlOffset} at bit {self.position} is not below IvlCurrRange {self.IvlCurrRange}")

    def context_bin(self, context: Context) -> int:
        """A bin coded with an adaptive context."""
        s = 16 * context.S0 + context.S1
        most_probable = 1 if s >= 0 else 0
        r_lps = LPS_RANGE_TABLE[abs(s >> 7) + (self.IvlCurrRange & 0xE0)]
        self.IvlCurrRange -= r_lps
        if self.IvlOffset >= self.IvlCurrRange:
            binary = 1 - most_probable
            self.IvlOffset -= self.IvlCurrRange
            self.IvlCurrRange = r_lps
        else:
            binary = most_probable
        while self.IvlCurrRange < 256:
            self.IvlCurrRange *= 2
            self._shift_in()
        context.update(binary)
        return binary

    def bypass_bin(self) -> int:
        """A bin of probability one half."""
        self._shift_in()
        if self.IvlOffset >= self.IvlCurrRange:
            self.IvlOffset -= self.IvlCurrRange
            return 1
        return 0

    def uae_v(self, n: int) -> int:
        """n bypass bins, unsigned."""
        value = 0
        for _ in range(n):
            value = 2 * value + self.bypass_bin()
        return value

    def iae_v(self, n: int) -> int:
        """n bypass bins, two's complement."""
        value = self.uae_v(n)
        return value - (1 << n) if value >= 1 << (n - 1) else value

    def start_block_row(self) -> None:
        """Force the range before the first index of a block row."""
        self.IvlCurrRange = 256
        self._check_interval()

    def terminate(self) -> None:
        """The terminate bin 1, after which the codeword must end with its byte: stop bit 1, then
        zeros.
        """
        self.IvlCurrRange -= 2
        if self.IvlOffset < self.IvlCurrRange:
            raise PlainError("entropy", f"the terminate bin at bit {self.position} is 0")
        last_byte = (self.position - 1) // 8
        unread = 8 * (last_byte + 1) - self.position
        stop_bits = self.payload[last_byte] % (1 << (unread + 1))
        if stop_bits != 1 << unread:
            raise PlainError("alignment", f"the codeword before bit {self.position} does not end in a 1 and zeros")
        if last_byte + 1 != len(self.payload):
            raise PlainError("size", f"{len(self.payload) - last_byte - 1} bytes after the codeword")
