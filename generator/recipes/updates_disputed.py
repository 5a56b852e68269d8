"""Disputed points of updates: sessions that decode otherwise under each choice."""

from typing import Final

import numpy as np

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.editing import set_to
from nnc_conformance.generator.recipe import SessionRecipe
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_RAW_FLOAT
from nnc_conformance.storage.vector import Level

_CLAUSES: Final = ("6 nnr_compressed_data_unit_header", "10 quant_param")
_MATRIX: Final = (4, 6)
_FIRST: Final = [3, -1, 0, 2, 0, 0, 0, 0, -5, 1, 0, 7, 0, 0, 1, -1, 2, 0, 0, 0, 4, 0, -2, 0]
_SECOND: Final = [0, 1, 0, -2, 0, 0, 3, 0, 1, 0, 0, 0, 5, 0, 0, -1, 0, 1, 2, 0, 0, 0, 0, -3]
_THIRD: Final = [1, 0, -1, 0, 2, 0, 0, 0, 0, 2, 0, -1, 0, 1, 0, 0, 3, -2, 0, 0, 1, 0, 0, 1]
_RAW: Final = np.array(_SECOND, np.float32).reshape(_MATRIX) / np.float32(4)


def matrix(quants: list[int], depth: int, *, hdsp: bool = False, tca: bool = False, parent: bool | None = None) -> InTurn:
    """Make a FLOAT of four rows and six columns."""
    return unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(quants, hdsp=hdsp), node(depth), tca=tca, parent=parent)


def raw(depth: int, *, tca: bool = False) -> InTurn:
    """Make a RAW_FLOAT of the same shape."""
    return unit(NNR_PT_RAW_FLOAT, "w", _MATRIX, _RAW, node(depth), tca=tca)


BASE: Final = stream(matrix(_FIRST, 0))
FIRST: Final = update(matrix(_SECOND, 1))

RECIPES = (
    SessionRecipe(
        id="pre-tca",
        title="nnr_pre_flag and temporal contexts after an update without it",
        tests="The contexts follow the last update, or the base model, which is the last of the tree of residuals.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="pre",
        steps=lambda _: [BASE, FIRST, update(matrix(_THIRD, 2, tca=True), pre=True)],
    ),
    SessionRecipe(
        id="pre-hdsp",
        title="nnr_pre_flag and history dependent significance after an update without it",
        tests="The places seen are those of the update before, or none, since the tree of residuals has no other node.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="pre",
        steps=lambda _: [BASE, FIRST, update(matrix(_THIRD, 2, hdsp=True), pre=True)],
    ),
    SessionRecipe(
        id="pre-then-tca",
        title="Temporal contexts without nnr_pre_flag after an update with it",
        tests="The contexts follow the last update, or the base model, which is the last of the tree of differences.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="pre",
        steps=lambda _: [BASE, update(matrix(_SECOND, 1), pre=True), update(matrix(_THIRD, 2, tca=True))],
    ),
    SessionRecipe(
        id="hdsp-after-replaced",
        title="History dependent significance after an update that replaces the tensor",
        tests="The places seen are those of all updates, or of the updates since the tensor was replaced.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="hdsp_history",
        steps=lambda _: [BASE, FIRST, update(matrix(_FIRST, 0, parent=False)), update(matrix(_THIRD, 1, hdsp=True))],
    ),
    SessionRecipe(
        id="hdsp-after-replaced-tca",
        title="Both tools after an update that replaces the tensor",
        tests="Temporal contexts follow the new tensor; the places seen are those of all updates, or of those since.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="hdsp_history",
        steps=lambda _: [BASE, FIRST, update(matrix(_FIRST, 0, parent=False)), update(matrix(_THIRD, 1, hdsp=True, tca=True))],
    ),
    SessionRecipe(
        id="hdsp-after-replaced-every-tool",
        title="Every tool after an update that replaces the tensor",
        tests="The places seen are those of all updates, or of those since the tensor was replaced; a row is skipped.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="hdsp_history",
        steps=lambda _: [
            BASE,
            FIRST,
            update(matrix(_FIRST, 0, parent=False)),
            update(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded([*_THIRD[:18], *[0] * 6], hdsp=True, skipped=(3,)), node(1), tca=True)),
        ],
    ),
    SessionRecipe(
        id="hdsp-new-in-update",
        title="History dependent significance of a tensor that an update brought",
        tests="The places of a tensor without a parent in an update stream are seen, or not.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="hdsp_history",
        steps=lambda _: [update(matrix(_FIRST, 0, parent=False)), update(matrix(_THIRD, 1, hdsp=True))],
    ),
    SessionRecipe(
        id="tca-without-parent",
        title="Temporal contexts of a unit two deeper than the last",
        tests="The unit is refused, or decoded as if temporal_context_modeling_flag were 0.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="tca_without_parent",
        steps=lambda _: [
            BASE,
            update(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_SECOND), node(2))),
        ],
        edit=set_to("temporal_context_modeling_flag", 1),
    ),
    SessionRecipe(
        id="tca-raw-float",
        title="temporal_context_modeling_flag in an NNR_PT_RAW_FLOAT",
        tests="A raw tensor has no contexts: the flag is refused, or ignored.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="raw_float_tca",
        interpretation=Interpretation.parse({"raw_float_tca": "ignored"}),
        steps=lambda _: [BASE, update(raw(1, tca=True))],
    ),
    SessionRecipe(
        id="raw-float-keeps-node",
        title="The depth after a raw update, if it is no node",
        tests="The update after an NNR_PT_RAW_FLOAT repeats its put_node_depth.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="raw_float_node",
        steps=lambda _: [BASE, update(raw(1)), update(matrix(_THIRD, 1))],
    ),
    SessionRecipe(
        id="raw-float-is-node",
        title="The depth after a raw update, if it is a node",
        tests="The update after an NNR_PT_RAW_FLOAT is one deeper.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="raw_float_node",
        steps=lambda _: [BASE, update(raw(1)), update(matrix(_THIRD, 2))],
    ),
    SessionRecipe(
        id="raw-float-before-tca-alone",
        title="Temporal contexts alone after a raw update",
        tests="The base of temporal contexts is that before the raw tensor, or there is none at the depth before.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="raw_float_node",
        steps=lambda _: [BASE, update(raw(1)), update(matrix(_THIRD, 1, tca=True))],
    ),
    SessionRecipe(
        id="raw-float-before-every-tool",
        title="Every tool after a raw update",
        tests="The base of temporal contexts is that before the raw tensor; the places where its numbers are not 0 are seen.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="raw_float_node",
        steps=lambda _: [
            BASE,
            update(raw(1)),
            update(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded([*_THIRD[:18], *[0] * 6], hdsp=True, skipped=(3,)), node(1), tca=True)),
        ],
    ),
    SessionRecipe(
        id="raw-float-before-tca",
        title="Temporal contexts after a raw update",
        tests="The base of temporal contexts is that before the raw tensor, whose depth the next update repeats.",
        catches="Nothing: the point is disputed.",
        clauses=_CLAUSES,
        level=Level.DISPUTED,
        switch="raw_float_node",
        steps=lambda _: [BASE, update(raw(1)), update(matrix(_THIRD, 1, tca=True, hdsp=True))],
    ),
)
