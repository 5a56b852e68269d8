"""A good worker that ignores stop."""

import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from worker_base import decode, say, serve

signal.signal(signal.SIGTERM, signal.SIG_IGN)
serve(lambda request: say(decode(request)))
while True:
    time.sleep(1)
