"""The encoder's choice for each tensor: quantized, exact or not coded, and why.

The first that holds is chosen: integers as INT; values that a step within reach represents as
FLOAT, with a step that keeps the tensor's non-zero values; otherwise exact as RAW_FLOAT.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.topology.classes import Coding, Role, coding, role

Array = npt.NDArray[Any]

WEIGHT_SHARE: Final = 4
"""Steps in the root mean square of a weight's non-zero values, at least, if no qp is asked for."""
VECTOR_SHARE: Final = 16
"""Steps in the smallest non-zero magnitude of a vector, at least, if no qp is asked for."""
VARIANCE_SHARE: Final = 128
"""Steps in the smallest non-zero magnitude of a vector of variances, at least, whatever is asked
for.
"""
LOST_SHARE: Final = 0.25
"""Share of a weight's values that become 0 from which that is a loss to be listed."""
LOST_BY_CHANCE: Final = 0.001
"""Rows of zeros that chance makes likely, at most, for such a row to be a loss of its own."""
NEGLIGIBLE: Final = 2.0**-24
"""Share of the greatest magnitude below which values do not matter: binary32 would not add them."""
MASK_MAGNITUDE: Final = 1000.0
"""Magnitude from which the only value of a tensor other than 0 stands for minus infinity."""
_QP: Final = -38
_NONWEIGHT_QP: Final = -75
_DENSITY: Final = 2
"""The density that the two default qp are meant for."""


class Treatment(StrEnum):
    """What becomes of a tensor."""

    QUANTIZED = "quantized"
    INTEGER = "exact integers"
    EXACT = "exact"
    CARRIED = "not coded"


