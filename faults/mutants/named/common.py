"""Edits that several faults have in common."""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit

UNCHECKED: Final = Edit("payload", "DataUnitDecoder._check_entry_points", "        found = ", "        return\n        found = ")
"""A decoder that reads block rows in order does not look at the entry points."""
