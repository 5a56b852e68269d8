"""Least costs of values that stand for bytes or elements to read.

The budget of core limits them.

Core has 8 MiB, and a minute in which it is decoded and its coverage recorded. A value class is out
of reach if its least value alone takes more than a `SHARES`-th of either. The costs are lower
bounds that follow from how the standard codes the counted objects; tests compare them with every
vector.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from nnc_conformance.generator.coverage.events import MOST_SHIFTS
from nnc_conformance.generator.lint import CORE_BYTES
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX, MAX_UNARY_LENGTH

CORE_SECONDS: Final = 60
ELEMENTS_PER_SECOND: Final = 50_000
"""Syntax elements per second that the coverage recorder takes at its slowest.

Between 59,000 and 186,000 were measured.
"""
PART_FOR_SIZES: Final = 8
"""Denominator of the part of core (an eighth) for value classes whose cost grows with the value.

The contexts' extremes alone need more than half.
"""
SHARES: Final = 256
"""Number of shares of core: the least power of two with which those classes keep to their part.

A test adds them up.
"""
BYTES_FOR_ONE: Final = CORE_BYTES // SHARES
ELEMENTS_FOR_ONE: Final = CORE_SECONDS * ELEMENTS_PER_SECOND // SHARES
NUMBER_BYTES: Final = 4
"""Bytes of an element of an expected tensor: int32 or float32."""
UNIT_BYTES: Final = 3
"""Bytes of the smallest unit: its size, and a byte of its header."""
INDEX_BITS: Final = MOST_SHIFTS * (2 + MAX_UNARY_LENGTH + MAX_PREFIX) + MAX_PREFIX
"""Bits of the longest index.

Each context-coded bin takes as many bits as a renormalisation can, and the remainder follows.
"""


@dataclass(frozen=True)
class Cost:
    """Least cost of a value of some magnitude.

    It has bytes of the vector's files, and elements to read.

    ``what`` names the objects that cost them.
    """

    what: str
    size: Callable[[int], int]
    elements: Callable[[int], int] = lambda magnitude: 0

    def excess(self, magnitude: int) -> str:
        """Say which limit an element of this magnitude exceeds; "" if none.

        The limits are shares of the bytes, and of the reading time, of level core.
        """
        if self.size(magnitude) > BYTES_FOR_ONE:
            return f"a {SHARES}th of core's bytes does not hold {self.what}"
        if self.elements(magnitude) > ELEMENTS_FOR_ONE:
            return f"a {SHARES}th of core's minute does not read {self.what}"
        return ""


def numbers(count: int) -> int:
    """Return the bytes of ``count`` elements of expected tensors."""
    return NUMBER_BYTES * count


def row_size(length: int) -> int:
    """Return the memory in bytes that a block row of ``length`` codeword bits takes.

    That is the codeword and the indexes that it can hold.
    """
    return length // 8 + numbers(length // INDEX_BITS)


def listed(what: str, more: int = 0, bits: int = 8) -> Cost:
    """Return the cost of a list whose length is an element's value plus ``more``.

    Args:
        what: What is listed, in words.
        more: Number of entries beyond the value.
        bits: Least number of bits of an entry.
    """
    return Cost(what, lambda count: (count + more) * bits // 8, lambda count: count + more)


IDS: Final = "a list of that many ids"
REFERENCES: Final = "a reference list that reaches that far"
ROW: Final = "a block row of that many bits"

COSTS: Final[dict[str, Cost]] = {
    "nnr_unit_size": Cost("a unit of that many bytes", lambda size: size),
    "tensor_dimensions": Cost("a tensor of that many rows", numbers),
    "decomposition_rank": Cost("a G of that many columns and an H of that many rows", lambda rank: numbers(2 * rank)),
    "g_number_of_rows": Cost("a G of that many rows", numbers),
    "codebook_size": listed("a codebook of that many values", more=-1, bits=1),
    "codebook_centre_offset": Cost(
        "a codebook with that many values on one side of its middle", lambda offset: offset // 4, lambda offset: 2 * offset - 1
    ),
    "count_topology_elements_minus2": listed(IDS, more=2),
    "topology_elem_id_index": listed(REFERENCES, more=1),
    "topology_elem_id_index_list": listed(REFERENCES, more=1),
    "element_id_index": listed(REFERENCES, more=1),
    "bit_offset_delta1": Cost(ROW, row_size),
    "bit_offset_delta2": Cost(ROW, row_size),
    "count_reshaped_tensor_dimension": listed("an entry of a map with that many dimensions", more=-1),
    "count_dims": listed("a pruned element of that many dimensions"),
    "count_bits": Cost("a mask of that many bits", lambda count: count // 8),
    "split_index": Cost("an axis that reaches that far", numbers),
    "number_of_shifts": Cost("that many shifts of a tensor", lambda count: 5 * count // 4, lambda count: 2 * count),
    "num_of_nnr_units_minus2": Cost("an aggregate of that many units", lambda count: UNIT_BYTES * (count + 2)),
    "nnr_unit_entry_point": Cost("an aggregate that reaches that far", lambda offset: offset),
}
"""Costs of elements that count contents of a stream or its tensors.

An index, a shift and a delta cost by their magnitude.
"""

AXES: Final[dict[str, int]] = {
    "concatentation_axis_index": 1,
    "shift_index": 1,
    "shift_value": 1,
}
"""Elements that need a tensor of as many dimensions as their value plus this number."""


@cache
def most_dimensions() -> int:
    """Return the most dimensions that an array of this NumPy can have."""
    most = 1
    while _holds(most + 1):
        most += 1
    return most


def _holds(dimensions: int) -> bool:
    """Return whether NumPy can hold an array of this number of dimensions."""
    try:
        np.empty((1,) * dimensions)
    except ValueError:
        return False
    return True


PORTABLE_DIMENSIONS: Final = 32
"""Most dimensions of an array in NumPy before 2.0.

A decoder that returns NumPy arrays should not fail core for them.
"""


def beyond_budget(element: str, magnitude: int) -> str:
    """Return why no vector of a committed level has so large an element.

    The element has at least the given magnitude.

    Returns an empty text if a vector may.
    """
    if element == "count_tensor_dimensions" and magnitude > PORTABLE_DIMENSIONS:
        return "NumPy 1 does not hold that many dimensions"
    if element in AXES and magnitude + AXES[element] > most_dimensions():
        return "NumPy does not hold that many dimensions"
    return COSTS[element].excess(magnitude) if element in COSTS else ""
