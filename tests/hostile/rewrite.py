"""Change the header of the right output.

``rewrite.py OLD NEW STREAM OUTPUT`` replaces OLD by NEW, of the same length.
"""

import pathlib
import sys

old, new, stream, output = sys.argv[1:5]
pathlib.Path(output).write_bytes(pathlib.Path(stream).read_bytes()[4:].replace(old.encode(), new.encode()))
