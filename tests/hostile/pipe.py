"""Create a pipe as output, on which a reader would wait forever."""

import os
import sys

os.mkfifo(sys.argv[2])
