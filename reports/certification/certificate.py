"""The certificate: a file format that holds enough evidence to judge the decoder again, offline."""

import datetime
import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.reports.certification.policy import CertificationPolicy, EditionedPolicy
from nnc_conformance.storage.documents import Frozen, Sha256
from nnc_conformance.storage.sealed import Sealed
from nnc_conformance.storage.vector import AnyVector, Edition, Level, VectorId
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult

CERTIFICATE_FILE: Final = "certificate.json"
PAGE_FILE: Final = "certificate.html"
"""Names of a certificate's two files."""
UNSIGNED: Final = "unsigned"
"""Begins the headline of a certificate without a signature."""


class CertifiedFile(Frozen):
    """A file of the decoder: name without folders, size in bytes, SHA-256."""

    name: str
    size: int = Field(ge=0)
    sha256: Sha256


class CertifiedDecoder(Frozen):
    """The certified decoder: its identity in the results, and its files.

    The files are those that it is started from.
    """

    name: str
    version: str
    kind: str
    capabilities: tuple[str, ...]
    files: tuple[CertifiedFile, ...]


class CertifiedSuite(Frozen):
    """The suite: SHA-256 of its manifest.json, and its number of vectors of the policy's levels."""

    manifest_sha256: Sha256
    vectors: int = Field(ge=0)


class Expectation(Frozen):
    """One vector and what it must decode to, as hashes of tensors and topology.

    ``negative``: policy of a negative vector.
    """

    vector: VectorId
    revision: int
    level: Level
    provenance: Provenance
    flags: tuple[str, ...]
    negative: Policy | None
    stream_sha256: Sha256
    expected_sha256: Sha256 | None
    expected_topology_sha256: Sha256 | None


class StepExpectation(Frozen):
    """One step before the last, and what it must decode to.

    That is given as hashes of tensors and topology.
    """

    stream_sha256: Sha256
    expected_sha256: Sha256
    expected_topology_sha256: Sha256 | None


class SessionExpectation(Expectation):
    """One vector of any edition; what `Expectation` holds concerns its last step.

    Attributes:
        edition: The edition of the standard that the vector tests.
        before: The steps before the last.
    """

    edition: Edition
    before: tuple[StepExpectation, ...] = ()


def expectation_of(vector: AnyVector, *, editioned: bool = False) -> Expectation:
    """Return the expectation of a vector; one that is ``editioned`` holds earlier steps, too."""
    *before, last = vector.steps
    plain = Expectation(
        vector=vector.id,
        revision=vector.revision,
        level=vector.level,
        provenance=vector.provenance,
        flags=vector.flags,
        negative=vector.negative.policy if vector.negative is not None else None,
        stream_sha256=last.stream.sha256,
        expected_sha256=last.expected.sha256 if last.expected is not None else None,
        expected_topology_sha256=last.topology.sha256 if last.topology is not None else None,
    )
    if not editioned:
        return plain
    steps = tuple(
        StepExpectation(
            stream_sha256=step.stream.sha256,
            expected_sha256=step.expected.sha256,
            expected_topology_sha256=step.topology.sha256 if step.topology is not None else None,
        )
        for step in before
        if step.expected is not None
    )
    return SessionExpectation(**dict(plain), edition=vector.edition, before=steps)


class CertifiedCase(Expectation):
    """A vector with the decoder's result.

    It has the outcome, and hashes of its tensors (as `storage` writes them) and topology.
    """

    outcome: Outcome
    output_sha256: Sha256 | None
    topology_sha256: Sha256 | None

    @property
    def expectation(self) -> Expectation:
        """The expectation without the result."""
        return Expectation.model_validate(self.model_dump(include=set(Expectation.model_fields)))

    def shows_a_pass(self) -> bool:
        """Return whether outcome and hashes agree on a pass.

        A pass is a refusal as required, or exactly the expected output.
        """
        if self.outcome is not Outcome.PASS:
            return False
        if self.output_sha256 is None:
            return self.negative is not None
        topology = self.topology_sha256 is None or self.topology_sha256 == self.expected_topology_sha256
        return self.output_sha256 == self.expected_sha256 and topology


class CertifiedStep(StepExpectation):
    """One step before the last, with the decoder's output; None if it was not reached."""

    output_sha256: Sha256 | None
    topology_sha256: Sha256 | None

    def shows_a_pass(self) -> bool:
        """Return whether the hashes are those of the expected output."""
        topology = self.topology_sha256 is None or self.topology_sha256 == self.expected_topology_sha256
        return self.output_sha256 == self.expected_sha256 and topology


