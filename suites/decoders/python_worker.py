"""Worker for decoders that are Python functions: the reference decoder, or a function of the user.

Start it with ``python -m`` and this module, followed by ``in-tree`` or ``MODULE:FUNCTION FOLDER``.

The function takes the stream's bytes and returns a dict of parameter name to ndarray. It refuses a
stream by raising `ValueError` (or an `NNCError`) and raises `NotImplementedError` for a stream that
it does not support. Any other exception is a crash.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.storage.safetensors_format import safetensors_pieces
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.decoder_spec import IN_TREE, DecoderKind, DecoderSpec

WARM_UP: Final = bytes.fromhex(
    "0004000000080401001ffc80000e1409610020e0a002340080fe000e1409620060e0a002340032db00111401630061c17fc08d0000002d7580"
)
"""Stream of a FLOAT, a FLOAT with dq_flag, and an INT with the longest unary code."""


@dataclass(frozen=True)
class Output:
    """Decoded tensors by parameter name, and the topology's bytes as carried, or None."""

    tensors: Tensors
    topology: bytes | None = None


def serve(decode: Callable[[bytes], Output]) -> None:
    """Answer requests on standard input until it ends or ``stop`` comes.

    What ``decode`` prints goes to standard error.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        request = protocol.parse_request(line)
        if isinstance(request, protocol.StartRequest):
            answer: dict[str, Any] = {"type": "started", "protocol": protocol.PROTOCOL}
        elif isinstance(request, protocol.DecodeRequest):
            answer = _answer(decode, request)
        else:
            return
        answers.write(protocol.answer_line(answer))
        answers.flush()


def _answer(decode: Callable[[bytes], Output], request: protocol.DecodeRequest) -> dict[str, Any]:
    """Decode the request's stream, write its output and return the answer.

    Exceptions other than refusals end this process, as they would end the function's caller.
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


def _write(request: protocol.DecodeRequest, output: Output) -> None:
    with Path(request.output).open("wb") as file:
        for piece in safetensors_pieces(output.tensors):
            file.write(piece)
    if output.topology is not None:
        Path(request.topology).write_bytes(output.topology)


def decode_with_reference(stream: bytes) -> Output:
    """Decode with the reference, strictly; raise `StreamError` for a stream that breaks a rule."""
    from nnc_conformance import reference

    decoded = reference.decode(stream)
    return Output(dict(decoded.parameters), decoded.topology.data if decoded.topology is not None else None)


def compile_first(decoders: Iterable[DecoderSpec]) -> None:
    """Compile the reference's kernels in this process if a decoder needs them and they never were.

    A worker's standard error is kept: the user would not see there why the start takes long.
    """
    from nnc_conformance.reference.entropy.compiled import kernels_kept

    if any(decoder.kind is DecoderKind.IN_TREE for decoder in decoders) and not kernels_kept():
        decode_with_reference(WARM_UP)


def load_function(target: str) -> Callable[[bytes], Any]:
    """Import the function that MODULE:FUNCTION names; raise `ImportError` or `AttributeError`."""
    module, _, function = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in function.split("."):
        found = getattr(found, name)
    return found  # type: ignore[no-any-return]


def main(target: str, folders: list[str]) -> None:
    """Serve the reference decoder or a function, whose module is looked up in ``folders`` first."""
    if target == IN_TREE:
        decode_with_reference(WARM_UP)  # compile every kernel before the first case's clock starts
        serve(decode_with_reference)
        return
    sys.path[:0] = folders
    function = load_function(target)
    serve(lambda stream: Output(function(stream)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
