"""Support nothing."""

import sys

sys.exit(69)
