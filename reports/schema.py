"""The JSON Schema of results.json: ``python -m nnc_conformance.reports.schema > docs/results.schema.json``."""

import sys
from typing import Any

from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.suites.results.result import Results


def results_schema() -> str:
    """Return the schema (draft 2020-12) as canonical JSON."""
    schema: dict[str, Any] = Results.model_json_schema(mode="serialization")
    return canonical_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


if __name__ == "__main__":
    sys.stdout.write(results_schema())
