"""Elements that the second edition adds to parameter sets and headers of data units (clause 6)."""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.coverage.classes import LARGEST, classes_of
from nnc_conformance.generator.editing import header_of, payload_of
from nnc_conformance.generator.onnx_bytes import onnx_topology
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.either_reading import maps, number
from nnc_conformance.generator.updates import BY_NODE, InTurn, Turn, node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm, topology_unit
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.structures.data_unit import (
    ICNN_NDU_ID,
    ICNN_NDU_PL_SHA256,
    ICNN_NDU_PL_SHA512,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    NodeId,
    ParentNode,
)
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import Level

MPS: Final = ("6 nnr_model_parameter_set",)
HEADER: Final = ("6 nnr_compressed_data_unit_header",)
STRINGS: Final = ("", "m", "λ漢𝄞" * 15)
"""Strings of every class: empty, one byte, and 135 bytes with characters of 2, 3 and 4 bytes."""
FLOATS: Final = (
    number(0, 0, 0, 0), number(0, 0, 0, 0x80), number(1, 0, 0, 0), number(0, 0, 0x40, 0x3F), number(0, 0, 0x40, 0xBF),
    number(0, 0, 0x80, 0x7F), number(0, 0, 0x80, 0xFF), number(1, 0, 0xC0, 0x7F), number(1, 0, 0x80, 0x7F),
)  # fmt: skip
"""A number of every class of binary32."""
ONE: Final = Coded([1])


def described(values: Values, **elements: Any) -> Values:
    """Return an NNR_MPS with elements that describe its model.

    The flags that announce them are set.

    Args:
        values: The values of the NNR_MPS, which stay as they are.
        **elements: The elements, by name.
    """
    flags = {
        "base_model_id_present_flag": int("base_model_id" in elements),
        "validation_set_performance_present_flag": int("validation_set_performance" in elements),
        "metric_type_performance_map_valid_flag": int("metric_type_performance_map_valid_flag" in elements),
    }
    return payload_of(values, **(flags | elements))


def model(number: int, **elements: Any) -> StepUnits:
    """Make a stream that codes one number and describes its model."""
    return stream(unit(NNR_PT_INT, "w", (1,), Coded([number])), change=lambda values: described(values, **elements))


def values_of(element: str, descriptor: str) -> list[int]:
    """Return a value of each class of an integer element."""
    return [int(label) for label in classes_of(element, descriptor).labels]


def nodes_session(nodes: list[NodeId], *, parent_device: bool = False) -> list[StepUnits]:
    """Make a stream with a tensor for each node, and an update of each tensor.

    The updates use temporal contexts, for which a decoder has to find the right node.

    Args:
        nodes: The nodes: device, parameter and depth.
        parent_device: Whether a parent is named with its device; else with device 0.
    """

    def child(own: NodeId) -> InTurn:
        parent = ParentNode(ICNN_NDU_ID, own.device_id if parent_device else 0, None)
        deeper = node(own.put_node_depth + 1, own.parameter_id, own.device_id)
        return unit(NNR_PT_INT, name(own), (1,), Coded([-2]), deeper, parent=parent, tca=True)

    def name(own: NodeId) -> str:
        return f"t{own.device_id}.{own.parameter_id}.{own.put_node_depth}"

    first = [unit(NNR_PT_INT, name(own), (1,), ONE, own, parent=False) for own in nodes]
    return [update(*first), update(*map(child, nodes))]


def payload_of_unit(made: Values) -> bytes:
    """Return the payload of a data unit."""
    payload: bytes = made["nnr_unit_payload"]["cabac_codeword"]
    return payload


def by_digest(id_type: int, *, right: bool = True, tca: bool = False, own: NodeId | None = None) -> list[StepUnits]:
    """Make a base model and an update whose parent is named by a digest.

    Args:
        id_type: Whether the digest is SHA-256 or SHA-512.
        right: Whether it is the digest of the parent's payload; else of other bytes.
        tca: Whether the update uses temporal contexts.
        own: The update's node; None for none.
    """
    first = unit(NNR_PT_INT, "w", (3,), Coded([3, 0, -4]), node(0))
    payload = payload_of_unit(first(Turn(BaseModel(), False, False, Interpretation()))) if callable(first) else b""
    digest = (hashlib.sha256 if id_type == ICNN_NDU_PL_SHA256 else hashlib.sha512)(payload if right else b"another").digest()
    child = unit(NNR_PT_INT, "w", (3,), Coded([1, 2, 0]), own, parent=ParentNode(id_type, None, digest), tca=tca)
    return [stream(first), update(child)]


