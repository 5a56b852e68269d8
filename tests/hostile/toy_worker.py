"""Decode the toy suite as a worker; not hostile."""

import json
import pathlib
import sys

for line in sys.stdin:
    request = json.loads(line)
    if request["type"] == "stop":
        break
    answer = {"type": "started", "protocol": "nnc-worker/1"}
    if request["type"] == "decode":
        stream = pathlib.Path(request["stream"]).read_bytes()
        answer = {"type": "refused", "id": request["id"], "category": "reserved", "unit": 0, "byte": 2, "message": "magic"}
        if stream[:4] == b"GOOD":
            pathlib.Path(request["output"]).write_bytes(stream[4:])
            answer = {"type": "decoded", "id": request["id"]}
    print(json.dumps(answer), flush=True)
