"""One tensor of an arithmetic codeword: quant_tensor()."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from plain_decoder.arithmetic import ArithmeticDecoder, Context
from plain_decoder.codebook import INT32_MAX, INT32_MIN, Codebook
from plain_decoder.errors import PlainError
from plain_decoder.tables import TRELLIS_NEXT_STATE

PREFIX_CONTEXTS = 31
TRELLIS_STATES = 8


@dataclass(frozen=True)
class RowEntry:
    """Where a block row but the first is entered: the decoder's offset, the trellis state, the next
    payload bit.
    """

    cabac_offset: int
    dq_state: int
    bit_position: int


@dataclass
class QuantTensor:
    """``indexes`` in row-major order, doubled with dependent quantization.

    ``first_bit`` is P0 of the sheet.
    """

    qp_delta: int
    indexes: list[int]
    first_bit: int
    entries: list[RowEntry]


@dataclass(frozen=True)
class SecondEdition:
    """The surroundings that a tensor of general_profile_idc 1 is read with.

    Args:
        has_parent: parent_node_id_present_flag.
        base: The parent's index at each place, row-major; None without TCA.
        seen: 1 at each place where an earlier update was not 0, row-major; empty if none was,
            None if the earlier updates are not known.
        codebook: The codebook of the tensor, if it has one.
    """

    has_parent: int
    base: list[int] | None
    seen: list[int] | None
    codebook: Codebook | None


@dataclass
class Limits:
    """The largest magnitudes that a codebook leaves to negative and to positive indexes."""

    negative: int
    positive: int

    @classmethod
    def of(cls, codebook: Codebook | None) -> "Limits | None":
        """Give the limits of a codebook, None without one."""
        if codebook is None:
            return None
        return cls(codebook.zero_offset, len(codebook.values) - 1 - codebook.zero_offset)

    @property
    def one_value(self) -> bool:
        """Whether every index is 0."""
        return self.negative == self.positive == 0

    @property
    def one_sign(self) -> bool:
        """Whether all indexes but 0 have the same sign."""
        return self.negative == 0 or self.positive == 0

    @property
    def largest(self) -> int:
        """M of the sheet."""
        return max(self.negative, self.positive)


class Contexts:
    """The contexts of one tensor, in the order in which their parameter sets are sent.

    ``tca`` and ``hdsp`` say whether the tensor has the contexts of these tools; ``limits`` are
    those of its codebook in profile 1.
    """

    def __init__(self, trellis: bool, unary_length: int, *, tca: bool = False, hdsp: bool = False, limits: Limits | None = None) -> None:
        states = TRELLIS_STATES if trellis else 1
        self.unary_length = unary_length
        self.tca = tca
        self.limits = limits
        self.sig_flag = [Context() for _ in range(3 * states)]
        self.sig_flag_tca = [Context() for _ in range(2 * states if tca else 0)]
        self.sig_flag_hdsp = [Context() for _ in range(states if hdsp else 0)]
        self.sign_flag = [Context() for _ in range(3)]
        self.sign_flag_tca = [Context() for _ in range(2 if tca else 0)]
        self.abs_level_greater_x = [Context() for _ in range(2 * unary_length)]
        self.abs_level_greater_x_tca = [Context() for _ in range(2 * unary_length if tca else 0)]
        self.abs_level_greater_x2 = [Context() for _ in range(PREFIX_CONTEXTS)]
        self.all = self.sig_flag + self.sig_flag_tca + self.sig_flag_hdsp + self.sign_flag + self.sign_flag_tca
        self.all += self.abs_level_greater_x + self.abs_level_greater_x_tca + self.abs_level_greater_x2

    def signalled(self, switches: dict[str, str]) -> list[Context]:
        """List the contexts whose parameter set is sent: all, or those that a codebook leaves."""
        if self.limits is None:
            return self.all
        contexts = []
        if not self.limits.one_value:
            contexts += self.sig_flag + self.sig_flag_tca + self.sig_flag_hdsp
            if not self.limits.one_sign:
                contexts += self.sign_flag + self.sign_flag_tca
        largest = self.limits.largest
        possible = max(2 * (largest - 1), 0)
        ordinary = {"one-more": 2 * largest, "possible-bins": possible}
        contexts += self.abs_level_greater_x[: ordinary[switches["codebook_greater_sets"]]]
        contexts += self.abs_level_greater_x_tca[:possible]
        one_more = 1 if switches["codebook_prefix_sets"] == "one-more" else 0
        contexts += [
            self.abs_level_greater_x2[a] for a in range(PREFIX_CONTEXTS) if self.unary_length + 2 ** (a + 1) - 1 - one_more < largest
        ]
        return contexts

    def shift_parameter_ids(self, engine: ArithmeticDecoder, switches: dict[str, str]) -> None:
        """Read the parameter set of each context; one that is not sent is set 0."""
        flag = Context()
        for context in self.signalled(switches):
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
    """Return the number of block rows of a matrix; it is one without a block scan."""
    return 1 if scan_order == 0 else -(-rows // block_size(scan_order))


def scan(rows: int, columns: int, scan_order: int) -> Iterator[Iterator[range]]:
    """Give for each block row its stretches in coded order.

    A stretch holds the row-major places of a row's part in a block; without blocks of a whole row.
    """
    if scan_order == 0:
        yield (range(row * columns, (row + 1) * columns) for row in range(rows))
        return
    size = block_size(scan_order)
    for top in range(0, rows, size):
        yield _block_row(range(top, min(top + size, rows)), columns, size)


def _block_row(rows: range, columns: int, size: int) -> Iterator[range]:
    for left in range(0, columns, size):
        for row in rows:
            yield range(row * columns + left, row * columns + min(left + size, columns))


def quant_param(engine: ArithmeticDecoder, contexts: Contexts, state: int, previous: int, base: int = 0, seen: int = 0) -> int:
    """Read one index.

    Args:
        engine: The arithmetic decoder.
        contexts: The contexts of the tensor.
        state: The state of the trellis, 0 without dependent quantization.
        previous: The index coded before it, 0 at the start of a block row.
        base: The parent's index at the same place, 0 without TCA.
        seen: 1 where HDSP has seen an earlier update that was not 0.
    """
    limits = contexts.limits
    if limits is not None and limits.one_value:
        return 0
    neighbour = 0 if previous == 0 else 1 if previous < 0 else 2
    if seen:
        significance = contexts.sig_flag_hdsp[state]
    elif base != 0:
        significance = contexts.sig_flag_tca[2 * state + int(abs(base) > 1)]
    else:
        significance = contexts.sig_flag[3 * state + neighbour]
    if engine.context_bin(significance) == 0:
        return 0
    if limits is not None and limits.one_sign:
        negative = int(limits.positive == 0)
    elif base != 0:
        negative = engine.context_bin(contexts.sign_flag_tca[int(base > 0)])
    else:
        negative = engine.context_bin(contexts.sign_flag[neighbour])
    limit = None if limits is None else limits.negative if negative else limits.positive
    magnitude = _magnitude(engine, contexts, base, negative, limit)
    return _index(-magnitude if negative else magnitude)


def _magnitude(engine: ArithmeticDecoder, contexts: Contexts, base: int, negative: int, limit: int | None) -> int:
    """Read the magnitude of an index that is not 0; ``limit`` is the largest of its codebook."""
    magnitude = 1
    for j in range(contexts.unary_length):
        if magnitude == limit:
            return magnitude
        if base != 0:
            context = contexts.abs_level_greater_x_tca[2 * j + int(abs(base) < j)]
        else:
            context = contexts.abs_level_greater_x[2 * j + negative]
        if engine.context_bin(context) == 0:
            return magnitude
        magnitude += 1
    if magnitude == limit:
        return magnitude
    ones = 0
    while ones < PREFIX_CONTEXTS:
        if ones > 0 and limit is not None and magnitude + (1 << ones) > limit:
            break
        if engine.context_bin(contexts.abs_level_greater_x2[ones]) == 0:
            break
        magnitude += 1 << ones
        ones += 1
    magnitude += engine.uae_v(ones)
    if limit is not None and magnitude > limit:
        raise PlainError("value", f"magnitude {magnitude} where the codebook ends at {limit}")
    return magnitude


def quant_tensor(
    engine: ArithmeticDecoder,
    shape: tuple[int, ...],
    *,
    qp_delta_bits: int,
    trellis: bool,
    unary_length: int,
    scan_order: int,
    switches: dict[str, str],
    second: SecondEdition | None = None,
) -> QuantTensor:
    """Read one tensor; ``qp_delta_bits`` is 0 without a qp_delta, ``second`` None in profile 0."""
    rows = shape[0] if shape else 1
    columns = math.prod(shape[1:])
    qp_delta = engine.iae_v(qp_delta_bits) if qp_delta_bits else 0
    limits, base, seen = None, None, None
    row_skip_list: list[int] = []
    if second is not None:
        base = second.base
        limits = Limits.of(second.codebook)
        if columns > 1 and rows > 1 and not (limits is not None and limits.one_value):
            hist_dep_sig_prob_enabled_flag = engine.uae_v(1) if second.has_parent else 0
            if hist_dep_sig_prob_enabled_flag:
                if second.seen is None:
                    raise PlainError("reference", "hist_dep_sig_prob_enabled_flag 1, but the updates before are not known")
                seen = second.seen
            row_skip_enabled_flag = engine.uae_v(1)
            if row_skip_enabled_flag:
                row_skip = Context()
                row_skip_list = [engine.context_bin(row_skip) for _ in range(rows)]
    contexts = Contexts(trellis, unary_length, tca=base is not None, hdsp=seen is not None, limits=limits)
    contexts.shift_parameter_ids(engine, switches)
    first_bit = engine.position

    several_block_rows = block_rows(rows, scan_order) > 1
    coded: list[tuple[int, int]] = []
    entries: list[RowEntry] = []
    state = 0
    for number, stretches in enumerate(scan(rows, columns, scan_order)):
        if several_block_rows:
            engine.start_block_row()
        if number > 0:
            contexts.reset()
            entries.append(RowEntry(engine.IvlOffset, state, engine.position))
        previous = 0
        for stretch in stretches:
            if row_skip_list and row_skip_list[stretch.start // columns]:
                coded += [(place, 0) for place in stretch]
                if trellis:
                    steps = columns if switches["skipped_stretch"] == "row-width" else len(stretch)
                    for _ in range(steps):
                        state = TRELLIS_NEXT_STATE[state][0]
                continue
            for place in stretch:
                k = quant_param(engine, contexts, state, previous, base[place] if base else 0, seen[place] if seen else 0)
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