def digest_values() -> list[StepUnits]:
    """Make tensors and an update whose parents' digests are 0, 1 and all ones.

    Each is a SHA-256 or a SHA-512 in the update's header; the decoder has nothing with that digest.
    """
    kinds = {ICNN_NDU_PL_SHA256: 32, ICNN_NDU_PL_SHA512: 64}
    digests = {(kind, value): value.to_bytes(size) for kind, size in kinds.items() for value in (0, 1, (1 << (8 * size)) - 1)}
    names = {key: f"t{number}" for number, key in enumerate(digests)}
    first = [unit(NNR_PT_INT, name, (1,), ONE) for name in names.values()]
    then = [unit(NNR_PT_INT, names[key], (1,), ONE, parent=ParentNode(key[0], None, digest)) for key, digest in digests.items()]
    return [stream(*first), update(*then)]


def without_node_id(turn: Turn) -> Values:
    """Make an update whose node is coded in its parent id: node_id_present_flag is 0."""
    made = unit(NNR_PT_INT, "w", (3,), Coded([1, 2, 0]), node(1), parent=BY_NODE)
    assert callable(made)
    return header_of(made(turn), node_id_present_flag=0)


def shifted(shift: int) -> list[StepUnits]:
    """Make a tensor whose first dimension moves."""
    return [stream(unit(NNR_PT_INT, "w", (2, 3, 4), Coded(np.arange(24) - 9), dimension_shift=shift))]


def every_shift() -> StepUnits:
    """Make tensors with a shift of each class.

    All but 0 and 1 lie beyond the dimensions.
    """
    shifts = values_of("first_tensor_dimension_shift", "ue(1)")
    return stream(*(unit(NNR_PT_INT, f"shift{shift}", (2, 2), Coded([1, 0, -1, 2]), dimension_shift=shift) for shift in shifts))


def absent_dimensions() -> list[StepUnits]:
    """Make an update that codes no dimensions: a vector, two matrices and a tensor of three
    dimensions.
    """
    shapes = {"v": (3,), "m": (2, 3), "n": (2, 3), "t": (2, 1, 3)}
    forms = {"v": HeaderForm(dimensions_present=False), "m": HeaderForm(dimensions_present=False), "n": HeaderForm(input_parameters=False)}

    def indexes(dims: tuple[int, ...]) -> Coded:
        return Coded(np.arange(int(np.prod(dims))) - 1)

    first = [unit(NNR_PT_FLOAT, name, dims, indexes(dims), node(0, place)) for place, (name, dims) in enumerate(shapes.items())]
    then = [
        unit(NNR_PT_FLOAT, name, dims, indexes(dims), node(1, place), form=forms.get(name, HeaderForm(input_parameters=False)))
        for place, (name, dims) in enumerate(shapes.items())
    ]
    return [stream(*first), update(*then)]


