"""From indexes to values: the quantization step, the product's arithmetic, the decompressed data
formats.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from plain_decoder.codebook import Codebook
from plain_decoder.errors import PlainError

Array = npt.NDArray[Any]

INT32, FLOAT32 = 0, 1
FLOAT16, FLOAT64 = 8, 9
INTEGER_FORMATS: Final[dict[int, tuple[int, type[Any]]]] = {
    INT32: (32, np.int32),
    2: (2, np.int8),
    3: (3, np.int8),
    4: (4, np.int8),
    5: (8, np.int8),
    6: (16, np.int16),
    7: (64, np.int64),
}
"""nnr_decompressed_data_format: bits of the range, and the type that holds it."""

NAN32: Final = np.array(0xFFC00000, np.uint32).view(np.float32)
NAN64: Final = np.array(0xFFF8 << 48, np.uint64).view(np.float64)
"""What 0 times an infinite step gives, on every machine; the value of the samples."""


def quantization_step(qp: int, qp_density: int) -> float:
    """(2^d + (qp mod 2^d)) * 2^((qp >> d) - d): exact wherever binary64 has it, infinity above."""
    mantissa = (1 << qp_density) + qp % (1 << qp_density)
    exponent = (qp >> qp_density) - qp_density
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        return math.inf


def integer_values(indexes: list[int], data_format: int | None) -> Array:
    """The values of an NNR_PT_INT payload in the format asked for, int32 by default."""
    exact = np.array(indexes, np.int64)
    return _converted(indexes, exact.astype(np.float32), exact.astype(np.float64), INT32 if data_format is None else data_format)


def float_values(indexes: list[int], step: float, codebook: Codebook | None, data_format: int | None, switches: dict[str, str]) -> Array:
    """The values of a tensor of an NNR_PT_FLOAT or NNR_PT_BLOCK payload, float32 by default."""
    factors = indexes if codebook is None else [codebook.value(k) for k in indexes]
    arithmetic = switches["plain_product" if codebook is None else "codebook_product"]
    integers = np.array(factors, np.int64)
    with np.errstate(all="ignore"):
        exact = integers.astype(np.float64) * np.float64(step)
        if arithmetic == "binary32":
            single = integers.astype(np.float32) * np.float32(step)
        else:
            single = exact.astype(np.float32)
    exact[np.isnan(exact)] = NAN64 if switches["zero_product"] == "nan" else 0
    single[np.isnan(single)] = NAN32 if switches["zero_product"] == "nan" else 0
    return _converted(single.tolist(), single, exact, FLOAT32 if data_format is None else data_format)


def raw_values(payload: bytes, data_format: int | None) -> Array:
    """The values of an NNR_PT_RAW_FLOAT payload, float32 with every bit kept by default."""
    single = np.frombuffer(payload, "<f4").astype(np.float32)
    with np.errstate(invalid="ignore"):
        exact = single.astype(np.float64)
    return _converted(single.tolist(), single, exact, FLOAT32 if data_format is None else data_format)


def _converted(numbers: list[int] | list[float], single: Array, exact: Array, data_format: int) -> Array:
    """``numbers`` serve the integer formats, ``single`` FLOAT32 and FLOAT16, ``exact`` FLOAT64."""
    if data_format in INTEGER_FORMATS:
        width, dtype = INTEGER_FORMATS[data_format]
        return np.array([_rounded(number, width) for number in numbers], dtype)
    if data_format == FLOAT16:
        with np.errstate(all="ignore"):
            half = single.astype(np.float16)
        if np.any(np.isinf(half) & np.isfinite(single)):
            raise PlainError("value", "a value does not fit FLOAT16")
        return half
    return exact if data_format == FLOAT64 else single


def _rounded(number: float, width: int) -> int:
    """Round half to even, in the range of a signed integer of this number of bits."""
    if not math.isfinite(number):
        raise PlainError("value", f"{number} has no integer value")
    integer = round(number)
    if not -(1 << (width - 1)) <= integer < 1 << (width - 1):
        raise PlainError("value", f"{number} does not fit {width} bits")
    return integer
