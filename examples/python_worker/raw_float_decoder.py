"""Decoder of NNR_STR, NNR_MPS and NNR_NDU with NNR_PT_RAW_FLOAT (clause 6), in plain Python."""

import math
import struct
from dataclasses import dataclass, field

STR, MPS, NDU, LAST_UNIT_TYPE = 0, 1, 5, 6
RAW_FLOAT, BLOCK = 2, 3
DC = 1
NODE, SHA256, SHA512 = 0, 1, 2
MOST_ELEMENTS = 1 << 31

Tensors = dict[str, tuple[tuple[int, ...], bytes]]
"""Dimensions and little-endian binary32 data by name."""


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
    """State after some units.

    ``model`` is the model that the stream applies to, ``tensors`` what the stream codes.
    """

    model: Tensors
    str_seen: bool = False
    mps_seen: bool = False
    second_edition: bool = False
    is_update: bool = False
    tensors: Tensors = field(default_factory=dict)


def decode(data: bytes, model: Tensors) -> Tensors:
    """Decode the next stream of a session and apply it to ``model``.

    Return what the stream codes: of an update the differences. Raise `Refusal` or `Unsupported`.
    """
    stream, start, unit = Stream(model), 0, 0
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
        profile = bits.u(8)
        if profile > 1:
            raise bits.refuse("unsupported", "general_profile_idc is above 1")
        stream.second_edition = profile == 1
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
    performance = 0
    if stream.second_edition:
        performance = identification(stream, bits)
    elif bits.u(7):
        raise bits.refuse("reserved", "a reserved bit is 1")
    if maps:
        raise Unsupported("performance maps")
    if methods & 3:
        bits.u(16)  # mps_qp_density, mps_quantization_parameter
    if performance:
        bits.u(32)  # validation_set_performance
    bits.byte_alignment()
    stream.mps_seen = True


def identification(stream: Stream, bits: Bits) -> int:
    """Read what the second edition adds before the quantization.

    Return 1 if a performance comes after it.
    """
    model_id, performance, metric_type, update = bits.u(1), bits.u(1), bits.u(1), bits.u(1)
    stream.is_update = update == 1
    predicted = bits.u(1)
    if predicted and stream.is_update:
        raise Unsupported("residuals of predicted differences")
    if predicted or bits.u(2):
        raise bits.refuse("reserved", "a reserved bit is 1")
    if model_id:
        bits.st()
    if performance or metric_type:
        bits.st()
    return performance


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
    has_parent = stream.second_edition and node_and_parent(stream, bits)
    if format_present:
        raise Unsupported("decompressed data formats")
    shape = dimensions(bits) if input_present else None
    if shape is None:
        if not stream.is_update or name not in stream.model:
            raise bits.refuse("dimension", "no dimensions, and nothing to take them from")
        shape = stream.model[name][0]
    if len(shape) > 1:
        if stream.second_edition and bits.ue(1):
            raise Unsupported("moved dimensions")
        if scan_order := bits.u(4):
            if scan_order > 4:
                raise bits.refuse("reserved", "scan_order is above 4")
            raise Unsupported("block scans")
    bits.byte_alignment()
    if name in stream.tensors:
        raise bits.refuse("reference", "a parameter is coded twice")
    if has_parent and (name not in stream.model or stream.model[name][0] != shape):
        raise bits.refuse("reference", "a difference to an unknown tensor, or to one of another shape")
    size = 4 * math.prod(shape)
    if bits.bytes_left < size:
        raise bits.refuse("truncated", "fewer than 4 bytes per element")
    stream.tensors[name] = shape, bits.data[bits.byte : bits.byte + size]
    bits.position += 8 * size
    stream.model[name] = (shape, added(stream.model[name][1], stream.tensors[name][1])) if has_parent else stream.tensors[name]


def node_and_parent(stream: Stream, bits: Bits) -> bool:
    """Read the place of a unit in the parameter update tree.

    Return whether it is a difference.
    """
    node_present = bits.u(1)
    if node_present:
        for k in (1, 5, 4):  # device_id, parameter_id, put_node_depth
            bits.ue(k)
    if not stream.is_update or not bits.u(1):
        return False
    parent_type = bits.u(2)
    if parent_type > SHA512:
        raise bits.refuse("reserved", "parent_node_id_type is above 2")
    if bits.u(1):
        raise bits.refuse("value", "temporal_context_modeling_flag is 1, but raw numbers have no contexts")
    if parent_type == NODE:
        bits.ue(1)  # parent_device_id
        if not node_present:
            for k in (5, 4):  # parameter_id, put_node_depth
                bits.ue(k)
    else:
        bits.u(256 if parent_type == SHA256 else 512)  # the digest of the parent's payload
    return True


def added(before: bytes, difference: bytes) -> bytes:
    """Add numbers in binary32; rounding a sum in binary64 gives the same."""
    pairs = zip(struct.iter_unpack("<f", before), struct.iter_unpack("<f", difference), strict=True)
    return b"".join(binary32(was + change) for (was,), (change,) in pairs)


def binary32(number: float) -> bytes:
    """Write a number in four bytes; one above the greatest becomes infinite."""
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, number))


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
