"""Streams by hand: the descriptors written as strings of 0 and 1, and the arithmetic coder turned
round.

The encoder keeps the whole codeword as one integer, so that carries need no thought; it is for
small tensors.
"""

import struct
from dataclasses import dataclass
from typing import Any

from plain_decoder.arithmetic import Context
from plain_decoder.data_unit import NNR_PT_INT, NNR_PT_RAW_FLOAT
from plain_decoder.stream import NNR_NDU
from plain_decoder.switches import complete
from plain_decoder.tables import LPS_RANGE_TABLE, TRELLIS_NEXT_STATE
from plain_decoder.tensor import Contexts, Limits, SecondEdition, block_rows, scan


def u(n: int, value: int) -> str:
    """Unsigned, n bits."""
    return format(value, f"0{n}b") if n else ""


def i(n: int, value: int) -> str:
    """Two's complement, n bits."""
    return u(n, value % (1 << n))


def ue(k: int, value: int) -> str:
    """Exp-Golomb of order k."""
    zeros = ""
    while value >= 1 << k:
        value -= 1 << k
        zeros += "0"
        k += 1
    return zeros + "1" + u(k, value)


def ie(k: int, value: int) -> str:
    """Signed exp-Golomb of order k."""
    return ue(k, 2 * value - 1 if value > 0 else -2 * value)


def octets(data: bytes) -> str:
    """Whole bytes."""
    return "".join(u(8, byte) for byte in data)


def flt(value: float) -> str:
    """binary32, little endian."""
    return octets(struct.pack("<f", value))


def st(text: str) -> str:
    """UTF-8 string with its zero byte."""
    return octets(text.encode("utf-8") + b"\0")


def aligned(bits: str) -> str:
    """The bits with byte_alignment() after them."""
    bits += "1"
    return bits + "0" * (-len(bits) % 8)


def packed(bits: str) -> bytes:
    """Bits that fill whole bytes, as bytes."""
    assert len(bits) % 8 == 0, len(bits)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def unit(unit_type: int, bits: str, *, counter: int | None = None, wide: bool = False) -> bytes:
    """A unit whose type-specific header and payload are ``bits``."""
    head = u(6, unit_type) + "0" + ("0" if counter is None else "1" + u(8, counter))
    body = packed(head + bits)
    return packed("1" + u(31, 4 + len(body)) if wide else "0" + u(15, 2 + len(body))) + body


def start_unit(profile: int = 0) -> bytes:
    """An NNR_STR."""
    return unit(0, u(8, profile))


def model_parameter_set(
    *,
    method_flags: int = 1,
    qp_density: int = 2,
    qp: int = -8,
    indexed: int = 0,
    map_flags: str = "0000",
    maps: str = "",
    flags: str = "0000000",
    strings: str = "",
) -> bytes:
    """An NNR_MPS; ``map_flags`` in the order sparsification, pruning, unification, decomposition.

    In profile 1 ``flags`` says which of the later elements there are, and ``strings`` are those
    before the quantization.
    """
    quantization = u(3, qp_density) + i(13, qp) if method_flags & 3 else ""
    head = "0" + map_flags + u(3, method_flags) + u(1, indexed) + flags + strings
    return unit(1, aligned(head + quantization + maps))


def layer_parameter_set(
    *, self_contained: int = 0, method_flags: int = 1, qp_density: int = 2, qp: int = -8, map_flags: str = "000", maps: str = ""
) -> bytes:
    """An NNR_LPS; ``map_flags`` in the order sparsification, pruning, unification."""
    quantization = u(3, qp_density) + i(13, qp) if method_flags & 3 else ""
    return unit(2, u(1, self_contained) + u(7, 0) + aligned("0" + map_flags + u(3, method_flags) + "0" + quantization + maps))


