"""Write garbage in place of tensors."""

import pathlib
import sys

pathlib.Path(sys.argv[2]).write_bytes(bytes(range(256)))
