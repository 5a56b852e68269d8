"""What a verification gets and finds, and the checks that every kind of certificate has."""

import datetime
from dataclasses import dataclass, field
from pathlib import Path

from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reports.certification.certificate import Certificate
from nnc_conformance.reports.certification.encoder_certificate import EncoderCertificate
from nnc_conformance.reports.certification.withdrawals import Withdrawals
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec


class VerificationInputError(NNCError):
    """An input that a certificate of this kind cannot be compared with."""


@dataclass(frozen=True)
class VerificationInputs:
    """Optional inputs of a verification.

    Attributes:
        trusted: The public key that must have signed, in hex digits.
        withdrawals: The withdrawal list.
        suite: Folder or package of the suite; of decoders.
        results: Results to compare with.
        decoder: Decoder whose files to compare with.
        encoder: Encoder whose files to compare with.
    """

    trusted: str | None = None
    withdrawals: Withdrawals | None = None
    suite: Path | None = None
    results: Path | None = None
    decoder: DecoderSpec | None = None
    encoder: EncoderSpec | None = None


@dataclass
class Verification:
    """The findings on a certificate.

    ``problems`` is empty if the certificate holds; ``notes`` say what was and was not checked.
    """

    certificate: Certificate | EncoderCertificate
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the certificate holds."""
        return not self.problems


def check_day(verification: Verification, today: datetime.date) -> None:
    """Find whether the day of issue has come."""
    issued = verification.certificate.body.issued
    if issued > today:
        verification.problems.append(f"it was issued on {issued}, which is in the future")


def check_signer(verification: Verification, inputs: VerificationInputs) -> None:
    """Find whether the given key signed the certificate."""
    signature = verification.certificate.seal.signature
    if signature is None:
        verification.notes.append("it is unsigned; anyone could have made it")
    if inputs.trusted is not None and (signature is None or signature.public_key != inputs.trusted):
        verification.problems.append("it is not signed by the given key")
    elif signature is not None and inputs.trusted is None:
        verification.notes.append(f"signed by {signature.public_key}, a key that was not checked; give --key")


def check_withdrawn(verification: Verification, inputs: VerificationInputs) -> None:
    """Find whether the certificate was withdrawn, by a list that the given key signed."""
    listed = inputs.withdrawals
    if listed is None:
        verification.notes.append("no withdrawal list was given")
        return
    if inputs.trusted is not None and listed.signer != inputs.trusted:
        verification.problems.append("the withdrawal list is not signed by the given key")
    for withdrawn in listed.body.certificates:
        if withdrawn.sha256 == verification.certificate.seal.sha256:
            verification.problems.append(f"it was withdrawn: {withdrawn.reason}")
