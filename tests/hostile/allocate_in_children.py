"""Allocate memory in four children, each below the limit."""

import os
import time

for _ in range(4):
    if os.fork() == 0:
        kept = b"\1" * (100 << 20)
        time.sleep(1000)
time.sleep(1000)