def _mps_recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of model parameter sets: ids, metrics and performance."""
    yield SessionRecipe(
        id="mps-2024-model-id",
        title="base_model_id of every form",
        tests="Each stream names its base model: an empty name, a letter, and characters of two to four bytes.",
        catches="A decoder that does not read base_model_id, or reads it after the quantization.",
        clauses=MPS,
        steps=lambda _: [model(number, base_model_id=text) for number, text in enumerate(STRINGS)],
    )
    yield SessionRecipe(
        id="mps-2024-metric-type",
        title="performance_metric_type for the maps alone",
        tests="metric_type_performance_map_valid_flag alone brings performance_metric_type.",
        catches="A decoder that reads performance_metric_type only with validation_set_performance.",
        clauses=MPS,
        steps=lambda _: [
            model(number, metric_type_performance_map_valid_flag=1, performance_metric_type=text) for number, text in enumerate(STRINGS)
        ],
    )
    yield SessionRecipe(
        id="mps-2024-performance",
        title="validation_set_performance of every kind of number",
        tests="Each stream states the performance of its model, from zeros to NaN; nothing of it changes the tensors.",
        catches="A decoder that does not read validation_set_performance, or refuses a number that is not finite.",
        clauses=MPS,
        steps=lambda _: [
            model(number, validation_set_performance=value, performance_metric_type="top-1") for number, value in enumerate(FLOATS)
        ],
    )
    yield SessionRecipe(
        id="mps-2024-everything",
        title="All that describes a model, and maps before its performance",
        tests="base_model_id and performance_metric_type stand before the quantization, validation_set_performance after the maps.",
        catches="A decoder that reads validation_set_performance before the maps, or the strings in another order.",
        clauses=(*MPS, "6 sparsification_performance_map", "6 pruning_performance_map"),
        steps=lambda _: [
            stream(
                unit(NNR_PT_FLOAT, "w", (3,), Coded([1, -2, 3])),
                maps=maps(),
                change=lambda values: described(
                    values,
                    base_model_id="base",
                    performance_metric_type="mIoU",
                    metric_type_performance_map_valid_flag=1,
                    validation_set_performance=np.float32(0.5),
                ),
            )
        ],
    )


def _node_recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of node ids, parents and dimensions from the base model."""
    yield SessionRecipe(
        id="node-device-ids",
        title="device_id and parent_device_id of every length",
        tests="Nodes of many devices, each with an update of the same device; temporal contexts need the right one.",
        catches="A decoder that reads device_id or parent_device_id with another code, or keeps it in fewer than 32 bits.",
        clauses=HEADER,
        steps=lambda _: nodes_session([node(0, 0, device) for device in values_of("device_id", "ue(1)")], parent_device=True),
    )
    yield SessionRecipe(
        id="node-parameter-ids",
        title="parameter_id of every length",
        tests="Nodes of many parameters, each with an update.",
        catches="A decoder that reads parameter_id with another code, or keeps it in fewer than 32 bits.",
        clauses=HEADER,
        steps=lambda _: nodes_session([node(0, parameter) for parameter in values_of("parameter_id", "ue(5)")]),
    )
    yield SessionRecipe(
        id="node-depths",
        title="put_node_depth of every length",
        tests="Nodes at many depths, each with an update that is one deeper.",
        catches="A decoder that reads put_node_depth with another code, or keeps it in fewer than 32 bits.",
        clauses=HEADER,
        steps=lambda _: nodes_session([node(min(depth, LARGEST - 1)) for depth in values_of("put_node_depth", "ue(4)")]),
    )
    yield SessionRecipe(
        id="node-ids-raw-float",
        title="Node ids and a parent of an NNR_PT_RAW_FLOAT",
        tests="A raw tensor has a node id as any other, and an update of it a parent id.",
        catches="A decoder that reads no node id in an NNR_PT_RAW_FLOAT.",
        clauses=HEADER,
        steps=lambda _: [
            stream(unit(NNR_PT_RAW_FLOAT, "r", (2,), np.array([1.5, -2], np.float32), node(0))),
            update(
                unit(NNR_PT_RAW_FLOAT, "r", (2,), np.array([0.25, 1], np.float32), node(1)),
                unit(NNR_PT_RAW_FLOAT, "s", (2, 1), np.array([3, 4], np.float32), node(0, 1), parent=False),
            ),
        ],
    )
    yield SessionRecipe(
        id="update-without-parents",
        title="An update stream in which no unit has a parent",
        tests="mps_parent_signalling_enabled_flag is 1, parent_node_id_present_flag 0: new tensors, with and without node ids.",
        catches="A decoder that takes every tensor of an update for a difference.",
        clauses=HEADER,
        steps=lambda _: [
            update(unit(NNR_PT_INT, "w", (2, 3), Coded([1, 0, 0, 2, 0, -3])), unit(NNR_PT_INT, "v", (2,), Coded([1, 2]), node(0))),
        ],
    )
    yield SessionRecipe(
        id="update-dimensions-of-base",
        title="Dimensions that an update leaves to the base model",
        tests="tensor_dimensions_flag is 0, or there are no input parameters: shape and scan_order follow the base model.",
        catches="A decoder that takes such a tensor for a scalar, or reads no scan_order where no dimensions are coded.",
        clauses=HEADER,
        steps=lambda _: absent_dimensions(),
    )


