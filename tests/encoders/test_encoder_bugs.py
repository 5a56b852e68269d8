"""Seeded bugs of encoders: the trial finds them, and names the element that is wrong.

Each bug is judged on a selection of the generated cases, up to the third that fails.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import count
from unittest import mock

import pytest
from helpers.encoder_bugs import BUGS, EncoderBug

from nnc_conformance.encoders import judge
from nnc_conformance.encoders.cases import CaseInput, cases_for
from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.host import EncodeRun
from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.results import EncoderCaseResult
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome

SMALL = [
    "shape-float-3x5",
    "shape-float-7",
    "shape-float-scalar",
    "shape-int-5x7",
    "shape-float-2x1x3x1x2",
    "type-float16",
    "type-int8",
    "type-mixed",
    "value-usual",
    "value-large",
    "value-nan",
    "value-infinity",
    "value-int-ends",
    "value-int-large",
    "value-five-codebook-kmeans",
    "value-five-codebook-integer",
    "name-unicode",
    "name-long",
    "name-alike",
    "name-punctuation",
    "step-finer-density-2",
    "step-finest-density-2",
    "step-fraction-1",
    "step-fraction-3",
]
LARGER = [
    "scan-1-9x5",
    "scan-1-8x8",
    "scan-1-70x1",
    "scan-4-66x3x3",
    "scan-1-130x9",
    "skip-scan-0-dq-off",
    "skip-scan-1-dq-on",
    "skip-scan-1-dq-off",
    "block-all-4d",
    "block-norms-2d",
    "update-few",
    "update-twice",
    "update-ints",
    "update-new",
    "update-tool-hdsp",
    "update-tool-tca",
    "update-codebook-kmeans",
    "options-01",
    "options-02",
    "update-options-01",
    "update-options-02",
    "count-300",
]
REPEATED = 16
"""Cases that are run twice: the first ones."""
MOST = 3
"""Failing cases after which a bug is known well enough."""
QUICK = ("qp-delta-never-sent", "signs-lost", "dimensions-swapped", "dq-flag-always-set", "size-too-large", "names-in-ascii")
"""Bugs that every run of the tests tries, on small cases."""
BY_NAME = {bug.name: bug for bug in BUGS}


@cache
def encoder() -> EncoderSpec:
    return load_encoder("in-tree")


@cache
def cases() -> dict[str, CaseInput]:
    return {one.case.id: one for one in cases_for(encoder())}


@pytest.fixture(autouse=True)
def no_sizes() -> Iterator[None]:
    """Sizes of the reference encoder's streams take time and are not judged."""
    with mock.patch.object(judge, "reference_sizes", lambda case, inputs: ()):
        yield


class Trial:
    """Judges bugs; what two of them do alike is judged once."""

    def __init__(self) -> None:
        self.judged: dict[object, EncoderCaseResult] = {}

    def result(self, one: CaseInput, repeats: list[list[EncodeRun]]) -> EncoderCaseResult:
        done = (one.case.id, repr([[(run.ending, run.message, run.stream) for run in runs] for runs in repeats]))
        if done not in self.judged:
            self.judged[done] = judge.judge(one.case, one.inputs, encoder(), repeats)
        return self.judged[done]

    def faults(self, bug: EncoderBug, names: list[str]) -> list[EncoderCaseResult]:
        """Return the results of the first cases that show a bug."""
        found: list[EncoderCaseResult] = []
        numbers = count()
        for place, name in enumerate(names):
            one = cases()[name]
            result = self.result(one, [bug.runs(one, numbers) for _ in range(2 if place < REPEATED else 1)])
            if OUTCOMES[result.outcome].fails or result.outcome is Outcome.CHOICE:
                found.append(result)
            if len(found) == MOST:
                break
        return found


def element_of(faults: list[EncoderCaseResult]) -> str:
    """The element that most of the failing cases name, as the report lists it first."""
    named = Counter(fault.element for fault in faults if fault.element).most_common(1)
    return named[0][0] if named else ""


@pytest.mark.parametrize("name", QUICK)
def test_a_seeded_bug_is_found_and_named(name: str) -> None:
    bug = BY_NAME[name]
    faults = Trial().faults(bug, SMALL if bug.elements != ("topology_elem_id",) else ["name-unicode"])
    assert element_of(faults) in bug.elements, faults


def test_without_a_bug_nothing_is_found() -> None:
    assert Trial().faults(EncoderBug("none", ()), SMALL[:8]) == []


def test_bugs_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(BUGS) >= 60


@pytest.mark.exhaustive
@pytest.mark.parametrize("half", [0, 1])
def test_seeded_bugs_are_found_and_named(half: int) -> None:
    trial, bugs = Trial(), BUGS[half::2]
    assert trial.faults(EncoderBug("none", ()), SMALL + LARGER) == []
    faults = {bug.name: trial.faults(bug, SMALL + LARGER) for bug in bugs}
    missed = [name for name, found in faults.items() if not found]
    unnamed = [name for name, found in faults.items() if element_of(found) not in BY_NAME[name].elements]
    assert len(missed) <= 0.02 * len(bugs), missed
    assert len(unnamed) <= 0.2 * len(bugs), unnamed
