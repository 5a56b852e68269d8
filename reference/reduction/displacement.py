"""Low displacement rank (clause 8.2.5).

W minus W shifted down and right by one is G x H.

G is [rows, rank] and H [rank, columns]. Toeplitz matrices have a displacement of rank 2, and
matrices close to them have one of low rank. W is the sum of G x H along its diagonals, which is
linear in G for a given H and in H for a given G. Both are fitted in turn by least squares, starting
from the truncated singular value decomposition of the displacement. A decoder receives G and H as
parameters, and a graph that computes W from them.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from nnc_conformance.reference.reduction.low_rank import decomposition_row, trained_generators, with_generators
from nnc_conformance.reference.reduction.network import Array, Decomposition, DecompositionForm, Network, diagonal_sums, matrix, weights
from nnc_conformance.reference.reduction.tool import NotNegative, Reduction, Resources, SweepSettings, apply_strength

SWEEPS: Final = 4
"""Times that G and H are fitted in turn."""
STEPS: Final = 24
"""Conjugate gradient steps for each of G and H in a sweep."""


class LowDisplacementRank(SweepSettings):
    """Settings of the tool; ``mse_thresholds`` are the greatest mean square errors of a weight."""

    tool: Literal["low_displacement_rank"] = "low_displacement_rank"
    mse_thresholds: Annotated[tuple[NotNegative, ...], Field(min_length=1, max_length=255)]


def displacement(matrix: Array) -> Array:
    """Compute matrix[i, j] - matrix[i - 1, j - 1], with zeros shifted in.

    The result has the shape of ``matrix``, [m, n].
    """
    shifted = np.zeros_like(matrix)
    shifted[1:, 1:] = matrix[:-1, :-1]
    return matrix - shifted


def diagonal_sums_adjoint(matrix: Array) -> Array:
    """Sum each entry with all down and right on its diagonal: the adjoint of `diagonal_sums`."""
    return diagonal_sums(matrix[::-1, ::-1])[::-1, ::-1]


def fit_generators(weight: Array, rank: int) -> tuple[Array, Array]:
    """Fit G and H of low displacement rank, binary64, to a matrix [m, n].

    Their error is never larger than that of the truncated decomposition.

    Args:
        weight: The matrix.
        rank: Columns of G and rows of H.
    """
    target = weight.astype(np.float64)
    u, s, v = np.linalg.svd(displacement(target), full_matrices=False)
    root = np.sqrt(s[:rank])
    g, h = u[:, :rank] * root, root[:, None] * v[:rank]
    for _ in range(SWEEPS):
        g = _fit_g(target, g, h)
        h = _fit_g(target.T, h.T, g.T).T
        scale = np.sqrt((np.linalg.norm(h) or 1.0) / (np.linalg.norm(g) or 1.0))
        g, h = g * scale, h / scale
    return g, h


def _fit_g(target: Array, g: Array, h: Array) -> Array:
    """Minimize ||target - the matrix of G and ``h``|| over G.

    Transpose everything to fit H.
    """
    return _least_squares(target, g, lambda x: diagonal_sums(x @ h), lambda residual: diagonal_sums_adjoint(residual) @ h.T)


def fit_to(weight: Array, mse_threshold: float) -> tuple[Array, Array] | None:
    """Return G and H, float32, of the lowest rank within the threshold.

    The rank is found by bisection. The result is None if G and H would not be smaller than the
    matrix.

    Args:
        weight: The matrix [m, n].
        mse_threshold: Greatest mean squared error.
    """
    rows, columns = weight.shape
    most = (rows * columns - 1) // (rows + columns)
    generators, low, high = None, 1, most
    while low <= high:
        rank = (low + high) // 2
        g, h = (part.astype(np.float32) for part in fit_generators(weight, rank))
        if mean_square_error(weight, g, h) <= mse_threshold:
            generators, high = (g, h), rank - 1
        else:
            low = rank + 1
    return generators


def mean_square_error(weight: Array, g: Array, h: Array) -> float:
    """Compute the mean square error of the matrix that G and H represent."""
    error = diagonal_sums(g.astype(np.float64) @ h.astype(np.float64)) - weight
    return float(np.mean(error**2))


def reduce_displacement_rank(network: Network, settings: LowDisplacementRank, resources: Resources) -> Reduction:
    """Replace weights by matrices G and H of low displacement rank.

    Thresholds are chosen as in `low_rank.reduce_rank`. The map has threshold, share of parameters
    left and accuracy.
    """
    names = weights(network, settings.tensors)

    def reduce(mse_threshold: float) -> Network:
        """Return the network with weights replaced by generators within the error.

        Weights for which no generators are smaller stay. The generators are then trained if the
        settings ask for it.
        """
        result, changed = network, list[str]()
        for name in names:
            whole = matrix(network.parameters[name])
            generators = fit_to(whole, mse_threshold) if min(whole.shape) > 1 else None
            if generators is not None:
                decomposition = Decomposition(DecompositionForm.DISPLACEMENT, network.parameters[name].shape, len(whole))
                result = with_generators(result, name, decomposition, generators)
                changed += decomposition.names(name)
        return trained_generators(result, changed, settings, resources)

    return apply_strength(network, settings.mse_thresholds, settings, resources, reduce=reduce, row=decomposition_row(network))


def _least_squares(target: Array, start: Array, forward: Callable[[Array], Array], adjoint: Callable[[Array], Array]) -> Array:
    """Return an x that minimizes ||target - forward(x)||, by conjugate gradients (CGLS).

    Args:
        target: The target.
        start: The x to start from.
        forward: A linear map.
        adjoint: Its adjoint.
    """
    x = start
    residual = target - forward(x)
    slope = adjoint(residual)
    direction, energy = slope, float(np.sum(slope**2))
    for _ in range(STEPS):
        image = forward(direction)
        curvature = float(np.sum(image**2))
        if energy <= 0 or curvature <= 0:
            break
        x = x + energy / curvature * direction
        residual = residual - energy / curvature * image
        slope = adjoint(residual)
        energy, before = float(np.sum(slope**2)), energy
        direction = slope + energy / before * direction
    return x
