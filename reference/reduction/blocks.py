"""Micro-structures: matrices cut into super-blocks and blocks (clauses 8.2.2 and 8.2.4)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError


@dataclass(frozen=True)
class BlockSizes:
    """Rows and columns of super-blocks, and of the blocks in them.

    Both are cut off at the matrix border.

    Raises:
        ModelError: If a super-block is not a whole number of blocks.
    """

    super_block: tuple[int, int]
    block: tuple[int, int]

    def __post_init__(self) -> None:
        if any(outer % inner for outer, inner in zip(self.super_block, self.block, strict=True)):
            raise ModelError(f"super-blocks of {self.super_block} cannot be divided into blocks of {self.block}")


def super_blocks(shape: tuple[int, int], sizes: BlockSizes) -> Iterator[tuple[slice, slice]]:
    """Iterate over the super-blocks of a matrix of this shape, in row-major order."""
    yield from _grid(shape, sizes.super_block)


def block_numbers(shape: tuple[int, int], block: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Number the block of each element of a matrix, in row-major order from 0."""
    across = -(-shape[1] // block[1])
    return (np.arange(shape[0]) // block[0])[:, None] * across + np.arange(shape[1]) // block[1]


def block_means(values: npt.NDArray[np.float64], numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Average the values of each block; the result is indexed by block number."""
    places = numbers.reshape(-1)
    sums: npt.NDArray[np.float64] = np.bincount(places, weights=values.reshape(-1)).astype(np.float64)
    return sums / np.bincount(places)


def _grid(shape: tuple[int, int], size: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Iterate over the parts of a matrix of this shape, in row-major order."""
    for top in range(0, shape[0], size[0]):
        for left in range(0, shape[1], size[1]):
            yield slice(top, min(top + size[0], shape[0])), slice(left, min(left + size[1], shape[1]))
