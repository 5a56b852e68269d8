"""Payloads that hold one tensor of indexes: parameter sets, indexes, terminate bin; no qp_delta."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy.codeword import decode_codeword, encode_codeword
from nnc_conformance.reference.entropy.coding import NO_HISTORY, TensorCoding, TensorHistory, TensorToCode
from nnc_conformance.reference.errors import EncodeError


def _coding(shape: Sequence[int], dq: bool, scan_order: int, unary_length: int, history: TensorHistory | None) -> TensorCoding:
    """Make the coding of a tensor; a vector or scalar has scan order 0.

    Raises `ValueError` for a history of another number of places.

    Args:
        shape: Shape of the tensor.
        dq: dq_flag.
        scan_order: 0 to 4.
        unary_length: cabac_unary_length.
        history: Knowledge from earlier streams, with which the coding is of the second edition.
    """
    rows, columns = shape[0] if shape else 1, math.prod(shape[1:])
    scan_order = scan_order if len(shape) > 1 else 0
    if history is None:
        return TensorCoding(rows, columns, scan_order, dq, unary_length, 0)
    for name, places in (("base", history.base), ("seen", history.seen)):
        if places.size not in (0, rows * columns):
            raise ValueError(f"history.{name} has {places.size} places; the tensor has {rows * columns}")
    has_base = history.base.size > 0
    return TensorCoding(rows, columns, scan_order, dq, unary_length, 0, second_edition=True, has_parent=True, tca=has_base)


def decode_indices(
    payload: bytes | npt.NDArray[np.uint8],
    shape: Sequence[int],
    *,
    dq: bool,
    scan_order: int,
    unary_length: int,
    kernel: str = "fast",
    history: TensorHistory | None = None,
) -> npt.NDArray[np.int32]:
    """Decode a payload that holds one tensor.

    Args:
        shape: Shape of the tensor; dim 0 gives the rows, the others the columns.
        dq: dq_flag; the indexes are then doubled values.
        scan_order: 0 to 4; ignored for fewer than two dimensions.
        unary_length: cabac_unary_length, 1 to 256.
        kernel: ``fast`` or ``plain``; both give the same result.
        history: Knowledge from earlier streams; the payload is then that of a tensor with a parent
            (second edition). TCA is on if there is a base.

    Returns:
        The indexes, int32 of the given shape.

    Raises:
        CodewordError: For a payload that breaks a rule.
        ValueError: For a history of another number of places.
    """
    coding = _coding(tuple(shape), bool(dq), scan_order, unary_length, history)
    histories = None if history is None else [history]
    return decode_codeword(payload, [coding], kernel=kernel, histories=histories).tensors[0].indexes.reshape(tuple(shape))


def encode_indices(
    indices: npt.NDArray[Any],
    *,
    dq: bool,
    scan_order: int,
    unary_length: int,
    parameter_sets: npt.NDArray[Any] | Literal["default", "search"] = "search",
    history: TensorHistory | None = None,
    hdsp: bool = False,
    skipped: npt.NDArray[Any] | None = None,
) -> bytes:
    """Encode one tensor of indexes to a payload.

    Args:
        indices: Integers within int32, doubled values with dq.
        dq: dq_flag.
        scan_order: 0 to 4; ignored for fewer than two dimensions.
        unary_length: cabac_unary_length, 1 to 256.
        parameter_sets: The set of each context, ``default`` for set 0, or ``search`` for the
            cheapest sets.
        history: What the decoder will know of earlier streams; see `decode_indices`.
        hdsp: hist_dep_sig_prob_enabled_flag; needs a history and more than one row and column.
        skipped: row_skip_list, bool (rows,), True only for rows of zeros; needs the same.

    Raises:
        EncodeError: For values or tools that cannot be coded like this.
        ValueError: For a history of another number of places.
    """
    coding = _coding(indices.shape, bool(dq), scan_order, unary_length, history)
    if (hdsp or skipped is not None) and not coding.has_hdsp_flag:
        raise EncodeError("hdsp and skipped need a history, and a tensor with more than one row and column")
    if skipped is not None and np.shape(skipped) != (coding.rows,):
        raise EncodeError(f"skipped has shape {np.shape(skipped)}; expected ({coding.rows},)")
    chosen = history or NO_HISTORY
    return encode_codeword([TensorToCode(coding, indices, 0, parameter_sets, history=chosen, hdsp=bool(hdsp), skipped=skipped)])
