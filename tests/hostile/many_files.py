"""Write very many files, then wait."""

import pathlib
import time

for number in range(200):
    pathlib.Path(f"part-{number}").touch()
time.sleep(1000)
