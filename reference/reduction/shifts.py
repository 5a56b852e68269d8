"""The displacement of clause 8.2.5: a matrix minus itself moved down and right by one, and back by sums along diagonals."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def displacement(matrix: Array) -> Array:
    """matrix[i, j] - matrix[i - 1, j - 1], zeros moving in; same shape [m, n]."""
    moved = np.zeros_like(matrix)
    moved[1:, 1:] = matrix[:-1, :-1]
    return matrix - moved


def diagonal_sums(matrix: Array) -> Array:
    """The inverse of `displacement`: the sum of each entry and of all that lie up and left of it on its diagonal."""
    sums = matrix.copy()
    for row in range(1, len(sums)):
        sums[row, 1:] += sums[row - 1, :-1]
    return sums


def diagonal_sums_adjoint(matrix: Array) -> Array:
    """The adjoint of `diagonal_sums`: the sum of each entry and of all that lie down and right of it on its diagonal."""
    return diagonal_sums(matrix[::-1, ::-1])[::-1, ::-1]
