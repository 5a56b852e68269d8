"""Element types and names that tensor files can hold, and arrays built from untrusted bytes."""

import math
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from nnc_conformance.reference.errors import ModelError

Tensors = dict[str, NDArray[Any]]
"""Parameter name to array, little-endian."""

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "F6_E2M3": np.dtype(ml_dtypes.float6_e2m3fn),
    "F6_E3M2": np.dtype(ml_dtypes.float6_e3m2fn),
    "F4": np.dtype(ml_dtypes.float4_e2m1fn),
}
"""NumPy dtypes by their names in safetensors files."""

PACKED_BITS: Final = {"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}
"""Bits of an element, by type, where a safetensors file packs them: the first element in the lowest
bits.
"""
DTYPE_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}
"""Names in safetensors files by NumPy dtype."""
MAX_RANK: Final = 64
"""Dimensions that a tensor may have."""
MAX_TENSORS: Final = 1 << 20
"""Tensors that a file may hold."""
DEFAULT_MAX_BYTES: Final = 1 << 34
"""Bytes of the largest tensor file that is read, unpacked."""


def is_known(dtype: np.dtype[Any]) -> bool:
    """Return whether a tensor file can hold a type, in either byte order."""
    return dtype in DTYPE_NAMES or dtype.newbyteorder("<") in DTYPE_NAMES


def normalized(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Convert to a C-ordered little-endian array of a type in `DTYPES`.

    Raise `ModelError` for another type.
    """
    dtype = array.dtype if array.dtype in DTYPE_NAMES else array.dtype.newbyteorder("<")
    if dtype not in DTYPE_NAMES:
        raise ModelError(f"tensor {name!r} has the type {array.dtype}, which a tensor file cannot hold")
    return np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)


def stored_bytes(kind: str, count: int) -> int:
    """Return the bytes that ``count`` elements of a type take in a safetensors file.

    Raise `ModelError` for parts of a byte.
    """
    bits = count * PACKED_BITS.get(kind, 8 * DTYPES[kind].itemsize)
    if bits % 8:
        raise ModelError(f"{count} elements of {kind} do not fill whole bytes")
    return bits // 8


def packed(array: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Pack elements of one byte that use the lowest ``bits`` bits."""
    lanes = np.unpackbits(array.reshape(-1, 1).view(np.uint8), axis=1, count=bits, bitorder="little")
    return np.packbits(lanes.reshape(-1), bitorder="little")


def unpacked(data: bytes, count: int, bits: int) -> bytes:
    """Unpack ``count`` elements of ``bits`` bits to a byte each; the inverse of `packed`."""
    lanes = np.unpackbits(np.frombuffer(data, np.uint8), count=count * bits, bitorder="little").reshape(count, bits)
    return np.packbits(lanes, axis=1, bitorder="little").tobytes()


def check_name(name: str) -> None:
    """Raise `ModelError` for a name that is not valid Unicode (a lone surrogate)."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ModelError(f"the tensor name {name!r} is not valid Unicode: {error.reason}") from None


def is_size(value: object) -> bool:
    """Return whether ``value`` is an int from 0 to 2^63 - 1, not a bool."""
    return type(value) is int and 0 <= value < 1 << 63


def array_from(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> NDArray[Any]:
    """Return the array at byte ``offset`` of ``data``.

    It is a read-only view if aligned, else a copy.

    Raises `ModelError` for a shape that NumPy cannot represent.
    """
    count = math.prod(shape)
    try:
        array = np.frombuffer(data, dtype, count, offset).reshape(shape) if count else np.empty(shape, dtype)
    except ValueError as error:
        raise ModelError(f"a tensor of shape {list(shape)} is not possible: {error}") from None
    return array if array.flags.aligned else array.copy()
