"""Updates of the second edition: what a session keeps between its streams, and how a difference is
applied.
"""

import hashlib
import math
from dataclasses import dataclass, field, replace

import numpy as np

from plain_decoder.codebook import INT32_MAX, INT32_MIN
from plain_decoder.data_unit import DataUnitHeader, NodeId
from plain_decoder.errors import PlainError
from plain_decoder.payload import DataUnit, Part, parts
from plain_decoder.tensor import SecondEdition
from plain_decoder.values import Array

DIFFERENCES, RESIDUALS = range(2)
"""Kinds of updates: with the choice ``residual`` of ``pre`` each has a history of its own."""


@dataclass(frozen=True)
class Node:
    """A data unit in the history of a tensor.

    Args:
        node_id: Its place in the parameter update tree; in a base model without ids the depth is 0.
        kinds: The histories that it belongs to.
        indexes: Its indexes, row-major, doubled with dependent quantization; a RAW_FLOAT has none.
        digests: SHA-256 and SHA-512 of its payload.
        values: The tensors after it, by name.
    """

    node_id: NodeId
    kinds: tuple[int, ...]
    indexes: list[int] | None
    digests: tuple[bytes, bytes]
    values: dict[str, Array]


@dataclass
class History:
    """The past of a coded tensor.

    Args:
        nodes: Its data units, oldest first.
        seen: By kind, 1 at each place where an update was not 0, row-major.
    """

    nodes: list[Node] = field(default_factory=list)
    seen: dict[int, list[int]] = field(default_factory=dict)

    def last(self) -> Node | None:
        """Give the last node, None before the first."""
        return self.nodes[-1] if self.nodes else None

    def places_seen(self, kind: int, elements: int) -> list[int]:
        """Give 1 for each place where an update of this kind was not 0; nothing if none was."""
        seen = self.seen.get(kind, [])
        return seen if len(seen) == elements else []


@dataclass
class Model:
    """The model after a stream; parameters have the type of their payload, int32 or binary32.

    Args:
        parameters: The tensors by name.
        shifts: The place that the first dimension of each parameter moved to.
        dimensions: The dimensions that a later update may leave out, by `DataUnitHeader.key`.
        histories: The past of each coded tensor, by the key of its part.
        differences: The last difference of each parameter, by name.
    """

    parameters: dict[str, Array] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)
    dimensions: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict)
    histories: dict[tuple[str, ...], History] = field(default_factory=dict)
    differences: dict[str, Array] = field(default_factory=dict)

    def copy(self) -> "Model":
        """Copy the model so that its entries can be replaced."""
        return replace(
            self,
            parameters=dict(self.parameters),
            shifts=dict(self.shifts),
            dimensions=dict(self.dimensions),
            histories=dict(self.histories),
            differences=dict(self.differences),
        )


