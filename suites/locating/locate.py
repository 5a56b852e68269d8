"""Where the fault of each decoder of a run most likely lies."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.suites.judging.claims import RIGHT
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import CaseResult

LARGEST_STREAM: Final = 1 << 10
"""Longer streams are looked at only where no shorter one fails: they take long, and hold too much to tell its parts apart."""


def locate_faults(cases: Iterable[CaseResult], vectors: Mapping[str, StoredVector]) -> tuple[FaultLocation, ...]:
    """Returns the suspects of each decoder that fails good streams and decodes others, from all cases of a run.

    ``vectors`` by id. Raises `SuiteError` or `ModelError` where a stream cannot be read.
    """
    of_decoder: dict[str, list[CaseResult]] = {}
    for case in cases:
        if case.policy is None and (case.outcome in RIGHT or OUTCOMES[case.outcome].fails):
            of_decoder.setdefault(case.decoder, []).append(case)
    failing = {name: own for name, own in of_decoder.items() if any(OUTCOMES[case.outcome].fails for case in own)}
    if not failing:
        return ()
    from nnc_conformance.suites.locating.spectrum import Spectrum, spectrum_of  # compiles kernels, which a run without failure needs not
    from nnc_conformance.suites.locating.suspects import locate_fault

    @cache
    def spectrum(vector: str) -> Spectrum:
        stored = vectors[vector]
        return spectrum_of(stored.read(stored.vector.stream))

    found = []
    for name, own in failing.items():
        short = [case for case in own if vectors[case.vector].vector.stream.size <= LARGEST_STREAM]
        seen = short if any(OUTCOMES[case.outcome].fails for case in short) else own
        one = locate_fault(name, [spectrum(case.vector) for case in seen], [OUTCOMES[case.outcome].fails for case in seen])
        if one is not None:
            found.append(one)
    return tuple(found)
