"""The JSON of a suite: its canonical form, and the JSON Schema of vector.json.

``python -m nnc_conformance.generator.vector_json DIR`` writes the schema of each format, for
readers without this package.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import Frozen, canonical_json
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.suite_folder import MANIFEST_BYTES, VECTOR_BYTES, SuiteError, parse, parse_vector
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, Manifest, SessionVector, Vector, VectorBase

FORMATTED: Final[tuple[tuple[str, Callable[[bytes, str], Frozen], int], ...]] = (
    (MANIFEST_FILE, partial(parse, Manifest), MANIFEST_BYTES),
    (f"*/*/{VECTOR_FILE}", parse_vector, VECTOR_BYTES),
)
"""Files that `format_suite` rewrites: pattern, parser, size limit in bytes."""

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
    for pattern, parser, size_limit in FORMATTED:
        for path in sorted(root.glob(pattern)):
            data = read_regular(path, max_bytes=size_limit)
            text = canonical_json(parser(data, str(path.relative_to(root))).model_dump(mode="json"))
            if text.encode() != data:
                outputs.write_text(path, text)
                changed.append(path)
    return changed


SCHEMAS: Final[dict[str, type[VectorBase]]] = {"vector.schema.json": Vector, "vector-2.schema.json": SessionVector}
"""The model of each schema file."""


def vector_schema(model: type[VectorBase]) -> dict[str, Any]:
    """Return the JSON Schema of vector.json of one format, derived from its model."""
    return {"$schema": DIALECT, "title": "vector.json of an NNC conformance vector"} | model.model_json_schema()


if __name__ == "__main__":
    for file, model in SCHEMAS.items():
        Path(sys.argv[1], file).write_text(canonical_json(vector_schema(model)), encoding="utf-8")
