"""Wording of what is wrong with a document: our words for pydantic's types of errors.

Nobody who writes a TOML, YAML or JSON file need know pydantic, or the names of our classes.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nnc_conformance.reference.errors import unknown

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]
"""Keys and positions that lead to a value of a document."""
_KINDS: Final = {
    "string": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a table of keys and values",
    "mapping": "a table of keys and values",
    "model": "a table of keys and values",
    "model_attributes": "a table of keys and values",
    "bytes": "bytes",
    "date": "a date, such as 2026-12-31",
    "datetime": "a date and time, such as 2026-12-31T23:59:59Z",
    "none": "null",
}
"""What a value must be, by the first word of the types of errors about it."""
_PHRASES: Final = {
    "missing": "required field is missing",
    "extra_forbidden": "unknown field",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "multiple_of": "must be a multiple of {multiple_of:g}",
    "finite_number": "must be a finite number",
    "string_pattern_mismatch": "must match the regular expression {pattern}",
    "string_unicode": "must be UTF-8",
    "union_tag_not_found": "the field {discriminator} is missing or no string",
    "recursion_loop": "must not contain itself",
}
"""Our words by type of error, where its first word does not tell; context in braces."""
_CHOICE: Final = re.compile(r"'((?:[^'\\]|\\.)*)'|\b(\d+)\b")
"""A value among those that pydantic lists; one of an enumeration stands behind its name."""
_SHOWN: Final = 60
"""Characters of a wrong value that are shown."""
_BRANCHES: Final = {"str", "int", "float", "bool"}


def problems_of(error: "ValidationError") -> list[tuple[Place, str, str]]:
    """Return each problem of a document: its place, pydantic's type of error, and our words.

    Where a value may be of one kind or another, its problems are one.
    """
    found: list[tuple[Place, str, str]] = []
    details = error.errors(include_url=False)
    places = [_place(detail["loc"]) for detail in details]
    for detail, place in zip(details, places, strict=True):
        branched = len(place) < len(detail["loc"])
        if branched and any(len(other) > len(place) and other[: len(place)] == place for other in places):
            continue  # of another kind than the one that was meant
        words = problem_words(detail)
        if branched and found and found[-1][0] == place and words.startswith("must be "):
            words = f"{found.pop()[2]} or {words.removeprefix('must be ')}"
        found.append((place, detail["type"], words))
    return found


def _place(steps: Place) -> Place:
    """Return the place of a value: the steps without names of types, which pydantic adds to them."""
    return tuple(step for number, step in enumerate(steps) if not (isinstance(step, str) and number and (step in _BRANCHES or "[" in step)))


def place_text(place: Place) -> str:
    """Return a place as ``tensors.0.shape``."""
    return ".".join(map(str, place))


def problem_words(detail: "ErrorDetails") -> str:
    """Return our words for one problem of a document, without its place."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        return _of_choices(detail["input"], context)
    if kind == "json_invalid":
        reason, _, place = str(context["error"]).rpartition(" at line ")
        return f"not valid JSON at line {place}: {reason}"
    if kind.endswith(("too_short", "too_long")):
        return _of_length(context, ("character", "characters") if kind.startswith("string") else ("entry", "entries"))
    if kind in _PHRASES:
        return _PHRASES[kind].format_map(context)
    wanted = next((words for first, words in _KINDS.items() if kind.startswith(f"{first}_")), "")
    return f"must be {wanted}" if wanted else "has a value that is not allowed"


def _of_choices(given: Any, context: Mapping[str, Any]) -> str:
    """Return the words for a value that is none of those allowed."""
    listed = context.get("expected", context.get("expected_tags", ""))
    choices = [text or number for text, number in _CHOICE.findall(listed)]
    tag = context.get("tag")
    value = given if tag is None else tag
    what = "value" if tag is None else str(context["discriminator"]).strip("'")
    if isinstance(value, str | int | float):
        return unknown(what, value[:_SHOWN] if isinstance(value, str) else value, choices)
    return f"choose from {', '.join(choices)}"


def _of_length(context: Mapping[str, Any], nouns: tuple[str, str]) -> str:
    """Return the words for a value that is too short or too long.

    Args:
        context: Pydantic's context of the error: the bound.
        nouns: What the value consists of, in singular and plural.
    """
    least, most = context.get("min_length"), context.get("max_length")
    if least == 1:
        return "must not be empty"
    bound = most if least is None else least
    return f"must have at {'most' if least is None else 'least'} {bound} {nouns[bound != 1]}"
