"""Clause 8.2.4, parameter unification: the weights of a block take one magnitude, the mean of theirs, each keeping its sign.

A block's distortion is the mean deviation of its magnitudes from their mean; a block is unified where it is the threshold at most.
Zeros stay 0 and do not count. The trained form trains one magnitude for each unified block, and the other weights.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from nnc_conformance.reference.reduction.blocks import Structure, block_means, block_numbers
from nnc_conformance.reference.reduction.maps import UnificationRow
from nnc_conformance.reference.reduction.network import Accuracy, Array, Network, matrix, weights
from nnc_conformance.reference.reduction.tool import Aid, Block, NotNegative, Reduction, SweptSettings, swept


class Unification(SweptSettings):
    """``thresholds``: greatest distortion of a block that is unified; the matrix is dimension 0 by the product of the others."""

    tool: Literal["unification"] = "unification"
    thresholds: Annotated[tuple[NotNegative, ...], Field(min_length=1, max_length=255)]
    super_block: Block = (64, 64)
    block: Block = (2, 2)


def unified_groups(array: Array, block: tuple[int, int], threshold: float) -> npt.NDArray[np.intp]:
    """For each element, in the shape of the array, the number of the unified block that it belongs to, or -1."""
    magnitudes = matrix(np.abs(array.astype(np.float64)))
    numbers = block_numbers(magnitudes.shape, block)
    present = magnitudes > 0
    shares = block_means(present.astype(np.float64), numbers)
    shares[shares == 0] = 1
    means = block_means(magnitudes, numbers) / shares
    distortions = block_means(np.abs(magnitudes - means[numbers]) * present, numbers) / shares
    return np.where(present & (distortions <= threshold)[numbers], numbers, -1).reshape(array.shape)


def unified(array: Array, groups: npt.NDArray[np.intp]) -> Array:
    """The tensor with one magnitude in each group, float32; elements of group -1 stay as they are."""
    inside = groups >= 0
    if not inside.any():
        return array
    members, magnitudes = groups[inside], np.abs(array[inside].astype(np.float64))
    means = np.bincount(members, weights=magnitudes) / np.maximum(np.bincount(members), 1)
    result = array.astype(np.float32)
    result[inside] = np.copysign(means[members], array[inside])
    return result


def unify(network: Network, settings: Unification, aid: Aid) -> Reduction:
    """The tool; its map tells the structure, the threshold and the accuracy."""
    structure = Structure(settings.super_block, settings.block)
    names = weights(network, settings.tensors)
    shapes = {matrix(network.parameters[name]).shape for name in names}
    reshaped = shapes.pop() if len(shapes) == 1 else ()

    def reduce(threshold: float) -> Network:
        groups = {name: unified_groups(network.parameters[name], structure.block, threshold) for name in names}
        result = network.with_parameters({name: unified(network.parameters[name], groups[name]) for name in names})
        if settings.train is None:
            return result
        from nnc_conformance.reference.reduction import training

        return training.retrained(result, settings.train, aid.samples(), kept_zero=names, tied=groups)

    def row(threshold: float, _: Network, accuracy: Accuracy) -> UnificationRow:
        return UnificationRow(reshaped, structure.super_block, structure.block, threshold, accuracy)

    return swept(network, settings.thresholds, settings, aid, reduce=reduce, row=row)
