"""The worker protocol's messages: JSON objects, one a line; requests on the worker's standard input, answers on its standard output."""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nnc_conformance.storage.vector import Frozen
from nnc_conformance.suites.results.fault_table import Fault

PROTOCOL: Final = "nnc-worker/1"
LONGEST_LINE: Final = 1 << 20


class Start(Frozen):
    """The first request: which protocol is spoken."""

    type: Literal["start"] = "start"
    protocol: Literal["nnc-worker/1"] = PROTOCOL


class Decode(Frozen):
    """Asks to decode the file ``stream`` and to write the tensors to ``output``, and the topology, if any, to ``topology``."""

    type: Literal["decode"] = "decode"
    id: str = Field(description="to be repeated in the answer")
    stream: str = Field(description="absolute path of the stream")
    output: str = Field(description="absolute path, ending in .safetensors, where the tensors go (.npz content is taken too)")
    topology: str = Field(description="absolute path where the topology's bytes go, as carried; not written when the stream has none")


class Stop(Frozen):
    """The last request: the worker ends with exit code 0. The end of its standard input means the same."""

    type: Literal["stop"] = "stop"


class _Answer(BaseModel):
    """Base of the answers; keys that are not known are let pass, so that workers can say more."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Started(_Answer):
    """The answer to `Start`, once the worker can decode."""

    type: Literal["started"]
    protocol: Literal["nnc-worker/1"]


class Decoded(_Answer):
    """The stream was decoded and the output is written and closed."""

    type: Literal["decoded"]
    id: str


class Refused(_Answer):
    """The stream breaks a rule; what is known of it is said."""

    type: Literal["refused"]
    id: str
    category: str | None = Field(default=None, description="a category of the closed list")
    unit: int | None = Field(default=None, ge=0, description="number of the unit, 0 is the first")
    byte: int | None = Field(default=None, ge=0, description="byte offset in the stream")
    message: str = ""


class Unsupported(_Answer):
    """The stream needs a part of the standard that the worker does not have."""

    type: Literal["unsupported"]
    id: str
    message: str = ""


Request = Start | Decode | Stop
Answer = Annotated[Started | Decoded | Refused | Unsupported, Field(discriminator="type")]
REQUESTS: Final[TypeAdapter[Start | Decode | Stop]] = TypeAdapter(Annotated[Request, Field(discriminator="type")])
ANSWERS: Final[TypeAdapter[Started | Decoded | Refused | Unsupported]] = TypeAdapter(Answer)


class AnswerError(ValueError):
    """A line is no answer of the protocol; the message says why."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def request_line(request: Request) -> bytes:
    """Returns the request as a line."""
    return request.model_dump_json().encode() + b"\n"


def parse_answer(line: bytes) -> Started | Decoded | Refused | Unsupported:
    """Returns the answer in a line; raises `AnswerError`."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise AnswerError(Fault.ANSWER_JSON, "a line on standard output is no JSON") from None
    try:
        return ANSWERS.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise AnswerError(Fault.ANSWER_FORM, f"an answer is not as the protocol has it: {place}: {first['msg']}") from None


def answer_line(answer: dict[str, Any]) -> str:
    """Returns the answer as a line."""
    return json.dumps(answer) + "\n"


def parse_request(line: bytes) -> Start | Decode | Stop:
    """Returns the request in a line; raises `ValueError`."""
    return REQUESTS.validate_json(line)
