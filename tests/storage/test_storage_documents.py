"""The wording of validation errors."""

import pytest
from pydantic import ValidationError

from nnc_conformance.storage.documents import first_problem
from nnc_conformance.storage.vector import StoredFile

SHA = "0" * 64


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not valid JSON at line 1 column 0: EOF while parsing a value"),
        ("{}\n\n{", "not valid JSON at line 3 column 1: trailing characters"),
        ("[]", "must be a table of keys and values"),
        (f'{{"size": 1, "sha256": "{SHA}"}}', "name: required field is missing"),
        (f'{{"name": "a", "size": 1, "sha256": "{SHA}", "colour": 2}}', "colour: unknown field"),
        (f'{{"name": "a/b", "size": 1, "sha256": "{SHA}"}}', "file name 'a/b' is not a plain name"),
        (f'{{"name": "a", "size": -1, "sha256": "{SHA}"}}', "size: must be at least 0"),
    ],
)
def test_first_problem_says_where_and_what(text: str, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        StoredFile.model_validate_json(text)
    assert first_problem(caught.value) == problem
