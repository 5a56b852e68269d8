"""What a report holds, whatever it is rendered as."""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.reports.changes import Since
from nnc_conformance.reports.tally import Standing, Tally, Tone
from nnc_conformance.suites.results.answers import AccuracyRow, Distance
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.result import CaseResult, DecoderIdentity, SuiteIdentity, Verdict

HEADLINES: Final[dict[Verdict, tuple[str, Tone]]] = {
    Verdict.AS_EXPECTED: ("Pass", Tone.PASS),
    Verdict.FAILED: ("Fail", Tone.FAIL),
    Verdict.INCOMPLETE: ("Incomplete", Tone.MISSING),
}
"""The word over a report and its tone, by verdict."""


@dataclass(frozen=True)
class Case:
    """One case as a report shows it: the result, its standing, whether it fails the run, and the command that repeats it alone."""

    result: CaseResult
    standing: Standing
    failing: bool
    reproduce: str


@dataclass(frozen=True)
class DecoderSummary:
    """One decoder's figures: over everything, and by standing.

    ``absent`` are the ids of planned cases that have no result, ``false_claims`` sentences on declared capabilities that no case bears out,
    ``located`` where its fault most likely lies.
    """

    info: DecoderIdentity
    verdict: Verdict
    total: Tally
    standings: dict[Standing, Tally]
    absent: tuple[str, ...]
    false_claims: tuple[str, ...] = ()
    located: FaultLocation | None = None

    @property
    def conformance(self) -> Tally:
        """The figures that count: facts verified or published."""
        return self.standings[Standing.CONFORMANCE]


@dataclass(frozen=True)
class Row:
    """One row of a matrix: a key, what it means, and one tally for each decoder."""

    key: str
    title: str
    cells: tuple[Tally, ...]


@dataclass(frozen=True)
class Group:
    """Rows of one kind; ``field`` names the column of the cases that the keys stand in."""

    field: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Beside:
    """One vector's cases side by side: one for each decoder, None where that decoder has none."""

    id: str
    title: str
    cases: tuple[Case | None, ...]


@dataclass(frozen=True)
class Layer:
    """How far one node's output is from what it is with the original parameters: with the reference's, and with each decoder's.

    A distance is None where a run has no such node, or was not measured.
    """

    output: str
    operator: str
    reference: Distance | None
    decoded: tuple[Distance | None, ...]


@dataclass(frozen=True)
class Measured:
    """What one network answers: with its original parameters, the reference's, and each decoder's (None where it gave none).

    ``layers`` are its nodes in the order of the graph.
    """

    vector: str
    network: str
    original: AccuracyRow | None
    reference: AccuracyRow | None
    decoded: tuple[AccuracyRow | None, ...]
    layers: tuple[Layer, ...]

    @property
    def answered(self) -> tuple[tuple[int, AccuracyRow], ...]:
        """The decoders' rows that there are, each with its decoder's place."""
        return tuple((place, row) for place, row in enumerate(self.decoded) if row is not None)


@dataclass(frozen=True)
class Report:
    """All that a report shows of one or several results files."""

    verdict: Verdict
    headline: str
    problems: tuple[str, ...]
    suites: tuple[SuiteIdentity, ...]
    decoders: tuple[DecoderSummary, ...]
    cases: tuple[Case, ...]
    levels: Group
    groups: tuple[Group, ...]
    elements: Group
    standings: Group
    choices: tuple[Beside, ...]
    measured: tuple[Measured, ...]
    environment: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    since: Since | None = None

    @property
    def failures(self) -> tuple[Case, ...]:
        """The cases that fail the run."""
        return tuple(case for case in self.cases if case.failing)

    def of(self, decoder: str) -> tuple[Case, ...]:
        """The cases of one decoder."""
        return tuple(case for case in self.cases if case.result.decoder == decoder)
