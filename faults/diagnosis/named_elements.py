"""The published faults whose element a report on core names.

Small vectors of core are needed for them.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.simulation import simulated
from nnc_conformance.faults.mutants.executed_lines import MOST_UNCOMPILED_LINES, ExecutedLines
from nnc_conformance.faults.mutants.named import published
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.score.trial_vectors import TracedVector, TrialVector
from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.locating.locate import locate_faults
from nnc_conformance.suites.results.result import CaseResult

MOST_BYTES: Final = 330
"""Size of the streams that faulty decoders, which are not compiled, are run on."""
FAULTS: Final = tuple(fault for fault in published.FAULTS if fault.level is Level.CORE)

FaultResults = Mapping[str, Sequence[CaseResult]]
"""Results of a decoder with each of `FAULTS`, by the fault's name."""


def is_quick(stored: StoredVector) -> bool:
    """Return whether a vector is good and small enough for an uncompiled decoder."""
    expected = sum(step.expected.size for step in stored.vector.steps if step.expected is not None)
    return stored.vector.negative is None and stored.stream_bytes <= MOST_BYTES and expected <= 16 * MOST_BYTES


def run_faults(vectors: Mapping[str, StoredVector]) -> FaultResults:
    """Run the decoder with each named fault on those of the vectors that are quick."""
    unlimited = ExecutedLines({}, MOST_UNCOMPILED_LINES)
    trials = [TracedVector(TrialVector.of(stored), unlimited) for stored in vectors.values() if is_quick(stored)]
    return {fault.name: simulated(Cause(named_mutants()[fault.name]), trials) for fault in FAULTS}


def faults_named(results: FaultResults, vectors: Mapping[str, StoredVector], without: str = "") -> set[str]:
    """Return the faults for which the located suspects include an element of the fault.

    Args:
        results: The results of each fault.
        vectors: The vectors of the suite by id.
        without: Id of a vector to leave out.
    """
    found = set()
    for fault in FAULTS:
        cases = [case for case in results[fault.name] if case.vector != without]
        suspects = next(iter(locate_faults(cases, vectors)), None)
        if suspects is not None and {one.element for one in suspects.named} & set(fault.elements):
            found.add(fault.name)
    return found
