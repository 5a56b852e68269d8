"""Allocate memory and touch it, up to 2 GiB."""

import time

kept = []
for _ in range(128):
    kept.append(b"\1" * (1 << 24))
    time.sleep(0.002)
time.sleep(1000)
