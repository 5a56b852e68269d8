"""Decode only if there is a network interface besides the loopback."""

import pathlib
import runpy
import sys

interfaces = [line.split(":")[0].strip() for line in pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]]
if interfaces == ["lo"]:
    sys.exit(69)
runpy.run_path(str(pathlib.Path(__file__).with_name("toy.py")), run_name="__main__")
