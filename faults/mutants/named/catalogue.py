"""All named faults."""

from collections import Counter
from functools import cache
from itertools import chain
from typing import Final

from nnc_conformance.faults.mutants.fault import NamedFault
from nnc_conformance.faults.mutants.named import (
    blocks,
    codebooks,
    coding,
    data_units,
    implementers,
    misreadings,
    parameter_sets,
    probabilities,
    published,
    scans,
    trellis,
    units,
    values,
)

_OF_VECTORS: Final = (units, parameter_sets, data_units, values, blocks, codebooks, coding, probabilities, scans, trellis)
"""Those whose faults are what vectors are there to catch, as they state it."""


@cache
def faults() -> dict[str, NamedFault]:
    """The named faults by name; raises `ValueError` for a name, or for edits, told twice."""
    found = list(chain.from_iterable(module.FAULTS for module in (published, misreadings, implementers, *_OF_VECTORS)))
    names, edits = Counter(fault.name for fault in found), Counter(fault.edits for fault in found)
    if twice := [fault.name for fault in found if names[fault.name] > 1 or edits[fault.edits] > 1]:
        raise ValueError(f"faults told twice: {', '.join(twice)}")
    return {fault.name: fault for fault in found}
