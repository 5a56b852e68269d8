"""The reference and the plain decoder, which share no code, on sessions of the second edition."""

import os
from collections.abc import Mapping

import numpy as np
import plain_decoder
import pytest
from helpers.update_sessions import BROKEN, SEQUENCES, SMALL, sessions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_decoder import SECOND_EDITION_CHOICES, PlainError

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.rules import RULES
from nnc_conformance.reference.updates.base_model import BaseModel

EXAMPLES = int(os.environ.get("NNC_MADE_SESSIONS", "60"))
"""Made sessions to compare; 1000 in the nox session ``agreement``."""

Step = tuple[dict[str, tuple[str, tuple[int, ...], bytes]], dict[str, tuple[str, tuple[int, ...], bytes]]]


def plainly(parameters: Mapping[str, np.ndarray]) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Type, shape and bytes of each tensor; binary64 rounded to binary32."""
    rounded = {name: values.astype(np.float32) if values.dtype == np.float64 else values for name, values in parameters.items()}
    return {name: (values.dtype.name, values.shape, values.tobytes()) for name, values in rounded.items()}


def by_reference(streams: list[bytes], switches: dict[str, str] | None = None, kernel: str = "fast") -> list[Step]:
    """What each step codes, and the model after it."""
    steps, model = [], BaseModel()
    for stream in streams:
        decoded = decode(stream, base=model, interpretation=Interpretation.parse(switches or {}), kernel=kernel)
        assert decoded.model is not None
        model = decoded.model
        steps.append((plainly(decoded.parameters), plainly(model.parameters)))
    return steps


def by_plain_decoder(streams: list[bytes], switches: dict[str, str] | None = None) -> list[Step]:
    return [(plainly(step.parameters), plainly(step.model)) for step in plain_decoder.decode_session(streams, switches)]


def outcome(streams: list[bytes], switches: dict[str, str] | None = None) -> tuple[list[Step] | None, list[Step] | None]:
    """The steps of both decoders; None for a refusal."""
    found: list[list[Step] | None] = []
    for decoder, refusal in ((by_reference, StreamError), (by_plain_decoder, PlainError)):
        try:
            found.append(decoder(streams, switches))
        except refusal:
            found.append(None)
    return found[0], found[1]


def test_both_have_the_same_switches() -> None:
    second = {name: tuple(str(choice.value) for choice in choices) for name, choices in Interpretation.switches(2024).items()}
    assert {name: choices for name, choices in second.items() if name not in Interpretation.switches(2022)} == SECOND_EDITION_CHOICES


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sessions(), st.sampled_from(["plain", "fast"]))
def test_made_sessions(made: tuple[list[bytes], list[list[int]]], kernel: str) -> None:
    assert by_reference(made[0], kernel=kernel) == by_plain_decoder(made[0])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SMALL), st.data())
def test_damaged_sessions_are_accepted_by_both_or_by_none(name: str, data: st.DataObject) -> None:
    streams = [bytearray(one) for one in SEQUENCES[name].streams]
    damaged = streams[data.draw(st.integers(0, len(streams) - 1))]
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    ours, theirs = outcome([bytes(one) for one in streams])
    assert ours == theirs


@pytest.mark.parametrize(("rule", "category", "streams"), BROKEN, ids=[f"{rule}-{number}" for number, (rule, _, _) in enumerate(BROKEN)])
def test_a_broken_rule_is_named(rule: str, category: str, streams: list[bytes]) -> None:
    model = BaseModel()
    for earlier in streams[:-1]:
        model = decode(earlier, base=model).model or model
    with pytest.raises(StreamError) as refused:
        decode(streams[-1], base=model)
    assert refused.value.category.value == category
    assert refused.value.rule in (rule, f"update-{rule}")
    assert refused.value.rule in RULES


@pytest.mark.parametrize(("switch", "choice"), [(switch, choices[1]) for switch, choices in SECOND_EDITION_CHOICES.items()])
def test_every_other_choice_agrees_on_samples(switch: str, choice: str) -> None:
    for name in SMALL[::3]:
        ours, theirs = outcome(list(SEQUENCES[name].streams), {switch: choice})
        assert ours == theirs, name
