"""What values cost that stand for bytes or for elements to read: the budget of core is a constraint
on its vectors like any other.

Core has 8 MiB, and a minute in which it is decoded and its coverage recorded. A value class is out
of reach where its least value alone takes more than a `SHARES`-th of either. The costs are lower
bounds that follow from how the standard codes what the value counts; tests hold them to every
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
"""Syntax elements that the recorder of coverage takes in a second at its slowest: 59,000 to 186,000
were measured.
"""
PART_FOR_SIZES: Final = 8
"""An eighth of core is for the value classes that cost in proportion: the contexts' extremes alone
need more than half.
"""
SHARES: Final = 256
"""The fewest, a power of two, with which all those classes keep together to their part: a test adds
them up.
"""
BYTES_FOR_ONE: Final = CORE_BYTES // SHARES
ELEMENTS_FOR_ONE: Final = CORE_SECONDS * ELEMENTS_PER_SECOND // SHARES
NUMBER_BYTES: Final = 4
"""Of an element of an expected tensor: int32 or float32."""
UNIT_BYTES: Final = 3
"""Of the smallest unit: its size, and a byte of its header."""
INDEX_BITS: Final = MOST_SHIFTS * (2 + MAX_UNARY_LENGTH + MAX_PREFIX) + MAX_PREFIX
"""Of the longest index: as many bits for each context-coded bin as a renormalisation can take, and
the remainder.
"""


@dataclass(frozen=True)
class Cost:
    """What a value of some magnitude needs at least: bytes of the vector's files, and elements to
    read; ``what`` it is spent on.
    """

    what: str
    size: Callable[[int], int]
    elements: Callable[[int], int] = lambda magnitude: 0

    def excess(self, magnitude: int) -> str:
        """Which share it goes beyond, in words; empty where it keeps within both."""
        if self.size(magnitude) > BYTES_FOR_ONE:
            return f"a {SHARES}th of core's bytes does not hold {self.what}"
        if self.elements(magnitude) > ELEMENTS_FOR_ONE:
            return f"a {SHARES}th of core's minute does not read {self.what}"
        return ""


def numbers(count: int) -> int:
    """Bytes of so many elements of expected tensors."""
    return NUMBER_BYTES * count


def row_size(length: int) -> int:
    """Bytes of a block row of so many bits: of the codeword, and of the indexes that it takes to
    fill it.
    """
    return length // 8 + numbers(length // INDEX_BITS)


def listed(what: str, more: int = 0, bits: int = 8) -> Cost:
    """A list of as many entries as the value says and ``more``, each an element of ``bits`` bits at
    least.
    """
    return Cost(what, lambda count: (count + more) * bits // 8, lambda count: count + more)


IDS: Final = "a list of so many ids"
REFERENCES: Final = "a reference list that goes so far"
ROW: Final = "a block row of so many bits"

COSTS: Final[dict[str, Cost]] = {
    "nnr_unit_size": Cost("a unit of so many bytes", lambda size: size),
    "tensor_dimensions": Cost("a tensor of so many rows", numbers),
    "decomposition_rank": Cost("a G of so many columns and an H of so many rows", lambda rank: numbers(2 * rank)),
    "g_number_of_rows": Cost("a G of so many rows", numbers),
    "codebook_size": listed("a codebook of so many values", more=-1, bits=1),
    "codebook_centre_offset": Cost(
        "a codebook with so many values on one side of its middle", lambda offset: offset // 4, lambda offset: 2 * offset - 1
    ),
    "count_topology_elements_minus2": listed(IDS, more=2),
    "topology_elem_id_index": listed(REFERENCES, more=1),
    "topology_elem_id_index_list": listed(REFERENCES, more=1),
    "element_id_index": listed(REFERENCES, more=1),
    "bit_offset_delta1": Cost(ROW, row_size),
    "bit_offset_delta2": Cost(ROW, row_size),
    "count_reshaped_tensor_dimension": listed("an entry of a map with so many dimensions", more=-1),
    "count_dims": listed("a pruned element of so many dimensions"),
    "count_bits": Cost("a mask of so many bits", lambda count: count // 8),
    "split_index": Cost("an axis that goes so far", numbers),
    "number_of_shifts": Cost("so many shifts of a tensor", lambda count: 5 * count // 4, lambda count: 2 * count),
    "num_of_nnr_units_minus2": Cost("an aggregate of so many units", lambda count: UNIT_BYTES * (count + 2)),
    "nnr_unit_entry_point": Cost("an aggregate that goes so far", lambda offset: offset),
}
"""Elements that stand for what a stream or its tensors must hold. An index, a shift and a delta
cost by their magnitude.
"""

AXES: Final[dict[str, int]] = {
    "concatentation_axis_index": 1,
    "shift_index": 1,
    "shift_value": 1,
}
"""Elements that need a tensor of as many dimensions as they say, and so many more."""


@cache
def most_dimensions() -> int:
    """The most dimensions of an array that NumPy holds: it refuses one more."""
    most = 1
    while _holds(most + 1):
        most += 1
    return most


def _holds(dimensions: int) -> bool:
    try:
        np.empty((1,) * dimensions)
    except ValueError:
        return False
    return True


PORTABLE_DIMENSIONS: Final = 32
"""What NumPy holds before its release 2.0: a decoder that gives out its arrays is not to fail core
for them.
"""


def beyond_budget(element: str, magnitude: int) -> str:
    """Why no vector of a committed level has an element of that magnitude or a greater one.

    Empty where one may.
    """
    if element == "count_tensor_dimensions" and magnitude > PORTABLE_DIMENSIONS:
        return "NumPy 1 does not hold so many dimensions"
    if element in AXES and magnitude + AXES[element] > most_dimensions():
        return "NumPy does not hold so many dimensions"
    return COSTS[element].excess(magnitude) if element in COSTS else ""
