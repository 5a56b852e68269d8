"""Workers that break the protocol or die, one fault each: ``worker_faults.py FAULT``."""

import ctypes
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from worker_base import decode, say, serve


def replace_folder(request):
    folder = pathlib.Path(request["output"]).parent
    answer = decode(request)
    elsewhere = folder.with_name(f"elsewhere-{request['id']}")
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    return answer


def leave_folders(request):
    pathlib.Path(request["output"]).parent.joinpath("deep", "deeper").mkdir(parents=True)
    return decode(request)


FAULTS = {
    "hangs": lambda request: time.sleep(1000),
    "dies": lambda request: os._exit(3),
    "segfaults": lambda request: ctypes.string_at(0),
    "closes stdout": lambda request: (os.close(1), time.sleep(1000)),
    "answers twice": lambda request: (say(decode(request)), say(decode(request))),
    "answers out of order": lambda request: say({**decode(request), "id": str(int(request["id"]) + 1)}),
    "prints garbage": lambda request: print("decoding...", flush=True),
    "prints binary": lambda request: (sys.stdout.buffer.write(b"\xff\xfe\0\n"), sys.stdout.flush()),
    "answers a list": lambda request: say([decode(request)]),
    "answers an unknown type": lambda request: say({**decode(request), "type": "done"}),
    "answers without id": lambda request: say({"type": "decoded"}),
    "answers a number for an id": lambda request: say({**decode(request), "id": int(request["id"])}),
    "writes no output": lambda request: say({"type": "decoded", "id": request["id"]}),
    "links its folder elsewhere": lambda request: say(replace_folder(request)),
    "leaves folders": lambda request: say(leave_folders(request)),
    "never ends its line": lambda request: (sys.stdout.write("x" * (2 << 20)), sys.stdout.flush(), time.sleep(1000)),
    "starts again": lambda request: say({"type": "started", "protocol": "nnc-worker/1"}),
}
AT_START = {
    "dies at start": lambda: sys.exit(7),
    "speaks another protocol": lambda: say({"type": "started", "protocol": "nnc-worker/9"}),
    "greets with an answer": lambda: say({"type": "decoded", "id": "1"}),
}

if sys.argv[1] in AT_START:
    json.loads(sys.stdin.readline())
    AT_START[sys.argv[1]]()
    sys.stdin.read()
else:
    serve(FAULTS[sys.argv[1]])
