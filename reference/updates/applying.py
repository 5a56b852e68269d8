"""Applies data units to the base model (second edition).

It says what a unit reads of the model, and what it changes.

Errors are `BrokenRuleError`: rule, element and detail; the driver adds the place in the stream.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256, sha512
from math import prod

import numpy as np

from nnc_conformance.reference.entropy.coding import INT32_MAX, INT32_MIN, NO_HISTORY, TensorHistory
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import (
    DimensionShift,
    HdspHistory,
    Interpretation,
    ParentId,
    PreFlag,
    RawFloatNode,
    TcaBase,
    TcaWithoutParent,
)
from nnc_conformance.reference.syntax.structures.data_unit import (
    ICNN_NDU_ID,
    ICNN_NDU_PL_SHA256,
    NNR_PT_BLOCK,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    DataUnitHeader,
    NodeId,
)
from nnc_conformance.reference.updates.base_model import BASE_LIMIT, BaseModel, BlockRecord, IndexHistory, ParameterHistory

ROOT_DEPTH = 0
"""put_node_depth of a data unit without a node id: that of a base model."""


class BrokenRuleError(NNCError):
    """A data unit breaks a rule of updates.

    ``element`` is the syntax element that shows it.
    """

    def __init__(self, rule: str, element: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.element = element


@dataclass(frozen=True)
class CodedPart:
    """One decoded tensor of a data unit, before any conversion.

    Args:
        id: Name under which its history is kept.
        dimensions: Dimensions as coded.
        values: float32 or int32 by name; several names only with a dimension mapping.
        base: int16 (elements,), the indexes clamped to +-`BASE_LIMIT`; None for a RAW_FLOAT.
        nonzero: bool (elements,), where indexes (of a RAW_FLOAT: values) are not 0.
    """

    id: str
    dimensions: tuple[int, ...]
    values: Mapping[str, np.ndarray]
    base: np.ndarray | None
    nonzero: np.ndarray


def clamped(indexes: np.ndarray) -> np.ndarray:
    """Return indexes, int32, as remembered for later contexts, int16."""
    kept: np.ndarray = np.clip(indexes, -BASE_LIMIT, BASE_LIMIT).astype(np.int16)
    return kept


def uses_residuals(header: DataUnitHeader, interpretation: Interpretation) -> bool:
    """Return whether a unit codes residuals of predicted differences."""
    return header.update is not None and header.update.pre and interpretation.pre is PreFlag.RESIDUAL


def shift_of(name: str, header: DataUnitHeader, interpretation: Interpretation) -> int:
    """Return the place to which the first dimension of a tensor moves after decoding.

    It is 0 for parts of a block other than a whole weight: of G and H the product moves.
    """
    is_whole = len(header.matrices) == 1 and name == header.ids[0]
    return header.dimension_shift if is_whole and interpretation.dimension_shift is DimensionShift.MOVES else 0


def block_of(header: DataUnitHeader, interpretation: Interpretation) -> BlockRecord:
    """Return what it takes to put the parts of an NNR_PT_BLOCK together."""
    shift = header.dimension_shift if interpretation.dimension_shift is DimensionShift.MOVES else 0
    return BlockRecord(header.ids, header.parameter_types, header.dimensions, shift)


def moved(dimensions: tuple[int, ...], shift: int) -> tuple[int, ...]:
    """Return dimensions of which the first has moved to place ``shift``."""
    return (*dimensions[1 : shift + 1], *dimensions[:1], *dimensions[shift + 1 :])


def check_parent(
    header: DataUnitHeader, ids: Sequence[tuple[str, tuple[int, ...]]], base: BaseModel | None, interpretation: Interpretation
) -> None:
    """Check that the base model has the tensors that a unit updates.

    Only units that name a parent are checked, and only if there is a base model. Each tensor must
    have the same dimensions, first_tensor_dimension_shift and element type as in the base model.
    Of a unit that maps dimensions to several tensors only the names are checked here:
    `ModelBuilder` knows their shapes.

    Args:
        header: The unit's header.
        ids: Id and dimensions of each part of the unit.
        base: The base model.
        interpretation: The choices at disputed points.

    Raises:
        BrokenRuleError: Rule update-base if a tensor is missing or differs; update-order if the
            depth of the unit is not the next one.
    """
    if base is None or header.parent_id is None:
        return
    for name in header.ids if header.mapping is not None else ():
        if name not in base.parameters:
            raise BrokenRuleError("update-base", "parent_node_id_present_flag", f"the base model has no tensor {name!r}")
    kind = np.dtype(np.int32) if header.payload_type == NNR_PT_INT else np.dtype(np.float32)
    for name, dimensions in ids:
        history = base.histories.get(name)
        known = base.parameters.get(name) if header.mapping is None else None
        if header.mapping is None and (history is None or known is None):
            raise BrokenRuleError("update-base", "parent_node_id_present_flag", f"the base model has no tensor {name!r}")
        if history is None or known is None:
            continue
        if history.dimensions != dimensions or known.dtype != kind:
            was, now = f"{known.dtype} {history.dimensions}", f"{kind} {dimensions}"
            detail = f"{name!r} is {was} in the base model and {now} in its update"
            raise BrokenRuleError("update-base", "parent_node_id_present_flag", detail)
        shift = shift_of(name, header, interpretation)
        if history.shift != shift:
            detail = f"the first dimension of {name!r} moved to place {history.shift} in the base model, in its update to {shift}"
            raise BrokenRuleError("update-base", "first_tensor_dimension_shift", detail)
        if known.shape != moved(history.dimensions, history.shift):
            detail = f"{name!r} has the shape {known.shape} in the base model, where it was coded as {history.dimensions}"
            raise BrokenRuleError("update-base", "parent_node_id_present_flag", detail)
        check_depth(name, header, history)


def check_depth(name: str, header: DataUnitHeader, history: ParameterHistory) -> None:
    """Check that put_node_depth is one more than the parent's.

    Raise `BrokenRuleError` (update-order). Units without a node id have none, and for those with
    TCA `tca_base` checks it.

    Args:
        name: Id of the tensor, for the error.
        header: The header of its unit.
        history: Its history in the base model, with its last node.
    """
    if header.node_id is None or header.tca:
        return
    before = history.node_id.put_node_depth if history.node_id is not None else ROOT_DEPTH
    if header.node_id.put_node_depth != before + 1:
        detail = f"{name!r} has put_node_depth {header.node_id.put_node_depth}; after {before} {before + 1} is due"
        raise BrokenRuleError("update-order", "put_node_depth", detail)


def check_identity(header: DataUnitHeader, history: ParameterHistory | None, interpretation: Interpretation) -> None:
    """Check that the parent id names the tensor's last node.

    The disputed point parent_id decides whether it must. Raises `BrokenRuleError`.
    """
    parent = header.parent_id
    if parent is None or interpretation.parent_id is not ParentId.IDENTIFIES:
        return
    if parent.id_type == ICNN_NDU_ID:
        named = history is not None and history.node_id is not None and history.node_id.device_id == parent.device_id
        if not named:
            raise BrokenRuleError("parent-id", "parent_device_id", f"no node of device {parent.device_id} is known")
        return
    digests = history.digests if history is not None else ()
    if parent.digest not in digests:
        element = "parent_node_payload_sha256" if parent.id_type == ICNN_NDU_PL_SHA256 else "parent_node_payload_sha512"
        raise BrokenRuleError("parent-id", element, "the parent's payload has another digest")


def tca_base(
    name: str, dimensions: tuple[int, ...], header: DataUnitHeader, base: BaseModel | None, interpretation: Interpretation
) -> np.ndarray | None:
    """Return the earlier indexes by which TCA chooses contexts, int16 (elements,).

    They are None if the tensor is decoded as if TCA were off. Raises `BrokenRuleError` (tca-parent)
    without a known parent: same tensor, device_id and parameter_id, as many elements, and a
    put_node_depth one below.

    Args:
        name: Id of the tensor, for the error.
        dimensions: Its dimensions in this unit.
        header: The header of its unit.
        base: The model before the unit, None if the decoder has none.
        interpretation: The choices at disputed points.
    """
    history = base.histories.get(name) if base is not None else None
    wrong = _why_no_parent(dimensions, header, history, interpretation)
    if history is None or wrong:
        if interpretation.tca_without_parent is TcaWithoutParent.OFF:
            return None
        raise BrokenRuleError("tca-parent", "temporal_context_modeling_flag", f"TCA of {name!r} without a known parent: {wrong}")
    return _named_base(header, _indexes(header, history, interpretation), interpretation)


def _named_base(header: DataUnitHeader, indexes: IndexHistory, interpretation: Interpretation) -> np.ndarray | None:
    """Return the earlier indexes of a tensor's parent for TCA; None if unknown.

    The parent is the node that the parent id names, or the last node, as the disputed point
    tca_base decides.
    """
    node, parent = header.node_id, header.parent_id
    if interpretation.tca_base is TcaBase.LAST or node is None or parent is None or parent.device_id is None:
        return indexes.base
    device_id = parent.device_id if interpretation.parent_id is ParentId.IDENTIFIES else node.device_id
    return indexes.named.get(NodeId(device_id, node.parameter_id, node.put_node_depth - 1))


def _why_no_parent(
    dimensions: tuple[int, ...], header: DataUnitHeader, history: ParameterHistory | None, interpretation: Interpretation
) -> str:
    """Return why a tensor's history holds no parent for TCA; empty if it holds one."""
    if history is None:
        return "no earlier stream has the tensor; decode the streams before it first"
    node, last = header.node_id, history.node_id
    if node is None or last is None:
        return "it, or the tensor before it, has no node id"
    if (node.device_id, node.parameter_id) != (last.device_id, last.parameter_id):
        return f"device and parameter {last.device_id}, {last.parameter_id} were known, {node.device_id}, {node.parameter_id} are asked for"
    if node.put_node_depth != last.put_node_depth + 1:
        return f"put_node_depth is {node.put_node_depth}, {last.put_node_depth + 1} is due"
    known = _named_base(header, _indexes(header, history, interpretation), interpretation)
    if known is None or known.size != prod(dimensions):
        return f"{0 if known is None else known.size} indexes are known, {prod(dimensions)} are asked for"
    return ""


