"""Clause 8.2.2, sparsification using micro-structured pruning: whole blocks of weights become 0, those of the least loss.

A block's loss is the mean of its magnitudes. In each super-block the same share of blocks goes, so that no part of a tensor is emptied.
The trained form trains the weights that are left under the mask.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnc_conformance.reference.reduction.blocks import Structure, block_means, block_numbers, super_blocks
from nnc_conformance.reference.reduction.maps import SparsificationRow
from nnc_conformance.reference.reduction.network import Accuracy, Array, Network, matrix, weights
from nnc_conformance.reference.reduction.sparsification import sparsity
from nnc_conformance.reference.reduction.tool import Aid, Block, Reduction, Share, SweptSettings, swept


class MicroStructured(SweptSettings):
    """``ratios``: shares of the blocks of each super-block that become 0; the matrix is dimension 0 by the product of the others."""

    tool: Literal["micro_structured_pruning"] = "micro_structured_pruning"
    ratios: Annotated[tuple[Share, ...], Field(min_length=1, max_length=255)]
    super_block: Block = (64, 64)
    block: Block = (4, 4)


def pruned_blocks(array: Array, structure: Structure, ratio: float) -> tuple[Array, float]:
    """A tensor with the blocks of the least loss 0, a share ``ratio`` of each super-block rounded down, and the greatest loss of these."""
    result = array.copy()
    view, greatest = matrix(result), 0.0
    for place in super_blocks(view.shape, structure):
        part = view[place]
        numbers = block_numbers(part.shape, structure.block)
        losses = block_means(np.abs(part.astype(np.float64)), numbers)
        gone = np.argsort(losses, kind="stable")[: int(ratio * losses.size)]
        part[np.isin(numbers, gone)] = 0
        greatest = max(greatest, float(losses[gone].max(initial=0.0)))
    return result, greatest


def prune_blocks(network: Network, settings: MicroStructured, aid: Aid) -> Reduction:
    """The tool; its rows of the sparsification map have the greatest loss of a pruned block as their threshold."""
    structure = Structure(settings.super_block, settings.block)
    names = weights(network, settings.tensors)

    def blocks_at(ratio: float) -> dict[str, tuple[Array, float]]:
        return {name: pruned_blocks(network.parameters[name], structure, ratio) for name in names}

    def reduce(ratio: float) -> Network:
        masked = network.with_parameters({name: array for name, (array, _) in blocks_at(ratio).items()})
        if settings.train is None:
            return masked
        from nnc_conformance.reference.reduction import training

        return training.retrained(masked, settings.train, aid.samples(), kept_zero=names)

    def row(ratio: float, reduced: Network, accuracy: Accuracy) -> SparsificationRow:
        greatest = max((loss for _, loss in blocks_at(ratio).values()), default=0.0)
        return SparsificationRow(greatest, sparsity(reduced), accuracy)

    return swept(network, settings.ratios, settings, aid, reduce=reduce, row=row)
