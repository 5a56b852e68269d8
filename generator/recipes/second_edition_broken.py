"""Streams of the second edition that break one rule, in the last step of a session."""

from typing import Any, Final

import numpy as np

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.editing import cut_within, extended, header_of, payload_of, recoded, set_to
from nnc_conformance.generator.negative import broken_session, codeword
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.second_edition_codebooks import codebook
from nnc_conformance.generator.recipes.second_edition_headers import described
from nnc_conformance.generator.recipes.updates_rows import skipping
from nnc_conformance.generator.updates import BY_NODE, InTurn, Turn, node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.entropy.coding import TensorHistory
from nnc_conformance.reference.syntax.structures.data_unit import (
    ICNN_NDU_PL_SHA512,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    NodeId,
    ParentNode,
)
from nnc_conformance.reference.syntax.walker import Values

_SHAPE: Final = (3, 4)
BASE_INDEXES: Final = [3, -1, 0, 2, 0, 0, 1, 0, -5, 1, 0, 7]
_SECOND: Final = [1, 2, -1, 3, 0, 0, 2, 0, 1, -1, 2, 4]
_ALONE: Final = (1, 0, -2, 3)


def tensor(quants: list[int], own: NodeId | int | None, shape: tuple[int, ...] = _SHAPE, **more: Any) -> InTurn:
    """Make an INT named w."""
    return unit(NNR_PT_INT, "w", shape, Coded(quants), own, **more)


def known(quants: list[int]) -> dict[str, TensorHistory]:
    """Return the history of w that a decoder has that does not check the parent."""
    return {"w": TensorHistory(np.array(quants, np.int16))}


BASE: Final = stream(tensor(BASE_INDEXES, 0))
FIRST: Final = update(tensor(_SECOND, 1))
ONE: Final = stream(unit(NNR_PT_INT, "w", (2, 2), Coded(_ALONE)))
_NUMBERED: Final = stream(unit(NNR_PT_INT, "w", (2, 2), Coded(_ALONE), node(0, 3, 2)))


def with_tca(own: NodeId, base: list[int], shape: tuple[int, ...] = _SHAPE) -> StepUnits:
    """Make an update with temporal contexts, whatever its node.

    Args:
        own: Its node, which may have no known parent.
        base: The earlier indexes whose contexts the writer uses.
        shape: Dimensions of the tensor.
    """
    count = int(np.prod(shape))
    return update(tensor(list(np.resize(_SECOND, count)), own, shape, tca=True, histories=known(base), parent=BY_NODE))


def other(name: str, kind: int, shape: tuple[int, ...]) -> StepUnits:
    """Make an update of a tensor of another name, type or shape."""
    return update(unit(kind, name, shape, Coded(list(np.resize(_SECOND, int(np.prod(shape))))), node(1), histories={}))


def past_codebook(negative: int, positive: int, quants: list[int]) -> StepUnits:
    """Make a FLOAT vector whose last index lies past the codebook's end.

    Args:
        negative: Number of codebook values below index 0.
        positive: Number of codebook values above index 0.
        quants: The indexes.
    """
    good = unit(NNR_PT_FLOAT, "w", (len(quants),), Coded([0] * len(quants)), codebook=codebook(negative, positive), unary_length=1)

    def in_turn(turn: Turn) -> Values:
        assert callable(good)
        payload = codeword(quants, 1, qp_delta_bits=6, limits=(negative, positive))
        return payload_of(good(turn), cabac_codeword=payload)

    return stream(in_turn)


def unknown_dimensions(turn: Turn) -> Values:
    """Make a data unit without dimensions, for a tensor that no stream had before."""
    made = unit(NNR_PT_INT, "v", (3,), Coded([1, 2, 3]), node(0, 1), parent=False, form=HeaderForm(dimensions_present=False))
    assert callable(made)
    return made(turn)


def of_sha512(turn: Turn) -> Values:
    """Make an update whose parent is named by SHA-512, and give it parent_node_id_type 3.

    That type is reserved.
    """
    made = tensor(_SECOND, 1, parent=ParentNode(ICNN_NDU_PL_SHA512, None, bytes(64)), histories={})
    assert callable(made)
    return header_of(made(turn), parent_node_id_type=3)


def named(text: str) -> StepUnits:
    """Make a stream whose base_model_id is a text."""
    return stream(tensor(BASE_INDEXES, 0), change=lambda values: described(values, base_model_id=text))


def tested(name: str, **more: Any) -> dict[str, Any]:
    """Return title, fault and element for a vector on the parent of temporal contexts.

    Args:
        name: What is wrong, for the title.
        **more: Further arguments of `broken_session`.
    """
    return {
        "title": f"Temporal contexts without a parent: {name}",
        "catches": "A decoder that takes whatever indexes it has for the parent's.",
        "element": "temporal_context_modeling_flag",
    } | more


