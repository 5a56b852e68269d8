"""Sessions: a base model alone, one update, several, and what an update leaves out (second edition)."""

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.recipe import SessionRecipe
from nnc_conformance.generator.updates import stream, unit, update
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT

_SIGNALLING = ("6 nnr_model_parameter_set", "6 nnr_compressed_data_unit_header")
_MATRIX = (3, 4)
_FIRST = [3, -1, 0, 2, 0, 0, 0, 0, -5, 1, 0, 7]
_SECOND = [0, 1, 0, -2, 0, 0, 3, 0, 1, 0, 0, 0]

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
