"""Decides how an encoder codes a data unit of the second edition.

It chooses the node, the parent, and the tools that make the unit smallest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np

from nnc_conformance.reference.composer import TensorContent, coded_payload, to_code
from nnc_conformance.reference.entropy.codeword import encode_codeword
from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN, TensorCoding, TensorHistory
from nnc_conformance.reference.errors import EncodeError, unknown
from nnc_conformance.reference.interpretation import Interpretation, PreFlag
from nnc_conformance.reference.payload import coded_parts, coding_of, part_histories
from nnc_conformance.reference.quantization.reconstruction import convert
from nnc_conformance.reference.syntax.context import PayloadError, Shapes
from nnc_conformance.reference.syntax.structures.data_unit import (
    ICNN_NDU_ID,
    DataUnitHeader,
    NodeId,
    ParentNode,
    UpdateSignalling,
)
from nnc_conformance.reference.updates.applying import ROOT_DEPTH, BrokenRuleError, check_parent
from nnc_conformance.reference.updates.base_model import BaseModel

STEPS_OF_A_CYCLE: Final = 4
"""Steps after which the trellis is where it was, if every index has parity 0."""
DQ_ERROR: Final = 0.26
"""Mean squared error that dependent quantization leaves at high rates, in squared steps."""
DQ_MARGIN: Final = 1.1
"""How many times that error a base model may have."""
DQ_VARIATION: Final = 2.7
"""What the margin gains, divided by the root of the number of values: the errors of few vary more.

Their mean varies by 0.5 to 1 over that root.
"""
DQ_LARGEST_ERROR: Final = 2.5
"""Largest error in steps that dependent quantization leaves in long tensors."""
CodedUnit = tuple[DataUnitHeader, dict[str, TensorContent]]
"""Header and contents of a data unit: one way to code it."""


class ToolChoice(StrEnum):
    """Whether an encoder uses a tool: where it saves bytes, wherever it may, or never."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"

    @classmethod
    def of(cls, choice: "ToolChoice | str | bool") -> "ToolChoice":
        """Return the choice for a name, or for True (`ON`) or False (`OFF`); raise `EncodeError`."""
        if isinstance(choice, bool):
            return cls.ON if choice else cls.OFF
        try:
            return cls(choice)
        except ValueError:
            raise EncodeError(unknown("choice of a tool", choice, cls)) from None

    def tried(self, *, allowed: bool, useful: bool = True) -> tuple[bool, ...]:
        """Return the values of the tool's flag to try.

        Args:
            allowed: Whether the flag may be 1.
            useful: Whether a 1 could save anything.
        """
        if self is ToolChoice.OFF or not allowed:
            return (False,)
        if self is ToolChoice.ON:
            return (True,)
        return (False, True) if useful else (False,)


@dataclass(frozen=True)
class ToolFlags:
    """The choices of the tools that a data unit can use.

    Args:
        row_skip: Row skipping.
        tca: Temporal context adaptation.
        hdsp: History dependent significance.
    """

    row_skip: ToolChoice
    tca: ToolChoice
    hdsp: ToolChoice


