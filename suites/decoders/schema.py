"""JSON Schemas of the worker protocol, one for each version.

Print one with ``python -m nnc_conformance.suites.decoders.schema nnc-worker/1`` (or ``/2``).
"""

import sys
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.suites.decoders.protocol import (
    DecodedAnswer,
    DecodeRequest,
    RefusedAnswer,
    SessionDecodedAnswer,
    SessionDecodeRequest,
    SessionRefusedAnswer,
    SessionStartedAnswer,
    SessionStartRequest,
    SessionUnsupportedAnswer,
    StartedAnswer,
    StartRequest,
    StopRequest,
    UnsupportedAnswer,
    WorkerProtocol,
)

_Messages = tuple[type[BaseModel], ...]
MESSAGES: Final[dict[WorkerProtocol, tuple[_Messages, _Messages]]] = {
    WorkerProtocol.SINGLE: (
        (StartRequest, DecodeRequest, StopRequest),
        (StartedAnswer, DecodedAnswer, RefusedAnswer, UnsupportedAnswer),
    ),
    WorkerProtocol.SESSIONS: (
        (SessionStartRequest, SessionDecodeRequest, StopRequest),
        (SessionStartedAnswer, SessionDecodedAnswer, SessionRefusedAnswer, SessionUnsupportedAnswer),
    ),
}
"""Requests and answers of each version of the protocol."""


def schema(protocol: WorkerProtocol = WorkerProtocol.SINGLE) -> dict[str, Any]:
    """Return the JSON schema of one line of a protocol: a request or an answer."""
    requests, answers = MESSAGES[protocol]
    _, generated = models_json_schema([(model, "validation") for model in (*requests, *answers)])
    messages = {_name(model): {**generated["$defs"][model.__name__], "title": _name(model)} for model in (*requests, *answers)}
    for model in requests:
        messages[_name(model)]["required"] = [name for name, field in model.model_fields.items() if field.default is not None]
    kinds = {
        kind: {"oneOf": [{"$ref": f"#/$defs/{_name(model)}"} for model in models]}
        for kind, models in (("Request", requests), ("Answer", answers))
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"One line of the worker protocol {protocol}",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds],
        "$defs": {**messages, **kinds},
    }


def _name(model: type[BaseModel]) -> str:
    """Return the published name of a message: "Start" for `StartRequest` of either version."""
    return model.__name__.removeprefix("Session").removesuffix("Request").removesuffix("Answer")


if __name__ == "__main__":
    print(canonical_json(schema(WorkerProtocol(sys.argv[1]))), end="")
