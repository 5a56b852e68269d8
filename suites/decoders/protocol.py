"""Messages of the worker protocol: one JSON object per line on standard input and output."""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nnc_conformance.storage.documents import Frozen, first_problem
from nnc_conformance.suites.results.fault_table import Fault

PROTOCOL: Final = "nnc-worker/1"
LONGEST_LINE: Final = 1 << 20
"""Bytes that a line of a worker may have."""


class StartRequest(Frozen):
    """First request; names the protocol."""

    type: Literal["start"] = "start"
    protocol: Literal["nnc-worker/1"] = PROTOCOL


class DecodeRequest(Frozen):
    """Request to decode a stream and to write its tensors and, if it carries one, its topology."""

    type: Literal["decode"] = "decode"
    id: str = Field(description="the answer repeats it")
    stream: str = Field(description="absolute path of the stream")
    output: str = Field(description="absolute path for the tensors, ending in .safetensors (.npz content is accepted, too)")
    topology: str = Field(description="absolute path for the topology's bytes, as carried; write nothing if the stream has no topology")


class StopRequest(Frozen):
    """Last request: the worker ends with exit code 0. End of standard input means the same."""

    type: Literal["stop"] = "stop"


class _Answer(BaseModel):
    """Base of the answers; unknown keys are ignored, so a worker may add its own."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class StartedAnswer(_Answer):
    """Answer to `start`: the worker is ready to decode."""

    type: Literal["started"]
    protocol: Literal["nnc-worker/1"]


class DecodedAnswer(_Answer):
    """Answer to `decode`: the output is written and closed."""

    type: Literal["decoded"]
    id: str


class RefusedAnswer(_Answer):
    """Answer to `decode`: the stream breaks a rule; the worker says what it knows about it."""

    type: Literal["refused"]
    id: str
    category: str | None = Field(default=None, description="a category of the closed list")
    unit: int | None = Field(default=None, ge=0, description="number of the unit, 0 is the first")
    byte: int | None = Field(default=None, ge=0, description="byte offset in the stream")
    message: str = ""


class UnsupportedAnswer(_Answer):
    """Answer to `decode`: the stream needs a part of the standard that the worker lacks."""

    type: Literal["unsupported"]
    id: str
    message: str = ""


Request = StartRequest | DecodeRequest | StopRequest
Answer = StartedAnswer | DecodedAnswer | RefusedAnswer | UnsupportedAnswer
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="type")])
_ANSWERS: Final[TypeAdapter[Answer]] = TypeAdapter(Annotated[Answer, Field(discriminator="type")])


class AnswerError(ValueError):
    """A line that is not an answer of the protocol; ``fault`` says in which way."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def request_line(request: Request) -> bytes:
    """Return the request as a line, newline included."""
    return request.model_dump_json().encode() + b"\n"


def parse_answer(line: bytes) -> Answer:
    """Parse a worker's line; raise `AnswerError` if it is not an answer."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise AnswerError(Fault.ANSWER_JSON, "a line on standard output is not JSON") from None
    try:
        return _ANSWERS.validate_python(value)
    except ValidationError as error:
        raise AnswerError(Fault.ANSWER_FORM, f"an answer does not follow the protocol: {first_problem(error)}") from None


def answer_line(answer: dict[str, Any]) -> str:
    """Return the answer as a line, newline included."""
    return json.dumps(answer) + "\n"


def parse_request(line: bytes) -> Request:
    """Parse a line of the harness; raise `ValueError` if it is not a request."""
    return _REQUESTS.validate_json(line)
