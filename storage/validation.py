"""One wording for validation errors of stored documents."""

from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_MESSAGES: Final = {"missing": "required field is missing", "extra_forbidden": "unknown field"}
"""Our words for pydantic's error types, where its own speak of inputs."""


def first_problem(error: ValidationError) -> str:
    """Describe the first problem of a document, such as ``tensors.0.shape: ...``."""
    return problem_text(error.errors(include_url=False)[0])


def problem_text(problem: ErrorDetails) -> str:
    """Describe one problem as ``PLACE: MESSAGE``, without a place if it concerns the whole document."""
    kind, message = problem["type"], problem["msg"].removeprefix("Value error, ")
    if kind == "json_invalid":
        reason, _, place = str(problem["ctx"]["error"]).rpartition(" at line ")
        return f"not valid JSON at line {place}: {reason}"
    place = ".".join(map(str, problem["loc"]))
    message = _MESSAGES.get(kind, message)
    return f"{place}: {message}" if place else message
