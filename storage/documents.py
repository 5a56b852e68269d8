"""What all stored documents share: the immutable base class, SHA-256, and the canonical JSON text."""

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

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
