"""Worker of the decoder protocol: JSON lines on standard input and output.

See docs/decoder-protocol.md.
"""

import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

from raw_float_decoder import Refusal, Tensors, Unsupported, decode

PROTOCOL = "nnc-worker/2"


def safetensors(tensors: Tensors) -> bytes:
    """Write a safetensors file: header length, JSON header, data.

    The format reserves the name __metadata__.
    """
    header, offset = {}, 0
    for name, (shape, data) in tensors.items():
        stored = re.sub(r"^\\*__metadata__$", lambda match: "\\" + match[0], name)
        header[stored] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())


def answer(request: dict[str, Any], model: Tensors) -> dict[str, object]:
    """Decode the stream of a request, apply it to the session's model and return the answer."""
    try:
        if request["step"] == 0:
            model.clear()
        tensors = decode(Path(request["stream"]).read_bytes(), model)
    except Refusal as refusal:
        place = {"category": refusal.category, "unit": refusal.unit, "byte": refusal.byte}
        return {"type": "refused", "id": request["id"], **place, "message": str(refusal)}
    except Unsupported as unsupported:
        return {"type": "unsupported", "id": request["id"], "message": str(unsupported)}
    Path(request["output"]).write_bytes(safetensors(tensors))
    if "model" in request:
        Path(request["model"]).write_bytes(safetensors(model))
    return {"type": "decoded", "id": request["id"]}


def main() -> None:
    """Answer requests until ``stop`` or the end of the input."""
    model: Tensors = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] == "stop":
            break
        reply = {"type": "started", "protocol": PROTOCOL} if request["type"] == "start" else answer(request, model)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
