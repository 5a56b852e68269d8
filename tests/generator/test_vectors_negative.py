"""Negative vectors: every rule is broken by one at least, each is refused as it says, and what
lenient decoders give is what was meant.
"""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import plain_decoder
import pytest
from helpers.sampling import sampled
from plain_decoder import PlainError

from nnc_conformance.generator.building import RecipeError, base_of, build
from nnc_conformance.generator.composition import opening
from nnc_conformance.generator.randomness import DEFAULT_SEED, Numbers
from nnc_conformance.generator.recipe import write
from nnc_conformance.generator.recipes.topics import recipes
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference import BaseModel, decode
from nnc_conformance.reference.composer import start_unit
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.reference.syntax.rules import RULES, Policy, Provenance
from nnc_conformance.storage.suite_folder import StoredVector, load_suite
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import Level, SessionVector

VECTORS = Path(__file__).parents[2] / "vectors"
SUITE = load_suite(VECTORS)
NEGATIVE = [stored for stored in SUITE.vectors if stored.vector.negative is not None]
CORE = [stored for stored in SUITE.vectors if stored.vector.level is Level.CORE]
IDS = [stored.vector.id for stored in NEGATIVE]

SHOWN_ELSEWHERE = {
    "alignment-zero": "unit-alignment-bits",
    "map-entries": "map-pruning-count-0",
    "parent-node": "parent-without-node-id",
    "parent-id": "parent-device-another",
    "codebook-dq": "codebook-2024-dq",
    "shift": "dimension-shift-every-length",
}
"""Rules that a disputed point switches on, and the disputed vector that breaks each."""
ONLY_WITHOUT_BASE = {"hdsp-history"}
"""Rules that no session breaks, because its decoder knows all streams before."""
CUTS = 6
"""Cuts of each vector that are sampled."""
OTHERWISE = {"bad-deflate-bomb": None, "bad-limits-bytes": "truncated"}
"""Categories in the plain decoder, which has no limits of its own; None where it decodes."""


def last_step(stored: StoredVector) -> tuple[bytes, BaseModel | None]:
    """The stream that breaks the rule, and the model before it."""
    *earlier, stream = stored.streams()
    base = base_of(stored.vector.edition)
    for one in earlier:
        base = decode(one, base=base).model
    return stream, base


def spec(stored: StoredVector) -> tuple[str, Policy, str]:
    assert stored.vector.negative is not None
    return stored.vector.negative.rule, stored.vector.negative.policy, stored.vector.negative.category.value


def test_every_rule_is_broken_by_a_vector() -> None:
    assert {spec(stored)[0] for stored in NEGATIVE} | SHOWN_ELSEWHERE.keys() == RULES.keys() - ONLY_WITHOUT_BASE
    for rule, name in SHOWN_ELSEWHERE.items():
        stored = next(stored for stored in SUITE.vectors if stored.vector.id == name)
        switch = stored.vector.choices[0].switch
        refusing = [choice.choice for choice in stored.vector.choices if choice.expected is None]
        stream, base = last_step(stored)
        with pytest.raises(StreamError) as caught:
            decode(stream, interpretation=Interpretation.parse({switch: refusing[0]}), base=base)
        assert caught.value.rule == rule


def test_inferred_rules_never_count() -> None:
    for stored in NEGATIVE:
        inferred = RULES[spec(stored)[0]].provenance is Provenance.INFERRED
        assert stored.vector.level is Level.INFERRED or not inferred, stored.vector.id


@pytest.mark.parametrize("stored", NEGATIVE, ids=IDS)
def test_the_reference_refuses_as_stated(stored: StoredVector) -> None:
    rule, policy, category = spec(stored)
    stream, base = last_step(stored)
    expected = stored.vector.steps[-1].expected
    with pytest.raises(StreamError) as caught:
        decode(stream, base=base)
    assert (caught.value.rule, caught.value.category.value) == (rule, category)
    if policy is Policy.MUST:
        assert expected is None
        with pytest.raises(StreamError) as caught:
            decode(stream, lenient=True, base=base)
        assert caught.value.rule == rule
    else:
        decoded = decode(stream, lenient=True, base=base)
        assert {report.rule for report in decoded.reports} == {rule}
        assert expected is not None
        stated = load_tensors(stored.read(expected))
        assert {name: values.tobytes() for name, values in decoded.parameters.items()} == {
            name: values.tobytes() for name, values in stated.items()
        }


@pytest.mark.parametrize("stored", NEGATIVE, ids=IDS)
def test_the_plain_decoder_refuses_in_the_same_category(stored: StoredVector) -> None:
    *earlier, stream = stored.streams()
    category = OTHERWISE.get(stored.vector.id, spec(stored)[2])
    if category is None:
        plain_decoder.decode(stream)
        return
    session = plain_decoder.Session()
    for one in earlier:
        session.decode(one)
    with pytest.raises(PlainError) as caught:
        session.decode(stream) if isinstance(stored.vector, SessionVector) else plain_decoder.decode(stream)
    assert caught.value.category == category


