"""Sessions: a base model alone, one update, several, and what an update leaves out (second
edition).
"""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.recipe import SessionRecipe
from nnc_conformance.generator.updates import node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import Level

_SIGNALLING = ("6 nnr_model_parameter_set", "6 nnr_compressed_data_unit_header")
_MATRIX = (3, 4)
_FIRST = [3, -1, 0, 2, 0, 0, 0, 0, -5, 1, 0, 7]
_SECOND = [0, 1, 0, -2, 0, 0, 3, 0, 1, 0, 0, 0]
_WITHOUT_DIMENSIONS = HeaderForm(dimensions_present=False)


def _of_first_edition(_: BaseModel) -> list[Values]:
    """Make a base model of the first edition: a matrix of each payload type."""
    return [
        *opening(),
        ndu(header(NNR_PT_FLOAT, "w", _MATRIX), Coded(_FIRST)),
        ndu(header(NNR_PT_INT, "v", (3, 2)), Coded([1, 0, -2, 3, 0, 5])),
    ]


RECIPES = (
    SessionRecipe(
        id="second-edition-base-model",
        title="A base model of the second edition",
        tests="A stream with general_profile_idc 1 codes a matrix and a vector with the least that this edition adds.",
        catches="A decoder that reads no node_id_present_flag, first_tensor_dimension_shift or row_skip_enabled_flag.",
        clauses=_SIGNALLING,
        steps=lambda _: [
            stream(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_FIRST)), unit(NNR_PT_INT, "v", (5,), Coded([1, 0, -2, 3, 0]))),
        ],
    ),
    SessionRecipe(
        id="update-one",
        title="A base model and one update",
        tests="A second stream codes a difference to the tensor of the first.",
        catches="A decoder that reads no parent id, or takes an update for a whole model.",
        clauses=_SIGNALLING,
        steps=lambda _: [
            stream(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_FIRST), 0)),
            update(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_SECOND), 1)),
        ],
    ),
    SessionRecipe(
        id="update-of-first-edition",
        title="Updates of a base model of the first edition",
        tests="A stream with general_profile_idc 0 is a base model; updates code differences to it, with and without dimensions.",
        catches="A decoder that keeps nothing of a stream of the first edition, or reads its update by that edition's syntax.",
        clauses=_SIGNALLING,
        level=Level.DISPUTED,
        switch="parent_id",
        steps=lambda _: [
            _of_first_edition,
            update(
                unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_SECOND), 1),
                unit(NNR_PT_INT, "v", (3, 2), Coded([0, 1, 1, 0, 0, -2]), node(1, 1), form=_WITHOUT_DIMENSIONS),
            ),
        ],
    ),
    SessionRecipe(
        id="update-after-first-edition",
        title="A stream of the second edition that replaces tensors of the first",
        tests="A stream with general_profile_idc 0 is a base model: a tensor without a parent leaves its dimensions to it.",
        catches="A decoder that keeps nothing of a stream of the first edition.",
        clauses=_SIGNALLING,
        steps=lambda _: [
            _of_first_edition,
            update(
                unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_SECOND), 0, form=_WITHOUT_DIMENSIONS),
                unit(NNR_PT_INT, "v", (3, 2), Coded([0, 1, 1, 0, 0, -2]), form=_WITHOUT_DIMENSIONS),
            ),
        ],
    ),
    SessionRecipe(
        id="update-two-all-tools",
        title="A base model and two updates with every tool",
        tests="Updates with temporal contexts, history dependent significance and skipped rows decode after their base model.",
        catches="A decoder that keeps no indexes or places between streams, or counts those of the base model.",
        clauses=(*_SIGNALLING, "10 quant_tensor", "10 quant_param"),
        steps=lambda _: [
            stream(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_FIRST), 0)),
            update(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded(_SECOND, hdsp=True), 1, tca=True)),
            update(unit(NNR_PT_FLOAT, "w", _MATRIX, Coded([1, 0, -1, 0, 0, 0, 0, 0, 0, 2, 0, -1], hdsp=True, skipped=(1,)), 2, tca=True)),
        ],
    ),
)
