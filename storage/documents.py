"""Common parts of all stored documents.

They are the base class, SHA-256, canonical JSON, and the wording of validation errors.
"""

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nnc_conformance.reference.validation_words import place_text, problems_of

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 as 64 lower-case hexadecimal digits."""


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
    return problem_texts(error)[0]


def first_tagged_problem(error: ValidationError) -> str:
    """Describe the first problem of a document whose model was chosen by its ``format``."""
    return problem_texts(error, tags=1)[0]  # pydantic begins the place with the format


def problem_texts(error: ValidationError, *, tags: int = 0) -> list[str]:
    """Describe each problem as ``PLACE: MESSAGE``, without a place if it concerns the whole document.

    Args:
        error: The error of pydantic.
        tags: Steps to leave out at the start of each place.
    """
    return [f"{place_text(place[tags:])}: {words}" if place[tags:] else words for place, _, words in problems_of(error)]
