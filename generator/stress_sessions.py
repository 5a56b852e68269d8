"""The stress grammar of the second edition.

Sessions of one to four streams are drawn from a seed within given capabilities.

No choice of a disputed point changes what a drawn session decodes to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.building import BuiltVector, build
from nnc_conformance.generator.composition import Coded, header, ndu
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.stress import PAYLOADS, StressError, ids, stress_recipe
from nnc_conformance.generator.stress_units import (
    EXACT_BITS,
    MOST_IDS,
    Dice,
    Drawing,
    add_spikes,
    common,
    drawn_block_header,
    drawn_codebook,
    drawn_dimensions,
    drawn_form,
    drawn_header,
    quantization,
    sized,
)
from nnc_conformance.generator.updates import BY_NODE, Turn, known_histories
from nnc_conformance.reference.composer import layer_parameter_set, model_parameter_set, start_unit
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.entropy.tables import CONTEXT_PARAMETER_SETS
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import Part, coded_parts, coding_of
from nnc_conformance.reference.quantization.scan import in_row_order
from nnc_conformance.reference.syntax.context import SECOND_EDITION_PROFILE
from nnc_conformance.reference.syntax.elements import FIRST_EDITION
from nnc_conformance.reference.syntax.structures.data_unit import (
    DC,
    NNR_PT_BLOCK,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    Codebook,
    DataUnitHeader,
    NodeId,
    UpdateSignalling,
)
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.reference.updates.encoding import skips_differ
from nnc_conformance.storage.vector import CAPABILITIES, Level, capabilities_of

GRAMMAR: Final = "nnc-stress/2"
"""The version of the grammar: under one name, a seed always gives the same sessions."""
NEEDED: Final = "second-edition"
"""The capability without which no session can be drawn."""

_ALL: Final = frozenset(CAPABILITIES)
_MOST_STEPS: Final = 4
_MOST_UNITS: Final = 3
_SMALL_UNARY_LENGTH: Final = 12
"""Greatest cabac_unary_length of a unit with a codebook, which has more values than that."""


def vectors(seed: int, count: int, capabilities: frozenset[str] = _ALL) -> Iterator[BuiltVector]:
    """Yield ``count`` vectors of level stress that need no other capabilities.

    Every second one is a session, the others are streams of the first edition, as in the grammar
    before. Raise `StressError` if the capabilities allow no stream of the second edition.
    """
    first = frozenset(capabilities_of(FIRST_EDITION))
    for number in range(count):
        recipe = session_recipe(number, capabilities)
        yield build(recipe if number % 2 else stress_recipe(number, capabilities & first), seed)


def sessions(seed: int, count: int, capabilities: frozenset[str] = _ALL) -> Iterator[BuiltVector]:
    """Yield ``count`` sessions as vectors of level stress that need no other capabilities.

    Raise `StressError` if the capabilities allow no stream of the second edition.
    """
    for number in range(count):
        yield build(session_recipe(number, capabilities), seed)


def session_recipe(number: int, capabilities: frozenset[str] = _ALL) -> SessionRecipe:
    """Build the recipe of a session by its number; raise `StressError` if none is allowed."""
    if NEEDED not in capabilities or not capabilities & PAYLOADS.keys():
        raise StressError(f"a session needs the capability {NEEDED} and one of {', '.join(PAYLOADS)}")
    return SessionRecipe(
        id=f"stress-session-{number:05}",
        title=f"Session {number} of the stress grammar",
        tests="A session drawn from the seeded grammar decodes to what was drawn.",
        catches="what no one thought of: a fault in how streams and tools act together",
        clauses=("6", "7.3", "9", "10"),
        steps=partial(draw, capabilities=capabilities),
        level=Level.STRESS,
    )


def draw(numbers: Numbers, capabilities: frozenset[str]) -> list[StepUnits]:
    """Draw a session and return a function for each stream, which draws its units.

    A function takes the model before the stream.

    Args:
        numbers: The recipe's random numbers.
        capabilities: The capabilities that the session may need.
    """
    dice = Dice(numbers)
    steps = dice.integer(1, _MOST_STEPS) if "updates" in capabilities else 1
    drawing = Drawing(dice, capabilities, quantization(dice), ids(dice, MOST_IDS * _MOST_UNITS * steps))
    session = _Session(drawing, steps)
    return [partial(session.units, number) for number in range(steps)]


@dataclass
class _Tensor:
    """A tensor, or block, of the session's model.

    Args:
        head: Header of its last data unit.
        node: Node of that unit; None without one, and then no unit names it as parent.
        chained: Whether all its units in updates had a parent.
        closed: Whether no further unit may name it as parent.
    """

    head: DataUnitHeader
    node: NodeId | None
    chained: bool = True
    closed: bool = False


@dataclass
class _Session:
    """The state of a session that is being drawn."""

    drawing: Drawing
    steps: int
    tensors: list[_Tensor] = field(default_factory=list)

    def units(self, number: int, base: BaseModel) -> list[Values]:
        """Draw the units of a stream: updates of known tensors, then new tensors.

        Args:
            number: Number of the stream; 0 is a whole model.
            base: The model before the stream.
        """
        drawing, dice = self.drawing, self.drawing.dice
        drawing.quantization = quantization(dice)
        pre = number > 0 and self.steps == 2 and drawing.may("pre", 3)
        turn = Turn(base, number > 0, pre, Interpretation())
        flags = dice.integer(1, 3)
        parameter_set = model_parameter_set(
            drawing.quantization, method_flags=flags, parent_signalling=turn.signalling, pre=pre, **common(dice)
        )
        units = [start_unit(SECOND_EDITION_PROFILE, **common(dice)), parameter_set]
        known = len(self.tensors)
        for tensor in self.tensors[:known]:
            if not dice.one_in(4):
                units += self._layer_set()
                units.append(self._next_unit(tensor, turn))
        for _ in range(dice.integer(1, _MOST_UNITS) if number == 0 else int(dice.one_in(4))):
            units += self._layer_set()
            units.append(self._first_unit(turn))
        return units

    def _layer_set(self) -> list[Values]:
        """Draw a layer parameter set, or none, and set the quantization that it gives."""
        drawing, dice = self.drawing, self.drawing.dice
        if not drawing.may("lps", 5):
            return []
        drawing.quantization = quantization(dice)
        return [layer_parameter_set(drawing.quantization, method_flags=dice.integer(1, 3), **common(dice))]

    def _first_unit(self, turn: Turn) -> Values:
        """Draw a new tensor or block and return its unit's values.

        It is added to the known tensors.
        """
        drawing, dice = self.drawing, self.drawing.dice
        kind = PAYLOADS[dice.pick(sorted(drawing.capabilities & PAYLOADS.keys()))]
        if kind == NNR_PT_BLOCK:
            head = drawn_block_header(drawing)
        elif kind == NNR_PT_RAW_FLOAT:
            head = header(NNR_PT_RAW_FLOAT, drawing.take(1), drawn_dimensions(drawing))
        else:
            head = drawn_header(drawing, kind, drawing.take(1), drawn_dimensions(drawing))
        node = NodeId(dice.integer(0, 5), dice.integer(0, 300), dice.pick((0, 0, 0, 1, 6)))
        tensor = _Tensor(head, None if dice.one_in(8) else node, chained=not turn.signalling)
        self.tensors.append(tensor)
        return self._unit(tensor, head, turn, has_parent=False)

    def _next_unit(self, tensor: _Tensor, turn: Turn) -> Values:
        """Draw a unit that updates or replaces a known tensor or block.

        Args:
            tensor: The tensor; its node and header are updated.
            turn: The model before the stream, and the stream's flags.
        """
        drawing, before = self.drawing, tensor.head
        if before.payload_type == NNR_PT_RAW_FLOAT:
            head = before
        else:
            shape = {
                "parameter_types": before.parameter_types,
                "decomposition_rank": before.decomposition_rank,
                "g_number_of_rows": before.g_number_of_rows,
            }
            head = drawn_header(drawing, before.payload_type, before.ids, before.dimensions, **shape)
        has_parent = tensor.node is not None and not tensor.closed and not drawing.dice.one_in(8)
        if has_parent and tensor.node is not None:
            tensor.node = replace(tensor.node, put_node_depth=tensor.node.put_node_depth + 1)
            tensor.closed = head.payload_type == NNR_PT_RAW_FLOAT
        return self._unit(tensor, head, turn, has_parent=has_parent)

    def _unit(self, tensor: _Tensor, head: DataUnitHeader, turn: Turn, *, has_parent: bool) -> Values:
        """Draw the data unit of a tensor and return its values, ready to write.

        Codebook, temporal contexts, form of the header and indexes are drawn. It stores in
        ``tensor`` the header, and whether all its units so far are linked to their parents.

        Args:
            tensor: The tensor, as known from the streams before.
            head: The header, without node and parent.
            turn: The base model and the switches of the stream.
            has_parent: Whether the unit codes a difference to the tensor in the base model.
        """
        drawing, dice = self.drawing, self.drawing.dice
        is_raw = head.payload_type == NNR_PT_RAW_FLOAT
        tensor.chained &= has_parent or not turn.signalling
        parent = replace(BY_NODE, device_id=tensor.node.device_id) if has_parent and tensor.node is not None else None
        tca = has_parent and not is_raw and drawing.may("tca")
        head = replace(head, update=UpdateSignalling(turn.signalling, turn.pre, tensor.node, parent, tca))
        absent = turn.signalling and head.whole_id in turn.base.shapes and dice.one_in(3)
        form = replace(drawn_form(drawing), dimensions_present=not absent)
        tensor.head = head
        if is_raw:
            values = dice.numbers.quants(dice.label(), prod(head.dimensions), 200).astype(np.float32) / np.float32(8)
            return ndu(head, values, form=form, **sized(common(dice), prod(head.dimensions)))
        with_codebook = (
            head.payload_type != NNR_PT_INT and not head.dq_flag and not head.parameter_types & DC and drawing.may("codebook", 3)
        )
        if with_codebook:
            head = replace(head, unary_length=dice.integer(1, _SMALL_UNARY_LENGTH))
        histories = known_histories(head, turn)
        contents = {}
        for part in coded_parts(head):
            indexes = self._indexes(head, part, with_codebook=with_codebook and part.is_weight)
            if with_codebook and part.is_weight:
                book = _widened(drawn_codebook(dice, indexes) if indexes.any() or dice.one_in(2) else _one_value(dice), head.unary_length)
                head, part = replace(head, codebook=book), replace(part, codebook=book)
            contents[part.id] = self._coded(head, part, indexes, tensor)
        tensor.head = head
        return ndu(head, contents, form=form, histories=histories, **sized(common(dice), drawing.most))

    def _indexes(self, head: DataUnitHeader, part: Part, *, with_codebook: bool) -> npt.NDArray[np.int64]:
        """Draw the indexes of a part in coded order, before any doubling.

        Args:
            head: The header of its unit.
            part: The part.
            with_codebook: Whether a codebook will hold them, so that they stay small.
        """
        dice = self.drawing.dice
        persistence = dice.pick((0, 30, 128, 220)) if with_codebook else dice.pick((0, 10, 60, 128, 200, 240, 252))
        indexes = dice.numbers.quants(dice.label(), prod(part.dimensions), persistence)
        if not with_codebook:
            add_spikes(dice, indexes, EXACT_BITS)
        return indexes

    def _coded(self, head: DataUnitHeader, part: Part, indexes: npt.NDArray[np.int64], tensor: _Tensor) -> Coded:
        """Draw the tools and parameter sets of one tensor.

        Args:
            head: The header of its unit.
            part: The part of the unit that the tensor is.
            indexes: Its indexes; those of rows that are skipped are set to 0.
            tensor: What earlier units coded of it.
        """
        drawing, dice, coding = self.drawing, self.drawing.dice, coding_of(part, head, Interpretation())
        hdsp = coding.has_hdsp_flag and tensor.chained and drawing.may("hdsp")
        skipped = None
        if coding.has_row_skip_flag and not skips_differ(coding) and drawing.may("row-skip"):
            skipped = np.flatnonzero(dice.integers(coding.rows, 0, 2) == 0)
            indexes[np.isin(rows_in_coded_order(coding), skipped)] = 0
        density = self.drawing.quantization.qp_density
        delta = 0 if head.payload_type == NNR_PT_INT or dice.one_in(2) else dice.integer(-(1 << (5 + density)), (1 << (5 + density)) - 1)
        default = dice.one_in(3)
        sets: npt.NDArray[Any] | Literal["default"] = (
            "default" if default else dice.integers(coding.layout.flag, 0, len(CONTEXT_PARAMETER_SETS) - 1)
        )
        return Coded(indexes, delta, sets, hdsp, None if skipped is None else skipped.tolist())


def rows_in_coded_order(coding: TensorCoding) -> npt.NDArray[np.int64]:
    """Return the row of each index in coded order, int64 (rows * columns,)."""
    rows = np.zeros(coding.count, np.int64)
    rows[in_row_order(np.arange(coding.count), coding.area).reshape(-1)] = np.arange(coding.count) // max(coding.columns, 1)
    return rows


def _one_value(dice: Dice) -> Codebook:
    """Draw a codebook of one value."""
    return Codebook(np.array([dice.integer(-1000, 1000)], np.int32), 0)


def _widened(book: Codebook, unary_length: int) -> Codebook:
    """Add values to a codebook until the disputed numbers of parameter-set flags agree."""
    values = book.values
    while not _flags_agree(max(book.zero_offset, values.size - 1 - book.zero_offset), unary_length):
        values = np.append(values, values[-1] + 1)
    return Codebook(values.astype(np.int32), book.zero_offset)


def _flags_agree(largest: int, unary_length: int) -> bool:
    """Return whether both readings code the same parameter-set flags.

    Args:
        largest: Largest magnitude of an index that has a value in the codebook.
        unary_length: cabac_unary_length.
    """
    further = largest - unary_length + 1
    return largest == 0 or (further > 1 and further & (further - 1) != 0)
