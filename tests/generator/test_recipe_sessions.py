"""Vectors of several steps: what recipes of the second edition build, and what the lint finds in
it.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from nnc_conformance.generator.building import BuiltVector, RecipeError, build, build_session
from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.lint import CHECKS, check
from nnc_conformance.generator.randomness import DEFAULT_SEED
from nnc_conformance.generator.recipe import SessionRecipe
from nnc_conformance.generator.recipes.topics import session_recipes
from nnc_conformance.generator.updates import node, stream, unit, update
from nnc_conformance.reference import BaseModel, decode
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_INT
from nnc_conformance.storage.suite_folder import StoredVector, write_vector
from nnc_conformance.storage.vector import Level, SessionVector

SMALL = SessionRecipe(
    id="small",
    title="t",
    tests="t",
    catches="t",
    clauses=("6",),
    steps=lambda _: [
        stream(unit(NNR_PT_INT, "w", (2, 2), Coded([1, 0, -2, 3]), node(0))),
        update(unit(NNR_PT_INT, "w", (2, 2), Coded([0, 0, 5, 1], skipped=(0,)), node(1), tca=True)),
    ],
)


def findings(folder: Path, made: BuiltVector) -> list[str]:
    checked = check(StoredVector(made.vector, write_vector(folder, made.vector, made.files)))
    return [message for holds in CHECKS for message in holds(checked)]


def test_a_session_has_the_files_of_each_step(tmp_path: Path) -> None:
    made = build(SMALL, DEFAULT_SEED)
    assert isinstance(made.vector, SessionVector)
    assert sorted(made.files) == [
        "step-0-expected.safetensors", "step-0.nnr", "step-1-expected.safetensors", "step-1-model.safetensors", "step-1.nnr",
    ]  # fmt: skip
    assert made.vector.flags == ("int", "row-skip", "second-edition", "tca", "updates")
    first = decode(made.files["step-0.nnr"], base=BaseModel())
    second = decode(made.files["step-1.nnr"], base=first.model)
    assert second.parameters["w"].tolist() == [[0, 0], [5, 1]]
    assert second.model is not None
    assert second.model.parameters["w"].tolist() == [[1, 0], [3, 4]]
    assert findings(tmp_path, made) == []


def test_an_earlier_step_must_decode() -> None:
    streams = SMALL.streams(DEFAULT_SEED)
    with pytest.raises(RecipeError, match="small: step 0: reference: TCA of 'w' without a known parent"):
        build_session(SMALL, streams[::-1])
    with pytest.raises(RecipeError, match="step 0: "):
        build_session(replace(SMALL, rule="scan-order"), (streams[1], streams[0]))


def test_a_session_that_a_choice_changes_does_not_count(tmp_path: Path) -> None:
    made = build(replace(session_recipes()["parent-device-another"], level=Level.CORE, switch=None), DEFAULT_SEED)
    assert findings(tmp_path, made) == ["parent_id = identifies changes the output: this belongs to level disputed"]


def test_a_change_in_a_step_is_found(tmp_path: Path) -> None:
    made = build(SMALL, DEFAULT_SEED)
    assert isinstance(made.vector, SessionVector)
    steps = (made.vector.steps[0], made.vector.steps[1].model_copy(update={"model": None}))
    files = {name: data for name, data in made.files.items() if name != "step-1-model.safetensors"}
    wrong = BuiltVector(made.vector.model_copy(update={"steps": steps}), files)
    assert findings(tmp_path, wrong) == ["the model after a step differs from the reference decoder's"]
