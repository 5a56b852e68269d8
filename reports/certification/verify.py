"""Verifying certificates offline: canonical form, judgement from their content, comparison with
given files.

The format of a certificate says whether it is about a decoder or an encoder.
"""

import datetime
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.reports.certification.certificate import (
    Certificate,
    CertificateBody,
    CertifiedCase,
    EditionedBody,
    challenge_seed,
    expectation_of,
)
from nnc_conformance.reports.certification.certified_files import decoder_files
from nnc_conformance.reports.certification.challenge import GRAMMARS, is_drawn_so
from nnc_conformance.reports.certification.encoder_certificate import EncoderCertificate
from nnc_conformance.reports.certification.encoder_page import render_encoder_certificate
from nnc_conformance.reports.certification.encoder_verify import verify_encoder
from nnc_conformance.reports.certification.judgement import UNPROVEN, Weight, evidence, reasons, unproven, weigh
from nnc_conformance.reports.certification.page import PageForm, certificate_text_in, is_page, render_certificate
from nnc_conformance.reports.certification.policy import is_built_in
from nnc_conformance.reports.certification.verification import (
    Verification,
    VerificationInputError,
    VerificationInputs,
    check_day,
    check_signer,
    check_withdrawn,
)
from nnc_conformance.storage.inputs import STANDARD_INPUT, read_bytes, read_regular
from nnc_conformance.storage.sealed import SealError, open_sealed
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.storage.suite_folder import SuiteError, built_in_root
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.result_files import RESULTS_BYTES, load_results
from nnc_conformance.suites.running.selection import SelectionError, select

CERTIFICATE_BYTES: Final = 1 << 28
"""Largest certificate that is read."""
ENCODER_FORMATS: Final = "nnc-encoder-certificate/"
"""How the formats of certificates of encoders begin."""


def read_certificate(path: Path) -> Certificate | EncoderCertificate:
    """Read a certificate of a decoder or an encoder, as JSON or HTML page.

    Raises `SealError` for anything but exactly what was issued, `SignatureError` for a wrong
    signature.
    """
    try:
        read = read_bytes if path == STANDARD_INPUT else read_regular
        data = read(path, max_bytes=CERTIFICATE_BYTES)
    except ModelError as error:
        raise SealError(str(error)) from None
    if not is_page(data):
        return _opened(data, str(path))
    certificate = _opened(certificate_text_in(data, str(path)), str(path))
    if data not in (page.encode() for page in _pages(certificate)):
        raise SealError(f"{path} differs from the page of the certificate in it: it was changed, or made by another version")
    return certificate


def _pages(certificate: Certificate | EncoderCertificate) -> Iterator[str]:
    """Yield every form of a certificate's page."""
    if isinstance(certificate, EncoderCertificate):
        yield render_encoder_certificate(certificate)
        return
    yield from (render_certificate(certificate, form) for form in PageForm)


class _Formatted(BaseModel):
    """The format of a body, whatever else it has."""

    format: str


class _AnySealed(BaseModel):
    body: _Formatted


def _opened(data: bytes, what: str) -> Certificate | EncoderCertificate:
    """Read the certificate of a decoder or an encoder, whichever the document's format says.

    Raises as `open_sealed`.

    Args:
        data: The certificate's JSON.
        what: Its name in errors.
    """
    try:
        of_encoder = _AnySealed.model_validate_json(data).body.format.startswith(ENCODER_FORMATS)
    except ValidationError:
        of_encoder = False
    if of_encoder:
        opened = open_sealed(data, EncoderCertificate, Purpose.CERTIFICATE, what)
        return EncoderCertificate(body=opened.body, seal=opened.seal)
    sealed = open_sealed(data, Certificate, Purpose.CERTIFICATE, what)
    return Certificate(body=sealed.body, seal=sealed.seal)


def verify(path: Path, inputs: VerificationInputs, today: datetime.date) -> Verification:
    """Verify a certificate on the day ``today``; raise as `read_certificate`.

    Raise `VerificationInputError` for an input that the kind of certificate cannot be compared
    with.
    """
    verification = Verification(read_certificate(path))
    if isinstance(verification.certificate, EncoderCertificate):
        verify_encoder(verification, verification.certificate, inputs, today)
    else:
        if inputs.encoder is not None:
            raise VerificationInputError(f"{path} is the certificate of a decoder; give --decoder")
        _verify_decoder(verification, verification.certificate, inputs, today)
    return verification


def _verify_decoder(verification: Verification, certificate: Certificate, inputs: VerificationInputs, today: datetime.date) -> None:
    """Find what is wrong with the certificate of a decoder."""
    body = certificate.body
    gone = inputs.withdrawals.vectors if inputs.withdrawals is not None else frozenset()
    verification.problems += reasons(body, today, signed=certificate.seal.signature is not None, withdrawn=gone)
    check_day(verification, today)
    check_signer(verification, inputs)
    check_withdrawn(verification, inputs)
    _check_withdrawals(verification, body, inputs)
    _check_challenge(verification, body)
    _check_suite(verification, body, inputs)
    _check_results(verification, body, inputs)
    _check_decoder(verification, body, inputs)
    if not is_built_in(body.policy):
        verification.notes.append(f"its policy {body.policy.name!r} is not the built-in one")
    waived = [weighed.case.vector for weighed in weigh(body, today, gone) if weighed.weight is Weight.WAIVED]
    if missing := unproven(evidence(body, today, gone)):
        verification.notes.append(f"{UNPROVEN}: {', '.join(missing)}")
    if waived:
        verification.notes.append(f"waived: {', '.join(waived)}")


