"""Supports nothing."""

import sys

sys.exit(69)
