"""Issuing certificates of encoders from the results of a run and the encoder itself."""

import datetime
import hashlib
import secrets
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from nnc_conformance.encoders.cases import CASES, cases_for, known_values
from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.fresh import FRESH_CASES, fresh_cases
from nnc_conformance.encoders.keeping import encode_and_keep
from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.planning import case_sha256
from nnc_conformance.encoders.results import RESULTS_FILE, RUN_FILE, EncoderIdentity, EncoderResults, EncoderRunDocument
from nnc_conformance.reference.errors import unknown
from nnc_conformance.reports.certification.certificate import challenge_seed
from nnc_conformance.reports.certification.certified_files import encoder_files
from nnc_conformance.reports.certification.encoder_certificate import (
    CertifiedEncoder,
    CertifiedEncoderCase,
    EncoderCertificate,
    EncoderCertificateBody,
    EncoderChallenge,
    FreshEncoderCase,
    case_content,
    certified_encoder_case,
    encoder_headline,
)
from nnc_conformance.reports.certification.encoder_judgement import encoder_reasons
from nnc_conformance.reports.certification.encoder_page import render_encoder_certificate
from nnc_conformance.reports.certification.encoder_policy import EncoderPolicy
from nnc_conformance.reports.certification.issue import NONCE_BYTES, IssueError, write_with_page
from nnc_conformance.reports.encoders import encoder_results_file, holds_encoders
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.storage.documents import first_problem
from nnc_conformance.storage.sealed import canonical_text, seal
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.suites.results.result import ResultsError
from nnc_conformance.suites.results.result_files import RESULTS_FILE as DECODER_RESULTS
from nnc_conformance.suites.results.result_files import read_results
from nnc_conformance.suites.running.runner import RunOptions


@dataclass(frozen=True)
class EncoderEvidence:
    """Evidence for the certificate of an encoder: results with their hash, and the encoder."""

    results: EncoderResults
    results_sha256: str
    encoder: EncoderSpec


@dataclass(frozen=True)
class IssuedEncoder:
    """The body, the reasons not to certify it, and the certificate if there are none."""

    body: EncoderCertificateBody
    reasons: tuple[str, ...]
    certificate: EncoderCertificate | None


def is_of_encoders(path: Path) -> bool:
    """Return whether a results file or folder holds the results of encoders.

    Raises:
        IssueError: A folder holds results of encoders and of decoders.
        ResultsError: The file cannot be read.
    """
    if (path / RESULTS_FILE).exists() and (path / DECODER_RESULTS).exists():
        raise IssueError(f"{path} holds results of decoders and of encoders; name the file, {DECODER_RESULTS} or {RESULTS_FILE}")
    return holds_encoders(path)


def load_encoder_evidence(path: Path) -> tuple[EncoderResults, str]:
    """Read the results of encoders in a file or folder, and their SHA-256; raise `ResultsError`."""
    file = encoder_results_file(path)
    data = read_results(file)
    try:
        return EncoderResults.model_validate_json(data), hashlib.sha256(data).hexdigest()
    except ValidationError as error:
        raise ResultsError(f"{file}: {first_problem(error)}") from None


def gather_encoder(path: Path, *, name: str | None = None, argument: str | None = None) -> EncoderEvidence:
    """Read the results of encoders, and find the encoder to certify.

    Args:
        path: encoder-results.json, or a folder that holds one.
        name: Chooses one of several encoders.
        argument: The ``--encoder`` argument in place of that of encoder-run.json.

    Raises:
        IssueError: The encoder is not there, or differs from that of the results.
        ResultsError: The results cannot be read.
        EncoderError: The argument describes no encoder.
    """
    results, digest = load_encoder_evidence(path)
    names = [encoder.name for encoder in results.encoders]
    if name is None and len(names) != 1:
        raise IssueError(f"{path} has several encoders; choose one with --name: {', '.join(names)}")
    chosen = name if name is not None else names[0]
    if chosen not in names:
        raise IssueError(f"{path}: {unknown('encoder', chosen, names)}")
    spec = load_encoder(argument or _argument(path, chosen)).model_copy(update={"name": chosen})
    judged = next(encoder for encoder in results.encoders if encoder.name == chosen)
    if EncoderIdentity.of(spec) != judged:
        raise IssueError(
            f"the encoder {spec.argument!r} differs from {chosen!r} in the results in version, kind, options, updates or max_error_steps"
        )
    return EncoderEvidence(results, digest, spec)