@dataclass
class Update:
    """A data unit, and the model that it is applied to.

    Args:
        header: The header of the data unit.
        base: The model before the stream, None where the stream is decoded on its own.
        parent_signalling: mps_parent_signalling_enabled_flag: 0 in a base model.
        pre_flag: nnr_pre_flag.
        switches: The setting of every disputed point.
    """

    header: DataUnitHeader
    base: Model | None
    parent_signalling: int
    pre_flag: int
    switches: dict[str, str]

    @property
    def kind(self) -> int:
        """The kind of its values if it has a parent."""
        return RESIDUALS if self.pre_flag and self.switches["pre"] == "residual" else DIFFERENCES

    def history(self, key: tuple[str, ...]) -> History:
        """Find the past of a part."""
        return History() if self.base is None else self.base.histories.get(key, History())

    def second_edition(self) -> dict[tuple[str, ...], SecondEdition]:
        """Find what each part is read with, by its key.

        Raise `PlainError` if the parent is not as it must be.
        """
        read_with = {}
        for part in parts(self.header):
            if self.header.parent is not None and self.base is not None:
                self._check_parent(part)
            elements = math.prod(part.shape)
            base = self._tca_base(part, elements) if self.header.temporal_context_modeling_flag else None
            updates_before_are_unknown = self.base is None and (self.header.node.put_node_depth or 0) > 1
            seen = None if updates_before_are_unknown else self.history(part.key).places_seen(self.kind, elements)
            read_with[part.key] = SecondEdition(int(self.header.parent is not None), base, seen, part.codebook)
        return read_with

    def _named(self, part: Part) -> Node | None:
        """Find the parent's node; it can be other than the last only if a switch says so."""
        assert self.header.parent is not None
        nodes = self.history(part.key).nodes
        identifies = self.switches["parent_id"] == "identifies"
        if not identifies and self.switches["tca_base"] == "last":
            nodes = nodes[-1:]
        wanted = replace(self.header.node)
        if identifies and self.header.parent.device_id is not None:
            wanted.device_id = self.header.parent.device_id
        if wanted.put_node_depth is not None:
            wanted.put_node_depth -= 1
        for node in reversed(nodes):
            if identifies and self.header.parent.digest is not None:
                if self.header.parent.digest in node.digests:
                    return node
            elif node.node_id.is_as(wanted):
                return node
        return None

    def _check_parent(self, part: Part) -> None:
        """Check that the base model has the tensors, and that no update is missing in between."""
        assert self.base is not None
        missing = [name for name in part.key if name not in self.base.parameters]
        if missing:
            raise PlainError("reference", f"an update of {missing}, which the base model has not")
        if self.switches["parent_id"] == "identifies":
            if self._named(part) is None:
                raise PlainError("reference", f"the parent of {part.key} is not known")
            return
        last = self.history(part.key).last()
        depth = self.header.node.put_node_depth
        if last is None or last.node_id.put_node_depth is None or depth is None or self.header.temporal_context_modeling_flag:
            return
        if depth != last.node_id.put_node_depth + 1:
            raise PlainError("order", f"{part.key} has put_node_depth {depth} after {last.node_id.put_node_depth}")

    def _tca_base(self, part: Part, elements: int) -> list[int] | None:
        """Find the parent's index at each place; None turns TCA off."""
        node = self._named(part)
        if node is not None and self.switches["tca_base"] == "last":
            of_this_kind = [n for n in self.history(part.key).nodes if self.kind in n.kinds and n.indexes is not None]
            node = of_this_kind[-1] if of_this_kind else None
        if node is not None and node.indexes is not None and len(node.indexes) == elements:
            return node.indexes
        if self.switches["tca_without_parent"] == "off":
            return None
        raise PlainError("reference", f"temporal_context_modeling_flag 1, but {part.key} has no parent of {elements} elements")

    def apply(self, model: Model, unit: DataUnit, payload: bytes) -> None:
        """Apply the decoded data unit to ``model``, the one after the stream."""
        for part in parts(self.header):
            values = {name: self._after(model, part, name, unit.values[name]) for name in part.key}
            model.parameters.update(values)
            model.dimensions[part.key] = part.shape
            model.histories[part.key] = self._history_after(part, values, unit, payload)
        model.dimensions[self.header.key()] = self.header.dimensions

    def _after(self, model: Model, part: Part, name: str, decoded: Array) -> Array:
        """Compute a parameter after the data unit; keep its difference in ``model``."""
        moves = self.switches["dimension_shift"] == "moves" and name in self.header.key()
        shift = self.header.first_tensor_dimension_shift if moves else 0
        if self.header.parent is None or self.base is None:
            model.differences.pop(name, None)
            model.shifts[name] = shift
            return decoded
        before = self.base.parameters[name]
        was, now = ((array.dtype, array.shape, at) for array, at in ((before, self.base.shifts[name]), (decoded, shift)))
        if was != now:
            raise PlainError("reference", f"{name!r} is {was} in the base model and {now} in its update")
        if self.kind == RESIDUALS and name in self.base.differences:
            decoded = _sum(self.base.differences[name], decoded, name)
        model.differences[name] = decoded
        if self.switches["parent_id"] == "identifies":
            node = self._named(part)
            assert node is not None
            before = node.values[name]
        return _sum(before, decoded, name)

    def _history_after(self, part: Part, values: dict[str, Array], unit: DataUnit, payload: bytes) -> History:
        history = self.history(part.key)
        nodes = list(history.nodes)
        indexes = unit.indexes.get(part.key)
        kinds = (self.kind,) if self.header.parent is not None else (DIFFERENCES, RESIDUALS)
        if indexes is not None or self.switches["raw_float_node"] == "is-a-node":
            node_id = replace(self.header.node)
            if node_id.put_node_depth is None and not self.parent_signalling:
                node_id.put_node_depth = 0
            digests = (hashlib.sha256(payload).digest(), hashlib.sha512(payload).digest())
            nodes.append(Node(node_id, kinds, indexes, digests, values))
        elif nodes:
            nodes[-1] = replace(nodes[-1], values=values)

        seen = dict(history.seen)
        if self.switches["hdsp_history"] == "chain-of-parents" and self.header.parent is None:
            seen = {}
        elif self.parent_signalling:
            not_zero = unit.not_zero[part.key]
            for kind in kinds:
                before = history.places_seen(kind, len(not_zero))
                seen[kind] = [old | new for old, new in zip(before or not_zero, not_zero, strict=True)]
        return History(nodes, seen)


def _sum(parent: Array, difference: Array, name: str) -> Array:
    """Add element by element in the type of the tensor."""
    if parent.dtype == np.int32:
        exact = parent.astype(np.int64) + difference
        if np.any(exact < INT32_MIN) or np.any(exact > INT32_MAX):
            raise PlainError("value", f"the sum of {name!r} and its update does not fit int32")
        return exact.astype(np.int32)
    with np.errstate(all="ignore"):
        return parent + difference
