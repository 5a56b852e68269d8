"""A tensor of indexes alone in its codeword: parameter sets, indexes, terminate bin; no qp_delta."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.codeword import decode_codeword, encode_codeword
from nnc_conformance.reference.entropy.coding import TensorCoding, TensorToCode


def _coding(shape: Sequence[int], dq: bool, scan_order: int, unary_length: int) -> TensorCoding:
    """Rows are dim 0, columns the product of the others; a vector or scalar has scan order 0."""
    rows = shape[0] if shape else 1
    return TensorCoding(rows, math.prod(shape[1:]), scan_order if len(shape) > 1 else 0, dq, unary_length, 0)


def decode_indices(
    payload: bytes | npt.NDArray[np.uint8],
    shape: Sequence[int],
    *,
    dq: bool,
    scan_order: int,
    unary_length: int,
    kernel: str = "fast",
) -> npt.NDArray[np.int32]:
    """The indexes of a payload that holds one tensor, int32 of the given shape, doubled values with dq; raises `CodewordError`."""
    coding = _coding(tuple(shape), bool(dq), scan_order, unary_length)
    return decode_codeword(payload, [coding], kernel=kernel).tensors[0].indexes.reshape(tuple(shape))


def encode_indices(
    indices: npt.NDArray[Any],
    *,
    dq: bool,
    scan_order: int,
    unary_length: int,
    parameter_sets: npt.NDArray[Any] | Literal["default", "search"] = "search",
) -> bytes:
    """The payload of one tensor of indexes, integers within int32, doubled values with dq; raises `EncodeError`."""
    coding = _coding(indices.shape, bool(dq), scan_order, unary_length)
    return encode_codeword([TensorToCode(coding, indices, 0, parameter_sets)])
