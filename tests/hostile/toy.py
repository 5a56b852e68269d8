"""Decode the toy suite, one stream per process; not hostile."""

import pathlib
import sys

stream = pathlib.Path(sys.argv[1]).read_bytes()
if stream[:4] != b"GOOD":
    sys.stderr.write('a magic that is none\n{"category": "reserved", "unit": 0, "byte": 2}\n')
    sys.exit(65)
pathlib.Path(sys.argv[2]).write_bytes(stream[4:])
