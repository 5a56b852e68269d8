"""The worker's side of the protocol, for decoders that are Python functions."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.storage.safetensors_format import safetensors_pieces
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.protocol import PROTOCOL, DecodeRequest, StartRequest


@dataclass(frozen=True)
class Output:
    """What a function decoded: tensors by parameter name, and the topology's bytes as carried, or None."""

    tensors: Tensors
    topology: bytes | None = None


def _write(request: DecodeRequest, output: Output) -> None:
    with Path(request.output).open("wb") as file:
        for piece in safetensors_pieces(output.tensors):
            file.write(piece)
    if output.topology is not None:
        Path(request.topology).write_bytes(output.topology)


def _answer(decode: Callable[[bytes], Output], request: DecodeRequest) -> dict[str, Any]:
    """Returns the answer to a request.

    `NNCError` and `ValueError` are refusals, `NotImplementedError` says that the function does not support the stream; any other
    exception is a crash and ends the process, as it would end the function's caller.
    """
    try:
        output = decode(Path(request.stream).read_bytes())
    except StreamError as error:
        place = {"unit": error.place.unit, "byte": error.place.byte}
        return {"type": "refused", "id": request.id, "category": error.category, "message": str(error), **place}
    except (NNCError, ValueError) as error:
        return {"type": "refused", "id": request.id, "message": f"{type(error).__name__}: {error}"}
    except NotImplementedError as error:
        return {"type": "unsupported", "id": request.id, "message": str(error)}
    _write(request, output)
    return {"type": "decoded", "id": request.id}


def serve(decode: Callable[[bytes], Output]) -> None:
    """Answers requests on standard input until it ends or ``stop`` comes; what ``decode`` prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        request = protocol.parse_request(line)
        if isinstance(request, StartRequest):
            answer: dict[str, Any] = {"type": "started", "protocol": PROTOCOL}
        elif isinstance(request, DecodeRequest):
            answer = _answer(decode, request)
        else:
            return
        answers.write(protocol.answer_line(answer))
        answers.flush()
