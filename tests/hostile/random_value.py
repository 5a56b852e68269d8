"""Return different values in each run."""

import os
import pathlib
import sys

pathlib.Path(sys.argv[2]).write_bytes(pathlib.Path(sys.argv[1]).read_bytes()[4:-4] + os.urandom(4))
