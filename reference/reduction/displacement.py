"""Clause 8.2.5, low displacement rank: W minus W moved down and right by one is G [rows, rank] times H [rank, columns].

Toeplitz matrices have a displacement of rank 2, and matrices near them a low one. W is the sum of G x H along its diagonals, which is
linear in G for a given H and in H for a given G: both are fitted in turn by least squares, from the truncated singular value
decomposition of the displacement. A decoder is given G and H as parameters, and a graph that computes W from them.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from nnc_conformance.reference.reduction.low_rank import decomposed, fitted, row_over
from nnc_conformance.reference.reduction.network import Array, Decomposition, Form, Network, matrix, weights
from nnc_conformance.reference.reduction.shifts import diagonal_sums, diagonal_sums_adjoint, displacement
from nnc_conformance.reference.reduction.tool import Aid, NotNegative, Reduction, SweptSettings, swept

SWEEPS: Final = 4
STEPS: Final = 24
"""Conjugate gradient steps for each of G and H in a sweep."""


class LowDisplacementRank(SweptSettings):
    """``mse_thresholds``: greatest mean square error of a weight."""

    tool: Literal["low_displacement_rank"] = "low_displacement_rank"
    mse_thresholds: Annotated[tuple[NotNegative, ...], Field(min_length=1, max_length=255)]


def fit_generators(weight: Array, rank: int) -> tuple[Array, Array]:
    """G and H, binary64, of a matrix [m, n] for a displacement of that rank: never worse than the truncated decomposition's."""
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
    """G of the least ||target - the matrix that G and ``h`` stand for||; H is the G of the transposed matrix."""
    return _least_squares(target, g, lambda x: diagonal_sums(x @ h), lambda residual: diagonal_sums_adjoint(residual) @ h.T)


def fit_to(weight: Array, mse_threshold: float) -> tuple[Array, Array] | None:
    """G and H, float32, of the least rank that a bisection finds within the threshold; None where they are no smaller."""
    rows, columns = weight.shape
    most = (rows * columns - 1) // (rows + columns)
    found, low, high = None, 1, most
    while low <= high:
        rank = (low + high) // 2
        g, h = (part.astype(np.float32) for part in fit_generators(weight, rank))
        if mean_square_error(weight, g, h) <= mse_threshold:
            found, high = (g, h), rank - 1
        else:
            low = rank + 1
    return found


def mean_square_error(weight: Array, g: Array, h: Array) -> float:
    """Of the matrix that G and H stand for."""
    error = diagonal_sums(g.astype(np.float64) @ h.astype(np.float64)) - weight
    return float(np.mean(error**2))


def reduce_displacement_rank(network: Network, settings: LowDisplacementRank, aid: Aid) -> Reduction:
    """The tool; its map tells the threshold, the share of parameters left and the accuracy."""
    names = weights(network, settings.tensors)

    def reduce(mse_threshold: float) -> Network:
        result, changed = network, list[str]()
        for name in names:
            whole = matrix(network.parameters[name])
            found = fit_to(whole, mse_threshold) if min(whole.shape) > 1 else None
            if found is not None:
                how = Decomposition(Form.DISPLACEMENT, network.parameters[name].shape, len(whole))
                result = decomposed(result, name, how, found)
                changed += how.names(name)
        return fitted(result, changed, settings, aid)

    return swept(network, settings.mse_thresholds, settings, aid, reduce=reduce, row=row_over(network))


def _least_squares(target: Array, start: Array, forward: Callable[[Array], Array], adjoint: Callable[[Array], Array]) -> Array:
    """The least ||target - forward(x)|| that `STEPS` conjugate gradient steps (CGLS) reach from ``start``."""
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
