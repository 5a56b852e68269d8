"""Locate the most likely fault of each decoder of a run."""

from collections.abc import Iterable, Mapping
from itertools import takewhile
from math import inf
from time import monotonic
from typing import Final

from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.suites.judging.claims import RIGHT
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import CaseResult

LARGEST_STREAM: Final = 1 << 10
"""Bytes of the streams looked at; longer ones only count if no shorter one fails.

Long streams take long to decode and have too many traits to distinguish.
"""


def locate_faults(cases: Iterable[CaseResult], vectors: Mapping[str, StoredVector], *, deadline: float = inf) -> tuple[FaultLocation, ...]:
    """Locate the fault of each decoder that fails some good streams and decodes others.

    Args:
        cases: All cases of a run.
        vectors: The vectors by id.
        deadline: The time to give up, as `time.monotonic` counts; decoders not located by then are
            left out.

    Raises `SuiteError` or `ModelError` if a stream cannot be read.
    """
    by_decoder: dict[str, list[CaseResult]] = {}
    for case in cases:
        if case.policy is None and (case.outcome in RIGHT or OUTCOMES[case.outcome].fails):
            by_decoder.setdefault(case.decoder, []).append(case)
    failing = {name: own for name, own in by_decoder.items() if any(OUTCOMES[case.outcome].fails for case in own)}
    if not failing:
        return ()
    from nnc_conformance.suites.locating.spectrum import kept_spectrum  # compiles kernels, needed for a failing run only
    from nnc_conformance.suites.locating.suspects import locate_fault

    locations = []
    for name, own in failing.items():
        short = [case for case in own if vectors[case.vector].stream_bytes <= LARGEST_STREAM]
        compared = short if any(OUTCOMES[case.outcome].fails for case in short) else own
        spectra = [kept_spectrum(vectors[case.vector]) for case in takewhile(lambda _: monotonic() < deadline, compared)]
        if len(spectra) < len(compared):
            break
        location = locate_fault(name, spectra, [OUTCOMES[case.outcome].fails for case in compared])
        if location is not None:
            locations.append(location)
    return tuple(locations)
