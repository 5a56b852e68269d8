"""What this project is installed as."""

from typing import Final

DISTRIBUTION: Final = "nnc-conformance"
"""The name by which pip knows it, and `importlib.metadata` its version."""