DATA_APPENDED = tuple(f"bad-payload-end-{unit}-and-data" for unit in ("lps", "mps", "reflist", "str"))
"""Vectors whose edit adds a data unit, so that the lenient output is not that of the stream before.
"""
REPAIRED = ("reserved-bits", "alignment-one", "stop-bits", "payload-end", "unit-size-end")


@pytest.mark.parametrize(
    "name", [name for name, recipe in recipes().items() if recipe.rule in REPAIRED and recipe.edit and name not in DATA_APPENDED]
)
def test_what_is_ignored_changes_nothing(name: str) -> None:
    """The lenient output is what another decoder gives for the stream before it was broken."""
    stored = next(stored for stored in NEGATIVE if stored.vector.id == name)
    if spec(stored)[1] is Policy.MUST:
        assert stored.vector.steps[-1].expected is None
        return
    good = plain_decoder.decode(write(recipes()[name].units(Numbers(DEFAULT_SEED, name)))).parameters
    stated = load_tensors(stored.read(stored.vector.steps[-1].expected))  # type: ignore[arg-type]
    assert {key: values.tobytes() for key, values in good.items()} == {key: values.tobytes() for key, values in stated.items()}


LENIENT = {
    "bad-unit-type-7": {"a": [[3, -1, 0], [2, -5, 1]], "b": [[3, -1, 0], [2, -5, 1]]},
    "bad-first-unit-empty": {},
    "bad-first-unit-mps": {"w": [[3, -1, 0], [2, -5, 1]]},
    "bad-profile-255": {"w": [[3, -1, 0], [2, -5, 1]]},
    "bad-mps-once-replaced": {"w": [11 / 64, -22 / 64, 33 / 64]},
    "bad-str-once-middle": {"a": [[3, -1, 0], [2, -5, 1]], "b": [[3, -1, 0], [2, -5, 1]]},
    "bad-id-unique-two-units": {"w": [8, 9]},
    "bad-id-unique-one-list": {"w": [[1 / 16, 2 / 16], [3 / 16, 4 / 16]]},
    "bad-dims-zero-float-columns": {"w": [[], [], []]},
    "bad-aggregate-nest-aggregate": {name: [[3, -1, 0], [2, -5, 1]] for name in "abc"},
    **{name: {"w": [[3, -1, 0], [2, -5, 1]]} for name in DATA_APPENDED},
    "bad-aggregate-entry-offset": {name: [[3, -1, 0], [2, -5, 1]] for name in "abc"},
}
"""Lenient outputs worked out by hand; (8 + 3) * 2 ** (-3 - 3) is the step of qp -21 at density 3.
"""


@pytest.mark.parametrize("name", LENIENT)
def test_lenient_outputs_are_those_worked_out_by_hand(name: str) -> None:
    stored = next(stored for stored in NEGATIVE if stored.vector.id == name)
    tensors = load_tensors(stored.read(stored.vector.steps[-1].expected))  # type: ignore[arg-type]
    assert {key: values.tolist() for key, values in tensors.items()} == LENIENT[name]


def test_a_negative_recipe_that_breaks_another_rule_or_none_is_an_error() -> None:
    recipe = recipes()["bad-scan-order-5"]
    with pytest.raises(RecipeError, match="rule scan-order"):
        build(replace(recipe, rule="rank"), DEFAULT_SEED)
    with pytest.raises(RecipeError, match="does not break reserved-bits"):
        build(replace(recipes()["ndu-all-zero"], rule="reserved-bits"), DEFAULT_SEED)
    both = replace(recipes()["bad-reserved-bits-mps"], units=lambda _: [*opening(), small(), start_unit()])
    with pytest.raises(RecipeError, match="also breaks str-once"):
        build(both, DEFAULT_SEED)


def boundaries(stream: bytes) -> set[int]:
    found, at = {0}, 0
    while at < len(stream):
        wide = stream[at] >> 7
        at += int.from_bytes(stream[at : at + (4 if wide else 2)]) & (0x7FFFFFFF if wide else 0x7FFF)
        found.add(at)
    return found


@pytest.mark.parametrize("cuts", [CUTS, pytest.param(100, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("stored", sampled([(stored.vector.id, (stored,)) for stored in CORE], 3))
def test_a_cut_anywhere_but_between_units_is_a_typed_error(stored: StoredVector, cuts: int) -> None:
    stream, base = last_step(stored)
    whole = boundaries(stream)
    for cut in range(1, len(stream), max(1, len(stream) // cuts)):
        if cut in whole:
            decode(stream[:cut], base=base)
            continue
        with pytest.raises(StreamError) as caught:
            decode(stream[:cut], base=base)
        place = caught.value.place
        assert place.element.partition("[")[0] in ELEMENTS
        assert 0 <= place.byte <= cut
        assert place.unit >= 0


def test_the_bomb_stays_within_its_limit() -> None:
    stored = next(stored for stored in NEGATIVE if stored.vector.id == "bad-deflate-bomb")
    (stream,) = stored.streams()
    tracemalloc.start()
    try:
        with pytest.raises(StreamError, match="inflates to more than"):
            decode(stream)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()
    assert np.frombuffer(stream, np.uint8).size < 1 << 17
