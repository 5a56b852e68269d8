"""A worker that knows the answers: ``oracle.py TABLE.json BEHAVIOUR``.

The table has for each stream, by its SHA-256, the capabilities that it needs and the files to write
(none if it must be refused). The behaviour, a JSON object, says what the worker does wrong.
"""

import hashlib
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from worker_base import say

table = json.loads(pathlib.Path(sys.argv[1]).read_text())
behaviour = json.loads(sys.argv[2])
asked = 0


def answer(request):
    known = table[hashlib.sha256(pathlib.Path(request["stream"]).read_bytes()).hexdigest()]

    def bad(word):
        return bool(set(behaviour.get(word, ())) & set(known["flags"]))

    if bad("crash"):
        print("cannot go on", file=sys.stderr, flush=True)
        os._exit(9)
    if bad("hang"):
        time.sleep(1000)
    if bad("unsupported"):
        return {"type": "unsupported", "id": request["id"]}
    if bad("refuse"):
        return {"type": "refused", "id": request["id"], "category": "value"}
    broken = "expected" not in known
    if broken and bad("unsupported_bad"):
        return {"type": "unsupported", "id": request["id"]}
    if broken and not (bad("accepts_bad") if "accepts_bad" in behaviour else behaviour.get("accepts")):
        more = {} if behaviour.get("silent") else {"category": "truncated"}
        return {"type": "refused", "id": request["id"], **more}
    tensors = pathlib.Path(known.get("expected", behaviour.get("accepts"))).read_bytes()
    if bad("wrong") or (bad("fickle") and asked % 2):
        tensors = tensors[:-1] + bytes([tensors[-1] ^ 1])
    pathlib.Path(request["output"]).write_bytes(tensors)
    if "topology" in known:
        pathlib.Path(request["topology"]).write_bytes(pathlib.Path(known["topology"]).read_bytes())
    if "model" in known and "model" in request and not behaviour.get("no_model"):
        model = pathlib.Path(known["model"]).read_bytes()
        if behaviour.get("wrong_model"):
            model = model[:-1] + bytes([model[-1] ^ 1])
        pathlib.Path(request["model"]).write_bytes(model)
    return {"type": "decoded", "id": request["id"]}


for line in sys.stdin:
    request = json.loads(line)
    if request["type"] == "stop":
        break
    if request["type"] == "start":
        say({"type": "started", "protocol": request["protocol"]})
    else:
        asked += 1
        say(answer(request))
if behaviour.get("stays"):
    time.sleep(1000)
sys.exit(behaviour.get("code", 0))
