"""The JSON of a suite: its canonical form, and the JSON Schema of vector.json.

``python -m nnc_conformance.generator.vector_json OUT`` writes the schema, for readers without this
package.
"""

import sys
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.suite_folder import MANIFEST_BYTES, VECTOR_BYTES, SuiteError, parse
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, Manifest, Vector

FORMATTED: Final[tuple[tuple[str, type[BaseModel], int], ...]] = (
    (MANIFEST_FILE, Manifest, MANIFEST_BYTES),
    (f"*/*/{VECTOR_FILE}", Vector, VECTOR_BYTES),
)
"""Files that `format_suite` rewrites: pattern, model, size limit in bytes."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The version of JSON Schema that `vector_schema` is written in."""


def format_suite(root: Path) -> list[Path]:
    """Rewrite the JSON files that are not canonical and return their paths.

    Values stay as they are, right or wrong; `lint` judges them. Raises `SuiteError` for a folder
    without a manifest or a file that does not match its model, and `ModelError` for an unreadable
    file.
    """
    if not (root / MANIFEST_FILE).is_file():
        raise SuiteError(f"{root} has no {MANIFEST_FILE}")
    changed = []
    for pattern, model, size_limit in FORMATTED:
        for path in sorted(root.glob(pattern)):
            data = read_regular(path, max_bytes=size_limit)
            text = canonical_json(parse(model, data, str(path.relative_to(root))).model_dump(mode="json"))
            if text.encode() != data:
                outputs.write_text(path, text)
                changed.append(path)
    return changed


def vector_schema() -> dict[str, Any]:
    """Return the JSON Schema of vector.json, derived from `Vector`."""
    return {"$schema": DIALECT, "title": "vector.json of an NNC conformance vector"} | Vector.model_json_schema()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(canonical_json(vector_schema()), encoding="utf-8")
