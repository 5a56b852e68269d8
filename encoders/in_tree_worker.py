"""Worker of the reference encoder: ``python -m`` and this module speaks the encoder protocol."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from nnc_conformance.encoders import protocol
from nnc_conformance.encoders.option_values import BLOCKS
from nnc_conformance.encoders.reference_encoding import encode_as_asked
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.tensors import read_tensors


def model_of(streams: tuple[str, ...]) -> BaseModel | None:
    """Return the model after streams; None if there are none."""
    model: BaseModel | None = BaseModel() if streams else None
    for stream in streams:
        model = decode(Path(stream).read_bytes(), base=model).model
    return model


def _answer(request: protocol.EncodeRequest) -> dict[str, Any]:
    """Encode what a request asks for and return the answer as a JSON object.

    The stream is written to the file that the request names. An input or option that the reference
    encoder cannot take gives an answer of type ``refused`` with the reason.
    """
    options = dict(word.split("=", 1) for word in request.options)
    try:
        blocks = json.loads(Path(options[BLOCKS]).read_text()) if BLOCKS in options else None
        stream = encode_as_asked(read_tensors(Path(request.input)), options, blocks, model_of(request.base))
    except (NNCError, ValueError) as error:
        return {"type": "refused", "id": request.id, "message": str(error)}
    Path(request.output).write_bytes(stream)
    return {"type": "encoded", "id": request.id}


def main() -> None:
    """Answer requests until ``stop`` or the end of standard input."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        request = protocol.parse_request(line)
        if isinstance(request, protocol.EncoderStartRequest):
            answer: dict[str, Any] = {"type": "started", "protocol": request.protocol}
        elif isinstance(request, protocol.EncodeRequest):
            answer = _answer(request)
        else:
            return
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