def _check_withdrawals(verification: Verification, body: CertificateBody, inputs: VerificationInputs) -> None:
    """Add notes and problems on vectors that were withdrawn."""
    listed = inputs.withdrawals
    named = {(vector.vector, vector.revision) for vector in body.withdrawn}
    if listed is None:
        if named:
            verification.notes.append(f"{len(named)} vectors are listed as withdrawn, which no given list confirms")
        return
    if stray := sorted(named - listed.vectors):
        verification.problems.append(
            f"it leaves out vectors that are not withdrawn: {', '.join(f'{name}@{revision}' for name, revision in stray)}"
        )
    later = sorted({(case.vector, case.revision) for case in body.cases} & listed.vectors - named)
    if later:
        verification.notes.append(f"withdrawn since then, and not counted: {', '.join(f'{name}@{revision}' for name, revision in later)}")


def _check_challenge(verification: Verification, body: CertificateBody) -> None:
    """Draw the fresh streams again; add a problem if they are not those listed."""
    if body.challenge.grammar not in GRAMMARS:
        verification.problems.append(f"its fresh streams are of {body.challenge.grammar}, which this version cannot draw again")
        return
    seed = challenge_seed(body.challenge.nonce, body.results_sha256, body.decoder.files)
    try:
        same = is_drawn_so(body.challenge, seed, frozenset(body.decoder.capabilities))
    except NNCError as error:
        verification.problems.append(f"its fresh streams cannot be drawn again: {error}")
        return
    if not same:
        verification.problems.append("its fresh streams do not follow from nonce, results and decoder")


def _check_suite(verification: Verification, body: CertificateBody, inputs: VerificationInputs) -> None:
    """Add a problem if the certificate's cases are not the vectors of its suite.

    A given suite must be the one of the certificate; without it, a note says that none was found.
    """
    try:
        suite = select(inputs.suite or built_in_root(), body.policy.levels, editions=body.policy.counted_editions)
        fault = "" if suite.manifest_sha256 == body.suite.manifest_sha256 else f"its manifest is {suite.manifest_sha256}"
    except (SuiteError, SelectionError) as error:
        fault = str(error)
    if fault and inputs.suite is not None:
        verification.problems.append(f"{inputs.suite} is not the suite {body.suite.manifest_sha256} of the certificate: {fault}")
    elif fault:
        verification.notes.append(f"the suite {body.suite.manifest_sha256} was not found, so its vectors were not compared; give --suite")
    if fault:
        return
    editioned = isinstance(body, EditionedBody)
    if [case.expectation for case in body.cases] != [expectation_of(stored.vector, editioned=editioned) for stored in suite.vectors]:
        verification.problems.append("its cases are not the vectors of its suite")
    else:
        verification.notes.append("compared with its suite")


def _check_results(verification: Verification, body: CertificateBody, inputs: VerificationInputs) -> None:
    """Add a problem if the certificate does not match the given results file.

    Without a file nothing is checked.
    """
    if inputs.results is None:
        return
    results = load_results(inputs.results)
    file = inputs.results / "results.json" if inputs.results.is_dir() else inputs.results
    given = {case.vector: case for case in results.cases if case.decoder == body.decoder.name}
    judged = next((one for one in results.decoders if one.name == body.decoder.name), None)
    if hashlib.sha256(read_regular(file, max_bytes=RESULTS_BYTES)).hexdigest() != body.results_sha256:
        verification.problems.append(f"{inputs.results} is not the results file of the certificate")
    elif judged is None or (judged.version, judged.kind) != (body.decoder.version, body.decoder.kind):
        verification.problems.append(f"its decoder is not that of {inputs.results}")
    elif not set(body.decoder.capabilities) <= set(judged.capabilities):
        verification.problems.append(f"its decoder declares other capabilities than in {inputs.results}")
    elif any(case.vector not in given or _outcome(given[case.vector]) != _outcome(case) for case in body.cases):
        verification.problems.append(f"its outcomes or output hashes are not those of {inputs.results}")
    else:
        verification.notes.append("compared with its results")


def _outcome(case: CaseResult | CertifiedCase) -> tuple[Outcome, str | None, str | None]:
    """Return what a decoder made of a vector: the outcome, and the hashes of tensors and topology."""
    return case.outcome, case.output_sha256, case.topology_sha256


def _check_decoder(verification: Verification, body: CertificateBody, inputs: VerificationInputs) -> None:
    """Add a problem if the given decoder's files are not those certified.

    Without a decoder nothing is checked.
    """
    if inputs.decoder is None:
        return
    if decoder_files(inputs.decoder) != body.decoder.files:
        verification.problems.append(f"the files of {inputs.decoder.argument!r} are not those of the certified decoder")
    else:
        verification.notes.append("compared with the files of its decoder")
