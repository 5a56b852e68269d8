"""A minimal ONNX topology built byte by byte, independent of any library version."""

from collections.abc import Mapping
from typing import Final

_VARINT, _BYTES = 0, 2
FLOAT: Final = 1
"""TensorProto.DataType of binary32."""


def varint(value: int) -> bytes:
    """Encode a number as a protocol buffer varint."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    """Encode a field that holds a number."""
    return varint(field << 3 | _VARINT) + varint(value)


def text(field: int, value: bytes | str) -> bytes:
    """Encode a field that holds bytes, a string or a message."""
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | _BYTES) + varint(len(data)) + data


def onnx_topology(shapes: Mapping[str, tuple[int, ...]], *, packed: bool = False) -> bytes:
    """Build a ModelProto with an initializer without data for each shape, and no node.

    IR version 8, opset 17. With ``packed``, the dimensions of a tensor are one field, else a field
    each.
    """

    def sizes(dimensions: tuple[int, ...]) -> bytes:
        return text(1, b"".join(map(varint, dimensions))) if packed else b"".join(number(1, size) for size in dimensions)

    initializers = b"".join(text(5, sizes(dimensions) + number(2, FLOAT) + text(8, name)) for name, dimensions in shapes.items())
    return number(1, 8) + text(7, text(2, "g") + initializers) + text(8, number(2, 17))
