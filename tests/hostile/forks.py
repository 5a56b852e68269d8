"""Start many processes, as many as the machine can bear.

Each ends by itself after a minute.
"""

import os
import time

for _ in range(100):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
time.sleep(60)
