"""How a decoded tensor departs from the expected one, as results tell it."""

from enum import StrEnum

from pydantic import Field

from nnc_conformance.storage.documents import Frozen


class DifferenceKind(StrEnum):
    """How a decoded tensor departs from the expected one."""

    MISSING = "missing"
    EXTRA = "extra"
    DTYPE = "dtype"
    SHAPE = "shape"
    VALUE = "value"


class DifferencePicture(Frozen):
    """Where in a tensor, and how far, elements differ.

    ``grid`` lies over the tensor as a matrix (dim 0 by the product of the others; a vector as one row): a digit for each cell, 0 where
    none of its elements differs, else how many of them do in ninths, rounded up. ``distances[b]`` counts the differing elements that
    are b bits apart, which is from 2^(b-1) to 2^b - 1 units in the last place; ``without_distance`` those that are NaN in either.
    """

    grid: tuple[str, ...]
    distances: tuple[int, ...]
    without_distance: int = Field(ge=0)


class TensorDifference(Frozen):
    """One tensor that differs.

    For ``dtype``, ``shape``, ``missing`` and ``extra``, ``expected`` and ``actual`` hold type and shape. For ``value``: ``index`` is
    the first differing element's (in C order), ``expected`` and ``actual`` its values with their bits, ``count`` how many of
    ``elements`` differ, ``max_ulp`` the largest distance in units in the last place among those that are no NaN (None where all are).
    """

    tensor: str
    kind: DifferenceKind
    index: tuple[int, ...] | None = None
    expected: str | None = None
    actual: str | None = None
    count: int = Field(default=0, ge=0)
    elements: int = Field(default=0, ge=0)
    max_ulp: int | None = None
    picture: DifferencePicture | None = Field(default=None, description="of a difference in values")
