"""Data units of the stress grammar: each draws its tools and its form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded, header, ndu, on_trellis
from nnc_conformance.generator.facts import FLOAT32_FORMAT, INT32_FORMAT
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER
from nnc_conformance.reference.entropy.tables import CONTEXT_PARAMETER_SETS
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    DEFAULT_UNARY_LENGTH,
    LS,
    NNR_PT_BLOCK,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    Codebook,
    DataUnitHeader,
)
from nnc_conformance.reference.syntax.walker import Values

PARTS: Final = {DC: 1, LS: 1, BN: 4, BI: 1}
"""Number of ids that each bit of compressed_parameter_types adds to a BLOCK's list."""
MOST_IDS: Final = 1 + sum(PARTS.values())

MOST_ELEMENTS: Final = 1200
_MOST_DIMENSIONS: Final = 6
_MOST_ROWS: Final = 150
_LARGE_RAW: Final = 8500
"""Elements of a unit that needs a 31-bit size."""
EXACT_BITS: Final = 22
"""Bits of an index: doubled, it stays below 2 ** 24, so every arithmetic gives the same product."""
_INT_BITS: Final = 31
_IDENTITY_FORMATS: Final = {NNR_PT_INT: INT32_FORMAT}
"""The decompressed data format that leaves a payload type as it is; FLOAT32 for those not listed.
"""
T = TypeVar("T")


@dataclass
class Dice:
    """Successive draws from a recipe's numbers."""

    numbers: Numbers
    drawn: int = 0

    def label(self) -> str:
        """Return a label that no earlier draw had."""
        self.drawn += 1
        return f"draw {self.drawn}"

    def integer(self, low: int, high: int) -> int:
        """Draw a number from ``low`` to ``high``, both included."""
        return int(self.integers(1, low, high)[0])

    def integers(self, count: int, low: int, high: int) -> npt.NDArray[np.int64]:
        """Draw ``count`` numbers from ``low`` to ``high``, both included."""
        return self.numbers.integers(self.label(), count, low, high)

    def pick(self, values: Sequence[T]) -> T:
        """Draw one of ``values``."""
        return values[self.integer(0, len(values) - 1)]

    def one_in(self, n: int) -> bool:
        """Draw True with probability 1 / ``n``."""
        return self.integer(1, n) == 1


@dataclass
class Drawing:
    """The state of a stream that is being drawn.

    Args:
        dice: The source of draws.
        capabilities: The capabilities that the stream may need.
        quantization: The qp in force.
        ids: The ids not yet used.
        references: The reference list, if ids travel as indexes.
        most: The largest number of elements of a tensor.
    """

    dice: Dice
    capabilities: frozenset[str]
    quantization: Quantization
    ids: list[str]
    references: tuple[str, ...] | None = None
    most: int = MOST_ELEMENTS

    def may(self, capability: str, one_in: int = 2) -> bool:
        """Draw whether to use a capability; always False if it is not allowed."""
        return self.dice.one_in(one_in) and capability in self.capabilities

    def take(self, count: int) -> tuple[str, ...]:
        """Take ids that no other tensor has."""
        taken, self.ids = self.ids[:count], self.ids[count:]
        return tuple(taken)


def common(dice: Dice) -> dict[str, Any]:
    """Draw the parts of a unit's size and header that any unit may choose."""
    chosen: dict[str, Any] = {"independently_decodable_flag": dice.integer(0, 1)}
    return chosen | ({"nnr_unit_size_flag": 1} if dice.one_in(3) else {})


def quantization(dice: Dice) -> Quantization:
    """Draw a qp whose step stays far within binary32 under any qp_delta."""
    density = dice.integer(0, 7)
    return Quantization(density, max(-4096, min(4095, dice.integer(-40 << density, (20 << density) - 1))))


