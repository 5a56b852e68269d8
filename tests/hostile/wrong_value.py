"""Change the last byte of the output, so that the last element is off by a little."""

import pathlib
import struct
import sys

stream = pathlib.Path(sys.argv[1]).read_bytes()
if stream[:4] != b"GOOD":
    sys.exit(65)
(last,) = struct.unpack("<i", stream[-4:])
pathlib.Path(sys.argv[2]).write_bytes(stream[4:-4] + struct.pack("<i", last + 1))
