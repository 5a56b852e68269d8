"""Converts ONNX tensors between TensorProto and array.

Also makes the form without data.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, Final

import ml_dtypes
import numpy as np
from onnx import TensorProto

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, Coding, coding
from nnc_conformance.reference.topology.external_data import ExternalData

MAX_DIMENSIONS: Final = 64
"""Dimensions that NumPy supports."""

_DATA_FIELDS: Final = ("raw_data", "float_data", "int32_data", "int64_data", "uint64_data", "double_data", "string_data")
"""Protobuf fields that hold values."""
_PLACE_FIELDS: Final = ("external_data", "data_location")
"""Protobuf fields that refer to a file with the values."""


@dataclass(frozen=True)
class ElementType:
    """An element type of ONNX that NumPy can hold.

    Args:
        bits: Bits per element in raw_data.
        field: Protobuf field of values that are not in raw_data.
    """

    dtype: np.dtype[Any]
    bits: int
    field: str


def _element(dtype: type[Any], bits: int, field: str) -> ElementType:
    """Make an `ElementType`."""
    return ElementType(np.dtype(dtype), bits, field)


ELEMENT_TYPES: Final[dict[int, ElementType]] = {
    1: _element(np.float32, 32, "float_data"),
    2: _element(np.uint8, 8, "int32_data"),
    3: _element(np.int8, 8, "int32_data"),
    4: _element(np.uint16, 16, "int32_data"),
    5: _element(np.int16, 16, "int32_data"),
    6: _element(np.int32, 32, "int32_data"),
    7: _element(np.int64, 64, "int64_data"),
    9: _element(np.bool_, 8, "int32_data"),
    10: _element(np.float16, 16, "int32_data"),
    11: _element(np.float64, 64, "double_data"),
    12: _element(np.uint32, 32, "uint64_data"),
    13: _element(np.uint64, 64, "uint64_data"),
    16: _element(ml_dtypes.bfloat16, 16, "int32_data"),
    21: _element(ml_dtypes.uint4, 4, "int32_data"),
    22: _element(ml_dtypes.int4, 4, "int32_data"),
    25: _element(ml_dtypes.uint2, 2, "int32_data"),
    26: _element(ml_dtypes.int2, 2, "int32_data"),
}
"""Element types by TensorProto.DataType, as numbers: older releases of onnx lack the newest names.
"""


def shape(tensor: TensorProto, name: str) -> tuple[int, ...]:
    """Return the dimensions of a tensor.

    Raises:
        ModelError: Naming ``name``, for a negative dimension or more than NumPy supports.
    """
    if len(tensor.dims) > MAX_DIMENSIONS:
        raise ModelError(f"tensor {name!r} has {len(tensor.dims)} dimensions; at most {MAX_DIMENSIONS} are supported")
    dims = tuple(int(dim) for dim in tensor.dims)
    if any(dim < 0 for dim in dims):
        raise ModelError(f"tensor {name!r} has a negative dimension: {dims}")
    return dims


def has_data(tensor: TensorProto) -> bool:
    """Return whether the message stores any values or refers to a file with them."""
    return is_external(tensor) or any(len(getattr(tensor, field)) for field in _DATA_FIELDS)


def is_external(tensor: TensorProto) -> bool:
    """Return whether the values are in a file next to the model."""
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def load_external(tensor: TensorProto, reader: ExternalData | None, name: str) -> None:
    """Load values from a file into the message.

    Raises:
        ModelError: Naming ``name``, if they cannot be read, or there is no reader.
    """
    if not is_external(tensor):
        return
    if reader is None:
        raise ModelError(f"tensor {name!r} has its data in a file, but no folder to read it from was given")
    element = ELEMENT_TYPES.get(tensor.data_type)
    expected = None if element is None else -(-prod(shape(tensor, name)) * element.bits // 8)
    tensor.raw_data = reader.values(tensor, expected, name)
    for field in _PLACE_FIELDS:
        tensor.ClearField(field)


def codable_values(tensor: TensorProto, name: str) -> Array | None:
    """Return a tensor's values if a coder can keep all of their bits, else None.

    This depends on type and values, such as the size of integers (see `classes.coding`). It is also
    None for an empty tensor and for a segment of one.

    Raises:
        ModelError: Naming ``name``, if data are missing or do not fit type and dimensions.
    """
    count, element = prod(shape(tensor, name)), ELEMENT_TYPES.get(tensor.data_type)
    if count and not has_data(tensor):
        raise ModelError(f"tensor {name!r} has {count} elements but no data")
    if element is None or not count or tensor.HasField("segment"):
        return None
    if tensor.raw_data:
        array = _from_raw(tensor.raw_data, count, element, name)
    else:
        array = _from_field(getattr(tensor, element.field), count, element, name)
    if array is None or coding(array) is Coding.UNCHANGED:
        return None
    return array.reshape(shape(tensor, name))


def strip(tensor: TensorProto) -> None:
    """Remove the values; name, dims, type and other fields stay."""
    for field in (*_DATA_FIELDS, *_PLACE_FIELDS):
        tensor.ClearField(field)


def is_stripped(tensor: TensorProto, name: str) -> bool:
    """Return whether the tensor has elements but no data.

    Raise `ModelError` if they are in a file.
    """
    if is_external(tensor):
        raise ModelError(f"tensor {name!r} of the topology refers to a file")
    return not has_data(tensor) and prod(shape(tensor, name)) > 0


def raw_values(tensor: TensorProto, array: Array) -> bytes:
    """Return the raw_data of a stripped tensor with the values of ``array``.

    Shape and element type must match.
    """
    bits = ELEMENT_TYPES[tensor.data_type].bits
    return _pack(array, bits) if bits < 8 else array.astype(array.dtype.newbyteorder("<")).tobytes()


def refer(tensor: TensorProto, location: str, offset: int, length: int) -> None:
    """Make a stripped tensor refer to bytes of a file next to the model.

    Args:
        tensor: Changed in place.
        location: Name of the file.
        offset: First byte in it.
        length: Number of bytes.
    """
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)


def _from_raw(raw: bytes, count: int, element: ElementType, name: str) -> Array | None:
    """Parse raw_data; return None for a bool other than 0 and 1.

    Args:
        raw: The bytes, little-endian.
        count: Number of elements.
        element: Their type.
        name: Id of the tensor, for errors.

    Raises:
        ModelError: If the number of bytes does not fit.
    """
    expected = -(-count * element.bits // 8)
    if len(raw) != expected:
        raise ModelError(f"tensor {name!r} has {len(raw)} bytes of data; expected {expected}")
    if element.dtype == np.bool_ and max(raw) > 1:
        return None
    if element.bits < 8:
        return _unpack(np.frombuffer(raw, np.uint8), count, element)
    return np.frombuffer(raw, element.dtype.newbyteorder("<")).astype(element.dtype)


def _from_field(values: Any, count: int, element: ElementType, name: str) -> Array | None:
    """Convert the values of a typed field, such as float_data.

    Return None if one is NaN.

    Args:
        values: The field.
        count: Number of elements of the tensor.
        element: Their type.
        name: Id of the tensor, for errors.

    Raises:
        ModelError: If the number of values does not fit.
    """
    expected = -(-count * element.bits // 8) if element.bits < 8 else count
    if len(values) != expected:
        raise ModelError(f"tensor {name!r} has {len(values)} values in {element.field}; expected {expected}")
    if element.bits < 8:
        return _unpack(np.array(values, np.int64).astype(np.uint8), count, element)
    if element.field == "int32_data" and element.dtype.kind not in "iub":
        return np.array(values, np.int64).astype(np.uint16).view(element.dtype)
    wide = {"float_data": np.float32, "double_data": np.float64, "uint64_data": np.uint64}.get(element.field, np.int64)
    array = np.array(values, wide)
    if np.isnan(array).any():  # a Python float does not keep a NaN's bits
        return None
    return array.astype(element.dtype)


def _unpack(packed: Array, count: int, element: ElementType) -> Array:
    """Unpack elements of less than a byte.

    Args:
        packed: The bytes, uint8; the first element of a byte is in its lowest bits.
        count: Number of elements.
        element: Their type.
    """
    shifts = np.arange(0, 8, element.bits, dtype=np.uint8)
    # astype keeps the lowest bits
    return (packed[:, None] >> shifts).reshape(-1)[:count].astype(element.dtype)


def _pack(array: Array, bits: int) -> bytes:
    """Pack integers of less than a byte, the first into a byte's lowest bits.

    Args:
        array: The integers, of any shape.
        bits: Bits of each: 1, 2 or 4.
    """
    values = array.astype(np.int16).reshape(-1) & ((1 << bits) - 1)
    lanes = np.pad(values, (0, -values.size % (8 // bits))).reshape(-1, 8 // bits).astype(np.uint8)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return bytes(np.bitwise_or.reduce(lanes << shifts, axis=1).astype(np.uint8))
