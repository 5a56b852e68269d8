"""The JSON Schema of vector.json, for those who read vectors without this package: ``python -m nnc_conformance.generator.schema OUT``."""

import sys
from pathlib import Path
from typing import Any, Final

from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.vector import Vector

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def vector_schema() -> dict[str, Any]:
    """The schema, from the model itself."""
    return {"$schema": DIALECT, "title": "vector.json of an NNC conformance vector"} | Vector.model_json_schema()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(canonical_json(vector_schema()), encoding="utf-8")
