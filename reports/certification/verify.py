"""Verifying certificates offline: read only in canonical form, judged again from what they hold, and checked against what is at hand."""

import datetime
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nnc_conformance.generator import stress
from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.reports.certification.certificate import Certificate, challenge_seed, expectation_of
from nnc_conformance.reports.certification.challenge import is_drawn_so
from nnc_conformance.reports.certification.decoder_files import decoder_files
from nnc_conformance.reports.certification.judgement import Weight, reasons, weigh
from nnc_conformance.reports.certification.page import certificate_text_in, is_page, render_certificate
from nnc_conformance.reports.certification.policy import load_policy
from nnc_conformance.reports.certification.withdrawals import Withdrawals
from nnc_conformance.storage.inputs import STANDARD_INPUT, read_bytes, read_regular
from nnc_conformance.storage.sealed import SealError, open_sealed
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.storage.suite_folder import SuiteError, built_in_root
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.results.result_files import RESULTS_BYTES, load_results
from nnc_conformance.suites.running.selection import SelectionError, select

CERTIFICATE_BYTES: Final = 1 << 28


@dataclass(frozen=True)
class Beside:
    """What a certificate is checked against, where it is given: trusted public key, withdrawal list, suite, results, decoder."""

    trusted: str | None = None
    withdrawals: Withdrawals | None = None
    suite: Path | None = None
    results: Path | None = None
    decoder: DecoderSpec | None = None


