"""Write several files that are too large together, then wait."""

import pathlib
import time

for number in range(8):
    with pathlib.Path(f"part-{number}").open("wb") as file:
        file.write(bytes(4 << 20))
time.sleep(1000)
