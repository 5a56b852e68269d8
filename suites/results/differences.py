"""Differences between decoded and expected tensors, as results report them."""

from enum import StrEnum

from pydantic import Field

from nnc_conformance.storage.documents import Frozen


class DifferenceKind(StrEnum):
    """In what respect a decoded tensor differs from the expected one."""

    MISSING = "missing"
    EXTRA = "extra"
    DTYPE = "dtype"
    SHAPE = "shape"
    VALUE = "value"


class DifferencePicture(Frozen):
    """Picture of where in a tensor elements differ, and by how much.

    Attributes:
        grid: The tensor as a matrix (dimension 0 by the product of the others; a vector as one
            row), divided into cells. Each digit is the share of differing elements in a cell,
            in ninths and rounded up; 0 if none differs.
        distances: ``distances[b]`` counts the elements whose distance has b bits: from 2^(b-1)
            to 2^b - 1 units in the last place.
        without_distance: Differing elements that are NaN in either tensor.
    """

    grid: tuple[str, ...]
    distances: tuple[int, ...]
    without_distance: int = Field(ge=0)


class TensorDifference(Frozen):
    """One tensor that differs.

    Attributes:
        tensor: Name of the tensor.
        kind: In what respect it differs; the other fields depend on it.
        index: Index of the first differing element in C order (only kind ``value``).
        expected: Type and shape; for kind ``value`` the element's value with its bits.
        actual: The same of the decoded tensor.
        count: Elements that differ.
        elements: Elements of the tensor.
        max_ulp: Largest distance in units in the last place; None if every differing element is
            NaN in either tensor.
    """

    tensor: str
    kind: DifferenceKind
    index: tuple[int, ...] | None = None
    expected: str | None = None
    actual: str | None = None
    count: int = Field(default=0, ge=0)
    elements: int = Field(default=0, ge=0)
    max_ulp: int | None = None
    picture: DifferencePicture | None = Field(default=None, description="kind value only")
