"""How far the values of a stream may be off, and how far they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.encoders.decoding import ReadTensor
from nnc_conformance.encoders.option_values import OCTAVES, density_of
from nnc_conformance.reference.quantization.reconstruction import step_size

NEAREST_STEPS: Final = 0.5
"""Steps by which the nearest value is off at most."""
DQ_STEPS: Final = 2.0
"""Steps by which a value may be off with dependent quantization, without optimisation of rate."""
QUANTIZERS_APART: Final = 1.0
"""Steps between the values of the two quantizers of dependent quantization."""
_ROUNDING: Final = 2.0**-22
"""Relative error that the arithmetic of binary32 may add."""
_LEAST: Final = 1.5e-45
"""The least binary32 value above 0."""


@dataclass(frozen=True)
class Bounds:
    """Bounds of one case.

    Args:
        options: The options that were asked for.
        max_error_steps: Steps allowed where rate is optimised, or may be.
        other_skips: Whether the encoder may pass over skipped rows by the other choice of
            skipped_stretch, and so quantize for the other quantizer: its values are a step away.
    """

    options: Mapping[str, str]
    max_error_steps: float
    other_skips: bool = False

    def steps(self, coded: ReadTensor) -> float:
        """Return how many steps a quantized value may be off, by options and coding.

        Args:
            coded: How the tensor was coded.
        """
        if self.options.get("rdo") != "0":
            return self.max_error_steps
        away = QUANTIZERS_APART if self.other_skips and coded.skips_disputed else 0.0
        return DQ_STEPS + away if coded.dq else NEAREST_STEPS

    def coarsest(self) -> float | None:
        """Return the coarsest step size that was asked for.

        Return None unless a qp was asked for both weights and vectors.
        """
        asked = [int(self.options[name]) for name in OCTAVES if name in self.options]
        return max(float(step_size(density_of(self.options), qp)) for qp in asked) if len(asked) == len(OCTAVES) else None


@dataclass(frozen=True)
class ValueErrors:
    """Errors of one tensor.

    Attributes:
        worst: Place of the value with the largest error beyond what is allowed; None if all are right.
        wrong: Values that are off by more than is allowed.
        steps: The largest error in steps; None if the tensor is exact.
        squared: Sum of the squared errors of a quantized tensor.
        text: The worst value in words; "" if all are right.
    """

    worst: tuple[int, ...] | None
    wrong: int
    steps: float | None
    squared: float
    text: str


def value_errors(
    wanted: npt.NDArray[Any], given: npt.NDArray[Any], before: npt.NDArray[Any] | None, coded: ReadTensor | None, bounds: Bounds
) -> ValueErrors:
    """Compare the values of a tensor that a stream decodes to with the encoder's input.

    Args:
        wanted: The input.
        given: The decoded values, of the same number.
        before: The values before an update; None if the stream codes the tensor whole.
        coded: How the tensor was coded last; None if that is unknown.
        bounds: Bounds of the case.
    """
    if coded is None or coded.step is None:
        return _exact_errors(wanted, given)
    x, y = wanted.astype(np.float64).reshape(-1), given.astype(np.float64).reshape(-1)
    step, allowed = coded.step, bounds.steps(coded)
    coarsest = bounds.coarsest()
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(x - y)
        old = np.zeros_like(x) if before is None else before.astype(np.float64).reshape(-1)
        slack = _ROUNDING * np.maximum.reduce([np.abs(x), np.abs(y), np.abs(old)]) + _LEAST
        if coded.codebook is not None:
            nearest = _nearest(x - old, coded.codebook.values.astype(np.float64) * step)
            most = nearest + (0.0 if allowed == NEAREST_STEPS else allowed * step)
            if allowed == NEAREST_STEPS and bounds.options.get("codebook") == "integer":
                most = np.minimum(most, allowed * step)
        else:
            most = np.full_like(x, allowed * (step if coarsest is None else min(step, coarsest)))
        wrong = ~(off <= most + slack)
    steps = float(np.max(off / step, initial=0.0)) if np.isfinite(off).all() else None
    squared = float(np.square(off).sum()) if np.isfinite(off).all() else 0.0
    if not wrong.any():
        return ValueErrors(None, 0, steps, squared, "")
    excess = np.where(wrong, np.nan_to_num(off - most, nan=np.inf), -np.inf)
    place = int(np.argmax(excess))
    index = tuple(map(int, np.unravel_index(place, wanted.shape)))
    source = " (the nearest codebook value)" if coded.codebook is not None else ""
    measure = f"off by {off[place] / step:.4g} steps of {step:.6g}, {most[place] / step:.4g} are allowed{source}"
    text = f"expected {wanted.flat[place]}, got {given.flat[place]}: {measure}"
    return ValueErrors(index, int(wrong.sum()), steps, squared, text)


def _nearest(values: npt.NDArray[np.float64], book: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the distance of each value to the nearest value of a codebook.

    Args:
        values: The values, of any shape.
        book: The codebook's values.
    """
    ordered = np.unique(book)
    right = np.clip(np.searchsorted(ordered, values), 0, ordered.size - 1)
    left = np.maximum(right - 1, 0)
    distances: npt.NDArray[np.float64] = np.minimum(np.abs(values - ordered[left]), np.abs(values - ordered[right]))
    return distances


def _exact_errors(wanted: npt.NDArray[Any], given: npt.NDArray[Any]) -> ValueErrors:
    """Compare values that must be the same, bit for bit, after conversion to their type."""
    kept = wanted.astype(given.dtype) if wanted.dtype != given.dtype else wanted
    size = kept.dtype.itemsize
    same = (kept.reshape(-1).view(f"u{size}") == np.ascontiguousarray(given).reshape(-1).view(f"u{size}")).reshape(-1)
    if same.all():
        return ValueErrors(None, 0, None, 0.0, "")
    place = int(np.flatnonzero(~same)[0])
    index = tuple(map(int, np.unravel_index(place, wanted.shape)))
    return ValueErrors(
        index, int((~same).sum()), None, 0.0, f"expected {wanted.flat[place]}, got {given.flat[place]}; the payload is exact"
    )