RECIPES: Final[tuple[SessionRecipe, ...]] = (
    broken_session(
        "mps-reserved", "1-bit", title="The reserved bit in place of nnr_pre_flag set",
        catches="A decoder that takes the bit for nnr_pre_flag in a base model.", element="nnr_reserved_zero_1bit",
        steps=[ONE], edit=set_to("nnr_reserved_zero_1bit", 1),
    ),
    broken_session(
        "mps-reserved", "2-bits", title="The reserved bits after nnr_pre_flag set",
        catches="A decoder that never looks at reserved bits.", element="nnr_reserved_zero_2bits",
        steps=[ONE], edit=set_to("nnr_reserved_zero_2bits", 2),
    ),
    broken_session(
        "mps-reserved", "update", title="The last reserved bit of an update's parameter set",
        catches="A decoder that never looks at reserved bits.", element="nnr_reserved_zero_2bits",
        steps=[BASE, FIRST], edit=set_to("nnr_reserved_zero_2bits", 1),
    ),
    broken_session(
        "parent-type", "3-as-node", title="parent_node_id_type 3 before a node", catches="A decoder that takes type 3 for type 0.",
        element="parent_node_id_type", steps=[BASE, FIRST], edit=set_to("parent_node_id_type", 3),
    ),
    broken_session(
        "parent-type", "3-as-sha512", title="parent_node_id_type 3 before 512 bits",
        catches="A decoder that takes type 3 for a digest.", element="parent_node_id_type", steps=[BASE, update(of_sha512)],
    ),
    broken_session("tca-parent", "depth-equal", **tested("the depth of the parent itself"), steps=[BASE, with_tca(node(0), BASE_INDEXES)]),
    broken_session("tca-parent", "update-missing", **tested("an update is missing"), steps=[BASE, with_tca(node(2), BASE_INDEXES)]),
    broken_session("tca-parent", "depth-back", **tested("a depth that was there before"), steps=[BASE, FIRST, with_tca(node(1), _SECOND)]),
    broken_session("tca-parent", "device", **tested("another device_id", element="device_id"),
                   steps=[BASE, with_tca(node(1, 0, 1), BASE_INDEXES)]),
    broken_session("tca-parent", "parameter", **tested("another parameter_id", element="parameter_id"),
                   steps=[BASE, with_tca(node(1, 1), BASE_INDEXES)]),
    broken_session("tca-parent", "elements", **tested("fewer elements", element="tensor_dimensions"),
                   steps=[BASE, with_tca(node(1), BASE_INDEXES, (2, 4))]),
    broken_session("tca-parent", "after-raw", **tested("a parent of raw numbers, which has no indexes"), steps=[
        stream(unit(NNR_PT_RAW_FLOAT, "w", (3,), np.array([1, 2, 3], np.float32), node(0))),
        update(unit(NNR_PT_FLOAT, "w", (3,), Coded([1, -3, 2]), node(1), tca=True, histories={})),
    ]),
    broken_session("tca-parent", "no-node-before", **tested("a tensor without a node id"), steps=[
        stream(tensor(BASE_INDEXES, None)), with_tca(node(1), BASE_INDEXES),
    ]),
    broken_session(
        "cb-limit", "positive", title="An index past the codebook's last value",
        catches="A decoder that does not check the bits behind the prefix.", element="abs_remainder",
        steps=[past_codebook(3, 3, [1, 0, 4])],
    ),
    broken_session(
        "cb-limit", "negative", title="An index before the codebook's first value",
        catches="A decoder that limits positive indexes alone.", element="abs_remainder", steps=[past_codebook(3, 5, [1, 0, -4])],
    ),
    broken_session(
        "cb-limit", "one-side", title="An index past a codebook that starts with index 0",
        catches="A decoder that limits an index by codebook_size.", element="abs_remainder", steps=[past_codebook(0, 3, [3, 0, 4])],
    ),
    broken_session(
        "cb-limit", "far", title="An index far past the codebook's last value",
        catches="A decoder that truncates the prefix, but not the bits behind it.", element="abs_remainder",
        steps=[past_codebook(9, 9, [9, 0, 12])],
    ),
    broken_session(
        "dims-absent", "not-in-base", title="No dimensions of a tensor that the base model has not",
        catches="A decoder that takes the dimensions of another tensor.", element="tensor_dimensions_flag",
        steps=[BASE, update(unknown_dimensions)],
    ),
    broken_session(
        "string-utf8", "model-id", title="A base_model_id that is not UTF-8", catches="A decoder that never decodes base_model_id.",
        element="base_model_id", steps=[named("ab")], edit=lambda data: data.replace(b"ab\0", b"a\xff\0"),
    ),
    broken_session(
        "header-in-unit", "node-id", title="A unit that ends within its node id", catches="A decoder that reads on past the unit.",
        element="put_node_depth", steps=[_NUMBERED], edit=cut_within("put_node_depth"),
    ),
    broken_session(
        "header-in-unit", "parent", title="A unit that ends before its parent_device_id",
        catches="A decoder that reads on past the unit.", element="parent_device_id",
        steps=[BASE, FIRST], edit=cut_within("parent_device_id"),
    ),
    broken_session(
        "header-in-unit",
        "node-id-after-data",
        title="A unit that ends within its node id, after a good unit",
        catches="A decoder that leaves out a unit whose data ends early.",
        element="put_node_depth",
        steps=[
            stream(
                unit(NNR_PT_INT, "v", (2, 2), Coded(_ALONE), node(0, 1, 2)), unit(NNR_PT_INT, "w", (2, 2), Coded(_ALONE), node(0, 3, 2))
            )
        ],
        edit=cut_within("put_node_depth"),
    ),
    broken_session(
        "header-in-unit",
        "parent-after-data",
        title="A unit that ends before its parent_device_id, after a good unit",
        catches="A decoder that leaves out a unit whose data ends early.",
        element="parent_device_id",
        steps=[BASE, update(unit(NNR_PT_INT, "v", (2, 2), Coded(_ALONE), node(0, 1)), tensor(_SECOND, 1))],
        edit=cut_within("parent_device_id"),
    ),
    broken_session(
        "golomb-length", "device-id", title="A device_id of 64 zeros", catches="A decoder that loops over an endless code.",
        element="device_id", steps=[_NUMBERED], edit=recoded("device_id", "0" * 63 + "1" + "0" * 64),
    ),
    broken_session(
        "payload-end", "2024", title="Bytes after a codeword with skipped rows",
        catches="A decoder that does not know where a codeword ends.", element="cabac_codeword",
        steps=[stream(unit(NNR_PT_INT, "w", _SHAPE, skipping(np.array(BASE_INDEXES), _SHAPE, (1,))))], edit=extended(b"\0\0"),
    ),
    broken_session(
        "update-base", "unknown", title="A difference to a tensor that no stream has", catches="A decoder that takes it for a new tensor.",
        element="parent_node_id_present_flag", steps=[BASE, other("v", NNR_PT_INT, _SHAPE)],
    ),
    broken_session(
        "update-base", "no-base", title="A difference in the first stream", catches="A decoder that takes it for a new tensor.",
        element="parent_node_id_present_flag", steps=[other("w", NNR_PT_INT, _SHAPE)],
    ),
    broken_session(
        "update-base", "shape", title="A difference of another shape with as many elements",
        catches="A decoder that adds element by element whatever the shapes.",
        element="parent_node_id_present_flag", steps=[BASE, other("w", NNR_PT_INT, (4, 3))],
    ),
    broken_session(
        "update-base", "size", title="A difference with fewer elements",
        catches="A decoder that adds what it has.", element="parent_node_id_present_flag", steps=[BASE, other("w", NNR_PT_INT, (3, 3))],
    ),
    broken_session(
        "update-base", "type", title="A difference of floating point to integers",
        catches="A decoder that adds numbers of two types.", element="parent_node_id_present_flag",
        steps=[BASE, other("w", NNR_PT_FLOAT, _SHAPE)],
    ),
    broken_session(
        "update-base", "shape-replaced", title="A difference to the shape that a tensor had before it was replaced",
        catches="A decoder that compares shapes with the first stream's.", element="parent_node_id_present_flag",
        steps=[BASE, update(unit(NNR_PT_INT, "w", (4, 3), Coded(_SECOND), node(0), parent=False)), other("w", NNR_PT_INT, _SHAPE)],
    ),
    broken_session(
        "update-order", "missing", title="An update is missing", catches="A decoder that applies updates whatever their depth.",
        element="put_node_depth", steps=[BASE, update(tensor(_SECOND, 2))],
    ),
    broken_session(
        "update-order", "twice", title="The same update twice", catches="A decoder that applies an update again.",
        element="put_node_depth", steps=[BASE, FIRST, FIRST],
    ),
    broken_session(
        "update-order", "back", title="An update of the base model after two updates",
        catches="A decoder that compares put_node_depth with the base model's.", element="put_node_depth",
        steps=[BASE, FIRST, update(tensor(BASE_INDEXES, 2)), FIRST],
    ),
    broken_session(
        "update-sum", "above", title="A sum above int32", catches="A decoder whose sums wrap round.", element="cabac_codeword",
        steps=[stream(tensor([2**31 - 1, 0], 0, (2,))), update(tensor([1, 0], 1, (2,)))],
    ),
    broken_session(
        "update-sum", "below", title="A sum below int32", catches="A decoder that saturates sums.", element="cabac_codeword",
        steps=[stream(tensor([-(2**31) + 1, 0], 0, (2,))), update(tensor([-2, 0], 1, (2,)))],
    ),
    broken_session(
        "tca-raw", "flag", title="temporal_context_modeling_flag in an NNR_PT_RAW_FLOAT",
        catches="A decoder that looks for contexts of raw numbers.", element="temporal_context_modeling_flag",
        steps=[
            stream(unit(NNR_PT_RAW_FLOAT, "w", (2,), np.array([1, 2], np.float32), node(0))),
            update(unit(NNR_PT_RAW_FLOAT, "w", (2,), np.array([0.5, 1], np.float32), node(1))),
        ],
        edit=set_to("temporal_context_modeling_flag", 1),
    ),
)  # fmt: skip
