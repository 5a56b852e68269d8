"""The content of a report, independent of its format: what every renderer gets."""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.reports.changes import Since
from nnc_conformance.reports.tally import OutcomeTally, Tone
from nnc_conformance.reports.target import TargetFigures
from nnc_conformance.storage.vector import Edition
from nnc_conformance.suites.results.answers import AccuracyRow, Distance
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.result import CaseResult, DecoderIdentity, SuiteIdentity, Verdict
from nnc_conformance.suites.results.standing import CaseStanding

HEADLINES: Final[dict[Verdict, tuple[str, Tone]]] = {
    Verdict.AS_EXPECTED: ("Pass", Tone.PASS),
    Verdict.FAILED: ("Fail", Tone.FAIL),
    Verdict.INCOMPLETE: ("Incomplete", Tone.MISSING),
}
"""The title of a report and its tone, by verdict."""


NOTHING_COUNTS: Final = "nothing counts"
"""Figures of a decoder without a case that counts."""
UNPROVEN: Final = "unproven: broken streams only"
"""Remark on a feature of which no good stream was judged."""


@dataclass(frozen=True)
class ReportedCase:
    """One case of a report.

    It has its result, its standing, whether it fails the run, and the command that repeats it
    alone.

    ``stderr``: the last lines of the decoder's standard error, of a case in error or refused.
    ``said``: the decoder's own message on a failing case, else "". ``known``:
    reason why its failure is expected, else "". ``stale``: reason why its failure was expected,
    although it passes, else "". ``seconds``: wall time, 0 if it is not known. ``retried``: why it
    was tried again before it counted, else "". ``file``: the vector's file below its suite, "" for a
    fresh stream.
    """

    result: CaseResult
    standing: CaseStanding
    failing: bool
    reproduce: str
    stderr: str = ""
    said: str = ""
    known: str = ""
    stale: str = ""
    seconds: float = 0.0
    retried: str = ""
    file: str = ""


@dataclass(frozen=True)
class DecoderSummary:
    """The figures of one decoder, in total and by standing.

    ``absent``: ids of planned cases without a result. ``false_claims``: sentences on declared
    capabilities that the cases contradict. ``located``: where the decoder's fault most likely is.
    ``known``: number of failures that are expected. ``stale``: number of cases that pass although
    their failure is expected. ``started``: when the run began (ISO 8601), "" if it is not known.
    """

    info: DecoderIdentity
    verdict: Verdict
    total: OutcomeTally
    standings: dict[CaseStanding, OutcomeTally]
    absent: tuple[str, ...]
    false_claims: tuple[str, ...] = ()
    located: FaultLocation | None = None
    known: int = 0
    stale: int = 0
    started: str = ""

    @property
    def conformance(self) -> OutcomeTally:
        """The figures that count: cases on verified or published facts."""
        return self.standings[CaseStanding.CONFORMANCE]


@dataclass(frozen=True)
class MatrixRow:
    """One row of a matrix: a key, its meaning, and one tally per decoder."""

    key: str
    title: str
    cells: tuple[OutcomeTally, ...]


@dataclass(frozen=True)
class MatrixGroup:
    """Rows of one kind; ``field`` names the attribute of cases that holds the keys.

    ``of_features``: whether a row is about a part of the standard that a decoder may lack, so that
    only good streams prove it.
    """

    field: str
    title: str
    rows: tuple[MatrixRow, ...]
    of_features: bool = False

    def remark(self, tally: OutcomeTally) -> str:
        """Return what a cell does not prove, or "".

        A feature that only broken streams try is not proven: refusing them takes no knowledge of it.
        """
        return UNPROVEN if self.of_features and tally.refusals_only else ""


@dataclass(frozen=True)
class VectorRow:
    """The cases of one vector, one per decoder; None for a decoder without one."""

    id: str
    title: str
    cases: tuple[ReportedCase | None, ...]


@dataclass(frozen=True)
class LayerErrors:
    """Distances of one node's output from its output with the original parameters.

    They are those of the reference and of each decoder.

    A distance is None if a run lacks the node or did not measure it.
    """

    output: str
    operator: str
    reference: Distance | None
    decoded: tuple[Distance | None, ...]


@dataclass(frozen=True)
class MeasuredNetwork:
    """Answers of one network.

    They are with the original parameters, the reference's, and each decoder's (None if it gave
    none).

    ``layers`` are its nodes in the order of the graph.
    """

    vector: str
    network: str
    original: AccuracyRow | None
    reference: AccuracyRow | None
    decoded: tuple[AccuracyRow | None, ...]
    layers: tuple[LayerErrors, ...]

    @property
    def answered(self) -> tuple[tuple[int, AccuracyRow], ...]:
        """The decoders that gave an answer: (number of the decoder, its row)."""
        return tuple((number, row) for number, row in enumerate(self.decoded) if row is not None)


@dataclass(frozen=True)
class Report:
    """The whole content of a report on one or several results files.

    ``not_selected``: for each run that left vectors of its suite out, their number. ``not_run``: a
    line for each run on the levels that it left out.
    """

    verdict: Verdict
    headline: str
    problems: tuple[str, ...]
    suites: tuple[SuiteIdentity, ...]
    decoders: tuple[DecoderSummary, ...]
    cases: tuple[ReportedCase, ...]
    levels: MatrixGroup
    groups: tuple[MatrixGroup, ...]
    elements: MatrixGroup
    standings: MatrixGroup
    choices: tuple[VectorRow, ...]
    measured: tuple[MeasuredNetwork, ...]
    environment: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    since: Since | None = None
    targets: tuple[TargetFigures, ...] = ()
    not_selected: tuple[int, ...] = ()
    not_run: tuple[str, ...] = ()

    @property
    def editions(self) -> tuple[Edition, ...]:
        """The editions of the standard that the cases test, oldest first."""
        return tuple(sorted({case.result.tested_edition for case in self.cases}))

    @property
    def selection(self) -> tuple[str, ...]:
        """A line for each run that left vectors of its suite out."""
        words = ((count, "vector" if count == 1 else "vectors") for count in self.not_selected)
        return tuple(f"{count} {noun} of the suite not selected by level, edition or filter." for count, noun in words)

    @property
    def second_tries(self) -> tuple[str, ...]:
        """A line for each case that was tried again before it counted."""
        return tuple(f"Tried again: {case.result.id}: {case.retried}; then {case.result.outcome}." for case in self.cases if case.retried)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines on how the runs went: what they left out and what they tried again."""
        return (*self.not_run, *self.selection, *self.second_tries)

    @property
    def failures(self) -> tuple[ReportedCase, ...]:
        """The cases that fail the run."""
        return tuple(case for case in self.cases if case.failing)

    @property
    def known(self) -> tuple[ReportedCase, ...]:
        """The cases whose failure is expected."""
        return tuple(case for case in self.cases if case.known)

    @property
    def stale(self) -> tuple[ReportedCase, ...]:
        """The cases that pass although their failure is expected."""
        return tuple(case for case in self.cases if case.stale)

    def of(self, decoder: str) -> tuple[ReportedCase, ...]:
        """Return the cases of one decoder."""
        return tuple(case for case in self.cases if case.result.decoder == decoder)