def _indexes(header: DataUnitHeader, history: ParameterHistory, interpretation: Interpretation) -> IndexHistory:
    return history.residual_indexes if uses_residuals(header, interpretation) else history.indexes


def tensor_history(
    name: str, dimensions: tuple[int, ...], header: DataUnitHeader, base: BaseModel | None, interpretation: Interpretation
) -> TensorHistory:
    """Look up the earlier indexes of a tensor that TCA and HDSP need.

    A unit without a parent id has no history.

    Args:
        name: Id of the tensor.
        dimensions: Its dimensions in this unit.
        header: The header of its unit.
        base: The model before the unit, None if the decoder has none.
        interpretation: The choices at disputed points about parents and TCA.

    Raises:
        BrokenRuleError: tca-parent if TCA is on and no known parent fits; parent-id if the parent
            id does not name the tensor's last node.
    """
    if header.parent_id is None:
        return NO_HISTORY
    history = base.histories.get(name) if base is not None else None
    check_identity(header, history, interpretation)
    contexts = tca_base(name, dimensions, header, base, interpretation) if header.tca else None
    base_indexes = NO_HISTORY.base if contexts is None else contexts
    indexes = _indexes(header, history, interpretation) if history is not None else IndexHistory()
    elements = prod(dimensions)
    seen = NO_HISTORY.seen
    if indexes.seen is not None:
        seen = np.unpackbits(indexes.seen, count=elements)
    first = header.node_id is None or header.node_id.put_node_depth <= ROOT_DEPTH + 1
    return TensorHistory(base_indexes, seen, known=base is not None or first)


