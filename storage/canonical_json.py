"""Canonical JSON: one value has exactly one text."""

import json
from typing import Any


def dumps(value: Any) -> str:
    """Returns the canonical text: keys sorted, two spaces of indent, UTF-8 unescaped, no NaN, one newline at the end.

    Raises `ValueError` for NaN and infinities, `TypeError` for what JSON has no form for.
    """
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
