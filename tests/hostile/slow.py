"""Decode the toy suite slowly."""

import pathlib
import runpy
import time

time.sleep(0.2)
runpy.run_path(str(pathlib.Path(__file__).with_name("toy.py")), run_name="__main__")
