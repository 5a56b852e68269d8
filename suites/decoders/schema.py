"""JSON Schema of the worker protocol.

Print it with ``python -m nnc_conformance.suites.decoders.schema``.
"""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.suites.decoders.protocol import (
    PROTOCOL,
    DecodedAnswer,
    DecodeRequest,
    RefusedAnswer,
    StartedAnswer,
    StartRequest,
    StopRequest,
    UnsupportedAnswer,
)

REQUESTS: Final[tuple[type[BaseModel], ...]] = (StartRequest, DecodeRequest, StopRequest)
ANSWERS: Final[tuple[type[BaseModel], ...]] = (StartedAnswer, DecodedAnswer, RefusedAnswer, UnsupportedAnswer)


def schema() -> dict[str, Any]:
    """Return the schema of one line, which is a request or an answer."""
    _, generated = models_json_schema([(model, "validation") for model in (*REQUESTS, *ANSWERS)])
    messages = {_name(model): {**generated["$defs"][model.__name__], "title": _name(model)} for model in (*REQUESTS, *ANSWERS)}
    for model in REQUESTS:
        messages[_name(model)]["required"] = list(model.model_fields)
    kinds = {
        kind: {"oneOf": [{"$ref": f"#/$defs/{_name(model)}"} for model in models]}
        for kind, models in (("Request", REQUESTS), ("Answer", ANSWERS))
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"One line of the worker protocol {PROTOCOL}",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds],
        "$defs": {**messages, **kinds},
    }


def _name(model: type[BaseModel]) -> str:
    """Return the published name of a message: "Start" for `StartRequest`."""
    return model.__name__.removesuffix("Request").removesuffix("Answer")


if __name__ == "__main__":
    print(canonical_json(schema()), end="")
