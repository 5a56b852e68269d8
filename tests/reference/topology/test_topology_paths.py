"""Ids: readable, the main graph's own names, different for different places."""

import numpy as np
from helpers import topology_models as made
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from nnc_conformance.reference.topology.onnx import extract, restore
from nnc_conformance.reference.topology.paths import TensorPath, mark, step, tensor_ids

NAMES = st.text(st.sampled_from("|~01#ab/"), max_size=5)
WORDS = st.sampled_from(["function", "training", "attribute", "default", "#0", "#1"])
STEPS = NAMES.map(step) | WORDS.map(mark)
PLACES = st.builds(TensorPath, st.lists(STEPS, max_size=5).map(tuple), NAMES)


@given(st.lists(PLACES, unique=True, max_size=12))
def test_different_places_have_different_ids(places: list[TensorPath]) -> None:
    assert len(set(tensor_ids(places))) == len(places)


@given(st.lists(PLACES, max_size=12))
def test_the_main_graph_keeps_its_names(places: list[TensorPath]) -> None:
    for place, name in zip(places, tensor_ids(places), strict=True):
        if not place.scope:
            assert name == place.name


def test_an_id_reads_as_the_way_down() -> None:
    scope = (step("If_3|out"), step("then_branch"))
    assert tensor_ids([TensorPath((), "w"), TensorPath(scope, "a~b")]) == ["w", "|If_3~1out|then_branch|a~0b"]
    assert tensor_ids([TensorPath((), "||w"), TensorPath(scope, "w")]) == ["||w", "|||If_3~1out|then_branch|w"]


@given(
    st.lists(NAMES.filter(bool), unique=True, min_size=1, max_size=4),
    NAMES.filter(bool),
    st.lists(NAMES.filter(bool), unique=True, min_size=1, max_size=4),
)
def test_tensors_of_any_names_come_back(top: list[str], node: str, inner: list[str]) -> None:
    """Names chosen to look like ids: main graph and both branches of an If, each value different."""

    def tensors(names: list[str], first: int) -> list[TensorProto]:
        return [made.raw(name, np.array([first + index], np.float32)) for index, name in enumerate(names)]

    branches = {
        f"{side}_branch": helper.make_graph([], side, [], [], tensors(inner, base)) for side, base in (("then", 100), ("else", 200))
    }
    ids = [*top, f"|{step(node)}|then_branch|{step(inner[0])}"]
    names = list(dict.fromkeys(ids))
    model = made.model(helper.make_graph([helper.make_node("If", ["c"], [node], **branches)], "g", [], [], tensors(names, 0)))
    parts = extract(model)
    assert list(parts.parameters)[: len(names)] == names
    assert len(parts.parameters) == len(names) + 2 * len(inner)
    again = extract(restore(parts.topology, parts.parameters))
    assert {key: array.tolist() for key, array in again.parameters.items()} == {
        key: array.tolist() for key, array in parts.parameters.items()
    }
