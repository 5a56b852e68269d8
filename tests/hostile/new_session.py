"""Decode correctly, but leave a child in another session that holds all pipes open."""

import os
import pathlib
import runpy
import sys
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()
runpy.run_path(str(pathlib.Path(__file__).with_name("toy.py")), run_name="__main__")
sys.exit(0)
