"""``results.json``: what a run found; the same bytes on every machine and for every schedule.

A run with a `SessionVector` gives `SessionResults`, any other `Results`.
"""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from nnc_conformance.reference.errors import Category, NNCError
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json
from nnc_conformance.storage.vector import Edition, FirstLevel, Level, VectorId
from nnc_conformance.suites.results.answers import AccuracyRow
from nnc_conformance.suites.results.differences import TensorDifference
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import OUTCOMES, ExitCode, Outcome

MESSAGE_LENGTH: Final = 500
"""Characters that the message of a case may have."""


class ResultsError(NNCError):
    """A results or run file that cannot be read or contradicts itself."""


class Verdict(StrEnum):
    """Verdict of a whole run."""

    AS_EXPECTED = "as_expected"
    FAILED = "failed"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of the command that ran it."""
        return ExitCode[self.name]


class ChoiceMade(Frozen):
    """The choice of a disputed switch that the decoder's output shows."""

    switch: str
    choice: str


class JudgedCase(Frozen, ABC):
    """Base class of results of one case."""

    outcome: Outcome

    @property
    @abstractmethod
    def id(self) -> str:
        """Id of the case, unique in a run."""


class ModelResult(Frozen):
    """The model after a step, as a decoder gave it; shown, never counted.

    Attributes:
        right: Whether it is the expected model.
        message: The first difference; "" if there is none.
        sha256: SHA-256 of its parameters as a canonical .safetensors file.
    """

    right: bool
    message: str = Field(default="", max_length=MESSAGE_LENGTH)
    sha256: Sha256


class StepResult(Frozen):
    """Result of one step of a session; what its stream codes decides.

    Attributes:
        outcome: Outcome of the step.
        message: What was found; "" for a pass.
        output_sha256: SHA-256 of the decoded tensors as a canonical .safetensors file.
        topology_sha256: SHA-256 of the decoded topology.
        model: The model after the step, if the decoder gave it.
    """

    outcome: Outcome
    message: str = Field(default="", max_length=MESSAGE_LENGTH)
    output_sha256: Sha256 | None = None
    topology_sha256: Sha256 | None = None
    model: ModelResult | None = None


class CaseResult(JudgedCase):
    """Result of one vector on one decoder.

    It does not depend on when, where or how fast it ran.
    """

    vector: VectorId
    revision: int
    level: FirstLevel
    decoder: str
    clauses: tuple[str, ...]
    flags: tuple[str, ...]
    elements: tuple[str, ...]
    provenance: Provenance
    title: str = Field(default="", description="the vector's title")
    catches: str = Field(default="", description="the decoder bug that the vector is meant to catch")
    message: str = Field(default="", max_length=MESSAGE_LENGTH)
    fault: Fault | None = Field(default=None, description="kind of fault that the harness found, from the closed table")
    rule: str | None = Field(default=None, description="negative vectors: the rule that the stream breaks")
    policy: Policy | None = None
    category_expected: Category | None = None
    category_seen: Category | None = Field(default=None, description="category of the refusal, from the decoder or its map of messages")
    unit: int | None = Field(default=None, description="where the decoder says that it refused: number of the unit")
    byte: int | None = Field(default=None, description="byte offset in the stream")
    differences: tuple[TensorDifference, ...] = Field(default=(), description="the first few, in order of names")
    tensors_differing: int = 0
    choices: tuple[ChoiceMade, ...] = ()
    accuracy: tuple[AccuracyRow, ...] = ()
    output_sha256: Sha256 | None = Field(default=None, description="of the decoded tensors as a canonical .safetensors file")
    topology_sha256: Sha256 | None = None

    @property
    def id(self) -> str:
        """Id of the case: VECTOR@DECODER."""
        return case_id(self.vector, self.decoder)

    @property
    def tested_edition(self) -> Edition:
        """The edition of the standard that the vector tests."""
        return 2022

    @property
    def judged_steps(self) -> tuple[StepResult, ...]:
        """The steps of a session up to the one that decided.

        It is empty for a vector of one stream.
        """
        return ()

    @property
    def first_difference(self) -> TensorDifference | None:
        """The first of `differences`, or None."""
        return self.differences[0] if self.differences else None


class SessionCaseResult(CaseResult):
    """Result of one vector of any edition on one decoder.

    Attributes:
        edition: The edition of the standard that the vector tests.
        steps: Results of the steps, in order, up to the first that is not a pass, which decides.
            Empty if the decoder was not given the vector.
    """

    level: Level
    edition: Edition
    steps: tuple[StepResult, ...] = ()

    @property
    def tested_edition(self) -> Edition:
        """The edition of the standard that the vector tests."""
        return self.edition

    @property
    def judged_steps(self) -> tuple[StepResult, ...]:
        """The steps of a session up to the one that decided.

        It is empty for a vector of one stream.
        """
        return self.steps


AnyCaseResult = SessionCaseResult | CaseResult
"""Result of a case in either format of results."""


def with_steps(case: CaseResult) -> SessionCaseResult:
    """Return a case as `SessionResults` hold it; a vector of one stream has one step."""
    if isinstance(case, SessionCaseResult):
        return case
    step = StepResult(outcome=case.outcome, message=case.message, output_sha256=case.output_sha256, topology_sha256=case.topology_sha256)
    return SessionCaseResult(**dict(case), edition=case.tested_edition, steps=(step,))


def case_id(vector: str, decoder: str) -> str:
    """Return the id of a vector's case on a decoder."""
    return f"{vector}@{decoder}"


