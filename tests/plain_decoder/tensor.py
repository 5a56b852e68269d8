"""One tensor of an arithmetic codeword: quant_tensor()."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from plain_decoder.arithmetic import ArithmeticDecoder, Context
from plain_decoder.codebook import INT32_MAX, INT32_MIN
from plain_decoder.errors import PlainError
from plain_decoder.tables import TRELLIS_NEXT_STATE

PREFIX_CONTEXTS = 31
TRELLIS_STATES = 8


@dataclass(frozen=True)
class RowEntry:
    """Where a block row but the first is entered: the decoder's offset, the trellis state, the next payload bit."""

    cabac_offset: int
    dq_state: int
    bit_position: int


@dataclass
class QuantTensor:
    """``indexes`` in row-major order, doubled with dependent quantization; ``first_bit`` is P0 of the sheet."""

    qp_delta: int
    indexes: list[int]
    first_bit: int
    entries: list[RowEntry]


class Contexts:
    """The contexts of one tensor, in the order in which their parameter sets are sent."""

    def __init__(self, trellis: bool, unary_length: int) -> None:
        self.sig_flag = [Context() for _ in range(3 * TRELLIS_STATES if trellis else 3)]
        self.sign_flag = [Context() for _ in range(3)]
        self.abs_level_greater_x = [Context() for _ in range(2 * unary_length)]
        self.abs_level_greater_x2 = [Context() for _ in range(PREFIX_CONTEXTS)]
        self.all = self.sig_flag + self.sign_flag + self.abs_level_greater_x + self.abs_level_greater_x2

    def shift_parameter_ids(self, engine: ArithmeticDecoder) -> None:
        """Reads the parameter set of each context."""
        flag = Context()
        for context in self.all:
            context.parameter_set = 1 + engine.uae_v(3) if engine.context_bin(flag) else 0
        self.reset()

    def reset(self) -> None:
        """All contexts to the initial states of their sets."""
        for context in self.all:
            context.reset()


def block_size(scan_order: int) -> int:
    """B, the side of a scan's square blocks."""
    return 4 << scan_order


def block_rows(rows: int, scan_order: int) -> int:
    """How many block rows a matrix of so many rows has; one without a block scan."""
    return 1 if scan_order == 0 else -(-rows // block_size(scan_order))


def scan(rows: int, columns: int, scan_order: int) -> Iterator[Iterator[int]]:
    """For each block row, the row-major places of its elements in coded order."""
    if scan_order == 0:
        yield iter(range(rows * columns))
        return
    size = block_size(scan_order)
    for top in range(0, rows, size):
        yield _block_row(range(top, min(top + size, rows)), columns, size)


def _block_row(rows: range, columns: int, size: int) -> Iterator[int]:
    for left in range(0, columns, size):
        for row in rows:
            for column in range(left, min(left + size, columns)):
                yield row * columns + column


def quant_param(engine: ArithmeticDecoder, contexts: Contexts, unary_length: int, state: int, previous: int) -> int:
    """Reads one index; ``previous`` is the index coded before it."""
    neighbour = 0 if previous == 0 else 1 if previous < 0 else 2
    if engine.context_bin(contexts.sig_flag[3 * state + neighbour]) == 0:
        return 0
    negative = engine.context_bin(contexts.sign_flag[neighbour])
    magnitude = 1
    for j in range(unary_length):
        if engine.context_bin(contexts.abs_level_greater_x[2 * j + negative]) == 0:
            return -magnitude if negative else magnitude
        magnitude += 1
    ones = 0
    while ones < PREFIX_CONTEXTS and engine.context_bin(contexts.abs_level_greater_x2[ones]) == 1:
        magnitude += 1 << ones
        ones += 1
    magnitude += engine.uae_v(ones)
    return _index(-magnitude if negative else magnitude)


def quant_tensor(
    engine: ArithmeticDecoder, shape: tuple[int, ...], *, qp_delta_bits: int, trellis: bool, unary_length: int, scan_order: int
) -> QuantTensor:
    """Reads one tensor; ``qp_delta_bits`` is 0 where no qp_delta is sent."""
    rows = shape[0] if shape else 1
    columns = math.prod(shape[1:])
    qp_delta = engine.iae_v(qp_delta_bits) if qp_delta_bits else 0
    contexts = Contexts(trellis, unary_length)
    contexts.shift_parameter_ids(engine)
    first_bit = engine.position

    several_block_rows = block_rows(rows, scan_order) > 1
    coded: list[tuple[int, int]] = []
    entries: list[RowEntry] = []
    state = 0
    for number, places in enumerate(scan(rows, columns, scan_order)):
        if several_block_rows:
            engine.start_block_row()
        if number > 0:
            contexts.reset()
            entries.append(RowEntry(engine.IvlOffset, state, engine.position))
        previous = 0
        for place in places:
            k = quant_param(engine, contexts, unary_length, state, previous)
            previous = k
            if trellis:
                sign = (k > 0) - (k < 0)
                coded.append((place, _index(2 * k - sign * (state & 1))))
                state = TRELLIS_NEXT_STATE[state][k & 1]
            else:
                coded.append((place, k))
    return QuantTensor(qp_delta, [index for _, index in sorted(coded)], first_bit, entries)


def _index(value: int) -> int:
    if not INT32_MIN <= value <= INT32_MAX:
        raise PlainError("entropy", f"index {value} does not fit int32")
    return value
