"""From indexes to values: step size, product, and decompressed data formats (clauses 7.3 and 9)."""

from typing import Final

import numpy as np

from nnc_conformance.reference.interpretation import CodebookProduct, Interpretation, PlainProduct, ZeroProduct
from nnc_conformance.reference.syntax.context import PayloadError
from nnc_conformance.reference.syntax.structures.data_unit import Codebook

DATA_FORMATS: Final[tuple[tuple[str, type[np.generic], int], ...]] = (
    ("INT32", np.int32, 32),
    ("FLOAT32", np.float32, 0),
    ("INT2", np.int8, 2),
    ("INT3", np.int8, 3),
    ("INT4", np.int8, 4),
    ("INT8", np.int8, 8),
    ("INT16", np.int16, 16),
    ("INT64", np.int64, 64),
    ("FLOAT16", np.float16, 0),
    ("FLOAT64", np.float64, 0),
)
"""Data formats, by nnr_decompressed_data_format.

Columns: name, dtype of the output, bits of an integer's range (0 for floating point).
"""

FLOAT64_FORMAT: Final = 9
"""nnr_decompressed_data_format of FLOAT64."""

INVALID_PRODUCT: Final = np.uint32(0xFFC00000).view(np.float32)
"""Result of 0 times an infinite step: the quiet NaN with its sign set.

The independent decoder does the same.
"""


def step_size(qp_density: int, qp: int) -> np.float64:
    """Compute the step size of a qp (clause 9).

    It is (2^d + (qp mod 2^d)) * 2^((qp >> d) - d), exact in binary64, and infinite or 0 outside its
    range.

    Args:
        qp_density: d.
    """
    mantissa = (1 << qp_density) + qp % (1 << qp_density)
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(np.float64(mantissa), (qp >> qp_density) - qp_density)  # type: ignore[no-any-return]


def codebook_values(indexes: np.ndarray, codebook: Codebook) -> np.ndarray:
    """Look up codebook[k + CbZeroOffset] for int32 ``indexes`` k; same shape.

    Raises:
        PayloadError: rule ``codebook-index``.
    """
    places = indexes.astype(np.int64) + codebook.zero_offset
    outside = (places < 0) | (places >= len(codebook.values))
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise PayloadError(
            "codebook-index", f"index {int(indexes.flat[first])} of element {first} is outside a codebook of {len(codebook.values)}"
        )
    return codebook.values[places]


def invalid_product(interpretation: Interpretation) -> np.float32:
    """Return 0 times infinity: a disputed point, but the same on every machine."""
    return np.float32(0) if interpretation.zero_product is ZeroProduct.ZERO else INVALID_PRODUCT


def products(numbers: np.ndarray, step: np.float64, *, with_codebook: bool, interpretation: Interpretation) -> np.ndarray:
    """Multiply int32 ``numbers`` (indexes or codebook values) by the step; float32, same shape.

    0 gives +0; with a step beyond binary32, which is infinite, it gives `invalid_product`. The
    arithmetic is a disputed point: ``plain_product`` without a codebook, ``codebook_product`` with one.
    """
    single = (
        interpretation.codebook_product is CodebookProduct.BINARY32
        if with_codebook
        else interpretation.plain_product is PlainProduct.BINARY32
    )
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if single:
            values = numbers.astype(np.float32) * np.float32(step)
        else:
            values = (numbers.astype(np.float64) * step).astype(np.float32)
    values[np.isnan(values)] = invalid_product(interpretation)
    return values


def exact_products(numbers: np.ndarray, step: np.float64, interpretation: Interpretation) -> np.ndarray:
    """Multiply int32 numbers by the step in binary64, for the FLOAT64 format.

    0 times an infinite step gives `invalid_product`.

    Args:
        numbers: Indexes or codebook values, of any shape.
        step: The step size.
        interpretation: The choice of an invalid product.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        values: np.ndarray = numbers.astype(np.float64) * step
    values[np.isnan(values)] = np.float64(invalid_product(interpretation))
    return values


def convert(values: np.ndarray, data_format: int) -> np.ndarray:
    """Convert decoded values to an nnr_decompressed_data_format [I].

    Integers are rounded half to even, FLOAT16 as IEEE 754 says; values that do not fit are refused.

    Raises:
        PayloadError: rule ``format-range``.
    """
    name, dtype, bits = DATA_FORMATS[data_format]
    if bits:
        return to_integers(values, name, dtype, bits)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        converted: np.ndarray = values.astype(dtype)
    overflow = np.isinf(converted) & np.isfinite(values)
    if overflow.any():
        raise out_of_range(values, overflow, name)
    return converted


def to_integers(values: np.ndarray, name: str, dtype: type[np.generic], bits: int) -> np.ndarray:
    """Round half to even; raise if a value is outside [-2^(bits-1), 2^(bits-1)).

    Args:
        values: float or integer values.
        name: Id of the tensor, for the error.
        dtype: Type of the result.
        bits: Bits of the wanted format, at most those of ``dtype``.
    """
    rounded = np.rint(values) if values.dtype.kind == "f" else values.astype(np.int64)
    bound = 1 << (bits - 1)
    outside = ~((rounded >= -bound) & (rounded < bound))
    if outside.any():
        raise out_of_range(values, outside, name)
    return rounded.astype(dtype)


def out_of_range(values: np.ndarray, outside: np.ndarray, name: str) -> PayloadError:
    """Make the error for the first value that does not fit."""
    first = int(np.flatnonzero(outside)[0])
    return PayloadError("format-range", f"value {values.flat[first]} of element {first} does not fit {name}")
