"""Which tensors are coded and how, and how decoded arrays get their declared type."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import EncodeError, ModelError

Array = npt.NDArray[Any]


class Coding(StrEnum):
    """How a tensor is stored in a stream."""

    QUANTIZED = "quantized"
    """Quantized, or exact as RAW_FLOAT."""
    EXACT_INTEGER = "exact integer"
    """As exact indexes of an INT payload."""
    UNCHANGED = "unchanged"
    """With its data in the topology."""


class Role(StrEnum):
    """How an encoder treats a tensor."""

    WEIGHT = "weight"
    """Floating point with two axes longer than 1, or more."""
    VECTOR = "vector"
    """Floating point with one axis longer than 1, such as a bias, also of shape (1, C, 1, 1)."""
    OTHER = "other"
    """Coded without loss: integers, single values, and arrays with an infinity or NaN."""


CODINGS: Final[dict[np.dtype[Any], Coding]] = {
    np.dtype(np.float32): Coding.QUANTIZED,
    np.dtype(np.float16): Coding.QUANTIZED,
    np.dtype(ml_dtypes.bfloat16): Coding.QUANTIZED,
    np.dtype(np.bool_): Coding.EXACT_INTEGER,
    np.dtype(ml_dtypes.int2): Coding.EXACT_INTEGER,
    np.dtype(ml_dtypes.uint2): Coding.EXACT_INTEGER,
    np.dtype(ml_dtypes.int4): Coding.EXACT_INTEGER,
    np.dtype(ml_dtypes.uint4): Coding.EXACT_INTEGER,
    np.dtype(np.int8): Coding.EXACT_INTEGER,
    np.dtype(np.uint8): Coding.EXACT_INTEGER,
    np.dtype(np.int16): Coding.EXACT_INTEGER,
    np.dtype(np.uint16): Coding.EXACT_INTEGER,
    np.dtype(np.int32): Coding.EXACT_INTEGER,
    np.dtype(np.uint32): Coding.EXACT_INTEGER,
    np.dtype(np.int64): Coding.EXACT_INTEGER,
    np.dtype(np.uint64): Coding.EXACT_INTEGER,
}
"""Codings by element type; every other type (float64, complex, 8-bit floats, strings) is unchanged.
"""

MAGNITUDE_LIMIT: Final = 2**31 - 1
"""Largest magnitude of an exact integer, which clause 10 can code with either sign."""

_integer_info: Callable[[np.dtype[Any]], Any] = ml_dtypes.iinfo


def coding(array: Array) -> Coding:
    """Decide how ``array`` (any shape and dtype) is coded; its values matter too.

    Empty arrays, integers beyond `MAGNITUDE_LIMIT`, and 16-bit floats that change in binary32
    (signalling NaNs) are unchanged.
    """
    kind = CODINGS.get(array.dtype, Coding.UNCHANGED)
    if kind is Coding.UNCHANGED or array.size == 0:
        return Coding.UNCHANGED
    if kind is Coding.EXACT_INTEGER:
        wide = array if array.dtype.kind in "iu" else array.astype(np.int64)
        return kind if int(wide.max()) <= MAGNITUDE_LIMIT and int(wide.min()) >= -MAGNITUDE_LIMIT else Coding.UNCHANGED
    if array.dtype != np.float32:
        with np.errstate(invalid="ignore"):
            returned = array.astype(np.float32).astype(array.dtype)
        if returned.tobytes() != array.tobytes():
            return Coding.UNCHANGED
    return kind


def coded(array: Array) -> Array:
    """Convert ``array`` for a coder: float32 if quantized, int32 if an exact integer; same shape.

    Raises:
        EncodeError: If `coding` says that it must stay unchanged.
    """
    kind = coding(array)
    if kind is Coding.UNCHANGED:
        raise EncodeError(f"an array of {array.dtype} with shape {array.shape} and these values cannot be coded")
    return np.ascontiguousarray(array, np.float32 if kind is Coding.QUANTIZED else np.int32).reshape(array.shape)


def role(array: Array) -> Role:
    """Decide how an encoder treats ``array``, from its dtype, shape and values alone.

    `onnx.exact_parameters` also considers the operators that read it.
    """
    if CODINGS.get(array.dtype) is not Coding.QUANTIZED or array.size <= 1 or not np.isfinite(array).all():
        return Role.OTHER
    return Role.WEIGHT if sum(extent > 1 for extent in array.shape) > 1 else Role.VECTOR


def as_declared(array: Array, dtype: np.dtype[Any], name: str) -> Array:
    """Convert a decoded ``array`` to the declared element type; same shape.

    The bits stay as they are if the type is the same. Values are rounded half to even; bool accepts
    0 and 1.

    Args:
        name: Name of the parameter, for errors.

    Raises:
        ModelError: If a value is out of range, a finite value becomes infinite, or a type is
            not numeric.
    """
    if array.dtype == dtype:
        return array
    if not (_is_number(array.dtype) and _is_number(dtype)):
        raise ModelError(f"parameter {name!r}: {array.dtype} cannot be converted to the declared {dtype}")
    if _is_float(dtype):
        with np.errstate(over="ignore", invalid="ignore"):
            floats = array.astype(dtype)
            overflows = np.isfinite(array.astype(np.float64)) & ~np.isfinite(floats)
        if overflows.any():
            raise ModelError(f"parameter {name!r}: a value of {array.dtype} overflows the declared {dtype}")
        return floats
    low, high = integer_range(dtype)
    if _is_float(array.dtype):
        values = np.rint(array.astype(np.float64))
    else:
        values = array if array.dtype.kind in "iu" else array.astype(np.int64)
    if array.size and not _within(values, low, high):
        raise ModelError(f"parameter {name!r}: a value of {array.dtype} is outside the range of the declared {dtype}")
    return values.astype(np.uint64 if low == 0 else np.int64).astype(dtype)


def integer_range(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the least and the greatest value of an integer type or bool."""
    if dtype == np.bool_:
        return 0, 1
    info = _integer_info(dtype)
    return int(info.min), int(info.max)


def _within(values: Array, low: int, high: int) -> bool:
    """Whether all values are finite and within the bounds."""
    least, most = values.min(), values.max()
    return bool(np.isfinite(least) and np.isfinite(most)) and low <= int(least) and int(most) <= high


def _is_float(dtype: np.dtype[Any]) -> bool:
    """Whether a type is one of the floating point types that can be declared."""
    return dtype in (np.float64, *(known for known, kind in CODINGS.items() if kind is Coding.QUANTIZED))


def _is_number(dtype: np.dtype[Any]) -> bool:
    """Whether a type is numeric."""
    return _is_float(dtype) or dtype in CODINGS
