"""Sparsification by micro-structured pruning (clause 8.2.2): the blocks of least loss become 0.

The loss of a block is the mean magnitude of its weights. Each super-block loses the same share of
its blocks, so that no part of a tensor is emptied. The trained form trains the remaining weights.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnc_conformance.reference.reduction.blocks import BlockSizes, block_means, block_numbers, super_blocks
from nnc_conformance.reference.reduction.maps import SparsificationRow
from nnc_conformance.reference.reduction.network import Accuracy, Array, Network, matrix, weights
from nnc_conformance.reference.reduction.sparsification import sparsity
from nnc_conformance.reference.reduction.tool import Block, Fraction, Reduction, Resources, SweepSettings, apply_strength


class MicroStructured(SweepSettings):
    """Settings of the tool.

    The matrix of a weight is dimension 0 by the product of the others.

    Args:
        ratios: Shares of the blocks in each super-block that become 0.
        super_block: Rows and columns of a super-block.
        block: Rows and columns of a block.
    """

    tool: Literal["micro_structured_pruning"] = "micro_structured_pruning"
    ratios: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=255)]
    super_block: Block = (64, 64)
    block: Block = (4, 4)


def pruned_blocks(array: Array, sizes: BlockSizes, ratio: float) -> tuple[Array, float]:
    """Zero the blocks of least loss in each super-block.

    Also return the greatest loss among them.

    Args:
        ratio: Share of the blocks of each super-block, rounded down to whole blocks.
    """
    result = array.copy()
    view, greatest = matrix(result), 0.0
    for place in super_blocks(view.shape, sizes):
        part = view[place]
        numbers = block_numbers(part.shape, sizes.block)
        losses = block_means(np.abs(part.astype(np.float64)), numbers)
        gone = np.argsort(losses, kind="stable")[: int(ratio * losses.size)]
        part[np.isin(numbers, gone)] = 0
        greatest = max(greatest, float(losses[gone].max(initial=0.0)))
    return result, greatest


def prune_blocks(network: Network, settings: MicroStructured, resources: Resources) -> Reduction:
    """Zero blocks of weights.

    The threshold of a map row is the greatest loss of a zeroed block.
    """
    sizes = BlockSizes(settings.super_block, settings.block)
    names = weights(network, settings.tensors)

    def blocks_at(ratio: float) -> dict[str, tuple[Array, float]]:
        return {name: pruned_blocks(network.parameters[name], sizes, ratio) for name in names}

    def reduce(ratio: float) -> Network:
        """Return the network with this share of blocks set to 0.

        It is then trained, with these values kept 0, if the settings ask for it.
        """
        masked = network.with_parameters({name: array for name, (array, _) in blocks_at(ratio).items()})
        if settings.train is None:
            return masked
        from nnc_conformance.reference.reduction import training

        return training.retrained(masked, settings.train, resources.samples(), kept_zero=names)

    def row(ratio: float, reduced: Network, accuracy: Accuracy) -> SparsificationRow:
        greatest = max((loss for _, loss in blocks_at(ratio).values()), default=0.0)
        return SparsificationRow(greatest, sparsity(reduced), accuracy)

    return apply_strength(network, settings.ratios, settings, resources, reduce=reduce, row=row)
