"""Ids of vectors from whatever names there are."""

import re
from typing import Final

LONGEST: Final = 80


def id_of(text: str) -> str:
    """``text`` as a vector's id: small letters, digits and single hyphens, 80 at most."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST].strip("-") or "stream"