def data_unit_header(
    payload_type: int,
    ids: str | list[str] | int | list[int],
    dims: list[int] | None,
    *,
    dq: int = 0,
    data_format: int | None = None,
    codebook: str | None = None,
    codebook_dc: str = "",
    parameter_types: int = 0,
    rank_and_rows: tuple[int, int] = (0, 0),
    mapping: str = "",
    unary_length: int | None = None,
    scan_order: int = 0,
    entry_points: str = "",
    input_parameters: bool = True,
    node: str = "",
    after_dimensions: str | None = None,
) -> str:
    """Write the header of an NNR_NDU to its byte_alignment(); integers in ``ids`` are indexes.

    ``node`` is what profile 1 adds after the ids. ``after_dimensions`` are the bits between the
    dimensions and the end where they are not scan_order and entry points alone.
    """
    multiple = isinstance(ids, list)
    bits = u(5, payload_type) + u(1, multiple) + u(1, data_format is not None) + u(1, input_parameters)
    if isinstance(ids, list):
        bits += ue(7, len(ids) - 2)
        names = [name for name in ids if isinstance(name, str)]
        if names:
            bits = aligned(bits) + "".join(st(name) for name in names)
        else:
            bits = aligned(bits + "".join(ue(7, index) for index in ids if isinstance(index, int)))
    else:
        bits += ue(7, ids) if isinstance(ids, int) else st(ids)
    bits += node
    if payload_type in (1, 3):
        bits += "0" if codebook is None else "1" + codebook
    if payload_type != 2:
        bits += u(1, dq)
    if data_format is not None:
        bits += u(7, data_format)
    if input_parameters:
        bits += u(1, dims is not None) + u(1, unary_length is not None) + u(4, parameter_types)
        if parameter_types & 1:
            bits += ue(3, rank_and_rows[0]) + ue(3, rank_and_rows[1])
        if dims is not None:
            bits += ue(1, len(dims)) + "".join(ue(7, n) for n in dims)
        bits += mapping
        if unary_length is not None:
            bits += u(8, unary_length - 1)
    bits += codebook_dc
    if after_dimensions is not None:
        bits += after_dimensions
    elif dims is not None and len(dims) > 1:
        bits += u(4, scan_order) + entry_points
    return aligned(bits)


@dataclass(frozen=True)
class Mark:
    """The encoder's place at the start of a block row."""

    low: int
    shifts: int
    state: int


class ArithmeticEncoder:
    """Writes the bins that the arithmetic decoder reads.

    ``low`` is the codeword so far, ``shifts`` its bits after the first 9.
    """

    def __init__(self) -> None:
        self.low = 0
        self.shifts = 0
        self.IvlCurrRange = 510

    def context_bin(self, context: Context, binary: int) -> None:
        """A bin coded with an adaptive context."""
        s = 16 * context.S0 + context.S1
        r_lps = LPS_RANGE_TABLE[abs(s >> 7) + (self.IvlCurrRange & 0xE0)]
        self.IvlCurrRange -= r_lps
        if binary != (1 if s >= 0 else 0):
            self.low += self.IvlCurrRange
            self.IvlCurrRange = r_lps
        while self.IvlCurrRange < 256:
            self.IvlCurrRange *= 2
            self.low *= 2
            self.shifts += 1
        context.update(binary)

    def bypass_bins(self, n: int, value: int) -> None:
        """The n lowest bits of a number, each with probability one half."""
        for bit in i(n, value):
            self.low = 2 * self.low + (self.IvlCurrRange if bit == "1" else 0)
            self.shifts += 1

    def terminate(self) -> bytes:
        """The payload, once all bins but the terminate bin are written."""
        bits = u(9 + self.shifts, self._codeword())
        return packed(bits + "0" * (-len(bits) % 8))

    def offset(self, mark: Mark) -> int:
        """The decoder's offset at a mark, once all bins are written."""
        return (self._codeword() >> (self.shifts - mark.shifts)) - mark.low

    def _codeword(self) -> int:
        """Of the two values that the terminate bin 1 leaves, the odd one, which ends in the stop
        bit.
        """
        return (self.low + self.IvlCurrRange - 2) | 1


