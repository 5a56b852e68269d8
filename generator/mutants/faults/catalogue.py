"""All named faults."""

from typing import Final

from nnc_conformance.generator.mutants.fault import NamedFault
from nnc_conformance.generator.mutants.faults import misreadings, published

_TABLES: Final = (published.FAULTS, misreadings.FAULTS)

FAULTS: Final[dict[str, NamedFault]] = {fault.name: fault for table in _TABLES for fault in table}
"""By name."""