class CertifiedSession(CertifiedCase):
    """A vector of any edition with the decoder's result.

    What it has from `CertifiedCase` concerns its last step.
    """

    edition: Edition
    before: tuple[CertifiedStep, ...] = ()

    @property
    def expectation(self) -> Expectation:
        """The expectation without the result."""
        plain = super().expectation
        steps = (StepExpectation.model_validate(step.model_dump(include=set(StepExpectation.model_fields))) for step in self.before)
        return SessionExpectation(**dict(plain), edition=self.edition, before=tuple(steps))

    def shows_a_pass(self) -> bool:
        """Return whether outcome and hashes of all steps agree on a pass."""
        return super().shows_a_pass() and all(step.shows_a_pass() for step in self.before)


def certified_case(vector: AnyVector, result: CaseResult, *, editioned: bool = False) -> CertifiedCase:
    """Combine a vector's expectation with a decoder's result; see `expectation_of`."""
    expectation = expectation_of(vector, editioned=editioned)
    own: dict[str, Any] = {"outcome": result.outcome, "output_sha256": result.output_sha256, "topology_sha256": result.topology_sha256}
    if not isinstance(expectation, SessionExpectation):
        return CertifiedCase(**expectation.model_dump(), **own)
    given = [(step.output_sha256, step.topology_sha256) for step in result.judged_steps]
    given += [(None, None)] * len(expectation.before)
    before = (
        CertifiedStep(**dict(step), output_sha256=output, topology_sha256=topology)
        for step, (output, topology) in zip(expectation.before, given, strict=False)
    )
    return CertifiedSession(**expectation.model_dump(exclude={"before"}), **own, before=tuple(before))


class Challenge(Frozen):
    """The fresh streams: how they were drawn, and their results."""

    grammar: str
    nonce: str = Field(min_length=1, max_length=200, description="drawn at random, or given by whoever wants the certificate")
    cases: tuple[CertifiedCase, ...]


class WithdrawnVector(Frozen):
    """A revision of a vector that was found wrong and no longer counts.

    It has the reason.
    """

    vector: VectorId
    revision: int = Field(ge=1)
    reason: str = Field(min_length=1)


class CertificateBody(Frozen):
    """All that is certified.

    ``cases``: those of the policy's levels, by level and id; ``withdrawn``: vectors not counted.
    """

    format: Literal["nnc-certificate/1"] = "nnc-certificate/1"
    headline: str
    issued: datetime.date
    issuer: str = Field(max_length=200)
    tool: str = Field(description="what issued it, with its version")
    policy: CertificationPolicy
    suite: CertifiedSuite
    decoder: CertifiedDecoder
    results_sha256: Sha256
    cases: tuple[CertifiedCase, ...]
    challenge: Challenge
    withdrawn: tuple[WithdrawnVector, ...]


class EditionedChallenge(Challenge):
    """The fresh streams of a certificate that names editions."""

    cases: tuple[CertifiedSession, ...]


class EditionedBody(CertificateBody):
    """All that is certified, over the editions of the standard that the policy names."""

    format: Literal["nnc-certificate/2"] = "nnc-certificate/2"  # type: ignore[assignment]  # another format, told apart by this key
    policy: EditionedPolicy
    cases: tuple[CertifiedSession, ...]
    challenge: EditionedChallenge


class Certificate(Sealed[Annotated[CertificateBody | EditionedBody, Field(discriminator="format")]]):
    """A certificate with its seal."""


def headline(policy: CertificationPolicy, decoder: CertifiedDecoder, *, signed: bool, met: str = "") -> str:
    """Return the headline of a certificate; an unsigned one says so first.

    ``met`` says how a target is met, in place of the policy's name.
    """
    who = f"{decoder.name} {decoder.version}".strip()
    return f"{'' if signed else f'{UNSIGNED}: '}{who}: {met or policy.name}"


def challenge_seed(nonce: str, results_sha256: str, files: Iterable[CertifiedFile]) -> int:
    """Return the seed of the fresh streams, a hash of nonce, results and decoder files.

    So it cannot be chosen.
    """
    text = "\n".join(["nnc-challenge/1", nonce, results_sha256, *(file.sha256 for file in files)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest())
