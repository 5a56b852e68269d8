"""Cases of a large run, with failures that have pictures, for pages in a browser."""

from collections.abc import Iterator

import numpy as np
from helpers.report_documents import ACCURACY, case

from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.judging.compare import compare_tensor
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult

CASES = 2000
"""Cases of the large report: about as many as the built-in suite has vectors."""


def many_cases(count: int) -> Iterator[CaseResult]:
    """Cases of two levels on one decoder, one in twenty failing with a picture, and a network."""
    random = np.random.default_rng(1)
    expected = random.normal(size=(64, 96)).astype("<f4")
    for number in range(count):
        level = Level.NEGATIVE if number % 4 == 0 else Level.CORE
        if number % 20:
            accuracy = ACCURACY if number == 1 else ()
            yield case(f"case-{number:04}", level=level, accuracy=accuracy)
            continue
        actual = np.where(random.random(expected.shape) < 0.02 * (number % 50), expected * 1.5, expected).astype("<f4")
        found = compare_tensor("conv.weight", expected, actual)
        differences = () if found is None else (found,)
        yield case(f"case-{number:04}", outcome=Outcome.FAIL, level=level, differences=differences, tensors_differing=len(differences))
