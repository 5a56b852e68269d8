"""What a certificate holds: enough to judge again, offline, whether it was rightly given."""

import datetime
import hashlib
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import Field

from nnc_conformance.reference.syntax.rules import Policy as NegativePolicy
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reports.certification.policy import Policy
from nnc_conformance.storage.documents import Frozen, Sha256
from nnc_conformance.storage.sealed import Sealed
from nnc_conformance.storage.vector import Level, Vector, VectorId
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult

CERTIFICATE_FILE: Final = "certificate.json"
PAGE_FILE: Final = "certificate.html"
UNSIGNED: Final = "unsigned"


class CertifiedFile(Frozen):
    """A file of the decoder: its name without folders, size in bytes, SHA-256."""

    name: str
    size: int = Field(ge=0)
    sha256: Sha256


class CertifiedDecoder(Frozen):
    """Who is certified: identity as in the results, and the files that it was started from."""

    name: str
    version: str
    kind: str
    capabilities: tuple[str, ...]
    files: tuple[CertifiedFile, ...]


class CertifiedSuite(Frozen):
    """By what: the SHA-256 of the suite's manifest.json, and how many vectors of the policy's levels it has."""

    manifest_sha256: Sha256
    vectors: int = Field(ge=0)


class Expectation(Frozen):
    """One vector, and what it must give: the hashes of its expected tensors and topology; ``negative`` is its policy where it is one."""

    vector: VectorId
    revision: int
    level: Level
    provenance: Provenance
    flags: tuple[str, ...]
    negative: NegativePolicy | None
    stream_sha256: Sha256
    expected_sha256: Sha256 | None
    expected_topology_sha256: Sha256 | None


def expectation_of(vector: Vector) -> Expectation:
    """Returns what a vector must give."""
    return Expectation(
        vector=vector.id,
        revision=vector.revision,
        level=vector.level,
        provenance=vector.provenance,
        flags=vector.flags,
        negative=vector.negative.policy if vector.negative is not None else None,
        stream_sha256=vector.stream.sha256,
        expected_sha256=vector.expected.sha256 if vector.expected is not None else None,
        expected_topology_sha256=vector.topology.sha256 if vector.topology is not None else None,
    )


class CertifiedCase(Expectation):
    """A vector with what the decoder gave: the outcome, and the hashes of its tensors (as `storage` writes them) and topology."""

    outcome: Outcome
    output_sha256: Sha256 | None
    topology_sha256: Sha256 | None

    @property
    def expectation(self) -> Expectation:
        """What the vector must give."""
        return Expectation.model_validate(self.model_dump(include=set(Expectation.model_fields)))

    def shows_a_pass(self) -> bool:
        """Whether outcome and hashes agree that the decoder did what it must: refused, or gave exactly what is expected."""
        if self.outcome is not Outcome.PASS:
            return False
        if self.output_sha256 is None:
            return self.negative is not None
        topology = self.topology_sha256 is None or self.topology_sha256 == self.expected_topology_sha256
        return self.output_sha256 == self.expected_sha256 and topology


def certified_case(vector: Vector, result: CaseResult) -> CertifiedCase:
    """Puts together what a vector must give and what came of it."""
    return CertifiedCase(
        **expectation_of(vector).model_dump(),
        outcome=result.outcome,
        output_sha256=result.output_sha256,
        topology_sha256=result.topology_sha256,
    )


class Challenge(Frozen):
    """The fresh streams: how they were drawn, and what came of them."""

    grammar: str
    nonce: str = Field(min_length=1, max_length=200, description="drawn at random, or given by whoever wants the certificate")
    cases: tuple[CertifiedCase, ...]


class WithdrawnVector(Frozen):
    """A revision of a vector that is found wrong, and why; it counts no more."""

    vector: VectorId
    revision: int = Field(ge=1)
    reason: str = Field(min_length=1)


class CertificateBody(Frozen):
    """All that is certified. ``cases`` are those of the policy's levels, by level and id; ``withdrawn`` were not counted."""

    format: Literal["nnc-certificate/1"] = "nnc-certificate/1"
    headline: str
    issued: datetime.date
    issuer: str = Field(max_length=200)
    tool: str = Field(description="what issued it, with its version")
    policy: Policy
    suite: CertifiedSuite
    decoder: CertifiedDecoder
    results_sha256: Sha256
    cases: tuple[CertifiedCase, ...]
    challenge: Challenge
    withdrawn: tuple[WithdrawnVector, ...]


class Certificate(Sealed[CertificateBody]):
    """A certificate with its seal."""


def headline(policy: Policy, decoder: CertifiedDecoder, *, signed: bool) -> str:
    """Returns the one headline of a certificate; one without a signature says so first."""
    who = f"{decoder.name} {decoder.version}".strip()
    return f"{'' if signed else f'{UNSIGNED}: '}{who}: {policy.name}"


def challenge_seed(nonce: str, results_sha256: str, files: Iterable[CertifiedFile]) -> int:
    """Returns the seed of the fresh streams: it follows from nonce, results and decoder, so that none is chosen for another."""
    told = "\n".join(["nnc-challenge/1", nonce, results_sha256, *(file.sha256 for file in files)])
    return int.from_bytes(hashlib.sha256(told.encode()).digest())
