"""The stress grammar of the second edition: legal, undisputed sessions, and not all alike."""

import os
from collections import Counter
from collections.abc import Mapping

import numpy as np
import plain_decoder
import pytest
from helpers.sampling import sampled

from nnc_conformance.generator import stress
from nnc_conformance.generator.building import build
from nnc_conformance.generator.stress import StressError
from nnc_conformance.generator.stress_sessions import session_recipe, sessions, vectors
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.vector import Level, SessionVector, capabilities_of

DRAWN = 60
SESSIONS = int(os.environ.get("NNC_STRESS_SESSIONS", str(DRAWN)))
"""Sessions that are drawn and decoded by both decoders."""
SEED = 20261128
UNDISPUTED = 12
"""Sessions that are decoded under each choice of each disputed point."""

Bits = dict[str, tuple[str, tuple[int, ...], bytes]]


def bits(tensors: Mapping[str, np.ndarray]) -> Bits:
    return {name: (values.dtype.str, values.shape, values.tobytes()) for name, values in tensors.items()}


def decoded(streams: tuple[bytes, ...], interpretation: Interpretation | None = None) -> list[tuple[Bits, Bits]]:
    """What each stream codes, and the model after it."""
    model, steps = BaseModel(), []
    for stream in streams:
        step = decode(stream, base=model, interpretation=interpretation)
        assert step.model is not None
        model = step.model
        steps.append((bits(step.parameters), bits(model.parameters)))
    return steps


@pytest.mark.parametrize("number", range(SESSIONS))
def test_a_decoder_that_shares_no_code_agrees(number: int) -> None:
    streams = session_recipe(number).streams(SEED)
    plain = [(bits(step.parameters), bits(step.model)) for step in plain_decoder.decode_session(list(streams))]
    assert plain == decoded(streams)


@pytest.mark.parametrize("switch", sampled([(name, (name,)) for name in Interpretation.switches(2024)], 8))
def test_no_choice_of_a_disputed_point_changes_them(switch: str) -> None:
    for number in range(UNDISPUTED):
        streams = session_recipe(number).streams(SEED)
        expected = decoded(streams)
        for choice in Interpretation.switches(2024)[switch]:
            assert decoded(streams, Interpretation(**{switch: choice})) == expected, (number, choice)  # type: ignore[arg-type]


def test_every_tool_is_drawn_and_only_on_certified_facts() -> None:
    made = [one.vector for one in sessions(SEED, DRAWN)]
    counts = Counter(flag for vector in made for flag in vector.flags)
    assert {"second-edition", "updates", "row-skip", "tca", "hdsp", "pre", "codebook", "dq", "block", "block-scan", "lps"} <= counts.keys()
    assert {len(vector.steps) for vector in made} == {1, 2, 3, 4}
    assert {vector.provenance for vector in made} <= {Provenance.VERIFIED, Provenance.PUBLISHED}
    assert all(vector.level is Level.STRESS and vector.edition == 2024 for vector in made)


def test_nothing_beyond_the_capabilities_is_needed() -> None:
    for allowed in ({"int"}, {"float", "updates"}, {"float", "dq", "updates", "tca"}, {"block", "row-skip"}, {"raw-float", "updates"}):
        allowed = frozenset(allowed | {"second-edition"})
        assert all(set(one.vector.flags) <= allowed for one in sessions(SEED, 6, allowed))
    for too_few in (frozenset(capabilities_of(2022)), frozenset({"second-edition", "updates"})):
        with pytest.raises(StressError):
            session_recipe(0, too_few)


def test_every_second_vector_is_a_session_and_the_others_are_those_of_the_first_edition() -> None:
    drawn = list(vectors(SEED, 6))
    assert [isinstance(one.vector, SessionVector) for one in drawn] == [False, True] * 3
    assert drawn[2] == list(stress.vectors(SEED, 3))[2]
    assert drawn[3] == build(session_recipe(3), SEED)
    assert list(vectors(SEED, 3)) == drawn[:3]
