"""A minimal ONNX topology built byte by byte, independent of any library version."""

from collections.abc import Mapping
from typing import Final

_VARINT, _BYTES = 0, 2
FLOAT: Final = 1
"""TensorProto.DataType of binary32."""
TENSOR: Final = 4
"""AttributeProto.AttributeType of an attribute that holds a tensor."""


def varint(value: int) -> bytes:
    """Encode a number as a protocol buffer varint: 7 bits a byte, lowest first."""
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


def onnx_topology(shapes: Mapping[str, tuple[int, ...]], *, packed: bool = False, constants: bool = False) -> bytes:
    """Build a ModelProto with an initializer without data for each shape, and no node.

    IR version 8, opset 17. With ``packed``, the dimensions of a tensor are one field, else a field
    each. With ``constants``, each tensor is the value of a Constant node in place of an initializer.
    """

    def sizes(dimensions: tuple[int, ...]) -> bytes:
        """Encode the dimensions of a tensor, as one field or a field each."""
        return text(1, b"".join(map(varint, dimensions))) if packed else b"".join(number(1, size) for size in dimensions)

    def tensor(name: str, dimensions: tuple[int, ...]) -> bytes:
        """Encode a tensor as an initializer of the graph, or as a Constant node."""
        described = sizes(dimensions) + number(2, FLOAT)
        if not constants:
            return text(5, described + text(8, name))
        value = text(1, "value") + text(5, described) + number(20, TENSOR)
        return text(1, text(2, name) + text(4, "Constant") + text(5, value))

    nodes, initializers = [b"".join(tensor(*one) for one in shapes.items() if constants is of_nodes) for of_nodes in (True, False)]
    return number(1, 8) + text(7, nodes + text(2, "g") + initializers) + text(8, number(2, 17))
