"""Validation of streams: negative vectors break their own rule, streams of another codec break
none.
"""

import json
import zipfile
from pathlib import Path

import pytest
from helpers.samples import DATA
from jsonschema import Draft202012Validator

from nnc_conformance.encoders.hints import HINTS
from nnc_conformance.encoders.validation import StreamVerdict, Validation, validate, validate_session, validation_schema
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.rules import RULES
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.targets import targets_of
from nnc_conformance.storage.vector import Level, SessionVector, Vector

NEGATIVE = [stored for stored in load_suite(built_in_root(), levels={Level.NEGATIVE}).vectors if isinstance(stored.vector, Vector)]
DISPUTED = [stored for stored in load_suite(built_in_root(), levels={Level.DISPUTED}).vectors if isinstance(stored.vector, Vector)]
PEER_STREAMS = sorted((DATA / "peer-samples").glob("*.nnr"))
SECOND_EDITION = DATA / "second-edition" / "samples.zip"
BROKEN_UNIT = "bad-prefix-31-prefix-bins-unary-1"
SCHEMA = Path(__file__).parents[2] / "docs" / "validation.schema.json"


def stream_of(name: str) -> bytes:
    return next(stored.read(stored.vector.stream) for stored in NEGATIVE if stored.vector.id == name)


def test_every_rule_has_a_hint_of_one_sentence() -> None:
    assert set(HINTS) == set(RULES)
    assert all(hint.endswith(".") and len(hint) < 130 for hint in HINTS.values())


@pytest.mark.parametrize("stored", NEGATIVE, ids=lambda stored: stored.vector.id)
def test_a_negative_vector_breaks_its_rule_and_no_other(stored) -> None:
    found, _ = validate(stored.read(stored.vector.stream), "stream")
    assert [finding.rule for finding in found.findings] == [stored.vector.negative.rule]
    assert found.verdict is not StreamVerdict.CONFORMING
    assert found.findings[0].category is stored.vector.negative.category


@pytest.mark.parametrize("path", PEER_STREAMS, ids=lambda path: path.stem)
def test_streams_of_the_independent_codec_are_conforming(path: Path) -> None:
    found, _ = validate(path.read_bytes(), path.name)
    assert (found.verdict, found.edition, found.left_out) == (StreamVerdict.CONFORMING, 2022, 0)
    assert found.values > 0


def test_sessions_of_the_independent_codec_are_conforming() -> None:
    with zipfile.ZipFile(SECOND_EDITION) as archive:
        names = [name for name in sorted(archive.namelist()) if name.endswith(".nnr")]
        sessions: dict[str, list[str]] = {}
        for name in names:
            session, _, step = name.removesuffix(".nnr").rpartition(".")
            if step.isdigit():
                sessions.setdefault(session, []).append(name)
        longest = sorted(sessions.values(), key=len)[-8:]
        assert len(longest[0]) > 1
        for steps in longest:
            found = validate_session([(name, archive.read(name)) for name in steps])
            rules = {finding.rule for stream in found.streams for finding in stream.findings}
            assert found.session and rules <= {"tca-raw"}, steps
            assert found.streams[1].edition == 2024


def test_reading_goes_on_after_a_data_unit_that_cannot_be_decoded() -> None:
    """The same broken unit once more: its payload is broken again, and its id is used twice."""
    stream = stream_of(BROKEN_UNIT)
    single, _ = validate(stream, "single")
    start = single.findings[0].byte - 3
    unit = next(stream[at:] for at in range(start, 0, -1) if int.from_bytes(stream[at : at + 2]) == len(stream) - at)
    double, _ = validate(stream + unit, "double")
    assert [finding.rule for finding in double.findings] == ["prefix", "id-unique", "prefix"]
    assert [finding.unit for finding in double.findings] == [2, 3, 3]
    assert not any(finding.ends for finding in double.findings)


def test_a_stream_cut_in_a_header_ends_the_reading() -> None:
    found, model = validate(PEER_STREAMS[0].read_bytes()[:9], "cut")
    assert found.findings[-1].ends
    assert model is None


def test_what_is_larger_than_the_limits_is_not_called_broken() -> None:
    found, _ = validate(PEER_STREAMS[0].read_bytes(), "large", limits=DecodeLimits(total_bytes=16))
    assert found.verdict is StreamVerdict.LIMITS


def test_a_choice_that_makes_a_stream_conforming_is_named() -> None:
    defaults = {name: next(iter(kind)).value for name, kind in Interpretation.switches(2024).items()}
    judged = 0
    for stored in DISPUTED:
        choices = stored.vector.choices
        if any(choice.expected is None and defaults[choice.switch] == choice.choice for choice in choices):
            found, _ = validate(stored.read(stored.vector.stream), stored.vector.id)
            accepted = {(choice.switch, choice.choice) for choice in choices if choice.expected is not None}
            assert found.verdict is StreamVerdict.DISPUTED
            assert accepted <= {(choice.switch, choice.choice) for choice in found.choices}, stored.vector.id
            judged += 1
    assert judged


def test_streams_after_an_unreadable_one_are_not_judged() -> None:
    whole = PEER_STREAMS[0].read_bytes()
    found = validate_session([("cut", whole[:9]), ("whole", whole)])
    assert [stream.verdict for stream in found.streams] == [StreamVerdict.BROKEN, StreamVerdict.NOT_JUDGED]
    assert not found.conforming


def test_no_streams_are_not_conforming() -> None:
    assert not Validation(streams=()).conforming


def test_the_published_schema_is_that_of_the_model() -> None:
    """Refreshed by ``python -m nnc_conformance.encoders.validation > docs/validation.schema.json``."""
    assert SCHEMA.read_text() == validation_schema()
    validation = Validation(streams=(validate(stream_of(BROKEN_UNIT), "broken")[0],))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(validation.model_dump_json()))


def test_targets_are_met_by_what_answers_them() -> None:
    stored = [one for one in load_suite(built_in_root(), levels={Level.FULL, Level.CORE}).vectors if isinstance(one.vector, SessionVector)]
    single = [one for one in stored if len(one.vector.steps) == 1]
    chosen = [*single[::8], *(one for one in single if targets_of(one.vector))]
    assert len(chosen) > 10 and any(targets_of(one.vector) for one in chosen)
    for one in chosen:
        found, _ = validate(one.read(one.vector.steps[0].stream), one.vector.id, base=BaseModel())
        assert found.capabilities == tuple(sorted(one.vector.flags)), one.vector.id
        assert {target.target for target in found.targets if target.met} == set(targets_of(one.vector))
        assert all(target.met is not bool(target.lacking) for target in found.targets)
