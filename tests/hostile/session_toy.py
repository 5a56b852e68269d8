"""Decode sessions of the toy suite, all streams so far per process:
`session_toy.py OUTPUT MODEL STREAM...`.

A stream is GOOD followed by its tensor file; the model after a step is the tensor file of the last
stream but one, or of the only one. Not hostile.
"""

import pathlib
import sys

streams = [pathlib.Path(name).read_bytes() for name in sys.argv[3:]]
if streams[-1][:4] != b"GOOD":
    sys.exit(65)
pathlib.Path(sys.argv[1]).write_bytes(streams[-1][4:])
pathlib.Path(sys.argv[2]).write_bytes(streams[-2:][0][4:])
