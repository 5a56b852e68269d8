"""Verifying certificates of encoders."""

import datetime
from typing import Final

from nnc_conformance.encoders.results import EncoderCaseResult
from nnc_conformance.reports.certification.certified_files import encoder_files
from nnc_conformance.reports.certification.encoder_certificate import CertifiedEncoderCase, EncoderCertificate, EncoderCertificateBody
from nnc_conformance.reports.certification.encoder_issue import load_encoder_evidence
from nnc_conformance.reports.certification.encoder_judgement import EncoderWeight, encoder_reasons, never_asked, unshown, weigh_cases
from nnc_conformance.reports.certification.encoder_policy import is_built_in_for_encoders
from nnc_conformance.reports.certification.verification import (
    Verification,
    VerificationInputError,
    VerificationInputs,
    check_day,
    check_signer,
    check_withdrawn,
)

NOT_SHOWN: Final = "not shown, since no case that counts was passed"
"""What is said of options and groups of which nothing counts."""
NEVER_ASKED: Final = "never asked for"
"""What is said of options that encoder.toml does not map."""


def verify_encoder(verification: Verification, certificate: EncoderCertificate, inputs: VerificationInputs, today: datetime.date) -> None:
    """Find what is wrong with the certificate of an encoder.

    Its cases are made again, and the streams of its fresh cases are judged again.

    Args:
        verification: Takes what is found.
        certificate: The certificate.
        inputs: What to compare with.
        today: The day of the verification.

    Raises:
        VerificationInputError: A suite or a decoder was given.
    """
    if inputs.suite is not None or inputs.decoder is not None:
        given = "--suite" if inputs.suite is not None else "--decoder"
        raise VerificationInputError(f"this is the certificate of an encoder: leave {given} out; --encoder compares files")
    body = certificate.body
    verification.problems += encoder_reasons(body, today, signed=certificate.seal.signature is not None)
    check_day(verification, today)
    check_signer(verification, inputs)
    check_withdrawn(verification, inputs)
    _check_results(verification, body, inputs)
    _check_encoder(verification, body, inputs)
    if not is_built_in_for_encoders(body.policy):
        verification.notes.append(f"its policy {body.policy.name!r} is not the built-in one")
    weighed = weigh_cases(body, today)
    verification.notes += scope_notes(body, today)
    if waived := [one.case.case for one in weighed if one.weight is EncoderWeight.WAIVED]:
        verification.notes.append(f"waived: {', '.join(waived)}")


def scope_notes(body: EncoderCertificateBody, today: datetime.date) -> list[str]:
    """List what the encoder was never asked for, and what no passed case shows.

    The first are updates and options that its encoder.toml does not map; the second are groups of
    cases and values of options. Each list is one note; an empty list gives none.

    Args:
        body: The encoder's certificate.
        today: The day on which waivers must be valid.
    """
    notes = []
    if never := never_asked(body):
        notes.append(f"{NEVER_ASKED}: {', '.join(never)}")
    if missing := unshown(weigh_cases(body, today)):
        notes.append(f"{NOT_SHOWN}: {', '.join(missing)}")
    return notes


def _check_results(verification: Verification, body: EncoderCertificateBody, inputs: VerificationInputs) -> None:
    """Add a problem if the certificate does not match the given results file.

    Without a file nothing is checked.
    """
    if inputs.results is None:
        return
    results, digest = load_encoder_evidence(inputs.results)
    judged = next((one for one in results.encoders if one.name == body.encoder.name), None)
    given = {case.case: case for case in results.of(body.encoder.name)}
    if digest != body.results_sha256:
        verification.problems.append(f"{inputs.results} is not the results file of the certificate")
    elif judged is None or (judged.version, judged.kind, judged.options, judged.updates, judged.max_error_steps) != (
        body.encoder.version, body.encoder.kind, tuple(sorted(body.encoder.options)), body.encoder.updates, body.encoder.max_error_steps
    ):  # fmt: skip
        verification.problems.append(f"its encoder is not that of {inputs.results}")
    elif any(case.case not in given or _outcome(given[case.case]) != _outcome(case) for case in body.cases):
        verification.problems.append(f"its outcomes, capabilities or hashes of streams are not those of {inputs.results}")
    else:
        verification.notes.append("compared with its results")


def _outcome(case: EncoderCaseResult | CertifiedEncoderCase) -> tuple[object, ...]:
    """Return what an encoder made of a case."""
    return case.outcome, case.refused, case.capabilities, case.stream_sha256


def _check_encoder(verification: Verification, body: EncoderCertificateBody, inputs: VerificationInputs) -> None:
    """Add a problem if the given encoder's files are not those certified.

    Without an encoder nothing is checked.
    """
    if inputs.encoder is None:
        return
    if encoder_files(inputs.encoder) != body.encoder.files:
        verification.problems.append(f"the files of {inputs.encoder.argument!r} are not those of the certified encoder")
    else:
        verification.notes.append("compared with the files of its encoder")
