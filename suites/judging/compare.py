"""Bit-exact comparison of decoded tensors; NaN payloads and the sign of zero count."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.storage.tensor_types import normalized
from nnc_conformance.suites.results.differences import DifferenceKind, DifferencePicture, TensorDifference

_UNSIGNED: Final[dict[int, np.dtype[Any]]] = {1: np.dtype("u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<u8")}

GRID: Final = (24, 48)
"""Most rows and columns of a picture of differences."""
_POWERS: Final = np.uint64(1) << np.arange(64, dtype=np.uint64)


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """Return the elements' bits as unsigned integers of shape (n,)."""
    return np.ascontiguousarray(array).reshape(-1).view(_UNSIGNED[array.dtype.itemsize])


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fV"


def _ordered(bits: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Map bits to unsigned integers in the order of the values.

    Neighbouring values differ by 1.
    """
    sign = bits.dtype.type(1 << (8 * bits.dtype.itemsize - 1))
    if _is_float(dtype):
        return np.where(bits & sign != 0, ~bits, bits | sign)
    return bits ^ sign if dtype.kind == "i" else bits


def distances(expected: NDArray[Any], actual: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the distances between elements in units in the last place.

    They are uint64 of shape (n,).

    Both arrays have the same type and shape. -0.0 and 0.0 are 1 apart; integers by their
    difference. Elements that are NaN in either array are left out, so n may be smaller.
    """
    left, right = _ordered(_bits(expected), expected.dtype), _ordered(_bits(actual), actual.dtype)
    if _is_float(expected.dtype):
        numbers = ~(np.isnan(expected) | np.isnan(actual)).reshape(-1)
        left, right = left[numbers], right[numbers]
    apart: NDArray[np.uint64] = (np.maximum(left, right) - np.minimum(left, right)).astype(np.uint64)
    return apart


def max_ulp(expected: NDArray[Any], actual: NDArray[Any]) -> int | None:
    """Return the largest of `distances`, or None if there are none."""
    apart = distances(expected, actual)
    return int(apart.max()) if apart.size else None


def picture(differs: NDArray[np.bool_], apart: NDArray[np.uint64]) -> DifferencePicture:
    """Draw where elements differ.

    Args:
        differs: Whether each element differs, in the tensor's shape with at least one dimension.
        apart: Distances of the differing elements that are not NaN, of shape (n,).
    """
    matrix = differs.reshape(differs.shape[0], -1) if differs.ndim > 1 else differs.reshape(1, -1)
    counts, sizes = matrix.astype(np.int64), np.ones(matrix.shape, np.int64)
    for axis, most in enumerate(GRID):
        length = matrix.shape[axis]
        starts = np.arange(min(most, length)) * length // min(most, length)
        counts, sizes = (np.add.reduceat(array, starts, axis=axis) for array in (counts, sizes))
    bits = np.bincount(np.searchsorted(_POWERS, apart, side="right")) if apart.size else ()
    return DifferencePicture(
        grid=tuple("".join(map(str, row)) for row in (-(-9 * counts // sizes)).tolist()),
        distances=tuple(int(count) for count in bits),
        without_distance=int(np.count_nonzero(differs)) - apart.size,
    )


def value_text(array: NDArray[Any], flat_index: int) -> str:
    """Return an element as text in its shortest decimal form.

    For a float, the bits in hex follow.

    Args:
        array: The array.
        flat_index: Place of the element, row-major.
    """
    element = array.reshape(-1)[flat_index]
    if not _is_float(array.dtype):
        return str(element.item())
    return f"{element!s} (0x{int(_bits(array)[flat_index]):0{2 * array.dtype.itemsize}x})"


def _kind_text(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def compare_tensor(name: str, expected: NDArray[Any], actual: NDArray[Any]) -> TensorDifference | None:
    """Return how ``actual`` differs from ``expected``: in type, shape or bits.

    None if it does not.
    """
    if expected.dtype != actual.dtype or expected.shape != actual.shape:
        kind = DifferenceKind.DTYPE if expected.dtype != actual.dtype else DifferenceKind.SHAPE
        return TensorDifference(tensor=name, kind=kind, expected=_kind_text(expected), actual=_kind_text(actual), elements=expected.size)
    differs = _bits(expected) != _bits(actual)
    differing = np.flatnonzero(differs)
    if not differing.size:
        return None
    left, right = expected.reshape(-1)[differing], actual.reshape(-1)[differing]
    first = int(differing[0])
    return TensorDifference(
        tensor=name,
        kind=DifferenceKind.VALUE,
        index=tuple(int(i) for i in np.unravel_index(first, expected.shape)),
        expected=value_text(expected, first),
        actual=value_text(actual, first),
        count=int(differing.size),
        elements=expected.size,
        max_ulp=max_ulp(left, right),
        picture=picture(differs.reshape(expected.shape or (1,)), distances(left, right)),
    )


def compare(expected: Mapping[str, NDArray[Any]], actual: Mapping[str, NDArray[Any]]) -> tuple[TensorDifference, ...]:
    """Return every tensor that differs, in the order of names.

    Raises `ModelError` for an array of a type that tensor files cannot hold.
    """
    left = {name: normalized(name, array) for name, array in expected.items()}
    right = {name: normalized(name, array) for name, array in actual.items()}
    differences = (_difference(name, left.get(name), right.get(name)) for name in sorted(left.keys() | right.keys()))
    return tuple(difference for difference in differences if difference is not None)


def _difference(name: str, expected: NDArray[Any] | None, actual: NDArray[Any] | None) -> TensorDifference | None:
    """Compare a tensor with the expected one and return the difference, None if equal.

    Args:
        name: The tensor.
        expected: The expected values; None if no such tensor is expected.
        actual: The decoder's values; None if it gave no such tensor.
    """
    if expected is None:
        return None if actual is None else TensorDifference(tensor=name, kind=DifferenceKind.EXTRA, actual=_kind_text(actual))
    if actual is None:
        return TensorDifference(tensor=name, kind=DifferenceKind.MISSING, expected=_kind_text(expected), elements=expected.size)
    return compare_tensor(name, expected, actual)
