"""No message about a document says what pydantic would: classes, types of Python, or its phrases."""

import datetime
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.reduction.document import parse
from nnc_conformance.reference.validation_words import place_text, problems_of
from nnc_conformance.reports.certification.encoder_policy import load_encoder_policy
from nnc_conformance.reports.certification.policy import load_policy
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.expected_failures import load_expected_failures

JARGON = re.compile(
    r"Input|valid (string|integer|number|bool|tuple|dict|list|date)|[Tt]uple|[Dd]ictionary|<\w+\.|\[key\]|\[str|pydantic|Python"
)


class Colour(StrEnum):
    """Has names that its values do not have."""

    RED_ONE = "red"
    BLUE_ONE = "blue"


class Everything(BaseModel):
    """Has a field of each kind that a document has."""

    model_config = ConfigDict(extra="forbid")

    few: Literal[Colour.RED_ONE, Colour.BLUE_ONE] = Colour.RED_ONE
    colour: Colour = Colour.RED_ONE
    edition: Literal[2022, 2024] = 2022
    by_colour: dict[Colour, int] = {}
    words: dict[str, str | dict[str, str]] = {}
    day: datetime.date | None = None
    many: int | None = None
    share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    size: Annotated[int, Field(ge=1, le=9)] = 1
    listed: tuple[int, ...] = ()
    name: Annotated[str, Field(min_length=2, max_length=4, pattern="^a")] = "ab"
    some: Annotated[list[bool], Field(min_length=1, max_length=2)] = [True]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"few": "green"}, "few: unknown value 'green'; choose from red, blue"),
        ({"few": ["red"]}, "few: choose from red, blue"),
        ({"colour": "green"}, "colour: unknown value 'green'; choose from red, blue"),
        ({"edition": 2023}, "edition: unknown value 2023; choose from 2022, 2024"),
        ({"by_colour": {"green": 1}}, "by_colour.green: unknown value 'green'; choose from red, blue"),
        ({"by_colour": 3}, "by_colour: must be a table of keys and values"),
        ({"words": {"a": 5}}, "words.a: must be a string or a table of keys and values"),
        ({"words": {"a": {"b": 5}}}, "words.a.b: must be a string"),
        ({"day": "soon"}, "day: must be a date, such as 2026-12-31"),
        ({"day": 4.5}, "day: must be a date, such as 2026-12-31"),
        ({"many": "few"}, "many: must be an integer"),
        ({"many": 1.5}, "many: must be an integer"),
        ({"share": 0}, "share: must be above 0"),
        ({"share": 1}, "share: must be below 1"),
        ({"share": float("nan")}, "share: must be a finite number"),
        ({"share": "much"}, "share: must be a number"),
        ({"size": 0}, "size: must be at least 1"),
        ({"size": 10}, "size: must be at most 9"),
        ({"listed": "x"}, "listed: must be a list"),
        ({"listed": [1, None]}, "listed.1: must be an integer"),
        ({"name": "a"}, "name: must have at least 2 characters"),
        ({"name": "abcde"}, "name: must have at most 4 characters"),
        ({"name": "ba"}, "name: must match the regular expression ^a"),
        ({"some": []}, "some: must not be empty"),
        ({"some": [True] * 3}, "some: must have at most 2 entries"),
        ({"some": ["perhaps"]}, "some.0: must be true or false"),
        ({"other": 1}, "other: unknown field"),
        ([], ": must be a table of keys and values"),
    ],
)
def test_each_problem_is_in_our_words(given: Any, text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(given)
    assert [f"{place_text(place)}: {words}" for place, _, words in problems_of(caught.value)] == [text]


DECODER = 'name = "x"\nkind = "worker"\ncommand = "true"\n'
POLICY = 'name = "x"\nlevels = ["core"]\nchallenge = 1\n'
ENCODER_POLICY = 'name = "x"\nchallenge = 1\n'
LISTED = 'format = "nnc-expected-failures/1"\n'


def decoder(path: Path) -> object:
    return load_decoder(str(path))


def encoder(path: Path) -> object:
    return load_encoder(str(path))


def pipeline(path: Path) -> object:
    return parse(path.read_text())


FILES: list[tuple[Callable[[Path], object], str, str]] = [
    (decoder, 'name = "x"\nkind = "in-tree"\ncommand = "true"', "choose from command, worker, python"),
    (decoder, f"{DECODER}capabilities = 5", "capabilities: must be a list"),
    (
        lambda path: load_decoder(str(path)),
        f'{DECODER}protocol = "x"',
        "protocol: unknown value 'x'; choose from nnc-worker/1, nnc-worker/2",
    ),
    (
        lambda path: load_decoder(str(path)),
        f'{DECODER}[errors]\nx = "sice"',
        "errors.x: unknown value 'sice'; choose from truncated, size,",
    ),
    (decoder, f'{DECODER}[errors]\n"(" = "size"', r"errors.(: '(' is not a regular expression"),
    (decoder, DECODER.replace('"x"', '"a/b"'), "name: must match the regular expression"),
    (encoder, 'name = "x"\nkind = "in-tree"\ncommand = "true"', "choose from command, worker"),
    (encoder, f"{DECODER}[options]\ndq = 5", "options.dq: must be a string or a table of keys and values"),
    (encoder, f"{DECODER}max_error_steps = 0", "max_error_steps: must be above 0"),
    (load_policy, POLICY.replace('"core"', '"cor"'), "levels.0: unknown value 'cor'; choose from core, full,"),
    (load_policy, f'{POLICY}format = "nnc-policy/9"', "unknown format 'nnc-policy/9'; choose from nnc-policy/1, nnc-policy/2"),
    (load_policy, POLICY.replace("= 1", "= 0"), "challenge: must be at least 1"),
    (load_policy, f'{POLICY}[[waivers]]\nvector = "v"\nreason = "r"\nexpires = "soon"', "waivers.0.expires: must be a date"),
    (load_encoder_policy, ENCODER_POLICY.replace("= 1", '= "x"'), "challenge: must be an integer"),
    (load_encoder_policy, f"{ENCODER_POLICY}updates = 7", "updates: must be true or false"),
    (
        lambda path: parse(path.read_text()),
        "- {tool: pruning, ratios: [1.5]}",
        "tool 1 of the pipeline (pruning): ratios.0: must be below 1",
    ),
    (
        lambda path: parse(path.read_text()),
        "- {tool: pruning, ratios: [0.5], criterion: l3}",
        "criterion: unknown value 'l3'; choose from l1, l2,",
    ),
    (load_expected_failures, "failure = 5", "format: required field is missing"),
    (load_expected_failures, f"{LISTED}failure = 5", "failure: must be a list"),
    (load_expected_failures, f'{LISTED}[[failure]]\nvector = "v"\nreason = ""', "failure.0.reason: must not be empty"),
]


@pytest.mark.parametrize(("load", "text", "problem"), FILES, ids=[problem for *_, problem in FILES])
def test_a_file_of_a_user_is_answered_in_our_words(tmp_path: Path, load: Callable[[Path], object], text: str, problem: str) -> None:
    path = tmp_path / "file.toml"
    path.write_text(text)
    with pytest.raises(NNCError) as caught:
        load(path)
    assert problem in str(caught.value)
    assert not JARGON.search(str(caught.value)), caught.value
