"""Which tensors are coded, how, and how a decoded array becomes the declared element type again: one table for all."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import EncodeError, ModelError

Array = npt.NDArray[Any]


class Coding(StrEnum):
    """How a tensor travels: quantized (or RAW_FLOAT), as exact indexes of an INT payload, or unchanged inside the topology."""

    QUANTIZED = "quantized"
    EXACT_INTEGER = "exact integer"
    UNCHANGED = "unchanged"


class Role(StrEnum):
    """What a tensor is to an encoder: a weight (floating, 2 or more dimensions), a vector (floating, 1 dimension: bias,
    batch norm) or other, which is coded without loss (integers, scalars and single values, anything not finite).
    """

    WEIGHT = "weight"
    VECTOR = "vector"
    OTHER = "other"


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
"""The element types that can be coded; every other (float64, complex, 8-bit floats, strings) travels unchanged."""

MAGNITUDE_LIMIT: Final = 2**31 - 1
"""The largest magnitude of an exact integer: what clause 10 codes within int32 in either sign."""

_integer_info: Callable[[np.dtype[Any]], Any] = ml_dtypes.iinfo


def coding(array: Array) -> Coding:
    """How ``array`` (any shape and dtype) is coded; depends on its values too.

    Empty arrays, integers beyond `MAGNITUDE_LIMIT`, and 16-bit floats that binary32 does not give back (signalling NaNs)
    are unchanged.
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
    """``array`` as a coder takes it: float32 when quantized, int32 when an exact integer; same shape.

    Raises `EncodeError` when `coding` says it is to travel unchanged.
    """
    kind = coding(array)
    if kind is Coding.UNCHANGED:
        raise EncodeError(f"an array of type {array.dtype} and shape {array.shape} with these values cannot be coded")
    return np.ascontiguousarray(array, np.float32 if kind is Coding.QUANTIZED else np.int32).reshape(array.shape)


def role(array: Array) -> Role:
    """What ``array`` is to an encoder, from its dtype, shape and values alone (`onnx.exact_parameters` knows the operators)."""
    if CODINGS.get(array.dtype) is not Coding.QUANTIZED or array.size <= 1 or not np.isfinite(array).all():
        return Role.OTHER
    return Role.WEIGHT if array.ndim > 1 else Role.VECTOR


def declared(array: Array, dtype: np.dtype[Any], name: str) -> Array:
    """A decoded ``array`` in the declared element type; same shape, the bits untouched when the type is the same.

    To a floating type by rounding to nearest even; to an integer type (or bool: 0 and 1) exactly from integers, by
    rounding half to even from floats. Raises `ModelError` naming ``name`` when a value leaves the type's range (a finite
    value becoming infinite included), or when either type is not numeric.
    """
    if array.dtype == dtype:
        return array
    if not (_is_number(array.dtype) and _is_number(dtype)):
        raise ModelError(f"parameter {name!r}: {array.dtype} cannot be given as the declared {dtype}")
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
        raise ModelError(f"parameter {name!r}: a value of {array.dtype} lies outside the declared {dtype}")
    return values.astype(np.uint64 if low == 0 else np.int64).astype(dtype)


def integer_range(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The least and the greatest value of an integer type or bool."""
    if dtype == np.bool_:
        return 0, 1
    info = _integer_info(dtype)
    return int(info.min), int(info.max)


def _within(values: Array, low: int, high: int) -> bool:
    least, most = values.min(), values.max()
    return bool(np.isfinite(least) and np.isfinite(most)) and low <= int(least) and int(most) <= high


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype in (np.float64, *(known for known, kind in CODINGS.items() if kind is Coding.QUANTIZED))


def _is_number(dtype: np.dtype[Any]) -> bool:
    return _is_float(dtype) or dtype in CODINGS
