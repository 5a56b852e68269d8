"""``results.json``: what a run found, the same bytes wherever it runs."""

import hashlib
from collections import Counter
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field, model_validator

from nnc_conformance.reference.errors import Category, NNCError
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json
from nnc_conformance.storage.vector import Level, VectorId
from nnc_conformance.suites.results.answers import AccuracyRow
from nnc_conformance.suites.results.differences import TensorDifference
from nnc_conformance.suites.results.fault_location import FaultLocation
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import OUTCOMES, ExitCode, Outcome

MESSAGE_LENGTH: Final = 500


class ResultsError(NNCError):
    """A results or run file cannot be read, or contradicts itself."""


class Verdict(StrEnum):
    """What a whole run says."""

    AS_EXPECTED = "as_expected"
    FAILED = "failed"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> ExitCode:
        """The command's exit code."""
        return ExitCode[self.name]


class ChoiceMade(Frozen):
    """A choice of a disputed switch whose output the decoder gave."""

    switch: str
    choice: str


class CaseResult(Frozen):
    """What became of one vector on one decoder; nothing in it depends on when, where or how fast it ran."""

    vector: VectorId
    revision: int
    level: Level
    decoder: str
    outcome: Outcome
    clauses: tuple[str, ...]
    flags: tuple[str, ...]
    elements: tuple[str, ...]
    provenance: Provenance
    title: str = Field(default="", description="the vector's title")
    catches: str = Field(default="", description="the decoder bug that the vector is there to catch")
    message: str = Field(default="", max_length=MESSAGE_LENGTH)
    fault: Fault | None = Field(default=None, description="what kind of fault the harness found, of the closed table")
    rule: str | None = Field(default=None, description="of a negative vector: the rule that it breaks")
    policy: Policy | None = None
    category_expected: Category | None = None
    category_seen: Category | None = Field(default=None, description="what the decoder, or its map of messages, said of its refusal")
    unit: int | None = Field(default=None, description="where the decoder says that it refused: the unit's number")
    byte: int | None = Field(default=None, description="the byte offset in the stream")
    differences: tuple[TensorDifference, ...] = Field(default=(), description="the first of them; names in order")
    tensors_differing: int = 0
    choices: tuple[ChoiceMade, ...] = ()
    accuracy: tuple[AccuracyRow, ...] = ()
    output_sha256: Sha256 | None = Field(default=None, description="of the decoded tensors, as `storage` writes them")
    topology_sha256: Sha256 | None = None

    @property
    def id(self) -> str:
        """The case's id, VECTOR@DECODER."""
        return case_id(self.vector, self.decoder)

    @property
    def first_difference(self) -> TensorDifference | None:
        """The first of `differences`."""
        return self.differences[0] if self.differences else None


def case_id(vector: str, decoder: str) -> str:
    """Returns the id of a vector's case on a decoder."""
    return f"{vector}@{decoder}"


class DecoderIdentity(Frozen):
    """Who was judged: name, version, kind and capabilities (sorted; all, where ``declared`` says that it declares none)."""

    name: str
    version: str
    kind: str
    capabilities: tuple[str, ...]
    declared: bool = True


class SuiteIdentity(Frozen):
    """What it was judged by: the SHA-256 of ``manifest.json``, the levels and filters that chose the cases, and the repeats of each."""

    manifest_sha256: Sha256
    levels: tuple[Level, ...]
    filters: tuple[str, ...] = ()
    repeat: int = Field(default=1, ge=1)


class Closing(Frozen):
    """The closing record: a file without it is not whole."""

    planned: int
    executed: int
    counts: dict[Outcome, int]
    cases_sha256: Sha256


def _cases_sha256(cases: tuple[CaseResult, ...]) -> str:
    return hashlib.sha256(canonical_json([case.model_dump(mode="json") for case in cases]).encode()).hexdigest()


def close(planned: tuple[str, ...], cases: tuple[CaseResult, ...]) -> Closing:
    """Returns the closing record of ``cases``; every outcome is counted, those that did not occur as 0."""
    counts = Counter(case.outcome for case in cases)
    executed = sum(not OUTCOMES[case.outcome].incomplete for case in cases)
    return Closing(
        planned=len(planned),
        executed=executed,
        counts={outcome: counts[outcome] for outcome in Outcome},
        cases_sha256=_cases_sha256(cases),
    )


class Results(Frozen):
    """``results.json``: cases sorted by decoder and vector; ``closing`` is None where the run did not end."""

    format: Literal["nnc-results/1"] = "nnc-results/1"
    suite: SuiteIdentity
    decoders: tuple[DecoderIdentity, ...]
    planned: tuple[str, ...]
    cases: tuple[CaseResult, ...]
    located: tuple[FaultLocation, ...] = Field(default=(), description="of each decoder that fails some good streams and decodes others")
    closing: Closing | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Results":
        ids = [case.id for case in self.cases]
        if len(set(ids)) != len(ids) or len(set(self.planned)) != len(self.planned) or not set(ids) <= set(self.planned):
            raise ValueError("a case is there twice, or was never planned")
        if self.closing is not None and self.closing != close(self.planned, self.cases):
            raise ValueError("the closing record does not fit the cases")
        return self

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many cases had each outcome."""
        return close(self.planned, self.cases).counts

    def unjudged(self) -> tuple[str, ...]:
        """Returns the names of the decoders that have no judged case at all: everything unsupported or not run."""
        silent = {Outcome.UNSUPPORTED, Outcome.NOT_RUN}
        judged = {case.decoder for case in self.cases if case.outcome not in silent}
        return tuple(decoder.name for decoder in self.decoders if decoder.name not in judged)

    def incomplete_because(self) -> str:
        """Returns why the run is not complete, or "" when it is."""
        if self.closing is None:
            return "the results have no closing record"
        missing = len(self.planned) - len(self.cases) + sum(OUTCOMES[case.outcome].incomplete for case in self.cases)
        if missing:
            return f"{missing} of {len(self.planned)} planned cases were not run"
        if not self.planned:
            return "no case was planned"
        return f"no case could be judged of {', '.join(self.unjudged())}" if self.unjudged() else ""

    def verdict(self) -> Verdict:
        """Returns the verdict: without a closing record never more than `INCOMPLETE`; a failed case outweighs cases not run."""
        if self.closing is not None and any(OUTCOMES[case.outcome].fails for case in self.cases):
            return Verdict.FAILED
        return Verdict.INCOMPLETE if self.incomplete_because() else Verdict.AS_EXPECTED