@dataclass(frozen=True)
class SessionStep:
    """One stream of a session, as its encoder sees it.

    Args:
        base: The model that the decoder has before the stream; None if the stream is a base model
            itself.
        tools: The choices of the tools.
        graph: Dimensions of the tensors that a topology, of the stream or else of the base model,
            gives their type.
        nodes: device_id and parameter_id of each data unit by its first id, with the depth of a
            unit without a parent.
        pre: nnr_pre_flag.
        interpretation: The choices of the disputed points that the decoder makes.
    """

    base: BaseModel | None
    tools: ToolFlags
    graph: Shapes = field(default_factory=dict)
    nodes: Mapping[str, NodeId] = field(default_factory=dict)
    pre: bool = False
    interpretation: Interpretation = field(default_factory=Interpretation)

    def alone(self, header: DataUnitHeader) -> DataUnitHeader:
        """Return the header of a unit without a parent."""
        return replace(header, update=UpdateSignalling(self.base is not None, self.pre, self.nodes[header.ids[0]], None, False))

    def child(self, header: DataUnitHeader) -> DataUnitHeader | None:
        """Return the header of a difference to the base model.

        Return None if the rules of updates allow no difference.
        """
        if self.base is None:
            return None
        node = self.nodes[header.ids[0]]
        history = self.base.histories.get(header.ids[0])
        depth = history.node_id.put_node_depth if history is not None and history.node_id is not None else ROOT_DEPTH
        parent = ParentNode(ICNN_NDU_ID, node.device_id, None)
        update = UpdateSignalling(True, self.pre, replace(node, put_node_depth=depth + 1), parent, False)
        difference = replace(header, update=update)
        try:
            check_parent(difference, [(part.id, part.dimensions) for part in coded_parts(header)], self.base, self.interpretation)
            self.histories(difference)
        except BrokenRuleError:
            return None
        return difference

    def histories(self, header: DataUnitHeader) -> dict[str, TensorHistory]:
        """Return what a decoder knows of each part's earlier indexes; raise `BrokenRuleError`."""
        names = (part.id for part in coded_parts(header))
        return dict(zip(names, part_histories(header, self.base, self.interpretation), strict=True))

    def prediction(self, name: str) -> np.ndarray | None:
        """Return the difference that PRE predicts for a parameter, and subtracts.

        That is the difference of its last update. It is None if predictive residual encoding is
        off, or no update is known.
        """
        if self.base is None or not self.pre or self.interpretation.pre is not PreFlag.RESIDUAL or name not in self.base.histories:
            return None
        return self.base.histories[name].last_difference

    def difference(self, name: str, values: np.ndarray) -> np.ndarray | None:
        """Return what to code for a parameter in a unit with a parent.

        Return None if no difference leads to the values.

        Args:
            name: The parameter.
            values: Its new values, float32 or int32.
        """
        known = self.base.parameters.get(name) if self.base is not None else None
        if known is None or known.shape != values.shape or known.dtype != values.dtype:
            return None
        predicted = self.prediction(name)
        if values.dtype == np.int32:
            wide = values.astype(np.int64) - known - (0 if predicted is None else predicted.astype(np.int64))
            fits = not wide.size or (wide.min() >= INT32_MIN and wide.max() <= INT32_MAX)
            return wide.astype(np.int32) if fits else None
        with np.errstate(all="ignore"):
            difference: np.ndarray = values - known if predicted is None else values - known - predicted
        return difference if np.isfinite(difference).all() else None

    def update_of(self, header: DataUnitHeader, values: Mapping[str, np.ndarray]) -> tuple[DataUnitHeader, dict[str, np.ndarray]]:
        """Return header and values of the difference that a unit is to code.

        If no difference can be coded, return those of the whole tensors.

        Args:
            header: The unit's header, without update signalling.
            values: New values of each part by name, float32 or int32.
        """
        child = self.child(header)
        differences = {name: self.difference(name, array) for name, array in values.items()}
        found = {name: array for name, array in differences.items() if array is not None and has_format(array, header.data_format)}
        if child is None or len(found) < len(values):
            return self.alone(header), dict(values)
        return child, found

    def says_nothing(self, header: DataUnitHeader, contents: Mapping[str, TensorContent]) -> bool:
        """Return whether a unit can be left out because it would change nothing.

        It must code differences of zeros only, for tensors without a `prediction` that would be
        added.

        Args:
            header: The header of the unit.
            contents: The indexes of each tensor, by id.
        """
        if header.parent_id is None or any(self.prediction(name) is not None for name in contents):
            return False
        return not any(content.indexes.any() for content in contents.values())

    def codes_noise(
        self,
        header: DataUnitHeader,
        differences: Mapping[str, np.ndarray],
        values: Mapping[str, np.ndarray],
        step_sizes: Mapping[str, float],
    ) -> bool:
        """Return whether a unit with dependent quantization would code no more than noise.

        Args:
            header: The header of the unit.
            differences: What it would code of each part, by id.
            values: The new values of each part.
            step_sizes: The step of each part's quantizer.
        """
        if header.parent_id is None or not header.dq_flag or any(self.prediction(name) is not None for name in differences):
            return False
        return all(as_close_as_new(array, values[name], step_sizes[name]) for name, array in differences.items())

    def unchanged(self, name: str, values: np.ndarray) -> bool:
        """Return whether the base model has exactly these values, in this shape and type."""
        known = self.base.parameters.get(name) if self.base is not None else None
        return known is not None and (known.dtype, known.shape) == (values.dtype, values.shape) and known.tobytes() == values.tobytes()


def as_close_as_new(difference: np.ndarray, values: np.ndarray, step_size: float) -> bool:
    """Return whether values coded anew with dependent quantization would be no closer.

    Its trellis would otherwise code what is left of the base model's own quantization: about one
    bit for each weight of a layer that was not trained.

    Args:
        difference: What is to be coded: the new values minus those of the base model.
        values: The new values, in the same shape.
        step_size: The step of the quantizer.
    """
    errors = np.square(difference, dtype=np.float64) / step_size**2
    anew = np.minimum(np.square(values, dtype=np.float64) / step_size**2, DQ_ERROR)
    margin = DQ_MARGIN + DQ_VARIATION / np.sqrt(max(values.size, 1))
    return bool(errors.max(initial=0) <= DQ_LARGEST_ERROR**2 and errors.sum() <= margin * anew.sum())


def has_format(values: np.ndarray, data_format: int | None) -> bool:
    """Return whether values fit an nnr_decompressed_data_format.

    A decoder also gives this format to what an update codes.
    """
    if data_format is None:
        return True
    try:
        convert(values, data_format)
    except PayloadError:
        return False
    return True


