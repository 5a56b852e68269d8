"""Return NaN for every float of the first tensor."""

import pathlib
import struct
import sys

stream = pathlib.Path(sys.argv[1]).read_bytes()[4:]
(header,) = struct.unpack_from("<Q", stream)
pathlib.Path(sys.argv[2]).write_bytes(stream[: 8 + header] + struct.pack("<f", float("nan")) * 12 + stream[8 + header + 48 :])
