"""NNR_TPL and NNR_QNT payloads, and the dimensions that a topology gives."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from plain_decoder.bits import Bits
from plain_decoder.errors import PlainError

NNR_TPL_UNREC, NNR_TPL_NNEF, NNR_TPL_ONNX, NNR_TPL_PYT, NNR_TPL_TEF, NNR_TPL_PRUN, NNR_TPL_REFLIST = range(7)
NNR_PT_RAW, NNR_DFL = range(2)
NNR_TPL_BMSK, NNR_TPL_DICT = range(2)

INFLATED_LIMIT = 1 << 30
"""Bytes that a deflated topology may have when inflated."""


@dataclass
class Pruning:
    """nnr_pruning_topology_container(): new dimensions by element, and the masks (1: kept)."""

    order_flag: int
    dimensions: dict[str, tuple[int, ...]] = field(default_factory=dict)
    prune_mask: list[int] | None = None
    sparse_mask: list[int] | None = None


def storage_header(bits: Bits) -> tuple[int, int]:
    """The header of TPL and QNT: storage format and compression format."""
    storage_format = bits.u(8)
    compression_format = bits.u(8)
    if storage_format > NNR_TPL_REFLIST:
        raise PlainError("reserved", f"storage format {storage_format}")
    if compression_format > NNR_DFL:
        raise PlainError("reserved", f"compression format {compression_format}")
    return storage_format, compression_format


def storage_data(bits: Bits, compression_format: int) -> bytes:
    """topology_data or quantization_data, inflated if it was deflated."""
    data = bits.bs()
    if bits.switches["data_string"] == "st":
        data, zero, rest = data.partition(b"\0")
        if not zero:
            raise PlainError("truncated", "the data string has no zero byte")
        if rest:
            raise PlainError("size", f"{len(rest)} bytes after the data string")
    return _inflate(data) if compression_format == NNR_DFL else data


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(data, INFLATED_LIMIT)
    except zlib.error as error:
        raise PlainError("topology", f"the data cannot be inflated: {error}") from error
    if not inflater.eof:
        raise PlainError("topology", "the deflated data does not end, or inflates past the limit")
    if inflater.unused_data:
        raise PlainError("topology", f"{len(inflater.unused_data)} bytes after the deflated data")
    return inflated


def topology_elements_ids_list(bits: Bits, indexed: int, reference_list: list[str] | None) -> list[str]:
    """Two or more element ids, given by name or by index into the reference list."""
    count_topology_elements = bits.ue(7) + 2
    if not indexed:
        bits.byte_alignment()
        return [bits.st() for _ in range(count_topology_elements)]
    ids = [referred(bits.ue(7), reference_list) for _ in range(count_topology_elements)]
    bits.byte_alignment()
    return ids


def referred(index: int, reference_list: list[str] | None) -> str:
    """The element id that an index stands for."""
    if reference_list is None:
        raise PlainError("reference", f"index {index} without a reference list before it")
    if index >= len(reference_list):
        raise PlainError("reference", f"index {index} into a reference list of {len(reference_list)}")
    return reference_list[index]


def nnr_pruning_topology_container(bits: Bits, indexed: int, reference_list: list[str] | None) -> Pruning:
    """Read the pruning container."""
    nnr_rep_type = bits.u(2)
    if nnr_rep_type > NNR_TPL_DICT:
        raise PlainError("reserved", f"nnr_rep_type {nnr_rep_type}")
    prune_flag = bits.u(1)
    order_flag = bits.u(1)
    sparse_flag = bits.u(1)
    bits.reserved_zero(3)
    pruning = Pruning(order_flag)
    if prune_flag and nnr_rep_type == NNR_TPL_BMSK:
        pruning.prune_mask = bit_mask(bits)
    if prune_flag and nnr_rep_type == NNR_TPL_DICT:
        count_ids = bits.u(8)
        for _ in range(count_ids):
            element_id = referred(bits.ue(7), reference_list) if indexed else bits.st()
            count_dims = bits.ue(1)
            bits.byte_alignment()
            pruning.dimensions[element_id] = tuple(bits.ue(7) for _ in range(count_dims))
            bits.byte_alignment()
    if sparse_flag:
        pruning.sparse_mask = bit_mask(bits)
    return pruning


def bit_mask(bits: Bits) -> list[int]:
    """Read a bit mask."""
    count_bits = bits.u(32)
    mask = [bits.u(1) for _ in range(count_bits)]
    bits.byte_alignment()
    return mask


def element_dimensions(storage_format: int, data: bytes) -> dict[str, tuple[int, ...]]:
    """The dimensions of each element of an NNEF or ONNX topology by its id.

    Other formats, and what cannot be read, give none.
    """
    try:
        if storage_format == NNR_TPL_NNEF:
            return _nnef_dimensions(data.decode("utf-8"))
        if storage_format == NNR_TPL_ONNX:
            return _onnx_dimensions(data)
    except (ValueError, IndexError, KeyError):
        return {}
    return {}


def _nnef_dimensions(text: str) -> dict[str, tuple[int, ...]]:
    """``variable(shape = [3, 4], label = 'name')``: the arguments may come in either order."""
    found = {}
    for arguments in re.findall(r"\bvariable\s*(?:<[^>]*>)?\s*\(([^)]*)\)", text):
        shape = re.search(r"\bshape\s*=\s*\[([\d\s,]*)\]", arguments)
        label = re.search(r"\blabel\s*=\s*(['\"])(.*?)\1", arguments)
        if shape and label:
            found[label[2]] = tuple(int(n) for n in shape[1].split(",") if n.strip())
    return found


def _onnx_dimensions(data: bytes) -> dict[str, tuple[int, ...]]:
    """ModelProto.graph is field 7, GraphProto.node 1 and .initializer 5, TensorProto.name 8.

    The value of a Constant node goes by the node's output: NodeProto.output is 2, .op_type 4 and
    .attribute 5, AttributeProto.t is 5.
    """
    found = {}
    for graph in _protobuf_bytes(data, 7):
        for tensor in _protobuf_bytes(graph, 5):
            found[b"".join(_protobuf_bytes(tensor, 8)).decode("utf-8")] = _tensor_dimensions(tensor)
        for node in _protobuf_bytes(graph, 1):
            if _protobuf_bytes(node, 4) == [b"Constant"]:
                for tensor in _protobuf_bytes(_protobuf_bytes(node, 5)[0], 5):
                    found[_protobuf_bytes(node, 2)[0].decode("utf-8")] = _tensor_dimensions(tensor)
    return found


def _tensor_dimensions(tensor: bytes) -> tuple[int, ...]:
    """TensorProto.dims is field 1, each a field of its own or all packed."""
    dims: list[int] = []
    for number, value in _protobuf_fields(tensor):
        if number == 1 and isinstance(value, int):
            dims.append(value)
        elif number == 1 and isinstance(value, bytes):
            dims.extend(_protobuf_packed(value))
    return tuple(dims)


def _protobuf_bytes(message: bytes, number: int) -> list[bytes]:
    return [value for found, value in _protobuf_fields(message) if found == number and isinstance(value, bytes)]


def _protobuf_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field number and value, in wire order: varints as int, all else as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire_type = key & 7
        if wire_type == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if wire_type == 2:
            length, at = _varint(message, at)
        else:
            length = {1: 8, 5: 4}[wire_type]
        if at + length > len(message):
            raise IndexError(f"field {key >> 3} ends past its message")
        yield key >> 3, message[at : at + length]
        at += length


def _protobuf_packed(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that starts at byte ``at``, seven bits a byte, lowest first, and the place after
    it.
    """
    value, shift = 0, 0
    while message[at] >= 128:
        value |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1
