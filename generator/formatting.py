"""Brings a suite's JSON into canonical form; what it says stays as it is, right or wrong, for the lint to judge."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel

from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.suite_folder import MANIFEST_BYTES, VECTOR_BYTES, SuiteError, parse
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, Manifest, Vector

KINDS: Final[tuple[tuple[str, type[BaseModel], int], ...]] = (
    (MANIFEST_FILE, Manifest, MANIFEST_BYTES),
    (f"*/*/{VECTOR_FILE}", Vector, VECTOR_BYTES),
)
"""What is formatted: the files, what they hold, bytes at most."""


def format_suite(root: Path) -> list[Path]:
    """Rewrites the manifest and each vector.json that is not canonical, and returns their paths.

    Raises `SuiteError` for one that is no such document or for a folder that has no manifest, `ModelError` for one that cannot be read.
    """
    if not (root / MANIFEST_FILE).is_file():
        raise SuiteError(f"{root} has no {MANIFEST_FILE}")
    changed = []
    for pattern, model, most in KINDS:
        for path in sorted(root.glob(pattern)):
            data = read_regular(path, max_bytes=most)
            text = canonical_json(parse(model, data, str(path.relative_to(root))).model_dump(mode="json"))
            if text.encode() != data:
                outputs.write_text(path, text)
                changed.append(path)
    return changed
