"""Never ends."""

import time

time.sleep(1000)
