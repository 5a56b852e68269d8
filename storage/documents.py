"""Common parts of all stored documents.

They are the base class, SHA-256, canonical JSON, and the wording of validation errors.
"""

import hashlib
import json
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 as 64 lower-case hexadecimal digits."""
_MESSAGES: Final = {"missing": "required field is missing", "extra_forbidden": "unknown field"}
"""Our words for pydantic's error types, where its own speak of inputs."""


class Frozen(BaseModel):
    """Base class of all stored models: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> str:
    """Return the one canonical JSON text of ``value``.

    Keys are sorted, the indent is two spaces, UTF-8 is not escaped, and one newline ends the text.
    Raises `ValueError` for NaN and infinities, `TypeError` for values that JSON cannot hold.
    """
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def first_problem(error: ValidationError) -> str:
    """Describe the first problem of a document, such as ``tensors.0.shape: ...``."""
    return problem_text(error.errors(include_url=False)[0])


def first_tagged_problem(error: ValidationError) -> str:
    """Describe the first problem of a document whose model was chosen by its ``format``."""
    problem = error.errors(include_url=False)[0]
    problem["loc"] = problem["loc"][1:]  # without the format, with which pydantic begins the place
    return problem_text(problem)


def problem_text(problem: ErrorDetails) -> str:
    """Describe one problem as ``PLACE: MESSAGE``, without a place if it concerns the whole
    document.
    """
    kind, message = problem["type"], problem["msg"].removeprefix("Value error, ")
    if kind == "json_invalid":
        reason, _, place = str(problem["ctx"]["error"]).rpartition(" at line ")
        return f"not valid JSON at line {place}: {reason}"
    place = ".".join(map(str, problem["loc"]))
    message = _MESSAGES.get(kind, message)
    return f"{place}: {message}" if place else message
