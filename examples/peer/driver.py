"""The independent codec as a worker of the decoder protocol (docs/decoder-protocol.md).

An example for a codec that does not implement the protocol and whose dependencies conflict with
those of nnc-conformance: the driver runs in the codec's own environment and is connected to the
harness by standard input and output only.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

PROTOCOL = "nnc-worker/1"
PEER = Path(__file__).parents[2] / "tests" / "peer" / "peer.py"


def load_peer() -> Any:
    """Load the script that drives the codec as a module."""
    spec = importlib.util.spec_from_file_location("peer", PEER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(peer: Any, request: dict[str, str]) -> dict[str, str]:
    """Decode the stream of a request and return the answer.

    The codec returns tensors with a codebook as binary64; they are rounded once to binary32.
    """
    try:
        peer.decode(request["stream"], request["output"])
    except NotImplementedError as error:
        return {"type": "unsupported", "id": request["id"], "message": str(error)}
    except (Exception, SystemExit) as error:  # it refuses by any exception, and by SystemExit
        return {"type": "refused", "id": request["id"], "message": f"{type(error).__name__}: {error}"}
    tensors = load_file(request["output"])
    rounded = {name: array.astype(np.float32) if array.dtype == np.float64 else array for name, array in tensors.items()}
    save_file(rounded, request["output"])
    return {"type": "decoded", "id": request["id"]}


def main() -> None:
    """Answer requests; what the codec prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = load_peer()
    peer.load("nnc")
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] == "stop":
            break
        reply = {"type": "started", "protocol": PROTOCOL} if request["type"] == "start" else answer(peer, request)
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
