"""Never end."""

import time

time.sleep(1000)
