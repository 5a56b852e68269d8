"""Loop of the hostile workers: passes each decode request to a function that answers it."""

import json
import pathlib
import sys


def say(answer):
    print(json.dumps(answer), flush=True)


def decode(request):
    pathlib.Path(request["output"]).write_bytes(pathlib.Path(request["stream"]).read_bytes()[4:])
    return {"type": "decoded", "id": request["id"]}


def serve(answer):
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] == "stop":
            return
        if request["type"] == "start":
            say({"type": "started", "protocol": "nnc-worker/1"})
        else:
            answer(request)