class DecoderIdentity(Frozen):
    """The decoder that was judged.

    ``capabilities`` are sorted; a decoder that declares none (``declared`` is false) has all.
    """

    name: str
    version: str
    kind: str
    capabilities: tuple[str, ...]
    declared: bool = True


class SuiteIdentity(Frozen):
    """The vectors that decoders were judged with.

    Attributes:
        manifest_sha256: SHA-256 of the suite's ``manifest.json``.
        levels: Levels that were selected.
        filters: Filters that were applied, as text.
        repeat: Times that each case was run.
    """

    manifest_sha256: Sha256
    levels: tuple[FirstLevel, ...]
    filters: tuple[str, ...] = ()
    repeat: int = Field(default=1, ge=1)


class EditionedSuite(SuiteIdentity):
    """The vectors that decoders were judged with.

    It also has the editions of the standard that they test.
    """

    levels: tuple[Level, ...]
    editions: tuple[Edition, ...]


class Closing(Frozen):
    """Closing record of results; without it the run did not end."""

    planned: int
    executed: int
    counts: dict[Outcome, int]
    cases_sha256: Sha256


def close(planned: Sequence[str], cases: Sequence[JudgedCase]) -> Closing:
    """Return the closing record of ``cases``, which counts every outcome, even 0 times."""
    counts = Counter(case.outcome for case in cases)
    return Closing(
        planned=len(planned),
        executed=sum(not OUTCOMES[case.outcome].incomplete for case in cases),
        counts={outcome: counts[outcome] for outcome in Outcome},
        cases_sha256=hashlib.sha256(canonical_json([case.model_dump(mode="json") for case in cases]).encode()).hexdigest(),
    )


def require_consistent(planned: Sequence[str], cases: Sequence[JudgedCase], closing: Closing | None) -> None:
    """Check the cases of results against their plan and their closing record; raise `ValueError`."""
    ids = [case.id for case in cases]
    if len(set(ids)) != len(ids) or len(set(planned)) != len(planned) or not set(ids) <= set(planned):
        raise ValueError("a case occurs twice or was not planned")
    if closing is not None and closing != close(planned, cases):
        raise ValueError("the closing record does not match the cases")


def missing_cases(planned: Sequence[str], cases: Sequence[JudgedCase], closing: Closing | None) -> str:
    """Return a sentence on why cases are missing from results; "" if all were run.

    Cases are missing if the closing record is, if planned ones have no result or one that says that
    they were not run, and if none was planned.
    """
    if closing is None:
        return "the results have no closing record"
    missing = len(planned) - len(cases) + sum(OUTCOMES[case.outcome].incomplete for case in cases)
    if missing:
        return f"{missing} of {len(planned)} planned cases were not run"
    return "" if planned else "no case was planned"


class Results(Frozen):
    """Content of ``results.json``.

    Cases are sorted by decoder, level and vector. ``closing`` is None if the run did not end.
    """

    format: Literal["nnc-results/1"] = "nnc-results/1"
    suite: SuiteIdentity
    decoders: tuple[DecoderIdentity, ...]
    planned: tuple[str, ...]
    cases: tuple[CaseResult, ...]
    located: tuple[FaultLocation, ...] = Field(
        default=(), description="one for each decoder that fails some good streams and decodes others"
    )
    closing: Closing | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Results":
        require_consistent(self.planned, self.cases, self.closing)
        return self

    @property
    def editions(self) -> tuple[Edition, ...]:
        """Editions of the standard that the vectors test."""
        return self.suite.editions if isinstance(self.suite, EditionedSuite) else (2022,)

    @property
    def counts(self) -> dict[Outcome, int]:
        """Number of cases by outcome."""
        return close(self.planned, self.cases).counts

    def unjudged(self) -> tuple[str, ...]:
        """Return the names of decoders whose cases were all unsupported or not run."""
        silent = {Outcome.UNSUPPORTED, Outcome.NOT_RUN}
        judged = {case.decoder for case in self.cases if case.outcome not in silent}
        return tuple(decoder.name for decoder in self.decoders if decoder.name not in judged)

    def incomplete_because(self) -> str:
        """Return why the run is incomplete; "" if it is complete."""
        if because := missing_cases(self.planned, self.cases, self.closing):
            return because
        return f"no case could be judged for {', '.join(self.unjudged())}" if self.unjudged() else ""

    def verdict(self, known: Collection[str] = (), stale: Collection[str] = ()) -> Verdict:
        """Return the verdict; a failed case outweighs cases that were not run.

        Without a closing record it is always `INCOMPLETE`.

        Args:
            known: Ids of cases whose failure is expected and does not count.
            stale: Ids of cases that pass although their failure is expected; they count as failed.
        """
        failed = (case.id for case in self.cases if (OUTCOMES[case.outcome].fails and case.id not in known) or case.id in stale)
        if self.closing is not None and any(failed):
            return Verdict.FAILED
        return Verdict.INCOMPLETE if self.incomplete_because() else Verdict.AS_EXPECTED


class SessionResults(Results):
    """Content of ``results.json`` with a vector of several steps or a later edition."""

    format: Literal["nnc-results/2"] = "nnc-results/2"  # type: ignore[assignment]  # another format, told apart by this key
    suite: EditionedSuite
    cases: tuple[SessionCaseResult, ...]


AnyResults = Annotated[Results | SessionResults, Field(discriminator="format")]
"""Results of either format, which their ``format`` tells apart."""