def nodes_of(base: BaseModel | None, names: Sequence[str]) -> dict[str, NodeId]:
    """Return the nodes of data units by their first ids.

    They are those that the base model knows, else new parameter_ids of device 0.
    """
    known = {} if base is None else {name: history.node_id for name, history in base.histories.items() if history.node_id is not None}
    following = max((node.parameter_id for node in known.values()), default=-1) + 1
    nodes = {}
    for name in names:
        node = known.get(name)
        if node is None:
            node, following = NodeId(0, following, ROOT_DEPTH), following + 1
        nodes[name] = replace(node, put_node_depth=ROOT_DEPTH)
    return nodes


def with_tools(header: DataUnitHeader, contents: Mapping[str, TensorContent], step: SessionStep) -> CodedUnit:
    """Choose the second edition's tools with which given indexes take the fewest bytes.

    TCA is chosen for the unit; history dependent significance and row skip for each tensor.

    Args:
        header: The header of the unit.
        contents: The indexes of each part, by id.
        step: The step of the session, with base model and allowed tools.

    Returns:
        The header with its TCA flag, and the contents with their flags and histories.
    """
    ways = []
    for tca in step.tools.tca.tried(allowed=tca_allowed(header, step), useful=True):
        assert header.update is not None
        way = replace(header, update=replace(header.update, tca=tca))
        histories = step.histories(way)
        flagged = {
            part.id: _with_flags(contents[part.id], coding_of(part, way, step.interpretation), histories[part.id], step.tools)
            for part in coded_parts(way)
        }
        ways.append((way, flagged))
    return shortest(ways, step.interpretation)


def shortest(ways: Sequence[CodedUnit], interpretation: Interpretation) -> CodedUnit:
    """Return the way whose payload is shortest; a single way is not coded to find out."""
    return ways[0] if len(ways) == 1 else min(ways, key=lambda way: len(coded_payload(way[0], way[1], interpretation)[0]))


def tools_to_fit(header: DataUnitHeader, step: SessionStep) -> tuple[ToolFlags, ...]:
    """Return the sets of tools to try with indexes of their own.

    Args:
        header: The header of the unit.
        step: The step of the session, with base model and allowed tools.
    """
    tools = step.tools
    if header.parent_id is None:
        return (tools,)
    fixed = (ToolChoice.OFF, ToolChoice.ON)
    temporal = fixed if tools.tca is ToolChoice.AUTO and tca_allowed(header, step) else (tools.tca,)
    seen = fixed if tools.hdsp is ToolChoice.AUTO else (tools.hdsp,)
    each = tuple(replace(tools, tca=tca, hdsp=hdsp) for tca in temporal for hdsp in seen)
    return each if tools in each else (tools, *each)


def tca_allowed(header: DataUnitHeader, step: SessionStep) -> bool:
    """Return whether every part of a unit has a parent whose indexes TCA can use."""
    if header.parent_id is None or header.update is None:
        return False
    try:
        histories = step.histories(replace(header, update=replace(header.update, tca=True)))
    except BrokenRuleError:
        return False
    return all(history.base.size > 0 for history in histories.values())


def _with_flags(content: TensorContent, coding: TensorCoding, history: TensorHistory, tools: ToolFlags) -> TensorContent:
    """Choose whether a tensor uses history dependent significance and skips rows of zeros.

    Every choice that the tools allow is encoded; the shortest is returned.

    Args:
        content: The indexes of the tensor.
        coding: Its coding.
        history: Its earlier indexes.
        tools: Which tools are on, off or left to the encoder.
    """
    rows = zero_rows(content.indexes, coding)
    skips = tools.row_skip.tried(allowed=coding.has_row_skip_flag and not skips_differ(coding), useful=bool(rows.any()))
    seen = tools.hdsp.tried(allowed=coding.has_hdsp_flag, useful=bool(history.seen.any()))
    ways = [replace(content, history=history, hdsp=hdsp, skipped=rows if skip else None) for skip in skips for hdsp in seen]
    return ways[0] if len(ways) == 1 else min(ways, key=lambda way: len(encode_codeword([to_code(way, coding)])))


def zero_rows(indexes: np.ndarray, coding: TensorCoding) -> np.ndarray:
    """Return which rows hold zeros only, bool (rows,)."""
    return np.logical_not(indexes.reshape(coding.rows, coding.columns).any(axis=1))


def skips_differ(coding: TensorCoding) -> bool:
    """Return whether the readings of disputed point skipped_stretch differ for a tensor.

    Such a tensor skips no rows.
    """
    side = coding.area.side
    return coding.dq_flag and 0 < side < coding.columns and coding.columns % STEPS_OF_A_CYCLE != 0
