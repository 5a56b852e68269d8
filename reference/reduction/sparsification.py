"""Sparsification using compressibility loss (clause 8.2.1): weights below a threshold become 0.

The data-free form applies the threshold to the weights as they are. The trained form first trains
with the compressibility loss norm1(w) / norm2(w) of each weight tensor, which makes many weights
small, and after the threshold trains the remaining weights.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.maps import SparsificationRow
from nnc_conformance.reference.reduction.network import Array, Network, weights
from nnc_conformance.reference.reduction.tool import (
    Fraction,
    NotNegative,
    Reduction,
    Resources,
    SweepSettings,
    TrainingSettings,
    apply_strength,
)


class CompressibilityTraining(TrainingSettings):
    """Training settings; ``compressibility`` is the weight of the compressibility loss."""

    compressibility: NotNegative = 1e-3


class Sparsification(SweepSettings):
    """Settings of the tool; exactly one of the two lists must be given.

    Args:
        thresholds: Magnitudes below which weights become 0.
        zeros: Shares of the weights that become 0; thresholds are derived from them.
    """

    tool: Literal["sparsification"] = "sparsification"
    thresholds: Annotated[tuple[NotNegative, ...], Field(max_length=255)] = ()
    zeros: Annotated[tuple[Fraction, ...], Field(max_length=255)] = ()
    train: CompressibilityTraining | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.thresholds) == bool(self.zeros):
            raise ValueError("give either thresholds or zeros")
        return self


def compressibility(array: Array) -> float:
    """Compute norm1 / norm2 in binary64.

    It does not depend on the scale, and is 0 for zeros.
    """
    values = np.abs(array.astype(np.float64))
    norm = float(np.sqrt(np.sum(values**2)))
    return float(np.sum(values)) / norm if norm else 0.0


def threshold_for(arrays: Iterable[Array], zeros: float) -> float:
    """Find the magnitude below which the share ``zeros`` of all entries lies.

    Entries of equal magnitude make this approximate.
    """
    magnitudes = np.sort(np.concatenate([np.abs(array).reshape(-1) for array in arrays]))
    return float(magnitudes[min(round(zeros * magnitudes.size), magnitudes.size - 1)])


def below_to_zero(array: Array, threshold: float) -> Array:
    """Set entries of a magnitude below the threshold to 0, float32."""
    return np.where(np.abs(array) < np.float32(threshold), np.float32(0), array)


def non_zero_ratio(arrays: Iterable[Array]) -> float:
    """Compute the share of entries that are not 0."""
    counts = [(int(np.count_nonzero(array)), array.size) for array in arrays]
    return sum(non_zero for non_zero, _ in counts) / max(sum(size for _, size in counts), 1)


def sparsify(network: Network, settings: Sparsification, resources: Resources) -> Reduction:
    """Zero small weights; the map states threshold, non-zero ratio of all weights and accuracy.

    Raises:
        ModelError: If the network has no weights.
    """
    names = weights(network, settings.tensors)
    if not names:
        raise ModelError("sparsification: the network has no weights (floating point tensors with two dimensions or more)")
    prepared = _compressible(network, names, settings.train, resources) if settings.train else network
    arrays: Mapping[str, Array] = {name: prepared.parameters[name] for name in names}
    strengths = settings.thresholds or tuple(threshold_for(arrays.values(), share) for share in settings.zeros)

    def reduce(threshold: float) -> Network:
        sparse = prepared.with_parameters({name: below_to_zero(array, threshold) for name, array in arrays.items()})
        return _retrained(sparse, names, settings.train, resources) if settings.train else sparse

    return apply_strength(
        network, strengths, settings, resources, reduce=reduce,
        row=lambda threshold, reduced, accuracy: SparsificationRow(threshold, sparsity(reduced), accuracy),
    )  # fmt: skip


def sparsity(network: Network) -> float:
    """Compute the non-zero ratio of all weights of a network."""
    return non_zero_ratio(network.whole(name) for name in weights(network))


def _compressible(network: Network, names: tuple[str, ...], training_settings: CompressibilityTraining, resources: Resources) -> Network:
    """Return the network trained with the compressibility loss of the named weights."""
    from nnc_conformance.reference.reduction import training

    return training.retrained(
        network, training_settings, resources.samples(), penalty=training.compressibility(names, training_settings.compressibility)
    )


def _retrained(network: Network, names: tuple[str, ...], training_settings: TrainingSettings, resources: Resources) -> Network:
    """Return the network trained further; zeros of the named weights stay 0."""
    from nnc_conformance.reference.reduction import training

    return training.retrained(network, training_settings, resources.samples(), kept_zero=names)
