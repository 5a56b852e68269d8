"""Messages of the encoder protocol: one JSON object per line on standard input and output."""

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from nnc_conformance.storage.documents import Frozen
from nnc_conformance.suites.decoders.protocol import StopRequest, WorkerAnswer, parse_line

PROTOCOL: Final = "nnc-encoder/1"
"""Name and version of the protocol."""


class EncoderStartRequest(Frozen):
    """First request; names the protocol."""

    type: Literal["start"] = "start"
    protocol: Literal["nnc-encoder/1"] = PROTOCOL


class EncodeRequest(Frozen):
    """Request to encode tensors as a stream."""

    type: Literal["encode"] = "encode"
    id: str = Field(description="the answer repeats it")
    input: str = Field(description="absolute path of the tensors, a .safetensors file")
    output: str = Field(description="absolute path for the stream")
    options: tuple[str, ...] = Field(default=(), description="words of the options, as encoder.toml gives them")
    base: tuple[str, ...] = Field(default=(), description="absolute paths of the earlier streams of the session, oldest first")


class EncoderStartedAnswer(WorkerAnswer):
    """Answer to `start`: the worker is ready to encode."""

    type: Literal["started"]
    protocol: Literal["nnc-encoder/1"]


class EncodedAnswer(WorkerAnswer):
    """Answer to `encode`: the stream is written and closed."""

    type: Literal["encoded"]
    id: str


class EncoderRefusedAnswer(WorkerAnswer):
    """Answer to `encode`: the tensors cannot be encoded with these options."""

    type: Literal["refused"]
    id: str
    message: str = ""


class EncoderUnsupportedAnswer(WorkerAnswer):
    """Answer to `encode`: the encoder lacks what these tensors or options need."""

    type: Literal["unsupported"]
    id: str
    message: str = ""


Request = EncoderStartRequest | EncodeRequest | StopRequest
Answer = EncoderStartedAnswer | EncodedAnswer | EncoderRefusedAnswer | EncoderUnsupportedAnswer
"""Any answer of a worker."""
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="type")])
_ANSWERS: Final[TypeAdapter[Answer]] = TypeAdapter(Annotated[Answer, Field(discriminator="type")])


def parse_answer(line: bytes) -> Answer:
    """Parse a worker's line; raise `AnswerError` if it is not an answer."""
    return parse_line(line, _ANSWERS)


def parse_request(line: bytes) -> Request:
    """Parse a line of the harness; raise `ValueError` if it is not a request."""
    return _REQUESTS.validate_json(line)