def encode_tensor(
    encoder: ArithmeticEncoder,
    indexes: list[int],
    shape: tuple[int, ...],
    *,
    qp_delta: int = 0,
    qp_delta_bits: int = 0,
    dq: bool = False,
    unary_length: int = 10,
    scan_order: int = 0,
    parameter_sets: dict[int, int] | None = None,
    second: SecondEdition | None = None,
    hdsp: bool = False,
    skipped: frozenset[int] | None = None,
) -> list[Mark]:
    """Write row-major indexes; give a mark for the first index and for each later block row.

    With ``dq`` the indexes are those before the doubling. ``parameter_sets`` holds the sets other
    than 0 by the number of the flag. ``second`` is what profile 1 codes the tensor with, ``hdsp``
    is its flag, ``skipped`` holds the rows of row_skip_list; None sends no list.
    """
    rows = shape[0] if shape else 1
    columns = len(indexes) // rows
    encoder.bypass_bins(qp_delta_bits, qp_delta)
    limits, base, seen = None, None, None
    if second is not None:
        base = second.base
        limits = Limits.of(second.codebook)
        if columns > 1 and rows > 1 and not (limits is not None and limits.one_value):
            if second.has_parent:
                encoder.bypass_bins(1, int(hdsp))
                seen = second.seen if hdsp else None
            encoder.bypass_bins(1, int(skipped is not None))
            if skipped is not None:
                row_skip = Context()
                for row in range(rows):
                    encoder.context_bin(row_skip, int(row in skipped))
    contexts = Contexts(dq, unary_length, tca=base is not None, hdsp=seen is not None, limits=limits)
    flag = Context()
    for number, context in enumerate(contexts.signalled(complete(None))):
        context.parameter_set = (parameter_sets or {}).get(number, 0)
        encoder.context_bin(flag, int(context.parameter_set > 0))
        if context.parameter_set > 0:
            encoder.bypass_bins(3, context.parameter_set - 1)
    contexts.reset()

    marks = [Mark(encoder.low, encoder.shifts, 0)]
    state = 0
    for number, stretches in enumerate(scan(rows, columns, scan_order)):
        if block_rows(rows, scan_order) > 1:
            encoder.IvlCurrRange = 256
        if number > 0:
            contexts.reset()
            marks.append(Mark(encoder.low, encoder.shifts, state))
        previous = 0
        for stretch in stretches:
            if skipped is not None and stretch.start // columns in skipped:
                for _ in range(columns if dq else 0):
                    state = TRELLIS_NEXT_STATE[state][0]
                continue
            for place in stretch:
                at = (base[place] if base else 0, seen[place] if seen else 0)
                _encode_index(encoder, contexts, state, previous, at, indexes[place])
                previous = indexes[place]
                if dq:
                    state = TRELLIS_NEXT_STATE[state][previous & 1]
    return marks


def _encode_index(
    encoder: ArithmeticEncoder, contexts: Contexts, state: int, previous: int, at: tuple[int, int], k: int
) -> None:  # fmt: skip
    """Write one index; ``at`` has the parent's index at its place and whether HDSP has seen it."""
    base, seen = at
    limits = contexts.limits
    if limits is not None and limits.one_value:
        return
    neighbour = 0 if previous == 0 else 1 if previous < 0 else 2
    significance = contexts.sig_flag[3 * state + neighbour]
    if base:
        significance = contexts.sig_flag_tca[2 * state + int(abs(base) > 1)]
    if seen:
        significance = contexts.sig_flag_hdsp[state]
    encoder.context_bin(significance, int(k != 0))
    if k == 0:
        return
    negative = int(k < 0)
    if limits is None or not limits.one_sign:
        sign = contexts.sign_flag_tca[int(base > 0)] if base else contexts.sign_flag[neighbour]
        encoder.context_bin(sign, negative)
    limit = None if limits is None else limits.negative if negative else limits.positive
    magnitude = 1
    for j in range(contexts.unary_length):
        if magnitude == limit:
            return
        greater = contexts.abs_level_greater_x[2 * j + negative]
        if base:
            greater = contexts.abs_level_greater_x_tca[2 * j + int(abs(base) < j)]
        encoder.context_bin(greater, int(abs(k) > magnitude))
        if abs(k) == magnitude:
            return
        magnitude += 1
    if magnitude == limit:
        return
    ones = 0
    while abs(k) >= magnitude + (1 << ones) and ones < 31:
        encoder.context_bin(contexts.abs_level_greater_x2[ones], 1)
        magnitude += 1 << ones
        ones += 1
    stops_by_itself = limit is not None and ones > 0 and magnitude + (1 << ones) > limit
    if ones < 31 and not stops_by_itself:
        encoder.context_bin(contexts.abs_level_greater_x2[ones], 0)
    encoder.bypass_bins(ones, abs(k) - magnitude)


START = start_unit() + model_parameter_set()
"""What comes before a data unit: density 2, qp -8, references by name."""


def floats(values: list[float]) -> str:
    """An NNR_PT_RAW_FLOAT payload."""
    return "".join(flt(value) for value in values)


def codeword(indexes: list[int], shape: tuple[int, ...] | None = None, **options: Any) -> str:
    """The payload of one tensor, one-dimensional by default; ``options`` as of `encode_tensor`."""
    encoder = ArithmeticEncoder()
    encode_tensor(encoder, indexes, shape or (len(indexes),), **options)
    return octets(encoder.terminate())


def raw_unit(name: str, values: list[float], **options: Any) -> bytes:
    """An NNR_NDU of raw floats in one dimension; ``options`` as of `data_unit_header`."""
    return unit(NNR_NDU, data_unit_header(NNR_PT_RAW_FLOAT, name, [len(values)], **options) + floats(values))


def int_unit(name: str, indexes: list[int], **options: Any) -> bytes:
    """An NNR_NDU of integers in one dimension; ``options`` as of `data_unit_header`."""
    return unit(NNR_NDU, data_unit_header(NNR_PT_INT, name, [len(indexes)], **options) + codeword(indexes))
