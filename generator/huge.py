"""Recipes of level huge: one stream for each size beyond which decoders tend to have limits.

No stream of the published levels is as large. The standard bounds these sizes by the descriptors
of their elements only, so that a refusal of category ``limit`` shows a decoder's own limit.
"""

from typing import Final

import numpy as np

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

UNIT_BYTES: Final = 1 << 24
"""Bytes that the unit of `huge-unit` exceeds: where a size of three bytes ends."""
UNITS: Final = 1 << 16
"""Units that the stream of `huge-unit-count` exceeds: where a counter of two bytes ends."""
ELEMENTS: Final = 1 << 24
"""Elements that the tensor of `huge-tensor` exceeds: where binary32 stops counting one by one."""
DIMENSIONS: Final = (ELEMENTS // 4096 + 1, 4096)
"""Rows and columns of that tensor."""
_NONZERO: Final = 4096
"""Indexes of that tensor that are drawn; the others are 0."""


def _large_unit(numbers: Numbers) -> list[Values]:
    """Draw one RAW_FLOAT of finite values, one element more than `UNIT_BYTES` hold."""
    elements = UNIT_BYTES // 4 + 1
    values = numbers.integers("values", elements, -(1 << 20), 1 << 20).astype(np.float32) / np.float32(1 << 10)
    return [*opening(), ndu(header(NNR_PT_RAW_FLOAT, "w", (elements,)), values)]


def _many_units(numbers: Numbers) -> list[Values]:
    """Draw `UNITS` RAW_FLOAT of one element each, after the units that open a stream."""
    values = numbers.integers("values", UNITS, -(1 << 20), 1 << 20).astype(np.float32)
    return [*opening(), *(ndu(header(NNR_PT_RAW_FLOAT, f"t{number}", (1,)), values[number : number + 1]) for number in range(UNITS))]


def _large_tensor(numbers: Numbers) -> list[Values]:
    """Draw an INT tensor with few non-zero indexes, spread up to its last element."""
    indexes = np.zeros(DIMENSIONS[0] * DIMENSIONS[1], dtype=np.int32)
    indexes[numbers.integers("places", _NONZERO, 0, indexes.size - 1)] = numbers.integers("values", _NONZERO, 1, 1000)
    indexes[-1] = -7
    return [*opening(), ndu(header(NNR_PT_INT, "w", DIMENSIONS), Coded(indexes))]


RECIPES: Final = (
    Recipe(
        id="huge-unit",
        title="A unit of more than 2^24 bytes",
        tests="A RAW_FLOAT of 4,194,305 elements fills a unit whose size takes more than 24 of the 31 bits of nnr_unit_size.",
        catches="A decoder that keeps the size of a unit in three bytes, or bounds a unit by a buffer of 16 MiB.",
        clauses=("6 nnr_unit_size", "6 nnr_compressed_data_unit_payload"),
        level=Level.HUGE,
        units=_large_unit,
    ),
    Recipe(
        id="huge-unit-count",
        title="More than 2^16 units",
        tests="65,536 tensors of one element each follow the units that open the stream.",
        catches="A decoder that counts units in 16 bits, or takes time that grows with the square of their number.",
        clauses=("6 nnr_unit",),
        level=Level.HUGE,
        units=_many_units,
    ),
    Recipe(
        id="huge-tensor",
        title="A tensor of more than 2^24 elements",
        tests="4,097 rows of 4,096 indexes, almost all of them 0, in a codeword that ends with a non-zero index.",
        catches="A decoder that counts elements in binary32 or 24 bits, or takes too much memory for each element.",
        clauses=("6 nnr_compressed_data_unit_header", "10 quant_tensor"),
        level=Level.HUGE,
        units=_large_tensor,
    ),
)
"""The recipes, one for each limit."""