class ModelBuilder:
    """Builds the model after a stream.

    It needs the base model and the stream's data units, in order.
    """

    def __init__(self, base: BaseModel, interpretation: Interpretation) -> None:
        self._base = base
        self._interpretation = interpretation
        self._parameters = dict(base.parameters)
        self._histories = dict(base.histories)
        self._shapes = dict(base.shapes)
        self._blocks = dict(base.blocks)
        self._data_formats = dict(base.data_formats)

    def take(self, header: DataUnitHeader, payload: bytes, parts: Sequence[CodedPart]) -> None:
        """Add one decoded data unit to the model.

        Args:
            header: The header of the unit.
            payload: Its payload, whose digest may identify the unit as a parent.
            parts: The decoded parts of the unit.

        Raises:
            BrokenRuleError: update-sum if a sum does not fit int32; update-base if a tensor of a
                dimension mapping has another shape or type in the base model.
        """
        for part in parts:
            difference = {name: self._difference(name, values, header) for name, values in part.values.items()}
            for name, values in difference.items():
                self._take_values(name, values, header)
            self._histories[part.id] = self._history(part, header, payload, difference.get(part.id))
            self._shapes[part.id] = part.dimensions
        self._shapes[header.whole_id] = header.dimensions
        if header.payload_type == NNR_PT_BLOCK:
            self._blocks[header.ids[0]] = block_of(header, self._interpretation)
        else:
            self._blocks.pop(header.ids[0], None)

    def model(self, topology: object, quantization_data: object) -> BaseModel:
        """Return the model after the stream.

        Topology and quantization data are the stream's, or else the base model's.
        """
        made = replace(
            self._base,
            parameters=self._parameters,
            histories=self._histories,
            shapes=self._shapes,
            blocks=self._blocks,
            data_formats=self._data_formats,
        )
        made = made if topology is None else replace(made, topology=topology)  # type: ignore[arg-type]
        return made if quantization_data is None else replace(made, quantization_data=quantization_data)  # type: ignore[arg-type]

    def _difference(self, name: str, values: np.ndarray, header: DataUnitHeader) -> np.ndarray:
        """Return the difference to the base model that a unit codes for a tensor.

        With residuals (PRE) it is the sum of the last difference and the coded values, else these.
        Nothing is stored.
        """
        history = self._base.histories.get(name)
        if not uses_residuals(header, self._interpretation) or history is None or history.last_difference is None:
            return values
        return self._sum(name, history.last_difference, values)

    def _take_values(self, name: str, values: np.ndarray, header: DataUnitHeader) -> None:
        """Store a tensor's new values: those given, or their sum with the base model's.

        Its data format is stored too, or forgotten if the unit has none.
        """
        if header.parent_id is not None:
            values = self._sum(name, self._base.parameters[name], values) if name in self._base.parameters else values
        self._parameters[name] = values
        self._data_formats.pop(name, None)
        if header.data_format is not None:
            self._data_formats[name] = header.data_format

    def _sum(self, name: str, parent: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return a parent plus its update, in the tensor's type.

        Raises `BrokenRuleError` if their shapes or types differ, as those of a tensor in a
        dimension mapping can (update-base), or if a sum does not fit int32 (update-sum).
        """
        if (parent.dtype, parent.shape) != (values.dtype, values.shape):
            was, now = f"{parent.dtype} {parent.shape}", f"{values.dtype} {values.shape}"
            detail = f"{name!r} is {was} in the base model and {now} in its update"
            raise BrokenRuleError("update-base", "parent_node_id_present_flag", detail)
        if values.dtype.kind == "f":
            with np.errstate(all="ignore"):
                total: np.ndarray = parent + values
        else:
            wide = parent.astype(np.int64) + values
            if wide.size and (wide.min() < INT32_MIN or wide.max() > INT32_MAX):
                raise BrokenRuleError("update-sum", "cabac_codeword", f"the sum of {name!r} and its update does not fit int32")
            total = wide.astype(np.int32)
        return total

    def _history(self, part: CodedPart, header: DataUnitHeader, payload: bytes, difference: np.ndarray | None) -> ParameterHistory:
        """Return the history of a part, with the unit that codes it added.

        Args:
            part: The decoded part.
            header: The header of its unit.
            payload: The unit's payload.
            difference: The difference that the unit codes; None if a dimension mapping splits the
                part into several tensors.
        """
        switches = self._interpretation
        before = self._base.histories.get(part.id, ParameterHistory(part.dimensions))
        is_raw = header.payload_type == NNR_PT_RAW_FLOAT
        keeps_node = is_raw and switches.raw_float_node is RawFloatNode.KEEPS_THE_NODE and before.node_id is not None
        node_id = before.node_id if keeps_node else header.node_id
        residual = uses_residuals(header, switches)
        indexes = self._index_history(before.residual_indexes if residual else before.indexes, part, header)
        digests = before.digests if keeps_node else self._digests(payload)
        shift = shift_of(part.id, header, switches)
        changed = replace(before, dimensions=part.dimensions, shift=shift, node_id=node_id, digests=digests)
        changed = replace(changed, residual_indexes=indexes) if residual else replace(changed, indexes=indexes)
        if header.parent_id is None and switches.pre is PreFlag.RESIDUAL:
            changed = replace(changed, residual_indexes=indexes, indexes=indexes)
        kept = difference if switches.pre is PreFlag.RESIDUAL and header.parent_id is not None else None
        return replace(changed, last_difference=kept)

    def _digests(self, payload: bytes) -> tuple[bytes, ...]:
        if self._interpretation.parent_id is not ParentId.IDENTIFIES:
            return ()
        return sha256(payload).digest(), sha512(payload).digest()

    def _index_history(self, before: IndexHistory, part: CodedPart, header: DataUnitHeader) -> IndexHistory:
        """Return what contexts of later updates need, after one more coded tensor.

        Args:
            before: The history before it.
            part: The coded tensor.
            header: The header of its data unit.
        """
        chain = self._interpretation.hdsp_history is HdspHistory.CHAIN_OF_PARENTS
        seen = before.seen
        signalled = header.update is not None and header.update.parent_signalling
        if header.parent_id is not None if chain else signalled:
            now = np.packbits(part.nonzero)
            seen = now | seen if seen is not None and seen.size == now.size else now
        elif chain:
            seen = None
        base = before.base if part.base is None else part.base
        named = before.named
        if self._interpretation.tca_base is TcaBase.NAMED and header.node_id is not None and part.base is not None:
            named = {**named, header.node_id: part.base}
        return IndexHistory(base, seen, named)
