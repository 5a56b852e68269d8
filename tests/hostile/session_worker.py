"""Workers of nnc-worker/2, good or with one fault each: ``session_worker.py FAULT``.

A stream is GOOD followed by its tensor file; the model after a step is the tensor file of the
stream before it in the session, or of the only one.
"""

import json
import os
import pathlib
import sys
import time

FAULT = sys.argv[1]
STREAMS: list[pathlib.Path] = []


def say(answer):
    print(json.dumps(answer), flush=True)


def write_model(request):
    pathlib.Path(request["model"]).write_bytes(STREAMS[-2:][0].read_bytes()[4:])


def decoded(request):
    """Decode the next stream; earlier ones are read from where the harness left them."""
    if request["step"] == 0:
        STREAMS.clear()
    assert len(STREAMS) == request["step"]
    STREAMS.append(pathlib.Path(request["stream"]))
    stream = STREAMS[-1].read_bytes()
    place = {"id": request["id"], "session": request["session"], "step": request["step"]}
    if stream[:4] != b"GOOD":
        return {"type": "refused", "category": "reserved", **place}
    pathlib.Path(request["output"]).write_bytes(stream[4:])
    if "model" in request and FAULT != "writes its model late":
        write_model(request)
    return {"type": "decoded", **place}


def late(request):
    say(decoded(request))
    time.sleep(0.3)
    write_model(request)


def move_folder(request):
    answer = decoded(request)
    folder = pathlib.Path(request["output"]).parent
    folder.rename(folder.with_name(f"elsewhere-{request['id']}"))
    say(answer)


def leave_pipe(request):
    os.mkfifo(request["stream"].replace("step-1", "step-2"))
    say(decoded(request))


def answer_twice(request):
    line = json.dumps(decoded(request)) + "\n"
    os.write(1, (line + line).encode())


def spoil_model(request):
    answer = decoded(request)
    pathlib.Path(request["model"]).write_bytes(b"no tensors")
    say(answer)


FAULTS = {
    "none": lambda request: say(decoded(request)),
    "answers for another session": lambda request: say({**decoded(request), "session": "other"}),
    "answers for another step": lambda request: say({**decoded(request), "step": 0}),
    "answers with the id of the step before": lambda request: say({**decoded(request), "id": str(int(request["id"]) - 1)}),
    "writes its model late": late,
    "writes a spoiled model": spoil_model,
    "dies": lambda request: os._exit(3),
    "answers twice": answer_twice,
    "hangs": lambda request: time.sleep(1000),
    "moves its folder": move_folder,
    "leaves a pipe": leave_pipe,
    "writes the output of the step before": lambda request: (
        decoded(request),
        pathlib.Path(request["output"]).rename(request["output"].replace("step-1", "step-0")),
        say({"type": "decoded", "id": request["id"]}),
    ),
}

for line in sys.stdin:
    request = json.loads(line)
    if request["type"] == "stop":
        break
    if request["type"] == "start":
        say({"type": "started", "protocol": request["protocol"]})
    elif request["step"] == 1:
        FAULTS[FAULT](request)
    else:
        FAULTS["none"](request)
