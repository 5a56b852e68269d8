"""Gives a link to a file outside of its folder for its output."""

import pathlib
import sys

pathlib.Path(sys.argv[2]).symlink_to("/etc/passwd")
