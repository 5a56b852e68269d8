"""Hang with a child and with an orphaned grandchild in another session; all ignore SIGTERM.

Once all are running, create the file that the first argument names.
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
