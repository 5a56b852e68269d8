"""Parameter unification (clause 8.2.4): the weights of a block take one magnitude, keeping signs.

The magnitude is their mean. The distortion of a block is the mean deviation of its magnitudes from
it; a block is unified if its distortion is within the threshold. Zeros stay 0 and do not count. The
trained form trains one magnitude for each unified block, and the other weights.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from nnc_conformance.reference.reduction.blocks import BlockSizes, block_means, block_numbers
from nnc_conformance.reference.reduction.maps import UnificationRow
from nnc_conformance.reference.reduction.network import Accuracy, Array, Network, matrix, weights
from nnc_conformance.reference.reduction.tool import Block, NotNegative, Reduction, Resources, SweepSettings, apply_strength


class Unification(SweepSettings):
    """Settings of the tool.

    The matrix of a weight is dimension 0 by the product of the others.

    Args:
        thresholds: Greatest distortions of a block that is unified.
        super_block: Rows and columns of a super-block.
        block: Rows and columns of a block.
    """

    tool: Literal["unification"] = "unification"
    thresholds: Annotated[tuple[NotNegative, ...], Field(min_length=1, max_length=255)]
    super_block: Block = (64, 64)
    block: Block = (2, 2)


def unified_groups(array: Array, block: tuple[int, int], threshold: float) -> npt.NDArray[np.intp]:
    """Find the blocks of a weight whose magnitudes are close enough to be made equal.

    Args:
        array: The weight.
        block: Rows and columns of a block.
        threshold: Greatest mean deviation of a block's magnitudes from their mean.

    Returns:
        The number of each element's block, in the shape of the array; -1 for zeros and in blocks
            that
        deviate more.
    """
    magnitudes = matrix(np.abs(array.astype(np.float64)))
    numbers = block_numbers(magnitudes.shape, block)
    present = magnitudes > 0
    shares = block_means(present.astype(np.float64), numbers)
    shares[shares == 0] = 1
    means = block_means(magnitudes, numbers) / shares
    distortions = block_means(np.abs(magnitudes - means[numbers]) * present, numbers) / shares
    return np.where(present & (distortions <= threshold)[numbers], numbers, -1).reshape(array.shape)


def unified(array: Array, groups: npt.NDArray[np.intp]) -> Array:
    """Return the array with all elements of a group at their mean magnitude, float32.

    Signs stay, and so do elements of group -1.

    Args:
        array: The weight.
        groups: Number of each element's group, in the same shape.
    """
    inside = groups >= 0
    if not inside.any():
        return array
    members, magnitudes = groups[inside], np.abs(array[inside].astype(np.float64))
    means = np.bincount(members, weights=magnitudes) / np.maximum(np.bincount(members), 1)
    result = array.astype(np.float32)
    result[inside] = np.copysign(means[members], array[inside])
    return result


def unify(network: Network, settings: Unification, resources: Resources) -> Reduction:
    """Unify blocks of weights; the map states the block sizes, the threshold and the accuracy."""
    sizes = BlockSizes(settings.super_block, settings.block)
    names = weights(network, settings.tensors)
    shapes = {matrix(network.parameters[name]).shape for name in names}
    reshaped = shapes.pop() if len(shapes) == 1 else ()

    def reduce(threshold: float) -> Network:
        """Return the network with the groups of weights made equal that the threshold gives.

        It is then trained, with the groups kept, if the settings ask for it.
        """
        groups = {name: unified_groups(network.parameters[name], sizes.block, threshold) for name in names}
        result = network.with_parameters({name: unified(network.parameters[name], groups[name]) for name in names})
        if settings.train is None:
            return result
        from nnc_conformance.reference.reduction import training

        return training.retrained(result, settings.train, resources.samples(), kept_zero=names, tied=groups)

    def row(threshold: float, _: Network, accuracy: Accuracy) -> UnificationRow:
        return UnificationRow(reshaped, sizes.super_block, sizes.block, threshold, accuracy)

    return apply_strength(network, settings.thresholds, settings, resources, reduce=reduce, row=row)
