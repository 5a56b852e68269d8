"""Messages of the worker protocol: one JSON object per line on standard input and output."""

import json
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nnc_conformance.storage.documents import Frozen, first_problem
from nnc_conformance.suites.results.fault_table import Fault


class WorkerProtocol(StrEnum):
    """Versions of the protocol: the second has sessions of several streams."""

    SINGLE = "nnc-worker/1"
    SESSIONS = "nnc-worker/2"


LONGEST_LINE: Final = 1 << 20
"""Bytes that a line of a worker may have."""


class StartRequest(Frozen):
    """First request; names the protocol."""

    type: Literal["start"] = "start"
    protocol: Literal[WorkerProtocol.SINGLE] = WorkerProtocol.SINGLE


class SessionStartRequest(Frozen):
    """First request; names the protocol."""

    type: Literal["start"] = "start"
    protocol: Literal[WorkerProtocol.SESSIONS] = WorkerProtocol.SESSIONS


class DecodeRequest(Frozen):
    """Request to decode a stream and to write its tensors.

    If the stream carries a topology, that is written as well.
    """

    type: Literal["decode"] = "decode"
    id: str = Field(description="the answer repeats it")
    stream: str = Field(description="absolute path of the stream")
    output: str = Field(description="absolute path for the tensors, ending in .safetensors (.npz content is accepted, too)")
    topology: str = Field(description="absolute path for the topology's bytes, as carried; write nothing if the stream has no topology")


class SessionDecodeRequest(DecodeRequest):
    """Request to decode the next stream of a session.

    The worker writes what this stream codes.
    """

    session: str = Field(description="name of the session, the same at each of its steps")
    step: int = Field(ge=0, description="number of the stream in its session; 0 begins a session and ends the one before")
    model: str | None = Field(
        default=None,
        description="absolute path for the parameters of the model after the step; only if the decoder declares apply-updates",
    )


class StopRequest(Frozen):
    """Last request: the worker ends with exit code 0. End of standard input means the same."""

    type: Literal["stop"] = "stop"


AnswerT = TypeVar("AnswerT")
"""Answers of a protocol."""


class WorkerAnswer(BaseModel):
    """Base of the answers; unknown keys are ignored, so a worker may add its own."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class StartedAnswer(WorkerAnswer):
    """Answer to `start`: the worker is ready to decode."""

    type: Literal["started"]
    protocol: Literal["nnc-worker/1"]


class SessionStartedAnswer(WorkerAnswer):
    """Answer to `start`: the worker is ready to decode."""

    type: Literal["started"]
    protocol: Literal["nnc-worker/2"]


class DecodedAnswer(WorkerAnswer):
    """Answer to `decode`: the output is written and closed."""

    type: Literal["decoded"]
    id: str


class RefusedAnswer(WorkerAnswer):
    """Answer to `decode`: the stream breaks a rule.

    All fields that describe the rule are optional.
    """

    type: Literal["refused"]
    id: str
    category: str | None = Field(default=None, description="a category of the closed list")
    unit: int | None = Field(default=None, ge=0, description="number of the unit, 0 is the first")
    byte: int | None = Field(default=None, ge=0, description="byte offset in the stream")
    message: str = ""


class UnsupportedAnswer(WorkerAnswer):
    """Answer to `decode`: the stream needs a part of the standard that the worker lacks."""

    type: Literal["unsupported"]
    id: str
    message: str = ""


class _OfStep(WorkerAnswer):
    """Session and step that an answer may repeat from its request."""

    session: str | None = Field(default=None, description="the session of the request, if it is repeated")
    step: int | None = Field(default=None, description="the step of the request, if it is repeated")


class SessionDecodedAnswer(DecodedAnswer, _OfStep):
    """Answer to `decode`: the output is written and closed.

    So is the model if it was asked for.
    """


class SessionRefusedAnswer(RefusedAnswer, _OfStep):
    """Answer to `decode`: the stream of a session's step breaks a rule.

    All fields that describe the rule are optional.
    """


class SessionUnsupportedAnswer(UnsupportedAnswer, _OfStep):
    """Answer to `decode`: the stream needs a part of the standard that the worker lacks."""


Request = StartRequest | SessionStartRequest | DecodeRequest | SessionDecodeRequest | StopRequest
Answer = StartedAnswer | SessionStartedAnswer | DecodedAnswer | RefusedAnswer | UnsupportedAnswer
"""Any answer of a worker."""
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Request)
_ANSWERS: Final[dict[WorkerProtocol, TypeAdapter[Answer]]] = {
    WorkerProtocol.SINGLE: TypeAdapter(
        Annotated[StartedAnswer | DecodedAnswer | RefusedAnswer | UnsupportedAnswer, Field(discriminator="type")]
    ),
    WorkerProtocol.SESSIONS: TypeAdapter(
        Annotated[
            SessionStartedAnswer | SessionDecodedAnswer | SessionRefusedAnswer | SessionUnsupportedAnswer, Field(discriminator="type")
        ]
    ),
}


def start_request(protocol: WorkerProtocol) -> Request:
    """Return the first request of a version of the protocol."""
    return SessionStartRequest() if protocol is WorkerProtocol.SESSIONS else StartRequest()


class AnswerError(ValueError):
    """A line that is not an answer of the protocol; ``fault`` says in which way."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def request_line(request: Frozen) -> bytes:
    """Return the request as a line, newline included."""
    return request.model_dump_json(exclude_none=True).encode() + b"\n"


def parse_answer(line: bytes, protocol: WorkerProtocol = WorkerProtocol.SINGLE) -> Answer:
    """Parse a worker's line; raise `AnswerError` if it is not an answer of ``protocol``."""
    return parse_line(line, _ANSWERS[protocol])


def parse_line(line: bytes, answers: TypeAdapter[AnswerT]) -> AnswerT:
    """Parse a worker's line; raise `AnswerError` if it is none of ``answers``."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise AnswerError(Fault.ANSWER_JSON, "a line on standard output is not JSON") from None
    try:
        return answers.validate_python(value)
    except ValidationError as error:
        raise AnswerError(Fault.ANSWER_FORM, f"an answer does not follow the protocol: {first_problem(error)}") from None


def other_step(answer: Answer, request: SessionDecodeRequest) -> str:
    """Describe the other session or step that an answer names; "" if it names none."""
    for name in ("session", "step"):
        value = getattr(answer, name, None)
        if value not in (None, getattr(request, name)):
            return f"an answer carries another {name} than its request: {value!r}, not {getattr(request, name)!r}"
    return ""


def answer_line(answer: dict[str, Any]) -> str:
    """Return the answer as a line, newline included."""
    return json.dumps(answer) + "\n"


def parse_request(line: bytes) -> Request:
    """Parse a line of the harness; raise `ValueError` if it is not a request."""
    return _REQUESTS.validate_json(line)
