"""The classification of tensors and the conversions to and from a coder's arrays."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnc_conformance.reference.errors import EncodeError, ModelError
from nnc_conformance.reference.topology.classes import CODINGS, Coding, Role, as_declared, coded, coding, role

INTEGERS = [dtype for dtype, kind in CODINGS.items() if kind is Coding.EXACT_INTEGER]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([1.5, np.nan, np.inf], np.float32), Coding.QUANTIZED),
        (np.array(1.5, np.float16), Coding.QUANTIZED),
        (np.ones((2, 2), ml_dtypes.bfloat16), Coding.QUANTIZED),
        (np.array([0x7E01], np.uint16).view(np.float16), Coding.QUANTIZED),
        (np.ones(2), Coding.UNCHANGED),
        (np.ones(2, np.complex64), Coding.UNCHANGED),
        (np.ones(2, ml_dtypes.float8_e4m3fn), Coding.UNCHANGED),
        (np.array(["a"]), Coding.UNCHANGED),
        (np.array([b"a"], object), Coding.UNCHANGED),
        (np.zeros((0, 3), np.float32), Coding.UNCHANGED),
        (np.array([True, False]), Coding.EXACT_INTEGER),
        (np.array([-7, 7], ml_dtypes.int4), Coding.EXACT_INTEGER),
        (np.array([2**31 - 1, -(2**31) + 1]), Coding.EXACT_INTEGER),
        (np.array([2**31]), Coding.UNCHANGED),
        (np.array([-(2**31)]), Coding.UNCHANGED),
        (np.array([-(2**63), 2**63 - 1]), Coding.UNCHANGED),
        (np.array([2**64 - 1], np.uint64), Coding.UNCHANGED),
        (np.array([2**32 - 1], np.uint32), Coding.UNCHANGED),
    ],
)
def test_how_an_array_is_coded(array: np.ndarray, expected: Coding) -> None:
    assert coding(array) is expected
    if expected is Coding.UNCHANGED:
        with pytest.raises(EncodeError, match=r"cannot be coded"):
            coded(array)
    else:
        assert coded(array).dtype == {Coding.QUANTIZED: np.float32, Coding.EXACT_INTEGER: np.int32}[expected]
        assert coded(array).shape == array.shape


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.ones((16, 3, 3, 3), np.float32), Role.WEIGHT),
        (np.ones((2, 1), np.float16), Role.VECTOR),
        (np.ones((1, 8, 1, 1), np.float32), Role.VECTOR),
        (np.ones((1, 8, 1, 2), np.float32), Role.WEIGHT),
        (np.ones(16, ml_dtypes.bfloat16), Role.VECTOR),
        (np.ones((), np.float32), Role.OTHER),
        (np.ones(1, np.float32), Role.OTHER),
        (np.ones((1, 1), np.float32), Role.OTHER),
        (np.array([1, np.inf], np.float32), Role.OTHER),
        (np.ones((2, 2), np.int8), Role.OTHER),
        (np.ones((2, 2)), Role.OTHER),
    ],
)
def test_what_an_array_is_to_an_encoder(array: np.ndarray, expected: Role) -> None:
    assert role(array) is expected


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=0, max_dims=3)), st.sampled_from([np.float16, ml_dtypes.bfloat16]))
def test_sixteen_bit_floats_come_back_or_are_not_coded(bits: np.ndarray, dtype: type) -> None:
    array = bits.view(dtype)
    if coding(array) is Coding.QUANTIZED:
        assert as_declared(coded(array), array.dtype, "w").tobytes() == array.tobytes()
    else:
        assert np.isnan(array.astype(np.float32)).any()


@given(st.data(), st.sampled_from(INTEGERS))
def test_integers_come_back_exactly_or_are_out_of_range(data: st.DataObject, dtype: np.dtype) -> None:
    values = data.draw(st.lists(st.integers(-(2**31) + 1, 2**31 - 1) | st.integers(-20, 300), min_size=1, max_size=5))
    wanted = range(2) if dtype == np.bool_ else range(int(ml_dtypes.iinfo(dtype).min), int(ml_dtypes.iinfo(dtype).max) + 1)
    for source in (np.int32, np.float64):
        array = np.array(values, source)
        if all(value in wanted for value in values):
            made = as_declared(array, dtype, "w")
            assert made.dtype == dtype
            assert made.astype(object).astype(int).tolist() == values
            assert coded(made).tolist() == values
        else:
            with pytest.raises(ModelError, match=r"'w'.*outside"):
                as_declared(array, dtype, "w")


def test_floats_round_half_to_even() -> None:
    assert as_declared(np.array([0.5, 1.5, -2.5, 126.6], np.float32), np.dtype(np.int8), "w").tolist() == [0, 2, -2, 127]
    assert as_declared(np.array([2049, 2051], np.float32), np.dtype(np.float16), "w").tolist() == [2048, 2052]
    assert as_declared(np.array([3, 16777217], np.int32), np.dtype(np.float32), "w").tolist() == [3, 16777216]
    assert as_declared(np.array([0.1], np.float32), np.dtype(np.float64), "w").tolist() == [float(np.float32(0.1))]


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([65520], np.float32), np.float16),
        (np.array([70000], np.int32), np.float16),
        (np.array([np.nan], np.float32), np.int8),
        (np.array([127.5], np.float32), np.int8),
        (np.array([2], np.int32), np.bool_),
        (np.array([1e30], np.float32), np.int64),
        (np.array([-1], np.int32), np.uint64),
    ],
)
def test_values_beyond_the_declared_type_are_refused(array: np.ndarray, dtype: type) -> None:
    with pytest.raises(ModelError, match="parameter 'w'"):
        as_declared(array, np.dtype(dtype), "w")


def test_infinities_stay() -> None:
    assert as_declared(np.array([np.inf, -np.inf, np.nan], np.float32), np.dtype(np.float16), "w").tolist()[:2] == [np.inf, -np.inf]
