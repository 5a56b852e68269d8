"""Codebooks (clause 9): an index selects one of a few multiples of the step.

The multiples are int32.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import EncodeError, unknown
from nnc_conformance.reference.quantization.quantizer import LAGRANGIAN, checked
from nnc_conformance.reference.syntax.structures.data_unit import Codebook

IntVector = npt.NDArray[np.int64]
"""A vector of int64."""

MAX_CELLS: Final = 4096
"""Half steps with values up to which clusters are searched; the search takes the square of them."""
ENTRY_BITS: Final = 6
"""Approximate bits of a codebook entry in the header of the unit."""


def design(values: npt.NDArray[Any], step: float, *, method: str, rdo: float = 1.0) -> tuple[Codebook, npt.NDArray[np.int32]]:
    """Design a codebook for float32 values, and the indexes into it.

    The codebook contains each multiple of ``step`` that is used; the most frequent one has index 0.

    Args:
        values: At least one value, any shape.
        method: ``integer`` for the multiples nearest to the values; ``kmeans`` for the
            multiples nearest to the means of clusters.
        rdo: Weight of bits against squared errors in clusters: they have the least squared
            error + rdo * `LAGRANGIAN` * step^2 * bits, where bits are the entropy of the indexes
            and the codebook entries.

    Returns:
        The codebook; and the indexes, int32 (values.size,), row-major.

    Raises:
        EncodeError: For values or steps that cannot be quantized, and for no values.
        ValueError: For an unknown method.
    """
    if method not in _METHODS:
        raise ValueError(unknown("codebook method", method, _METHODS))
    scaled = checked(values, step) / np.float64(step)
    if scaled.size == 0:
        raise EncodeError("cannot design a codebook without values")
    used, places, counts = np.unique(_METHODS[method](scaled, rdo * LAGRANGIAN), return_inverse=True, return_counts=True)
    zero_offset = int(counts.argmax())
    return Codebook(used.astype(np.int32), zero_offset), (places - zero_offset).astype(np.int32)


def nearest_integers(scaled: npt.NDArray[np.float64], lagrangian: float) -> IntVector:
    """Round each value to the nearest integer, ties to even; rates are ignored."""
    return np.rint(scaled).astype(np.int64)


def cluster_centres(scaled: npt.NDArray[np.float64], lagrangian: float) -> IntVector:
    """Replace each value by the integer nearest to the mean of its cluster.

    If there are more than `MAX_CELLS` cells, each value is rounded instead. In one dimension
    clusters are runs of neighbouring cells of half a step, so a dynamic program finds the optimal
    cut, which k-means only approaches.
    """
    cells, places = np.unique(np.floor(2 * scaled), return_inverse=True)
    if cells.size > MAX_CELLS:
        return nearest_integers(scaled, lagrangian)
    count, total, squares = (
        np.concatenate([[0.0], np.cumsum(np.bincount(places, weights))]) for weights in (np.ones_like(scaled), scaled, scaled**2)
    )
    best = np.zeros(cells.size + 1)
    starts, centres = np.zeros(cells.size + 1, np.int64), np.zeros(cells.size + 1, np.int64)
    for after in range(1, cells.size + 1):
        members, sums = count[after] - count[:after], total[after] - total[:after]
        centre = np.rint(sums / members)
        errors = squares[after] - squares[:after] - centre * (2 * sums - centre * members)
        bits = members * np.log2(scaled.size / members) + ENTRY_BITS
        costs = best[:after] + errors + lagrangian * bits
        starts[after] = costs.argmin()
        best[after], centres[after] = costs[starts[after]], centre[starts[after]]
    centre_of_cell = np.zeros(cells.size, np.int64)
    after = cells.size
    while after:
        centre_of_cell[starts[after] : after] = centres[after]
        after = int(starts[after])
    chosen: IntVector = centre_of_cell[places]
    return chosen


_METHODS: Final[dict[str, Callable[[npt.NDArray[np.float64], float], IntVector]]] = {
    "kmeans": cluster_centres,
    "integer": nearest_integers,
}
"""Functions that choose multiples of the step, by method."""