def _argument(path: Path, name: str) -> str:
    """Return how the encoder was named on the command line of the run.

    Raises `IssueError` if no encoder-run.json with that encoder lies next to the results.
    """
    folder = path if path.is_dir() else path.parent
    try:
        return EncoderRunDocument.model_validate_json(read_results(folder / RUN_FILE)).arguments[name]
    except (ResultsError, OSError, ValidationError, KeyError):
        raise IssueError(f"no {RUN_FILE} of these results says how {name!r} is started; give --encoder") from None


def issue_for_encoder(
    evidence: EncoderEvidence,
    policy: EncoderPolicy,
    *,
    today: datetime.date,
    key: Ed25519PrivateKey | None = None,
    nonce: str | None = None,
    issuer: str = "",
    options: RunOptions | None = None,
) -> IssuedEncoder:
    """Challenge the encoder with fresh cases and judge all evidence.

    Seal a certificate if nothing is against it.

    Args:
        evidence: Results and encoder.
        policy: What must pass.
        today: The day of issue.
        key: To sign with; None leaves the certificate unsigned.
        nonce: Seed of the fresh cases; None draws one.
        issuer: Name of the issuer.
        options: Of the run of the challenge.
    """
    spec = evidence.encoder
    encoder = CertifiedEncoder(
        name=spec.name,
        version=spec.version,
        kind=spec.kind,
        options={option: known_values(spec, option) for option in sorted(spec.options)},
        updates=spec.updates,
        max_error_steps=spec.max_error_steps,
        files=encoder_files(spec),
    )
    body = EncoderCertificateBody(
        headline=encoder_headline(policy, encoder, signed=key is not None),
        issued=today,
        issuer=issuer,
        tool=f"{DISTRIBUTION} {version(DISTRIBUTION)}",
        policy=policy,
        generator=CASES,
        encoder=encoder,
        results_sha256=evidence.results_sha256,
        cases=_cases(evidence),
        challenge=_challenge(spec, encoder, evidence.results_sha256, nonce or secrets.token_hex(NONCE_BYTES), policy.challenge, options),
    )
    against = encoder_reasons(body, today, signed=key is not None)
    if evidence.results.closing is None:
        against = ("the results have no closing record: the run did not finish", *against)
    if against:
        return IssuedEncoder(body, against, None)
    sealed = seal(body, Purpose.CERTIFICATE, key)
    return IssuedEncoder(body, (), EncoderCertificate(body=sealed.body, seal=sealed.seal))


def _cases(evidence: EncoderEvidence) -> tuple[CertifiedEncoderCase, ...]:
    """Return the cases that have a result; raise `IssueError` if they asked something else."""
    results = {result.case: result for result in evidence.results.of(evidence.encoder.name)}
    made = {one.case.id: one for one in cases_for(evidence.encoder)}
    for name, result in results.items():
        if name not in made or (made[name].case.options, made[name].case.title) != (result.options, result.title):
            raise IssueError(f"the case {name} of the results is none of {CASES} for this encoder; run the encoder again")
    return tuple(certified_encoder_case(one.case, case_sha256(one), results[name]) for name, one in made.items() if name in results)


def _challenge(
    spec: EncoderSpec, encoder: CertifiedEncoder, results_sha256: str, nonce: str, count: int, options: RunOptions | None
) -> EncoderChallenge:
    """Draw fresh cases, run the encoder on them, and keep its streams."""
    drawn = fresh_cases(spec, challenge_seed(nonce, results_sha256, encoder.files), count)
    judged = encode_and_keep(spec, drawn, options)
    cases = tuple(
        FreshEncoderCase.model_validate({**case_content(one.case, case_sha256(one), result), "streams": result.streams})
        for one, result in zip(drawn, judged, strict=True)
    )
    return EncoderChallenge(grammar=FRESH_CASES, nonce=nonce, cases=cases)


def write_encoder_certificate(certificate: EncoderCertificate, folder: Path) -> Path:
    """Write certificate.json and certificate.html into ``folder``, created if needed.

    Return the path of the first.

    Raises `OSError`.
    """
    return write_with_page(canonical_text(certificate), render_encoder_certificate(certificate), folder)
