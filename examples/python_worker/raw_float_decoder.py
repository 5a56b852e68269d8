"""Decoder of NNR_STR, NNR_MPS and NNR_NDU with NNR_PT_RAW_FLOAT (clause 6), in plain Python."""

from dataclasses import dataclass, field
from math import prod

STR, MPS, NDU, LAST_UNIT_TYPE = 0, 1, 5, 6
RAW_FLOAT, BLOCK = 2, 3
DC = 1
MOST_ELEMENTS = 1 << 31


class Refusal(Exception):  # noqa: N818 (a refusal is an answer, not an error of the decoder)
    """The stream breaks a rule: its category, and the unit and byte where it was noticed."""

    def __init__(self, category: str, message: str, byte: int) -> None:
        super().__init__(message)
        self.category, self.byte, self.unit = category, byte, 0


class Unsupported(Exception):  # noqa: N818
    """The stream needs a part of the standard that this decoder does not implement."""


@dataclass
class Bits:
    """Reader of bits, most significant first, up to byte ``end``."""

    data: bytes
    position: int
    end: int

    @property
    def byte(self) -> int:
        return self.position >> 3

    @property
    def bytes_left(self) -> int:
        return self.end - ((self.position + 7) >> 3)

    def refuse(self, category: str, message: str) -> Refusal:
        return Refusal(category, message, self.byte)

    def u(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            if self.position >= 8 * self.end:
                raise self.refuse("truncated", "the unit ends within an element")
            value = 2 * value + (self.data[self.byte] >> (7 - (self.position & 7)) & 1)
            self.position += 1
        return value

    def ue(self, k: int) -> int:
        value = 0
        while self.u(1) == 0:
            if k == 63:
                raise self.refuse("value", "an exp-Golomb suffix of more than 63 bits")
            value += 1 << k
            k += 1
        return value + self.u(k)

    def st(self) -> str:
        text = bytearray()
        while byte := self.u(8):
            text.append(byte)
        try:
            return text.decode()
        except UnicodeDecodeError:
            raise self.refuse("text", "a string is not UTF-8") from None

    def byte_alignment(self) -> None:
        if self.u(1) != 1 or self.u(-self.position & 7) != 0:
            raise self.refuse("alignment", "byte_alignment() is not a 1 followed by zeros")


@dataclass
class Stream:
    """State after some units; ``tensors`` has dimensions and little-endian binary32 data by name."""

    str_seen: bool = False
    mps_seen: bool = False
    tensors: dict[str, tuple[tuple[int, ...], bytes]] = field(default_factory=dict)


def decode(data: bytes) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """Decode a stream; raise `Refusal` or `Unsupported`."""
    stream, start, unit = Stream(), 0, 0
    try:
        if not data:
            raise Refusal("order", "an empty stream", 0)
        while start < len(data):
            start = decode_unit(stream, Bits(data, 8 * start, len(data)))
            unit += 1
    except Refusal as refusal:
        refusal.unit = unit
        raise
    return stream.tensors


def decode_unit(stream: Stream, bits: Bits) -> int:
    """Decode one unit and return the offset of the byte after it."""
    start = bits.byte
    size = bits.u(31 if bits.u(1) else 15)
    if start + size <= bits.byte:
        raise bits.refuse("size", "nnr_unit_size is smaller than its own field")
    if start + size > bits.end:
        raise bits.refuse("truncated", "the unit is longer than the stream")
    bits.end = start + size
    unit_type = bits.u(6)
    if unit_type > LAST_UNIT_TYPE:
        raise bits.refuse("reserved", "nnr_unit_type is above 6")
    if stream.str_seen is (unit_type == STR):
        raise bits.refuse("order", "NNR_STR comes first, and once")
    stream.str_seen = True
    bits.u(1)  # independently_decodable_flag
    if bits.u(1):
        raise Unsupported("partial data units")
    if unit_type == STR:
        if bits.u(8) != 0:
            raise bits.refuse("unsupported", "general_profile_idc is not 0")
    elif unit_type == MPS:
        model_parameter_set(stream, bits)
    elif unit_type == NDU:
        data_unit(stream, bits)
    elif not bits.bytes_left:
        raise bits.refuse("truncated", "the unit ends before its header")
    else:
        raise Unsupported("NNR_LPS, NNR_TPL, NNR_QNT and NNR_AGG")
    if bits.bytes_left:
        raise bits.refuse("size", "bytes after the payload")
    return bits.end


def model_parameter_set(stream: Stream, bits: Bits) -> None:
    """Read an NNR_MPS."""
    if stream.mps_seen:
        raise bits.refuse("order", "a second NNR_MPS")
    bits.u(1)  # topology_carriage_flag
    maps, methods, indexed = bits.u(4), bits.u(3), bits.u(1)
    if indexed:
        raise Unsupported("indexed references")
    if bits.u(7):
        raise bits.refuse("reserved", "a reserved bit is 1")
    if maps:
        raise Unsupported("performance maps")
    if methods & 3:
        bits.u(16)  # mps_qp_density, mps_quantization_parameter
    bits.byte_alignment()
    stream.mps_seen = True


def data_unit(stream: Stream, bits: Bits) -> None:
    """Read an NNR_NDU."""
    if not stream.mps_seen:
        raise bits.refuse("order", "an NNR_NDU before any NNR_MPS")
    payload_type = bits.u(5)
    if payload_type > BLOCK:
        raise bits.refuse("reserved", "nnr_compressed_data_unit_payload_type is above 3")
    if payload_type != RAW_FLOAT:
        raise Unsupported("coded payloads")
    multiple, format_present, input_present = bits.u(1), bits.u(1), bits.u(1)
    if multiple:
        raise Unsupported("several topology elements")
    name = bits.st()
    if format_present:
        raise Unsupported("decompressed data formats")
    shape = dimensions(bits) if input_present else None
    if shape is None:
        raise bits.refuse("dimension", "no dimensions, and no topology to take them from")
    if len(shape) > 1 and (scan_order := bits.u(4)):
        if scan_order > 4:
            raise bits.refuse("reserved", "scan_order is above 4")
        raise Unsupported("block scans")
    bits.byte_alignment()
    if name in stream.tensors:
        raise bits.refuse("reference", "a parameter is coded twice")
    size = 4 * prod(shape)
    if bits.bytes_left < size:
        raise bits.refuse("truncated", "fewer than 4 bytes per element")
    stream.tensors[name] = shape, bits.data[bits.byte : bits.byte + size]
    bits.position += 8 * size


def dimensions(bits: Bits) -> tuple[int, ...] | None:
    """Read the dimensions of an NNR_NDU; return None if it has none."""
    present, unary_length_present, parameter_types = bits.u(1), bits.u(1), bits.u(4)
    if parameter_types & DC:
        raise Unsupported("decomposed weights")
    shape: list[int] = []
    elements = 1
    if present:
        count = bits.ue(1)
        if count == 0:
            raise bits.refuse("dimension", "count_tensor_dimensions is 0")
        for _ in range(count):
            shape.append(bits.ue(7))
            elements *= shape[-1]
            if elements == 0:
                raise bits.refuse("dimension", "a dimension is 0")
            if elements > MOST_ELEMENTS:
                raise bits.refuse("limit", "more elements than this decoder accepts")
    if unary_length_present:
        bits.u(8)
    return tuple(shape) if present else None