def data_unit(drawing: Drawing, payload_type: int) -> Values:
    """Draw a data unit of the given payload type and return its values."""
    if payload_type == NNR_PT_RAW_FLOAT:
        return _raw(drawing)
    head = (
        drawn_block_header(drawing)
        if payload_type == NNR_PT_BLOCK
        else drawn_header(drawing, payload_type, drawing.take(1), drawn_dimensions(drawing))
    )
    tensors = {}
    for part in coded_parts(head):
        tensors[part.id], book = _coded(drawing, head, part.dimensions, is_weight=part.is_weight)
        if book is not None:
            head = replace(head, codebook=book)
    return ndu(head, tensors, form=drawn_form(drawing), **sized(common(drawing.dice), drawing.most))


def drawn_form(drawing: Drawing) -> HeaderForm:
    """Draw how a header is written where its meaning leaves a choice.

    That is whether the unary length is coded, the order of the codebook's code, and the form of
    ids.
    """
    dice = drawing.dice
    return HeaderForm(
        unary_length_present=True if dice.one_in(3) else None,
        codebook_egk=dice.integer(0, 15) if dice.one_in(2) else None,
        reference_list=drawing.references,
    )


def _data_format(drawing: Drawing, payload_type: int) -> int | None:
    return _IDENTITY_FORMATS.get(payload_type, FLOAT32_FORMAT) if drawing.may("data-format", 4) else None


def drawn_dimensions(drawing: Drawing) -> tuple[int, ...]:
    """Draw the dimensions of a tensor with at most ``drawing.most`` elements."""
    dice = drawing.dice
    dimensions: list[int] = []
    for _ in range(dice.integer(1, _MOST_DIMENSIONS)):
        room = drawing.most // prod(dimensions)
        dimensions.append(dice.integer(1, min(room, dice.pick((1, 3, 9, _MOST_ROWS)))))
    return tuple(dimensions)


def drawn_header(drawing: Drawing, payload_type: int, ids: tuple[str, ...], dimensions: tuple[int, ...], **more: Any) -> DataUnitHeader:
    """Draw the header of a data unit: quantizer, unary length, data format and scan order.

    No disputed point affects what is drawn.

    Args:
        drawing: The state of the drawn stream, with the capabilities that are allowed.
        payload_type: The payload type.
        ids: Ids of the tensors.
        dimensions: Dimensions of the tensor.
        **more: Further fields of the header.
    """
    dice = drawing.dice
    head = header(
        payload_type,
        ids,
        dimensions,
        drawing.quantization,
        dq_flag=payload_type != NNR_PT_INT and drawing.may("dq"),
        unary_length=dice.pick((1, 2, DEFAULT_UNARY_LENGTH, DEFAULT_UNARY_LENGTH, dice.integer(1, 256))),
        data_format=_data_format(drawing, payload_type),
        **more,
    )
    several_columns = all(prod(matrix[1:]) > 1 for matrix in head.matrices)
    scanned = len(dimensions) > 1 and several_columns and drawing.may("block-scan")
    return replace(head, scan_order=dice.integer(1, HIGHEST_SCAN_ORDER) if scanned else 0)


