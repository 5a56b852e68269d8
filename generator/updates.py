"""Short forms for recipes of the second edition: streams of base models and of updates.

A stream is made when it is its turn in a session, because what is coded depends on the model that a
decoder then has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, header, ndu
from nnc_conformance.generator.recipe import StepUnits
from nnc_conformance.reference.composer import HeaderForm, model_parameter_set, start_unit
from nnc_conformance.reference.entropy.coding import TensorHistory
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, part_histories
from nnc_conformance.reference.syntax.context import SECOND_EDITION_PROFILE, Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    ICNN_NDU_ID,
    DataUnitHeader,
    NodeId,
    ParentNode,
    UpdateSignalling,
)
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel

BY_NODE: Final = ParentNode(ICNN_NDU_ID, 0, None)
"""The parent id of a tensor's last node, of device 0."""


@dataclass(frozen=True)
class Turn:
    """What a data unit must know of its stream.

    Args:
        base: The model before the stream.
        signalling: mps_parent_signalling_enabled_flag.
        pre: nnr_pre_flag.
        interpretation: The choices to write by.
    """

    base: BaseModel
    signalling: bool
    pre: bool
    interpretation: Interpretation


InTurn = Callable[[Turn], Values] | Values
"""A unit, or what makes it."""


def stream(
    *units: InTurn,
    signalling: bool = False,
    pre: bool = False,
    quantization: Quantization | None = SIXTEENTHS,
    interpretation: Interpretation | None = None,
    change: Callable[[Values], Values] | None = None,
    **arguments: Any,
) -> StepUnits:
    """Make a stream with general_profile_idc 1.

    Args:
        units: The units after the parameter set.
        signalling: mps_parent_signalling_enabled_flag.
        pre: nnr_pre_flag.
        quantization: The parameter set's qp.
        interpretation: The choices to write by.
        change: Changes the values of the parameter set.
        arguments: Further arguments of `model_parameter_set`.
    """

    def units_in_turn(base: BaseModel) -> list[Values]:
        """Return the values of all units of the stream, made for a base model."""
        turn = Turn(base, signalling, pre, interpretation or Interpretation())
        parameter_set = model_parameter_set(quantization, parent_signalling=signalling, pre=pre, **arguments)
        made = [unit(turn) if callable(unit) else unit for unit in units]
        return [start_unit(SECOND_EDITION_PROFILE), change(parameter_set) if change else parameter_set, *made]

    return units_in_turn


def update(*units: InTurn, **arguments: Any) -> StepUnits:
    """Make the stream of an update; ``arguments`` as of `stream`."""
    return stream(*units, signalling=True, **arguments)


def node(depth: int, parameter_id: int = 0, device_id: int = 0) -> NodeId:
    """Return the id of a node that is ``depth`` updates deep."""
    return NodeId(device_id, parameter_id, depth)


def unit(
    payload_type: int,
    ids: str | tuple[str, ...],
    dimensions: tuple[int, ...],
    tensors: Coded | Mapping[str, Coded] | npt.NDArray[np.float32],
    node_id: NodeId | int | None = None,
    *,
    parent: ParentNode | bool | None = None,
    tca: bool = False,
    quantization: Quantization | None = SIXTEENTHS,
    form: HeaderForm | None = None,
    histories: Mapping[str, TensorHistory] | None = None,
    common: Mapping[str, int] | None = None,
    **more: Any,
) -> Callable[[Turn], Values]:
    """Make an NNR_NDU of the second edition.

    Args:
        payload_type: nnr_compressed_data_unit_payload_type.
        ids: Its ids.
        dimensions: The dimensions, which a decoder knows even if ``form`` codes none.
        tensors: A `Coded` for each id; a single one is the tensor of the first id.
        node_id: Its node; a number is the depth of parameter 0 of device 0.
        parent: Its parent; by default the tensor's last node if the depth is above 0, False for none.
        tca: temporal_context_modeling_flag.
        quantization: The qp in force.
        form: Choices that do not change the meaning.
        histories: What a decoder knows of each part's earlier indexes; by default what it finds in
            the base model.
        common: Further arguments of `composer.unit`.
        more: Further fields of `DataUnitHeader`.
    """
    own = node(node_id) if isinstance(node_id, int) else node_id
    implied = BY_NODE if own is not None and own.put_node_depth > 0 else None
    named = implied if parent is None or parent is True else parent or None

    def in_turn(turn: Turn) -> Values:
        """Return the values of the data unit, with the switches and histories of its turn."""
        signalling = UpdateSignalling(turn.signalling, turn.pre, own, named, tca)
        head = replace(header(payload_type, ids, dimensions, quantization, **more), update=signalling)
        known = known_histories(head, turn) if histories is None else histories
        return ndu(head, tensors, form=form, interpretation=turn.interpretation, histories=known, **(common or {}))

    return in_turn


def known_histories(head: DataUnitHeader, turn: Turn) -> dict[str, TensorHistory]:
    """Return what a decoder knows of the earlier indexes of each part; raise `BrokenRuleError`."""
    names = (part.id for part in coded_parts(head))
    return dict(zip(names, part_histories(head, turn.base, turn.interpretation), strict=True))
