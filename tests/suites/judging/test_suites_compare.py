"""Bit-exact comparison: what counts as a difference, and the distance between values."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnc_conformance.suites.judging.compare import compare, max_ulp
from nnc_conformance.suites.results.differences import DifferenceKind


def f32(*bits: int) -> np.ndarray:
    return np.array(bits, "<u4").view("<f4")


def test_equal_bits_are_equal_whatever_they_mean() -> None:
    tensors = {"nan": f32(0x7FC00001, 0xFF800001), "empty": np.zeros((0, 3), "<f8"), "scalar": np.array(5, "i1")}
    assert compare(tensors, {name: array.copy() for name, array in tensors.items()}) == ()


@pytest.mark.parametrize(
    ("left", "right", "expected", "actual", "ulp"),
    [
        (0x7FC00000, 0x7FC00001, "nan (0x7fc00000)", "nan (0x7fc00001)", None),
        (0x00000000, 0x80000000, "0.0 (0x00000000)", "-0.0 (0x80000000)", 1),
        (0x3F800000, 0x3F800001, "1.0 (0x3f800000)", "1.0000001 (0x3f800001)", 1),
        (0x3F800000, 0xBF800000, "1.0 (0x3f800000)", "-1.0 (0xbf800000)", 2 * 0x3F800000 + 1),
        (0x7F7FFFFF, 0x7F800000, "3.4028235e+38 (0x7f7fffff)", "inf (0x7f800000)", 1),
    ],
)
def test_a_value_is_shown_with_its_bits(left: int, right: int, expected: str, actual: str, ulp: int | None) -> None:
    (difference,) = compare({"w": f32(0, left, 0).reshape(3, 1)}, {"w": f32(0, right, 0).reshape(3, 1)})
    assert (difference.tensor, difference.kind, difference.index) == ("w", DifferenceKind.VALUE, (1, 0))
    assert (difference.expected, difference.actual, difference.max_ulp) == (expected, actual, ulp)
    assert (difference.count, difference.elements) == (1, 3)


def test_names_types_and_shapes_come_before_values() -> None:
    expected = {"a": np.zeros(2, "<f4"), "b": np.zeros(2, "<f4"), "c": np.zeros(2, "<f4"), "d": np.zeros(2, "<f4")}
    actual = {"b": np.zeros(2, "<f8"), "c": np.zeros((2, 1), "<f4"), "d": np.array([0, 1], "<f4"), "e": np.zeros(1, "<f4")}
    assert [(difference.tensor, difference.kind) for difference in compare(expected, actual)] == [
        ("a", DifferenceKind.MISSING),
        ("b", DifferenceKind.DTYPE),
        ("c", DifferenceKind.SHAPE),
        ("d", DifferenceKind.VALUE),
        ("e", DifferenceKind.EXTRA),
    ]


def test_byte_order_and_memory_order_are_not_differences() -> None:
    array = np.arange(6, dtype="<f4").reshape(2, 3)
    assert compare({"w": array}, {"w": np.asfortranarray(array.astype(">f4"))}) == ()


@given(st.floats(width=32, allow_nan=False), st.integers(0, 1000))
def test_ulp_is_the_number_of_steps_to_the_next_float(start: float, steps: int) -> None:
    end = np.float32(start)
    for _ in range(steps):
        with np.errstate(over="ignore"):
            end = np.nextafter(end, np.float32(math.inf))
    crosses_zero = int(np.signbit(start) and not np.signbit(end))
    reached = max_ulp(np.array([start], "<f4"), np.array([end], "<f4"))
    assert reached is not None
    assert reached <= steps + crosses_zero
    if math.isfinite(end):
        assert reached >= steps


@given(st.sampled_from(["u1", "i1", "<i2", "<u4", "<i8", "<u8"]), st.data())
def test_integers_are_as_far_apart_as_they_differ(dtype: str, data: st.DataObject) -> None:
    info = np.iinfo(dtype)
    left, right = (data.draw(st.integers(int(info.min), int(info.max))) for _ in range(2))
    assert max_ulp(np.array([left], dtype), np.array([right], dtype)) == abs(left - right)


def test_bfloat16_counts_in_its_own_steps() -> None:
    assert max_ulp(np.array([1.0], ml_dtypes.bfloat16), np.array([1.0078125], ml_dtypes.bfloat16)) == 1