def _other_recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of digests as parents, dimension shifts and disputed headers."""
    for bits, id_type in ((256, ICNN_NDU_PL_SHA256), (512, ICNN_NDU_PL_SHA512)):
        yield SessionRecipe(
            id=f"parent-sha{bits}",
            title=f"A parent named by its SHA-{bits}",
            tests=f"The parent id is the SHA-{bits} digest of the parent's payload; the unit has no node id.",
            catches="A decoder that knows parents by their node alone.",
            clauses=HEADER,
            level=Level.INFERRED,
            steps=lambda _, id_type=id_type: by_digest(id_type),  # type: ignore[misc]
        )
        yield SessionRecipe(
            id=f"parent-sha{bits}-tca",
            title=f"Temporal contexts with a parent named by its SHA-{bits}",
            tests=f"The unit has a node id too, and its contexts follow the indexes of the parent that the SHA-{bits} digest names.",
            catches="A decoder that uses no temporal contexts for a parent named by a digest.",
            clauses=HEADER,
            level=Level.INFERRED,
            steps=lambda _, id_type=id_type: by_digest(id_type, tca=True, own=node(1)),  # type: ignore[misc]
        )
        yield SessionRecipe(
            id=f"parent-sha{bits}-another",
            title=f"A SHA-{bits} that is not the parent's",
            tests="The digest is that of no payload: a decoder that checks it refuses the update.",
            catches="Nothing: the point is disputed.",
            clauses=HEADER,
            level=Level.INFERRED,
            switch="parent_id",
            steps=lambda _, id_type=id_type: by_digest(id_type, right=False),  # type: ignore[misc]
        )
    yield SessionRecipe(
        id="parent-digest-values",
        title="Digests of all zeros, all ones, and 1",
        tests="Digests are numbers of 256 and 512 bits; these are those of no payload.",
        catches="Nothing: the point is disputed.",
        clauses=HEADER,
        level=Level.INFERRED,
        switch="parent_id",
        steps=lambda _: digest_values(),
    )
    yield SessionRecipe(
        id="update-dimensions-of-replaced",
        title="Dimensions that an update leaves to a tensor that was replaced",
        tests="The tensor has another shape since the stream before; tensor_dimensions_flag is 0, and the shape is that one.",
        catches="A decoder that keeps the shape of the first stream.",
        clauses=HEADER,
        steps=lambda _: [
            stream(unit(NNR_PT_INT, "w", (2, 6), Coded(np.arange(12) - 4), node(0))),
            update(unit(NNR_PT_INT, "w", (4, 3), Coded(np.arange(12) % 5), node(0), parent=False)),
            update(unit(NNR_PT_INT, "w", (4, 3), Coded(np.arange(12) - 6), node(1), form=HeaderForm(dimensions_present=False))),
        ],
    )
    yield SessionRecipe(
        id="dimensions-2024-of-topology",
        title="Dimensions from a topology in a stream of the second edition",
        tests="tensor_dimensions_flag is 0 and there is no base model: the topology has the dimensions, and scan_order is coded.",
        catches="Nothing: the point is disputed.",
        clauses=HEADER,
        level=Level.DISPUTED,
        switch="data_string",
        steps=lambda _: [
            stream(
                topology_unit(NNR_TPL_ONNX, RAW, {"topology_data": onnx_topology({"w": (2, 3)})}),
                unit(NNR_PT_FLOAT, "w", (2, 3), Coded([1, 0, -2, 3, 0, 1]), form=HeaderForm(dimensions_present=False)),
                topology_carriage=True,
            )
        ],
    )
    yield SessionRecipe(
        id="parent-device-another",
        title="A parent_device_id that is not the parent's",
        tests="The update names a parent of device 0, but the tensor's last node is of device 3.",
        catches="Nothing: the point is disputed.",
        clauses=HEADER,
        level=Level.DISPUTED,
        switch="parent_id",
        steps=lambda _: [
            stream(unit(NNR_PT_INT, "w", (3,), Coded([3, 0, -4]), node(0, 0, 3))),
            update(unit(NNR_PT_INT, "w", (3,), Coded([1, 2, 0]), node(1, 0, 3), parent=BY_NODE)),
        ],
    )
    yield SessionRecipe(
        id="parent-without-node-id",
        title="A parent id of type 0 in a unit without a node id",
        tests="node_id_present_flag is 0, so that parameter_id and put_node_depth follow parent_device_id.",
        catches="Nothing: the point is disputed.",
        clauses=HEADER,
        level=Level.DISPUTED,
        switch="parent_without_node_id",
        steps=lambda _: [stream(unit(NNR_PT_INT, "w", (3,), Coded([3, 0, -4]), node(0))), update(without_node_id)],
    )
    for shift in (1, 2):
        yield SessionRecipe(
            id=f"dimension-shift-{shift}",
            title=f"first_tensor_dimension_shift {shift}",
            tests="The first dimension moves to a later place after decoding, or nothing happens.",
            catches="Nothing: the point is disputed.",
            clauses=HEADER,
            level=Level.DISPUTED,
            switch="dimension_shift",
            steps=lambda _, shift=shift: shifted(shift),  # type: ignore[misc]
        )
    yield SessionRecipe(
        id="dimension-shift-every-length",
        title="first_tensor_dimension_shift of every length",
        tests="Shifts beyond the dimensions are ignored, or refused.",
        catches="Nothing: the point is disputed.",
        clauses=HEADER,
        level=Level.DISPUTED,
        switch="dimension_shift",
        steps=lambda _: [every_shift()],
    )


RECIPES = (*_mps_recipes(), *_node_recipes(), *_other_recipes())