@dataclass
class Verification:
    """What was found: ``problems`` (empty: the certificate holds), and ``notes`` on what was and was not checked."""

    certificate: Certificate
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the certificate holds."""
        return not self.problems


def read_certificate(path: Path) -> Certificate:
    """Reads a certificate, as JSON or as its page; raises `SealError` for whatever is not exactly what was issued, `SignatureError`."""
    try:
        read = read_bytes if path == STANDARD_INPUT else read_regular
        data = read(path, max_bytes=CERTIFICATE_BYTES)
    except ModelError as error:
        raise SealError(str(error)) from None
    if not is_page(data):
        return _opened(data, str(path))
    certificate = _opened(certificate_text_in(data, str(path)), str(path))
    if render_certificate(certificate).encode() != data:
        raise SealError(f"{path} is not the page of the certificate in it: it was changed, or made by another version than this")
    return certificate


def _opened(data: bytes, what: str) -> Certificate:
    sealed = open_sealed(data, Certificate, Purpose.CERTIFICATE, what)
    return Certificate(body=sealed.body, seal=sealed.seal)


def verify(path: Path, beside: Beside, today: datetime.date) -> Verification:
    """Verifies a certificate on a day; raises as `read_certificate` where there is nothing that could be judged."""
    found = Verification(read_certificate(path))
    body, signature = found.certificate.body, found.certificate.seal.signature
    gone = beside.withdrawals.vectors if beside.withdrawals is not None else frozenset()
    found.problems += reasons(body, today, signed=signature is not None, withdrawn=gone)
    if body.issued > today:
        found.problems.append(f"it was issued on {body.issued}, which is not yet")
    _check_signer(found, beside)
    _check_withdrawals(found, beside)
    _check_challenge(found)
    _check_suite(found, beside)
    _check_results(found, beside)
    _check_decoder(found, beside)
    if body.policy.model_copy(update={"waivers": ()}) != load_policy(None):
        found.notes.append(f"its policy {body.policy.name!r} is not the built-in one")
    waived = [one.case.vector for one in weigh(body, today, gone) if one.weight is Weight.WAIVED]
    if waived:
        found.notes.append(f"waived: {', '.join(waived)}")
    return found


def _check_signer(found: Verification, beside: Beside) -> None:
    signature = found.certificate.seal.signature
    if signature is None:
        found.notes.append("it is unsigned: anyone could have made it")
    if beside.trusted is not None and (signature is None or signature.public_key != beside.trusted):
        found.problems.append("it is not signed by the key given")
    elif signature is not None and beside.trusted is None:
        found.notes.append(f"signed by {signature.public_key}, a key that was not checked: give --key")


def _check_withdrawals(found: Verification, beside: Beside) -> None:
    body, listed = found.certificate.body, beside.withdrawals
    named = {(one.vector, one.revision) for one in body.withdrawn}
    if listed is None:
        found.notes.append("no withdrawal list was given")
        if named:
            found.notes.append(f"{len(named)} vectors are not counted as withdrawn, by no list that was given")
        return
    if beside.trusted is not None and listed.signer != beside.trusted:
        found.problems.append("the withdrawal list is not signed by the key given")
    for one in listed.body.certificates:
        if one.sha256 == found.certificate.seal.sha256:
            found.problems.append(f"it was withdrawn: {one.reason}")
    if stray := sorted(named - listed.vectors):
        found.problems.append(
            f"it leaves out vectors that are not withdrawn: {', '.join(f'{name}@{revision}' for name, revision in stray)}"
        )
    later = sorted({(case.vector, case.revision) for case in body.cases} & listed.vectors - named)
    if later:
        found.notes.append(f"withdrawn since, and not counted: {', '.join(f'{name}@{revision}' for name, revision in later)}")


def _check_challenge(found: Verification) -> None:
    body = found.certificate.body
    if body.challenge.grammar != stress.GRAMMAR:
        found.notes.append(f"its fresh streams are of {body.challenge.grammar}, which cannot be drawn again here")
        return
    seed = challenge_seed(body.challenge.nonce, body.results_sha256, body.decoder.files)
    try:
        same = is_drawn_so(body.challenge, seed, frozenset(body.decoder.capabilities))
    except NNCError as error:
        found.problems.append(f"its fresh streams cannot be drawn again: {error}")
        return
    if not same:
        found.problems.append("its fresh streams are not those that nonce, results and decoder give")


def _check_suite(found: Verification, beside: Beside) -> None:
    """Every vector of the suite's levels is there, and must give what the suite says; where the suite is at hand."""
    body = found.certificate.body
    try:
        suite = select(beside.suite or built_in_root(), body.policy.levels)
        fault = "" if suite.manifest_sha256 == body.suite.manifest_sha256 else f"its manifest is {suite.manifest_sha256}"
    except (SuiteError, SelectionError) as error:
        fault = str(error)
    if fault and beside.suite is not None:
        found.problems.append(f"{beside.suite} is not the suite {body.suite.manifest_sha256} of the certificate: {fault}")
    elif fault:
        found.notes.append(f"the suite {body.suite.manifest_sha256} is not at hand, so its vectors were not compared: give --suite")
    if fault:
        return
    if [case.expectation for case in body.cases] != [expectation_of(stored.vector) for stored in suite.vectors]:
        found.problems.append("its cases are not the vectors of the suite that it names")
    else:
        found.notes.append("compared with the suite that it names")


def _check_results(found: Verification, beside: Beside) -> None:
    if beside.results is None:
        return
    body, results = found.certificate.body, load_results(beside.results)
    file = beside.results / "results.json" if beside.results.is_dir() else beside.results
    given = {case.vector: case for case in results.cases if case.decoder == body.decoder.name}
    if hashlib.sha256(read_regular(file, max_bytes=RESULTS_BYTES)).hexdigest() != body.results_sha256:
        found.problems.append(f"{beside.results} is not the results file of the certificate")
    elif any(
        case.vector not in given or (given[case.vector].outcome, given[case.vector].output_sha256) != (case.outcome, case.output_sha256)
        for case in body.cases
    ):
        found.problems.append(f"its outcomes or output hashes are not those of {beside.results}")
    else:
        found.notes.append("compared with the results that it names")


def _check_decoder(found: Verification, beside: Beside) -> None:
    if beside.decoder is None:
        return
    if decoder_files(beside.decoder) != found.certificate.body.decoder.files:
        found.problems.append(f"the files of {beside.decoder.argument!r} are not those of the decoder that it certifies")
    else:
        found.notes.append("compared with the files of the decoder")
