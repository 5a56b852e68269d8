"""The independent codec as a worker of the decoder protocol (docs/decoder-protocol.md).

An example for a codec that does not implement the protocol and whose dependencies conflict with
those of nnc-conformance: the driver runs in the codec's own environment and is connected to the
harness by standard input and output only.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

SCRIPTS = Path(__file__).parents[2] / "tests" / "peer"
"""Folder of updates.py, which drives the codec through sessions, and of peer.py."""


class Driver:
    """The codec and its session.

    updates.py tells the codec the shapes of earlier streams, which it does not keep itself, and
    rounds tensors with a codebook once from binary64 to binary32. Its other help, with NNR_LPS and
    decomposed weights, is taken back: the codec is judged as it is.
    """

    def __init__(self) -> None:
        sys.path.insert(0, str(SCRIPTS))
        self.updates = importlib.import_module("updates")
        load = importlib.import_module("peer").load
        coder, approximator = load("nnc_core.hls").Coder, load("nnc_core").approximator
        own = coder.nnr_layer_parameter_set_unit_payload, approximator.recompose_params
        self.updates.SECONDS = 0  # an alarm of 0 s never rings: the run has its own limit
        self.updates.load()
        coder.nnr_layer_parameter_set_unit_payload, approximator.recompose_params = own
        self.session = self.updates.Session()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Decode the stream of a request and return the answer."""
        if request["step"] == 0:
            self.session = self.updates.Session()
        try:
            tensors = self.session.decode(Path(request["stream"]).read_bytes())
        except NotImplementedError as error:
            return {"type": "unsupported", "id": request["id"], "message": str(error)}
        except (Exception, SystemExit) as error:  # it refuses by any exception, and by SystemExit
            return {"type": "refused", "id": request["id"], "message": f"{type(error).__name__}: {error}"}
        save_file(tensors, request["output"])
        return {"type": "decoded", "id": request["id"]}


def main() -> None:
    """Answer requests; what the codec prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    driver = Driver()
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] == "stop":
            break
        reply = {"type": "started", "protocol": request["protocol"]} if request["type"] == "start" else driver.answer(request)
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
