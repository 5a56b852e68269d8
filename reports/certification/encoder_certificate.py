"""The certificate of an encoder: what it was asked, what it did, and the streams of fresh cases."""

import base64
import binascii
import datetime
import sys
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from nnc_conformance.encoders.cases import EncoderCase
from nnc_conformance.encoders.encoder_spec import EncoderKind, EncoderSpec, OptionWords
from nnc_conformance.encoders.results import EncoderCaseResult
from nnc_conformance.reports.certification.certificate import UNSIGNED, CertifiedFile
from nnc_conformance.reports.certification.encoder_policy import EncoderPolicy
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json, sha256
from nnc_conformance.storage.sealed import Sealed
from nnc_conformance.suites.results.outcomes import Outcome


class CertifiedEncoder(Frozen):
    """The certified encoder: its identity in the results, what it can be asked, and its files.

    Attributes:
        options: The values of each option that it can be asked for.
        updates: Whether it encodes updates.
        max_error_steps: Steps by which its values may be off where nothing sharper holds.
        files: The files that it is started from.
    """

    name: str
    version: str
    kind: EncoderKind
    options: dict[str, tuple[str, ...]]
    updates: bool
    max_error_steps: float
    files: tuple[CertifiedFile, ...]

    def spec(self) -> EncoderSpec:
        """Return a description from which the same cases are made; it starts nothing."""
        words = {name: OptionWords(by_value=dict.fromkeys(values, "")) for name, values in self.options.items()}
        return EncoderSpec(
            name=self.name,
            version=self.version,
            kind=self.kind,
            argument=self.name,
            command=(),
            options=words,
            updates=self.updates,
            max_error_steps=self.max_error_steps,
        )


class CertifiedEncoderCase(Frozen):
    """A generated case with what the encoder did.

    Attributes:
        case: Id of the case.
        group: What the case varies.
        options: What was asked for, by our names.
        steps: Streams that it asks for.
        may_refuse: Why the encoder may refuse it; "" if it may not.
        case_sha256: SHA-256 of its description and its tensors.
        outcome: The outcome.
        refused: Whether the encoder refused what it may refuse.
        capabilities: What a decoder needs for the streams.
        stream_sha256: SHA-256 of the stream of each step.
    """

    case: str
    group: str
    options: dict[str, str]
    steps: int = Field(ge=1)
    may_refuse: str
    case_sha256: Sha256
    outcome: Outcome
    refused: bool
    capabilities: tuple[str, ...]
    stream_sha256: tuple[Sha256, ...]

    def shows_a_pass(self) -> bool:
        """Return whether outcome and streams agree on a pass: one right stream for each step."""
        return self.outcome is Outcome.PASS and not self.refused and len(self.stream_sha256) == self.steps

    def shows_a_refusal(self) -> bool:
        """Return whether the encoder did not encode what it may refuse."""
        allowed = self.outcome is Outcome.UNSUPPORTED or (self.outcome is Outcome.PASS and self.refused)
        return allowed and bool(self.may_refuse) and len(self.stream_sha256) < self.steps

    def asks(self, case: EncoderCase, case_sha256: str) -> bool:
        """Return whether it asks what a generated case does."""
        own = (self.case, self.group, self.options, self.steps, self.may_refuse, self.case_sha256)
        return own == (case.id, case.group, case.options, case.steps, case.may_refuse, case_sha256)


class FreshEncoderCase(CertifiedEncoderCase):
    """A fresh case, with its streams in base64."""

    streams: tuple[str, ...]

    def stream_bytes(self) -> list[bytes]:
        """Return the streams; raise `ValueError` if they are not those that the hashes state."""
        try:
            streams = [base64.b64decode(text, validate=True) for text in self.streams]
        except binascii.Error as error:
            raise ValueError(f"{self.case}: {error}") from None
        if tuple(map(sha256, streams)) != self.stream_sha256:
            raise ValueError(f"{self.case}: its streams are not those that the hashes state")
        return streams


def certified_encoder_case(case: EncoderCase, case_sha256: str, result: EncoderCaseResult) -> CertifiedEncoderCase:
    """Combine a case with an encoder's result."""
    return CertifiedEncoderCase.model_validate(case_content(case, case_sha256, result))


def case_content(case: EncoderCase, case_sha256: str, result: EncoderCaseResult) -> Mapping[str, object]:
    """Return the fields of a certified case by name."""
    return {
        "case": case.id,
        "group": case.group,
        "options": case.options,
        "steps": case.steps,
        "may_refuse": case.may_refuse,
        "case_sha256": case_sha256,
        "outcome": result.outcome,
        "refused": result.refused,
        "capabilities": result.capabilities,
        "stream_sha256": result.stream_sha256,
    }


class EncoderChallenge(Frozen):
    """The fresh cases: how they were drawn, and what the encoder made of them."""

    grammar: str
    nonce: str = Field(min_length=1, max_length=200, description="drawn at random, or given by whoever wants the certificate")
    cases: tuple[FreshEncoderCase, ...]


class EncoderCertificateBody(Frozen):
    """All that is certified of an encoder.

    Attributes:
        generator: Version of the generated cases.
        cases: All cases that are made for the encoder, in their order.
    """

    format: Literal["nnc-encoder-certificate/1"] = "nnc-encoder-certificate/1"
    headline: str
    issued: datetime.date
    issuer: str = Field(max_length=200)
    tool: str = Field(description="what issued it, with its version")
    policy: EncoderPolicy
    generator: str
    encoder: CertifiedEncoder
    results_sha256: Sha256
    cases: tuple[CertifiedEncoderCase, ...]
    challenge: EncoderChallenge


class EncoderCertificate(Sealed[EncoderCertificateBody]):
    """A certificate of an encoder with its seal."""


def encoder_headline(policy: EncoderPolicy, encoder: CertifiedEncoder, *, signed: bool) -> str:
    """Return the headline of a certificate; an unsigned one says so first."""
    who = f"{encoder.name} {encoder.version}".strip()
    return f"{'' if signed else f'{UNSIGNED}: '}{who}: {policy.name}"


def encoder_certificate_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of `EncoderCertificate`."""
    schema: dict[str, Any] = EncoderCertificate.model_json_schema(mode="serialization")
    return canonical_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


if __name__ == "__main__":
    sys.stdout.write(encoder_certificate_schema())
