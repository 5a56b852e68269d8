"""Create a link to a file outside the case's folder as output."""

import pathlib
import sys

pathlib.Path(sys.argv[2]).symlink_to("/etc/passwd")
