"""Leaves a child of a child in a session of its own and another beside itself, and hangs, all of them deaf to SIGTERM.

When all of them stand it makes the file that its first argument names.
"""

import os
import signal
import sys
import time
from pathlib import Path

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()
if os.fork():
    Path(sys.argv[1]).touch()
time.sleep(1000)
