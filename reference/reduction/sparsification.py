"""Clause 8.2.1, sparsification using compressibility loss: weights below a threshold become 0.

The data-free form takes the threshold to the weights as they are. The trained form first trains under the compressibility loss
norm1(w) / norm2(w) of each weight tensor, which makes many of them small, then trains the weights that are left.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.maps import SparsificationRow
from nnc_conformance.reference.reduction.network import Array, Network, weights
from nnc_conformance.reference.reduction.tool import Aid, Fit, NotNegative, Reduction, Share, SweptSettings, swept


class CompressibilityFit(Fit):
    """``compressibility``: weight of the compressibility loss in the training's loss."""

    compressibility: NotNegative = 1e-3


class Sparsification(SweptSettings):
    """``thresholds``: magnitudes below which weights become 0; or ``zeros``: shares of the weights, the thresholds follow."""

    tool: Literal["sparsification"] = "sparsification"
    thresholds: Annotated[tuple[NotNegative, ...], Field(max_length=255)] = ()
    zeros: Annotated[tuple[Share, ...], Field(max_length=255)] = ()
    train: CompressibilityFit | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.thresholds) == bool(self.zeros):
            raise ValueError("sparsification takes either thresholds or zeros")
        return self


def compressibility(array: Array) -> float:
    """norm1 / norm2, in binary64; the same for any multiple of the array; 0 for zeros."""
    values = np.abs(array.astype(np.float64))
    norm = float(np.sqrt(np.sum(values**2)))
    return float(np.sum(values)) / norm if norm else 0.0


def threshold_for(arrays: Iterable[Array], zeros: float) -> float:
    """The magnitude below which a share ``zeros`` of all entries lie, as nearly as equal magnitudes allow."""
    magnitudes = np.sort(np.concatenate([np.abs(array).reshape(-1) for array in arrays]))
    return float(magnitudes[min(round(zeros * magnitudes.size), magnitudes.size - 1)])


def below_to_zero(array: Array, threshold: float) -> Array:
    """The array with entries of a magnitude below the threshold 0, float32."""
    return np.where(np.abs(array) < np.float32(threshold), np.float32(0), array)


def non_zero_ratio(arrays: Iterable[Array]) -> float:
    """Non-zero entries over all entries."""
    counts = [(int(np.count_nonzero(array)), array.size) for array in arrays]
    return sum(found for found, _ in counts) / max(sum(size for _, size in counts), 1)


def sparsify(network: Network, settings: Sparsification, aid: Aid) -> Reduction:
    """The tool; its map tells threshold, non-zero ratio (of all weights) and accuracy. Raises `ModelError` where there is no weight."""
    names = weights(network, settings.tensors)
    if not names:
        raise ModelError("sparsification: the network has no weights, floating point tensors of two dimensions or more")
    prepared = _compressible(network, names, settings.train, aid) if settings.train else network
    arrays: Mapping[str, Array] = {name: prepared.parameters[name] for name in names}
    strengths = settings.thresholds or tuple(threshold_for(arrays.values(), share) for share in settings.zeros)

    def reduce(threshold: float) -> Network:
        sparse = prepared.with_parameters({name: below_to_zero(array, threshold) for name, array in arrays.items()})
        return _retrained(sparse, names, settings.train, aid) if settings.train else sparse

    return swept(
        network, strengths, settings, aid, reduce=reduce,
        row=lambda threshold, reduced, accuracy: SparsificationRow(threshold, sparsity(reduced), accuracy),
    )  # fmt: skip


def sparsity(network: Network) -> float:
    """The non-zero ratio of all weights of a network."""
    return non_zero_ratio(network.whole(name) for name in weights(network))


def _compressible(network: Network, names: tuple[str, ...], fit: CompressibilityFit, aid: Aid) -> Network:
    from nnc_conformance.reference.reduction import training

    return training.retrained(network, fit, aid.samples(), penalty=training.compressibility(names, fit.compressibility))


def _retrained(network: Network, names: tuple[str, ...], fit: Fit, aid: Aid) -> Network:
    from nnc_conformance.reference.reduction import training

    return training.retrained(network, fit, aid.samples(), kept_zero=names)
