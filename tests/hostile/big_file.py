"""Write a file of 64 MiB."""

import pathlib
import sys

with pathlib.Path(sys.argv[2]).open("wb") as file:
    for _ in range(64):
        file.write(bytes(1 << 20))
