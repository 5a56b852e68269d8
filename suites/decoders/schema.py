"""The JSON Schema of the worker protocol's messages: ``python -m nnc_conformance.suites.decoders.schema`` prints it."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from nnc_conformance.storage import canonical_json
from nnc_conformance.suites.decoders import protocol

REQUESTS: Final[tuple[type[BaseModel], ...]] = (protocol.Start, protocol.Decode, protocol.Stop)
ANSWERS: Final[tuple[type[BaseModel], ...]] = (protocol.Started, protocol.Decoded, protocol.Refused, protocol.Unsupported)


def schema() -> dict[str, Any]:
    """Returns the schema of one line: a request or an answer, each of the ``$defs`` of its name."""
    _, made = models_json_schema([(model, "validation") for model in (*REQUESTS, *ANSWERS)], ref_template="#/$defs/{model}")
    for model in REQUESTS:
        made["$defs"][model.__name__]["required"] = list(model.model_fields)
    kinds = {
        kind: {"oneOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in models]}
        for kind, models in (("Request", REQUESTS), ("Answer", ANSWERS))
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"One line of the worker protocol {protocol.PROTOCOL}",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds],
        "$defs": {**made["$defs"], **kinds},
    }


if __name__ == "__main__":
    print(canonical_json.dumps(schema()), end="")
