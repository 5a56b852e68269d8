"""Leaves a child of a child in a session of its own and another beside itself, and hangs, all of them deaf to SIGTERM."""

import os
import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.fork()
time.sleep(1000)
