"""The independent codec as an encoder on trial: a worker, and a command.

    encoder_driver.py serve                              the encoder protocol on standard input and output
    encoder_driver.py encode INPUT OUTPUT KEY=VALUE...   one stream; exit code 65 if the codec fails

The keys are the codec's own options, and ``profile`` (0: first edition), ``tca``, ``hdsp``, ``pre``
and ``blocks``, a JSON file. An update is the difference between the input and what the codec itself
decodes from the earlier streams.
"""

import ast
import contextlib
import copy
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

SCRIPTS = Path(__file__).parents[2] / "tests" / "peer"
"""Folder of updates.py, which drives the codec through sessions, and of peer.py."""
EXIT_REFUSED = 65
UPDATE_KEYS = ("tca", "hdsp", "pre")


class Encoder:
    """The codec's encoder."""

    def __init__(self) -> None:
        sys.path.insert(0, str(SCRIPTS))
        self.updates, self.peer = importlib.import_module("updates"), importlib.import_module("peer")
        self.updates.SECONDS = 0  # an alarm of 0 s never rings: the trial has its own limit
        self.codec, _, _ = self.updates.load()

    def encode(self, source: Path, words: list[str], base: list[Path]) -> bytes:
        """Encode tensors; with earlier streams as an update."""
        options = {key: _value(text) for key, text in (word.split("=", 1) for word in words)}
        blocks = json.loads(Path(options.pop("blocks")).read_text()) if "blocks" in options else None
        profile = options.pop("profile", 0)
        update = {key: options.pop(key, False) for key in UPDATE_KEYS}
        tensors = load_file(source)
        if base:
            tensors, further = self._difference(tensors, base, update)
            options |= further
            edition = contextlib.nullcontext()
        else:
            options.setdefault("row_skipping", False)
            edition = self.peer.first_edition(profile)
        with edition, self.updates.bounded():
            return bytes(
                self.codec.compress(tensors, block_id_and_param_type=blocks, bitstream_path=None, return_bitstream=True, **options)
            )

    def _difference(self, tensors: dict[str, Any], base: list[Path], update: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the difference to the model after the earlier streams, and the codec's options for it."""
        session, model = self.updates.Session(0), {}
        empty = copy.deepcopy(session.parents)
        for number, stream in enumerate(base):
            for name, value in session.decode(stream.read_bytes()).items():
                model[name] = model[name] + value if name in model else value
            if number == 0:
                session.parents = empty
        difference = {name: value - model[name] if name in model else value for name, value in tensors.items()}
        options = {
            "compress_differences": True,
            "tca": update["tca"],
            "pre_signalling": update["pre"],
            "approx_param_base": copy.deepcopy(session.parents),
            "device_id": 0,
        }
        if update["hdsp"]:
            options["hdsp_tool"] = copy.deepcopy(session.history)
        return {name: np.ascontiguousarray(value, tensors[name].dtype) for name, value in difference.items()}, options

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Encode the tensors of a request and return the answer."""
        try:
            stream = self.encode(Path(request["input"]), request["options"], [Path(one) for one in request["base"]])
        except (Exception, SystemExit) as error:  # it refuses by any exception, and by SystemExit
            return {"type": "refused", "id": request["id"], "message": f"{type(error).__name__}: {error}"}
        Path(request["output"]).write_bytes(stream)
        return {"type": "encoded", "id": request["id"]}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def serve() -> None:
    """Answer requests; what the codec prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    encoder = Encoder()
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] == "stop":
            break
        reply = {"type": "started", "protocol": request["protocol"]} if request["type"] == "start" else encoder.answer(request)
        print(json.dumps(reply), file=answers, flush=True)


def main(verb: str, *words: str) -> None:
    """Serve, or encode one file."""
    if verb == "serve":
        serve()
        return
    source, output, *options = words
    try:
        stream = Encoder().encode(Path(source), options, [])
    except (Exception, SystemExit) as error:  # it fails by any exception, and by SystemExit
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(EXIT_REFUSED)
    Path(output).write_bytes(stream)


if __name__ == "__main__":
    main(*sys.argv[1:])
