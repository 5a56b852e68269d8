"""Worker for decoders that are Python functions.

They are the reference decoder, or a function of the user.

Start it with ``python -m`` and this module, followed by ``in-tree`` or ``MODULE:FUNCTION FOLDER``.

The function takes the stream's bytes and returns a dict of parameter name to ndarray. It refuses a
stream by raising `ValueError` (or an `NNCError`) and raises `NotImplementedError` for a stream that
it does not support. Any other exception is a crash. In a session it takes the list of all streams
so far, and may return a pair: what the last one codes, and the model after it.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.storage.safetensors_format import safetensors_pieces
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.decoder_spec import IN_TREE, DecoderKind, DecoderSpec

if TYPE_CHECKING:
    from nnc_conformance.reference.decoder import Decoded

WARM_UP: Final = bytes.fromhex(
    "0004000000080401001ffc80000e1409610020e0a002340080fe000e1409620060e0a002340032db00111401630061c17fc08d0000002d7580"
)
"""Stream of a FLOAT, a FLOAT with dq_flag, and an INT with the longest unary code."""


@dataclass(frozen=True)
class Output:
    """What a stream codes.

    Attributes:
        tensors: Tensors by parameter name.
        topology: The topology's bytes as carried, or None.
        model: Parameters of the model after a step of a session, or None.
    """

    tensors: Tensors
    topology: bytes | None = None
    model: Tensors | None = None


StreamDecoder = Callable[[bytes], Output]
"""Decodes a stream; in a session the next stream of it."""


def serve(decode: StreamDecoder, begin: Callable[[], StreamDecoder] | None = None) -> None:
    """Answer requests on standard input until it ends or ``stop`` comes.

    What the functions print goes to standard error.

    Args:
        decode: Decodes a stream that belongs to no session.
        begin: Begins a session; `decode` decodes its steps, too, if it is None.
    """
    session = decode
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        request = protocol.parse_request(line)
        if isinstance(request, protocol.StartRequest | protocol.SessionStartRequest):
            answer: dict[str, Any] = {"type": "started", "protocol": request.protocol}
        elif isinstance(request, protocol.SessionDecodeRequest):
            if request.step == 0 and begin is not None:
                session = begin()
            answer = _answer(session, request)
        elif isinstance(request, protocol.DecodeRequest):
            answer = _answer(decode, request)
        else:
            return
        answers.write(protocol.answer_line(answer))
        answers.flush()


def _answer(decode: StreamDecoder, request: protocol.DecodeRequest) -> dict[str, Any]:
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
    """Write a decoded step to the files that the request names.

    These are the tensors, the topology if there is one, and the model after the step if asked for.
    """
    _write_tensors(request.output, output.tensors)
    if output.topology is not None:
        Path(request.topology).write_bytes(output.topology)
    if output.model is not None and isinstance(request, protocol.SessionDecodeRequest) and request.model is not None:
        _write_tensors(request.model, output.model)


def _write_tensors(path: str, tensors: Tensors) -> None:
    with Path(path).open("wb") as file:
        for piece in safetensors_pieces(tensors):
            file.write(piece)


def decode_with_reference(stream: bytes) -> Output:
    """Decode with the reference, strictly; raise `StreamError` for a stream that breaks a rule."""
    from nnc_conformance import reference

    return _output(reference.decode(stream))


def _output(decoded: "Decoded") -> Output:
    model = dict(decoded.model.parameters) if decoded.model is not None else None
    return Output(dict(decoded.parameters), decoded.topology.data if decoded.topology is not None else None, model)


def reference_session() -> StreamDecoder:
    """Begin a session of the reference: each stream is decoded onto the model before it.

    The first is decoded onto an empty `BaseModel`.
    """
    from nnc_conformance import reference

    model: reference.BaseModel | None = reference.BaseModel()

    def step(stream: bytes) -> Output:
        """Decode the next stream onto the model that the streams before it left."""
        nonlocal model
        decoded = reference.decode(stream, base=model)
        model = decoded.model
        return _output(decoded)

    return step


def function_session(function: Callable[[Any], Any]) -> StreamDecoder:
    """Return a decoder of a session's streams that calls a function with all so far."""
    streams: list[bytes] = []

    def step(stream: bytes) -> Output:
        """Call the user's function with all streams up to this one.

        It returns the tensors by name, or a pair of these and the model after the step.
        """
        streams.append(stream)
        result = function(list(streams))
        tensors, model = result if isinstance(result, tuple) else (result, None)
        return Output(tensors, model=model)

    return step


def compile_first(decoders: Iterable[DecoderSpec]) -> None:
    """Compile the reference's kernels in this process, unless they are compiled already.

    Do so only if a decoder needs them.

    A worker's standard error is kept: the user would not see there why the start takes long.
    """
    from nnc_conformance.reference.entropy.compiled import kernels_kept

    if any(decoder.kind is DecoderKind.IN_TREE for decoder in decoders) and not kernels_kept():
        decode_with_reference(WARM_UP)


def load_function(target: str) -> Callable[[Any], Any]:
    """Import and return the function that MODULE:FUNCTION names.

    Raises `ImportError` or `AttributeError`.
    """
    module, _, function = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in function.split("."):
        found = getattr(found, name)
    return found  # type: ignore[no-any-return]


def main(target: str, folders: list[str]) -> None:
    """Serve requests with the reference decoder or with a Python function.

    Args:
        target: ``in-tree`` for the reference, else MODULE:FUNCTION.
        folders: Folders in which the module is looked up first.
    """
    if target == IN_TREE:
        decode_with_reference(WARM_UP)  # compile every kernel before the first case's clock starts
        serve(decode_with_reference, reference_session)
        return
    sys.path[:0] = folders
    function = load_function(target)
    serve(lambda stream: Output(function(stream)), lambda: function_session(function))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
