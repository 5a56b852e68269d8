"""The published vectors: they are what the recipes make, and two decoders that share no code agree
on every one of them.
"""

import json
from pathlib import Path

import jsonschema
import numpy as np
import plain_decoder
import pytest
from helpers.sampling import sampled
from plain_decoder import PlainError, Session, StepResult

from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.lint import CHECKS, check, folder_findings, lint
from nnc_conformance.generator.vector_json import SCHEMAS, vector_schema
from nnc_conformance.reference.driver import flattened
from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.contexts import element_name
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.syntax.elements import ELEMENTS
from nnc_conformance.storage.suite_folder import StoredVector, load_suite
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import CAPABILITIES, VECTOR_FILE, Level, SessionVector, Vector

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "vectors"
SUITE = load_suite(VECTORS)
DOCS = ROOT / "docs"
GOOD = [stored for stored in SUITE.vectors if stored.vector.negative is None]
CORE = [stored for stored in SUITE.vectors if stored.vector.level is Level.CORE]
FIRST_EDITION_CORE = [stored for stored in CORE if isinstance(stored.vector, Vector)]
DISPUTED = [stored for stored in SUITE.vectors if stored.vector.choices]
NOT_TOLD_APART = {"tca_base"}
"""Rule tca-parent leaves no parent but the last node, so that the choices part only together with
another's.
"""


def named(vectors: list[StoredVector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stored", vectors, ids=[stored.vector.id for stored in vectors])


def tensors(stored: StoredVector, file: object) -> dict[str, tuple[object, ...]] | None:
    return None if file is None else plainly(load_tensors(stored.read(file)))  # type: ignore[arg-type]


def plainly(parameters: dict[str, np.ndarray]) -> dict[str, tuple[object, ...]]:
    return {name: (values.dtype, values.shape, values.tobytes()) for name, values in parameters.items()}


def by_the_plain_decoder(stored: StoredVector, switches: dict[str, str] | None = None) -> list[StepResult | None]:
    """Return what each stream gives, None for a stream that is refused.

    A vector of the first edition has no models.
    """
    found: list[StepResult | None] = []
    session = Session(switches)
    for stream in stored.streams():
        try:
            alone = isinstance(stored.vector, Vector)
            found.append(StepResult(plain_decoder.decode(stream, switches), {}) if alone else session.decode(stream))
        except PlainError:
            return [*found, None]
    return found


@pytest.mark.parametrize("stored", sampled([(stored.vector.id, (stored,)) for stored in GOOD], 7))
def test_the_plain_decoder_agrees(stored: StoredVector) -> None:
    for step, result in zip(stored.vector.steps, by_the_plain_decoder(stored), strict=True):
        if result is None:
            assert step.expected is None
            continue
        assert plainly(result.parameters) == tensors(stored, step.expected)
        if step.topology is not None:
            assert result.decoded.topology == stored.read(step.topology)
        if isinstance(stored.vector, SessionVector):
            assert plainly(result.model) == tensors(stored, step.model or step.expected)


@named(DISPUTED)
def test_the_plain_decoder_agrees_on_every_choice(stored: StoredVector) -> None:
    for choice in stored.vector.choices:
        result = by_the_plain_decoder(stored, {choice.switch: choice.choice})[-1]
        assert (None if result is None else plainly(result.parameters)) == tensors(stored, choice.expected), choice.choice


@named(list(SUITE.vectors)[::72])
def test_lint_finds_nothing_in_a_vector(stored: StoredVector) -> None:
    checked = check(stored)
    assert [message for holds in CHECKS for message in holds(checked)] == []


def test_lint_finds_nothing_in_the_folder() -> None:
    assert list(folder_findings(SUITE)) == []


@pytest.mark.exhaustive
def test_lint_finds_nothing() -> None:
    assert lint(VECTORS) == []


def test_every_vector_keeps_the_published_schema() -> None:
    for file, model in SCHEMAS.items():
        schema = json.loads((DOCS / file).read_text(encoding="utf-8"))
        assert schema == vector_schema(model)
        validator = jsonschema.Draft202012Validator(schema)
        for stored in SUITE.vectors:
            if type(stored.vector) is model:
                validator.validate(json.loads((stored.folder / VECTOR_FILE).read_text(encoding="utf-8")))


def test_the_schema_refuses_what_is_no_vector() -> None:
    validator = jsonschema.Draft202012Validator(json.loads((DOCS / "vector.schema.json").read_text(encoding="utf-8")))
    good = json.loads((CORE[0].folder / VECTOR_FILE).read_text(encoding="utf-8"))
    for change in ({"revision": 0}, {"level": "gold"}, {"more": 1}, {"id": "Not An Id"}, {"tests": ""}):
        assert not validator.is_valid(good | change), change


def test_every_disputed_point_has_a_vector() -> None:
    by_vectors = {choice.switch for stored in DISPUTED for choice in stored.vector.choices}
    assert by_vectors == set(Interpretation.switches(2024)) - NOT_TOLD_APART


def test_every_capability_is_needed_somewhere() -> None:
    assert {flag for stored in SUITE.vectors for flag in stored.vector.flags} == set(CAPABILITIES) - {"apply-updates"}


def test_every_element_is_met_in_a_good_vector() -> None:
    met = {element for stored in GOOD for element in stored.vector.elements}
    assert ELEMENTS.keys() - met == {"IvlOffset", "IvlCurrRange", "skipped_unit_data"}


@pytest.mark.slow
def test_core_starts_contexts_of_every_group_in_all_nine_sets() -> None:
    signalled: dict[str, set[int]] = {}
    for stored in FIRST_EDITION_CORE:
        units = met_in(stored.streams()[0]).units
        for unit, _ in (found for whole in units for found in flattened(whole)):
            header = unit.data_unit_header
            if header is None or "cabac_codeword" not in unit.payload:
                continue
            codings = [coding_of(part, header, Interpretation()) for part in coded_parts(header)]
            for coding, tensor in zip(codings, decode_codeword(unit.payload["cabac_codeword"], codings).tensors, strict=True):
                for context, number in enumerate(tensor.parameter_sets.tolist()):
                    signalled.setdefault(element_name(coding.layout, context).partition("[")[0], set()).add(number)
    assert set(signalled) == {"sig_flag", "sign_flag", "abs_level_greater_x", "abs_level_greater_x2"}
    assert all(numbers == set(range(9)) for numbers in signalled.values())


@named([stored for stored in FIRST_EDITION_CORE if stored.vector.id.startswith("unit-size-") and stored.vector.id[-5:].isdigit()])
def test_units_are_as_large_as_their_vectors_say(stored: StoredVector) -> None:
    size = int(stored.vector.id.rpartition("-")[2])
    assert size in [unit.size for unit in met_in(stored.streams()[0]).units]