def drawn_block_header(drawing: Drawing) -> DataUnitHeader:
    """Draw the header of a BLOCK: which parts it has, dimensions, and as `drawn_header`."""
    dice = drawing.dice
    kinds = [kind for kind in PARTS if (drawing.may("block-dc", 3) if kind == DC else dice.one_in(2))] or [LS]
    dimensions = drawn_dimensions(drawing)
    ids = drawing.take(1 + sum(PARTS[kind] for kind in kinds))
    more: dict[str, int] = {"parameter_types": sum(kinds)}
    if DC in kinds:
        total = prod(dimensions)
        rows = dice.pick([n for n in range(1, total + 1) if total % n == 0])
        more |= {
            "g_number_of_rows": rows,
            "decomposition_rank": dice.integer(1, max(1, min(8, MOST_ELEMENTS // max(rows, total // rows)))),
        }
    return drawn_header(drawing, NNR_PT_BLOCK, ids, dimensions, **more)


def _coded(drawing: Drawing, head: DataUnitHeader, dimensions: tuple[int, ...], *, is_weight: bool) -> tuple[Coded, Codebook | None]:
    """Draw the indexes of one tensor, and sometimes a codebook that holds them.

    Return the tensor, and the codebook or None.

    Args:
        drawing: The state of the drawn stream.
        head: The header of the data unit.
        dimensions: The tensor's dimensions.
        is_weight: Whether it is the weight of its unit; only that has a codebook.
    """
    dice, count = drawing.dice, prod(dimensions)
    with_codebook = is_weight and head.payload_type != NNR_PT_INT and not head.parameter_types & DC and drawing.may("codebook", 3)
    persistence = dice.pick((0, 30, 128, 220)) if with_codebook else dice.pick((0, 10, 60, 128, 200, 240, 252))
    quants = dice.numbers.quants(dice.label(), count, persistence)
    if not with_codebook:
        add_spikes(dice, quants, _INT_BITS if head.payload_type == NNR_PT_INT else EXACT_BITS)
    density = drawing.quantization.qp_density
    delta = 0 if head.payload_type == NNR_PT_INT or dice.one_in(2) else dice.integer(-(1 << (5 + density)), (1 << (5 + density)) - 1)
    coded = Coded(quants, delta, _parameter_sets(dice, head, dimensions, is_weight=is_weight))
    if not with_codebook:
        return coded, None
    return coded, drawn_codebook(dice, on_trellis(quants) if head.dq_flag else quants)


def add_spikes(dice: Dice, quants: npt.NDArray[np.int64], bits: int) -> None:
    """Replace up to three indexes, in place, by values of a magnitude below 2^``bits``."""
    for _ in range(dice.integer(0, 3)):
        magnitude = dice.integer(0, (1 << dice.integer(1, bits)) - 1)
        quants[dice.integer(0, quants.size - 1)] = magnitude * dice.pick((1, -1))


def _parameter_sets(dice: Dice, head: DataUnitHeader, dimensions: tuple[int, ...], *, is_weight: bool) -> Any:
    """Draw the parameter set of each context of a tensor, or "default" for none signalled.

    Args:
        dice: The random numbers.
        head: The header of the data unit.
        dimensions: The tensor's dimensions.
        is_weight: Whether the tensor is the weight of its block.
    """
    if dice.one_in(3):
        return "default"
    part = next(part for part in coded_parts(head) if part.is_weight == is_weight and part.dimensions == dimensions)
    contexts = coding_of(part, head, Interpretation()).layout.flag
    return dice.integers(contexts, 0, len(CONTEXT_PARAMETER_SETS) - 1)


def drawn_codebook(dice: Dice, indexes: npt.NDArray[np.int64]) -> Codebook:
    """Draw a codebook whose range holds ``indexes``, with some unused values."""
    low, high = min(0, int(indexes.min())) - dice.integer(0, 2), max(0, int(indexes.max())) + dice.integer(0, 2)
    steps = 1 + dice.integers(high - low + 1, 0, dice.pick((0, 1, 5, 300)))
    values = np.cumsum(steps)
    values -= values[-low] if dice.one_in(2) else dice.integer(-1000, 1000)
    return Codebook(values.astype(np.int32), -low)


def _raw(drawing: Drawing) -> Values:
    """Draw a data unit of raw float32 numbers, of any bits."""
    dice = drawing.dice
    dimensions = (_LARGE_RAW,) if dice.one_in(12) else drawn_dimensions(drawing)
    head = header(NNR_PT_RAW_FLOAT, drawing.take(1), dimensions, data_format=_data_format(drawing, NNR_PT_RAW_FLOAT))
    words = dice.numbers.words(dice.label(), prod(dimensions))
    return ndu(head, words.view(np.float32), form=drawn_form(drawing), **sized(common(dice), prod(dimensions)))


def sized(chosen: dict[str, Any], elements: int) -> dict[str, Any]:
    """Set nnr_unit_size_flag if the unit may be too long for a 15-bit size."""
    return chosen | ({"nnr_unit_size_flag": 1} if elements > MOST_ELEMENTS else {})
