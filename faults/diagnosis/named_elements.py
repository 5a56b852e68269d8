"""How much a report on core tells: the published faults whose element it names."""

from collections.abc import Mapping, Sequence
from typing import Final

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.simulation import Probe, simulated
from nnc_conformance.faults.mutants.executed_lines import MOST_UNCOMPILED_LINES, ExecutedLines
from nnc_conformance.faults.mutants.named import published
from nnc_conformance.faults.mutants.named_mutants import named_mutants
from nnc_conformance.faults.score.cases import TrialVector
from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.judging.expected_output import read_expected_output
from nnc_conformance.suites.locating.locate import locate_faults
from nnc_conformance.suites.results.result import CaseResult

MOST_BYTES: Final = 330
"""Longer streams are left out: faulty decoders run uncompiled."""
FAULTS: Final = tuple(fault for fault in published.FAULTS if fault.level is Level.CORE)

Runs = Mapping[str, Sequence[CaseResult]]
"""What a run says of a decoder with each of `FAULTS`, by the fault's name."""


def small(stored: StoredVector) -> bool:
    """Whether a faulty decoder gets through it soon enough."""
    expected = stored.vector.expected.size if stored.vector.expected is not None else 0
    return stored.vector.negative is None and stored.vector.stream.size <= MOST_BYTES and expected <= 16 * MOST_BYTES


def runs(vectors: Mapping[str, StoredVector]) -> Runs:
    """Decoders with the faults, run on the small ones of some vectors."""
    chosen = [stored for stored in vectors.values() if small(stored)]
    probes = [
        Probe(
            TrialVector(stored.vector, stored.read(stored.vector.stream), read_expected_output(stored), False),
            ExecutedLines({}, MOST_UNCOMPILED_LINES),
        )
        for stored in chosen
    ]
    return {fault.name: simulated(Cause(named_mutants()[fault.name]), probes) for fault in FAULTS}


def named(made: Runs, vectors: Mapping[str, StoredVector], without: str = "") -> set[str]:
    """The faults an element of which a report names that has all these results, but for those on the vector ``without``."""
    found = set()
    for fault in FAULTS:
        cases = [case for case in made[fault.name] if case.vector != without]
        suspects = next(iter(locate_faults(cases, vectors)), None)
        if suspects is not None and {one.element for one in suspects.named} & set(fault.elements):
            found.add(fault.name)
    return found
