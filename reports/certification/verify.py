"""Verifying certificates offline: canonical form, judgement from their content, comparison with
given files.
"""

import datetime
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.reports.certification.certificate import Certificate, CertifiedCase, EditionedBody, challenge_seed, expectation_of
from nnc_conformance.reports.certification.challenge import GRAMMARS, is_drawn_so
from nnc_conformance.reports.certification.decoder_files import decoder_files
from nnc_conformance.reports.certification.judgement import UNPROVEN, Weight, evidence, reasons, unproven, weigh
from nnc_conformance.reports.certification.page import PageForm, certificate_text_in, is_page, render_certificate
from nnc_conformance.reports.certification.policy import is_built_in
from nnc_conformance.reports.certification.withdrawals import Withdrawals
from nnc_conformance.storage.inputs import STANDARD_INPUT, read_bytes, read_regular
from nnc_conformance.storage.sealed import SealError, open_sealed
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.storage.suite_folder import SuiteError, built_in_root
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.result_files import RESULTS_BYTES, load_results
from nnc_conformance.suites.running.selection import SelectionError, select

CERTIFICATE_BYTES: Final = 1 << 28
"""Largest certificate that is read."""


@dataclass(frozen=True)
class VerificationInputs:
    """Optional inputs of a verification: trusted public key, withdrawal list, suite, results,
    decoder.
    """

    trusted: str | None = None
    withdrawals: Withdrawals | None = None
    suite: Path | None = None
    results: Path | None = None
    decoder: DecoderSpec | None = None


@dataclass
class Verification:
    """The findings on a certificate.

    ``problems`` is empty if the certificate holds; ``notes`` say what was and was not checked.
    """

    certificate: Certificate
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the certificate holds."""
        return not self.problems


def read_certificate(path: Path) -> Certificate:
    """Read a certificate, as JSON or HTML page.

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
    if data not in (render_certificate(certificate, form).encode() for form in PageForm):
        raise SealError(f"{path} differs from the page of the certificate in it: it was changed, or made by another version")
    return certificate


def _opened(data: bytes, what: str) -> Certificate:
    sealed = open_sealed(data, Certificate, Purpose.CERTIFICATE, what)
    return Certificate(body=sealed.body, seal=sealed.seal)


def verify(path: Path, inputs: VerificationInputs, today: datetime.date) -> Verification:
    """Verify a certificate on the day ``today``; raise as `read_certificate`."""
    verification = Verification(read_certificate(path))
    body, signature = verification.certificate.body, verification.certificate.seal.signature
    gone = inputs.withdrawals.vectors if inputs.withdrawals is not None else frozenset()
    verification.problems += reasons(body, today, signed=signature is not None, withdrawn=gone)
    if body.issued > today:
        verification.problems.append(f"it was issued on {body.issued}, which is in the future")
    _check_signer(verification, inputs)
    _check_withdrawals(verification, inputs)
    _check_challenge(verification)
    _check_suite(verification, inputs)
    _check_results(verification, inputs)
    _check_decoder(verification, inputs)
    if not is_built_in(body.policy):
        verification.notes.append(f"its policy {body.policy.name!r} is not the built-in one")
    waived = [weighed.case.vector for weighed in weigh(body, today, gone) if weighed.weight is Weight.WAIVED]
    if missing := unproven(evidence(body, today, gone)):
        verification.notes.append(f"{UNPROVEN}: {', '.join(missing)}")
    if waived:
        verification.notes.append(f"waived: {', '.join(waived)}")
    return verification


def _check_signer(verification: Verification, inputs: VerificationInputs) -> None:
    """Add a note or problem on who signed the certificate."""
    signature = verification.certificate.seal.signature
    if signature is None:
        verification.notes.append("it is unsigned; anyone could have made it")
    if inputs.trusted is not None and (signature is None or signature.public_key != inputs.trusted):
        verification.problems.append("it is not signed by the given key")
    elif signature is not None and inputs.trusted is None:
        verification.notes.append(f"signed by {signature.public_key}, a key that was not checked; give --key")


def _check_withdrawals(verification: Verification, inputs: VerificationInputs) -> None:
    """Add notes and problems on vectors and certificates that were withdrawn."""
    body, listed = verification.certificate.body, inputs.withdrawals
    named = {(vector.vector, vector.revision) for vector in body.withdrawn}
    if listed is None:
        verification.notes.append("no withdrawal list was given")
        if named:
            verification.notes.append(f"{len(named)} vectors are listed as withdrawn, which no given list confirms")
        return
    if inputs.trusted is not None and listed.signer != inputs.trusted:
        verification.problems.append("the withdrawal list is not signed by the given key")
    for withdrawn in listed.body.certificates:
        if withdrawn.sha256 == verification.certificate.seal.sha256:
            verification.problems.append(f"it was withdrawn: {withdrawn.reason}")
    if stray := sorted(named - listed.vectors):
        verification.problems.append(
            f"it leaves out vectors that are not withdrawn: {', '.join(f'{name}@{revision}' for name, revision in stray)}"
        )
    later = sorted({(case.vector, case.revision) for case in body.cases} & listed.vectors - named)
    if later:
        verification.notes.append(f"withdrawn since then, and not counted: {', '.join(f'{name}@{revision}' for name, revision in later)}")


def _check_challenge(verification: Verification) -> None:
    """Draw the fresh streams again; add a problem if they are not those listed."""
    body = verification.certificate.body
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


def _check_suite(verification: Verification, inputs: VerificationInputs) -> None:
    """Compare cases and expectations with the suite, if it is available."""
    body = verification.certificate.body
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


def _check_results(verification: Verification, inputs: VerificationInputs) -> None:
    """Add a problem if the certificate does not match the given results file.

    Without a file nothing is checked.
    """
    if inputs.results is None:
        return
    body, results = verification.certificate.body, load_results(inputs.results)
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


def _check_decoder(verification: Verification, inputs: VerificationInputs) -> None:
    """Add a problem if the given decoder's files are not those certified.

    Without a decoder nothing is checked.
    """
    if inputs.decoder is None:
        return
    if decoder_files(inputs.decoder) != verification.certificate.body.decoder.files:
        verification.problems.append(f"the files of {inputs.decoder.argument!r} are not those of the certified decoder")
    else:
        verification.notes.append("compared with the files of its decoder")
