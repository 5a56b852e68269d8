"""What a tensor file can hold: element types, names, and arrays built from bytes that nobody vouches for."""

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
}
"""The element types of a tensor file: the safetensors name, and the array's type."""

DTYPE_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}
"""`DTYPES`, the other way."""
MAX_RANK: Final = 64
MAX_TENSORS: Final = 1 << 20
DEFAULT_MAX_BYTES: Final = 1 << 34
"""A tensor file, unpacked, is read up to this size."""


def normalized(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Returns ``array`` as a C-ordered little-endian array of a type in `DTYPES`; raises `ModelError` for any other type."""
    dtype = array.dtype if array.dtype in DTYPE_NAMES else array.dtype.newbyteorder("<")
    if dtype not in DTYPE_NAMES:
        raise ModelError(f"tensor {name!r} has the type {array.dtype}, which a tensor file cannot hold")
    return np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)


def check_name(name: str) -> None:
    """Raises `ModelError` for a name that is no Unicode text (a lone surrogate)."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ModelError(f"the tensor name {name!r} is no Unicode text: {error.reason}") from None


def is_size(value: object) -> bool:
    """Says whether ``value`` is an integer from 0 to 2^63 - 1, and no bool."""
    return type(value) is int and 0 <= value < 1 << 63


def array_from(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> NDArray[Any]:
    """Returns the array that lies in ``data`` at byte ``offset``: a read-only view where it lies aligned, else a copy.

    Raises `ModelError` for a shape that NumPy cannot hold.
    """
    count = math.prod(shape)
    try:
        array = np.frombuffer(data, dtype, count, offset).reshape(shape) if count else np.empty(shape, dtype)
    except ValueError as error:
        raise ModelError(f"a tensor of shape {list(shape)} cannot be held: {error}") from None
    return array if array.flags.aligned else array.copy()