@dataclass(frozen=True)
class Chosen:
    """The choice for one tensor.

    Args:
        name: Its name.
        dtype: Its type, such as ``float32``.
        shape: Its shape.
        treatment: What becomes of it.
        reason: Why it is not quantized, or why its step is finer than asked for; empty otherwise.
        qp: Quantization parameter, if quantized.
        zeros: Non-zero values that are nearer to 0 than to another value of the step.
        nonzero: Values other than 0, if quantized.
        lost: What of the values matters and becomes 0, such as ``3 of 4 non-zero values``.
        role: How the encoder treats the tensor.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    treatment: Treatment
    reason: str = ""
    qp: int | None = None
    zeros: int = 0
    nonzero: int = 0
    lost: str = ""
    role: Role = Role.OTHER


@dataclass(frozen=True)
class TensorChoices:
    """The choices for all tensors, and the encoder's options that they make.

    Args:
        options: Options for `encode`, with a qp for each quantized tensor and the exact ones.
        tensors: The choice for each tensor, in the order of the parameters.
    """

    options: EncoderOptions
    tensors: tuple[Chosen, ...]


def default_qps(qp_density: int) -> tuple[int, int]:
    """Return the default qp of weights and of vectors.

    They give about the same step sizes at every density.
    """
    scale = 2.0 ** (qp_density - _DENSITY)
    return math.floor(_QP * scale), math.floor(_NONWEIGHT_QP * scale)


def options_for(qp: int | None, nonweight_qp: int | None, qp_density: int) -> tuple[int, int]:
    """Return the qp of weights and of vectors.

    Args:
        qp: That of weights; None for the default of `default_qps`.
        nonweight_qp: That of vectors; None for the default, kept within reach of the weights'.
        qp_density: 0 to 7; the step doubles every 2 ** qp_density.
    """
    weights, vectors = default_qps(qp_density)
    chosen = weights if qp is None else qp
    return chosen, max(vectors, chosen - (1 << (5 + qp_density))) if nonweight_qp is None else nonweight_qp


def choose(
    parameters: Mapping[str, Array],
    options: EncoderOptions,
    *,
    exact: Mapping[str, str] | None = None,
    variances: Collection[str] = (),
    asked: Collection[Role] = (),
    rounded: Collection[str] = (),
) -> TensorChoices:
    """Choose how each tensor is coded: quantized with a step, exact, or not at all.

    Tensors in blocks, or with indexes, stay as the options say. Steps are made finer than asked for
    where small values would become 0.

    Args:
        parameters: Ndarrays by name.
        options: What is asked for; ``tensor_qp`` and ``exact`` included.
        exact: Reasons by the names of tensors that must stay exact.
        variances: Names of variances, which are divided by.
        asked: Roles for which the user asked for a qp, so that small values may become 0; tensors
            in ``tensor_qp`` count as asked for.
        rounded: Names of binary64 tensors that binary32 has to do for, because nothing else can
            hold them if they must be exact.

    Returns:
        The choice and its reason for each other tensor, in the order of ``parameters``, and the
            options
        with these choices, for `encode`.
    """
    blocks = options.blocks if not isinstance(options.blocks, Mapping) else ()
    fixed = {*options.indexes, *(name for block in blocks for name in block.ids)}
    reasons = {**dict.fromkeys(options.exact, "asked for"), **(exact or {})}
    chosen = tuple(
        _chosen(
            name,
            array,
            options,
            reasons.get(name, ""),
            variance=name in variances,
            asked=_role(array) in asked or name in options.tensor_qp,
            rounded=name in rounded,
        )
        for name, array in parameters.items()
        if name not in fixed
    )
    qps = {each.name: each.qp for each in chosen if each.qp is not None}
    kept = {each.name for each in chosen if each.treatment is Treatment.EXACT}
    return TensorChoices(replace(options, tensor_qp={**options.tensor_qp, **qps}, exact=options.exact | kept), chosen)


def greatest_qp(step: float, qp_density: int) -> int:
    """Return the greatest qp whose step is at most ``step`` (positive, finite).

    The inverse of `step_size`.
    """
    mantissa, exponent = math.frexp(step)
    return ((exponent - 1) << qp_density) + math.floor((2 * mantissa - 1) * (1 << qp_density))


def _chosen(name: str, array: Array, options: EncoderOptions, reason: str, *, variance: bool, asked: bool, rounded: bool) -> Chosen:
    """Choose how one tensor is coded, and its qp.

    Args:
        name: Its id.
        array: The tensor.
        options: What is asked for.
        reason: Why it must be coded without loss; empty if it need not be.
        variance: Whether it holds variances, which are divided by.
        asked: Whether the user asked for a qp for it.
        rounded: Whether binary32 has to do for a binary64 tensor that must be exact.
    """
    row = Chosen(name, str(array.dtype), array.shape, Treatment.EXACT, reason, role=_role(array))
    kind = coding(array)
    if kind is Coding.EXACT_INTEGER:
        return replace(row, treatment=Treatment.INTEGER, reason="integers or truth values")
    if kind is Coding.UNCHANGED and (array.dtype != np.float64 or not array.size):
        return replace(row, treatment=Treatment.CARRIED, reason=_uncodable(array))
    if reason or (reason := _exact_reason(array)):
        return _exact(row, array, reason, rounded=rounded)
    values = np.abs(array.astype(np.float64).reshape(-1))
    values = values[values > 0]
    if not values.size:
        return replace(row, treatment=Treatment.QUANTIZED, qp=_asked_qp(name, array, options, variance=variance))
    return _with_step(row, array, values, options, variance=variance, asked=asked, rounded=rounded)


def _with_step(row: Chosen, array: Array, values: Array, options: EncoderOptions, *, variance: bool, asked: bool, rounded: bool) -> Chosen:
    """Return the choice of a tensor with its step, or exact.

    It is exact if no step keeps its values.

    Args:
        row: The choice so far.
        array: The tensor.
        values: Its magnitudes other than 0.
        options: What is asked for.
        variance: Whether it holds variances, which are divided by.
        asked: Whether the user asked for a qp for it.
        rounded: Whether binary32 has to do for a binary64 tensor that must be exact.
    """
    from nnc_conformance.reference.quantization.quantizer import DQ_STEPS

    greatest = float(values.max())
    if greatest > float(np.finfo(np.float32).max):
        return _exact(row, array, "values beyond binary32", rounded=rounded)
    wanted = _asked_qp(row.name, array, options, variance=variance)
    coarsest = _coarsest(values, weight=_role(array) is Role.WEIGHT, variance=variance, asked=asked)
    coarsest /= DQ_STEPS if options.dq and not asked else 1
    qp = min(wanted, greatest_qp(coarsest, options.qp_density)) if coarsest > 0 else wanted
    step = float(step_size(options.qp_density, qp))
    out_of_reach = qp < options.qp - (1 << (5 + options.qp_density)) and qp != wanted
    if out_of_reach or step < float(np.spacing(np.float32(greatest))):
        why = "its step would be finer than binary32" if qp == wanted else "no step keeps its small values"
        return _exact(row, array, why, rounded=rounded)
    reason = "" if qp == wanted else "a finer step than others, for its small values"
    row = replace(row, treatment=Treatment.QUANTIZED, qp=qp, reason=reason)
    with np.errstate(over="ignore"):
        return with_losses(row, array, np.abs(array.astype(np.float64)) < step / 2)


def with_losses(row: Chosen, array: Array, zero: npt.NDArray[np.bool_]) -> Chosen:
    """Return the choice of a quantized tensor with the count of values that became 0.

    They are a loss if the tensor is a vector, or if they are a substantial share of it, or all
    values of a row, column or channel. Values that are negligible next to the greatest are not.

    Args:
        row: The choice so far.
        array: The tensor.
        zero: Where it is coded as 0.
    """
    magnitudes = np.abs(array.astype(np.float64))
    nonzero = magnitudes > 0
    gone = nonzero & zero
    row = replace(row, zeros=int(gone.sum()), nonzero=int(nonzero.sum()), lost="")
    if not row.zeros:
        return row
    counted = magnitudes > NEGLIGIBLE * magnitudes.max()
    lost = gone & counted
    lines = _lost_lines(counted, lost) if row.role is Role.WEIGHT else 0
    much = lost.any() if row.role is not Role.WEIGHT else lost.sum() >= LOST_SHARE * counted.sum()
    if not (much or lines):
        return row
    whole = f", with {lines} whole {'row, column or channel' if lines == 1 else 'rows, columns or channels'}" if lines else ""
    return replace(row, lost=f"{row.zeros} of {row.nonzero} non-zero values{whole}")


def recounted(choice: TensorChoices, parameters: Mapping[str, Array], decoded: Mapping[str, Array]) -> TensorChoices:
    """Return the choices with the values counted that a decoder gives back as 0.

    `choose` counts what becomes 0 if each value becomes the nearest; rate moves others there, too.

    Args:
        choice: The choices.
        parameters: Ndarrays by name, as encoded.
        decoded: The same, as decoded.
    """
    rows = tuple(
        row if row.qp is None or not row.nonzero else with_losses(row, parameters[row.name], decoded[row.name].reshape(row.shape) == 0)
        for row in choice.tensors
    )
    return replace(choice, tensors=rows)


def _lost_lines(counted: npt.NDArray[np.bool_], lost: npt.NDArray[np.bool_]) -> int:
    """Count rows, columns or channels that are lost whole, more than chance explains.

    Args:
        counted: Where values matter.
        lost: Where such values are lost.
    """
    share, found = lost.sum() / counted.sum(), 0
    for axis, extent in enumerate(counted.shape):
        if extent == 1:
            continue
        others = tuple(each for each in range(counted.ndim) if each != axis)
        values, gone = counted.sum(axis=others), lost.sum(axis=others)
        whole = int(((values > 0) & (values == gone)).sum())
        if whole and float(np.sum(share ** values[values > 0])) <= LOST_BY_CHANCE:
            found = max(found, whole)
    return found


def _coarsest(values: Array, *, weight: bool, variance: bool, asked: bool) -> float:
    """Return the coarsest step that keeps magnitudes other than 0.

    Return 0 if binary64 has no such step. If a qp is asked for, the step only keeps the largest
    magnitude from becoming 0.

    Args:
        values: The magnitudes other than 0.
        weight: Whether the tensor is a weight.
        variance: Whether it holds variances, which are divided by.
        asked: Whether the user asked for a qp.
    """
    greatest = float(values.max())
    if variance:
        return float(values.min()) / VARIANCE_SHARE
    if asked:
        return greatest
    if weight:
        return float(np.sqrt(np.mean(np.square(values / greatest)))) * greatest / WEIGHT_SHARE
    return float(values.min()) / VECTOR_SHARE


def _asked_qp(name: str, array: Array, options: EncoderOptions, *, variance: bool) -> int:
    """Return the qp that the options ask for; variances get at most that of vectors.

    Args:
        name: Id of the tensor.
        array: The tensor.
        options: What is asked for.
        variance: Whether it holds variances, which are divided by.
    """
    qp = options.tensor_qp.get(name, options.qp if _role(array) is Role.WEIGHT else options.nonweight_qp)
    return min(qp, options.nonweight_qp) if variance else qp


def _role(array: Array) -> Role:
    """Return the role of an array, that of binary64 as if it were binary32."""
    with np.errstate(over="ignore"):
        return role(array.astype(np.float32) if array.dtype == np.float64 else array)


def _exact(row: Chosen, array: Array, reason: str, *, rounded: bool) -> Chosen:
    """Return the choice of a tensor that must be exact.

    It is not coded if binary32 cannot hold its values, unless it may be rounded.

    Args:
        row: The choice so far.
        array: The tensor.
        reason: Why it must be exact.
        rounded: Whether it may be rounded to binary32; a value beyond the range of normal numbers
            never is.
    """
    if array.dtype == np.float64 and not survives_binary32(array):
        if rounded and _within_binary32(array):
            return replace(row, treatment=Treatment.EXACT, reason=f"{reason}, but rounded to binary32")
        return replace(row, treatment=Treatment.CARRIED, reason=f"{reason}; binary32 cannot hold its values")
    return replace(row, treatment=Treatment.EXACT, reason=reason)


def survives_binary32(array: Array) -> bool:
    """Return whether converting an array to binary32 and back keeps every value."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.array_equal(array.astype(np.float32).astype(array.dtype), array, equal_nan=True))


def _within_binary32(array: Array) -> bool:
    """Return whether finite values other than 0 are normal numbers in binary32."""
    magnitudes = np.abs(array[np.isfinite(array) & (array != 0)])
    limits = np.finfo(np.float32)
    return bool(((magnitudes >= float(limits.tiny)) & (magnitudes <= float(limits.max))).all())


def _exact_reason(array: Array) -> str:
    """Return why a floating-point array must be exact whatever the step.

    Return "" if it need not be.
    """
    if array.size <= 1:
        return "a single value" if array.size else "empty"
    if not np.isfinite(array).all():
        return "an infinity or NaN among its values"
    values = array[array != 0]
    if values.size and abs(float(values[0])) >= MASK_MAGNITUDE and bool((values == values[0]).all()):
        return "a mask: 0 and one great value"
    return ""


def _uncodable(array: Array) -> str:
    """Return why a stream cannot hold an array: its size, integers or type."""
    if array.size == 0:
        return "empty"
    if array.dtype.kind in "iub":
        return "integers beyond 31 bits"
    return f"{array.dtype} values that a stream cannot hold exactly"
