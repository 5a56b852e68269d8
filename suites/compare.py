"""Bit exact comparison of decoded tensors: NaN payloads and the sign of zero count."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.storage.tensor_types import normalized
from nnc_conformance.suites.result import DifferenceKind, TensorDifference

_UNSIGNED: Final[dict[int, np.dtype[Any]]] = {1: np.dtype("u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<u8")}


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """Returns the elements' bits as unsigned integers, flat."""
    return np.ascontiguousarray(array).reshape(-1).view(_UNSIGNED[array.dtype.itemsize])


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fV"


def _ordered(bits: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Maps bits to unsigned integers in the order of the values, neighbours to neighbours; bfloat16 as a float."""
    sign = bits.dtype.type(1 << (8 * bits.dtype.itemsize - 1))
    if _is_float(dtype):
        return np.where(bits & sign != 0, ~bits, bits | sign)
    return bits ^ sign if dtype.kind == "i" else bits


def max_ulp(expected: NDArray[Any], actual: NDArray[Any]) -> int | None:
    """Returns the largest distance in units in the last place between elements of two arrays of one type and shape.

    -0.0 and 0.0 are one apart; for integers it is the difference. Elements that are NaN in either do not count; None where
    no element counts.
    """
    left, right = _ordered(_bits(expected), expected.dtype), _ordered(_bits(actual), actual.dtype)
    if _is_float(expected.dtype):
        numbers = ~(np.isnan(expected) | np.isnan(actual)).reshape(-1)
        left, right = left[numbers], right[numbers]
    return int((np.maximum(left, right) - np.minimum(left, right)).max()) if left.size else None


def value_text(array: NDArray[Any], flat_index: int) -> str:
    """Returns an element as text: shortest decimal form, for floats with the bits in hex."""
    element = array.reshape(-1)[flat_index]
    if not _is_float(array.dtype):
        return str(element.item())
    return f"{element!s} (0x{int(_bits(array)[flat_index]):0{2 * array.dtype.itemsize}x})"


def _kind_text(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def compare_tensor(name: str, expected: NDArray[Any], actual: NDArray[Any]) -> TensorDifference | None:
    """Returns how ``actual`` differs from ``expected``, or None: type first, then shape, then the bits."""
    if expected.dtype != actual.dtype or expected.shape != actual.shape:
        kind = DifferenceKind.DTYPE if expected.dtype != actual.dtype else DifferenceKind.SHAPE
        return TensorDifference(tensor=name, kind=kind, expected=_kind_text(expected), actual=_kind_text(actual), elements=expected.size)
    differing = np.flatnonzero(_bits(expected) != _bits(actual))
    if not differing.size:
        return None
    first = int(differing[0])
    return TensorDifference(
        tensor=name,
        kind=DifferenceKind.VALUE,
        index=tuple(int(i) for i in np.unravel_index(first, expected.shape)),
        expected=value_text(expected, first),
        actual=value_text(actual, first),
        count=int(differing.size),
        elements=expected.size,
        max_ulp=max_ulp(expected.reshape(-1)[differing], actual.reshape(-1)[differing]),
    )


def compare(expected: Mapping[str, NDArray[Any]], actual: Mapping[str, NDArray[Any]]) -> tuple[TensorDifference, ...]:
    """Returns every tensor that differs, by name; empty when names, types, shapes and all bits agree.

    Raises `ModelError` for an array of a type that tensor files cannot hold.
    """
    left = {name: normalized(name, array) for name, array in expected.items()}
    right = {name: normalized(name, array) for name, array in actual.items()}
    differences = (_difference(name, left.get(name), right.get(name)) for name in sorted(left.keys() | right.keys()))
    return tuple(difference for difference in differences if difference is not None)


def _difference(name: str, expected: NDArray[Any] | None, actual: NDArray[Any] | None) -> TensorDifference | None:
    if expected is None:
        return None if actual is None else TensorDifference(tensor=name, kind=DifferenceKind.EXTRA, actual=_kind_text(actual))
    if actual is None:
        return TensorDifference(tensor=name, kind=DifferenceKind.MISSING, expected=_kind_text(expected), elements=expected.size)
    return compare_tensor(name, expected, actual)
