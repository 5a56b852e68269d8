"""Payloads that hold one tensor of indexes: parameter sets, indexes, terminate bin; no qp_delta."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.codeword import decode_codeword, encode_codeword
from nnc_conformance.reference.entropy.coding import TensorCoding, TensorToCode


def _coding(shape: Sequence[int], dq: bool, scan_order: int, unary_length: int) -> TensorCoding:
    """Make the coding of a tensor; a vector or scalar has scan order 0."""
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
    """Decode a payload that holds one tensor.

    Args:
        shape: Shape of the tensor; dim 0 gives the rows, the others the columns.
        dq: dq_flag; the indexes are then doubled values.
        scan_order: 0 to 4; ignored for fewer than two dimensions.
        unary_length: cabac_unary_length, 1 to 256.
        kernel: ``fast`` or ``plain``; both give the same result.

    Returns:
        The indexes, int32 of the given shape.

    Raises:
        CodewordError: For a payload that breaks a rule.
    """
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
    """Encode one tensor of indexes to a payload.

    Args:
        indices: Integers within int32, doubled values with dq.
        dq: dq_flag.
        scan_order: 0 to 4; ignored for fewer than two dimensions.
        unary_length: cabac_unary_length, 1 to 256.
        parameter_sets: The set of each context, ``default`` for set 0, or ``search`` for the
            cheapest sets.

    Raises:
        EncodeError: For values that cannot be coded like this.
    """
    coding = _coding(indices.shape, bool(dq), scan_order, unary_length)
    return encode_codeword([TensorToCode(coding, indices, 0, parameter_sets)])
