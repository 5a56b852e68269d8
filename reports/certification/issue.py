"""Issuing certificates from results, the suite that they were judged by, and the decoder itself."""

import datetime
import hashlib
import secrets
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nnc_conformance.reference.errors import ModelError, NNCError, unknown
from nnc_conformance.reports.certification.certificate import (
    CERTIFICATE_FILE,
    PAGE_FILE,
    Certificate,
    CertificateBody,
    CertifiedCase,
    CertifiedDecoder,
    CertifiedSuite,
    EditionedBody,
    WithdrawnVector,
    certified_case,
)
from nnc_conformance.reports.certification.certified_files import decoder_files
from nnc_conformance.reports.certification.challenge import challenge
from nnc_conformance.reports.certification.judgement import headline_of, reasons
from nnc_conformance.reports.certification.page import render_certificate
from nnc_conformance.reports.certification.policy import CertificationPolicy, EditionedPolicy
from nnc_conformance.reports.certification.withdrawals import Withdrawals
from nnc_conformance.storage import DISTRIBUTION, outputs
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.sealed import canonical_text, seal
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.storage.suite_folder import Suite, SuiteError, built_in_root
from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.fresh_ids import is_fresh
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.result import Results, ResultsError
from nnc_conformance.suites.results.result_files import RESULTS_BYTES, RESULTS_FILE, load_results, load_run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import SelectionError, select

NONCE_BYTES: Final = 16
"""Random bytes of a drawn nonce."""


class IssueError(NNCError):
    """Evidence for a certificate is missing or inconsistent."""


@dataclass(frozen=True)
class CertificateEvidence:
    """Evidence for a certificate: results with their hash, their suite, and the decoder to
    challenge.
    """

    results: Results
    results_sha256: str
    suite: Suite
    decoder: DecoderSpec


def gather(
    path: Path, policy: CertificationPolicy, *, decoder: str | None = None, argument: str | None = None, suite: Path | None = None
) -> CertificateEvidence:
    """Read a results file or folder, and find its suite and decoder.

    ``decoder`` chooses one of several by name; ``argument`` (of ``--decoder``) and ``suite``
    replace those of run.json. Raises `IssueError` if one is missing or differs from the results,
    `ResultsError`, `SuiteError`, `DecoderError`.
    """
    results = load_results(path)
    names = [judged.name for judged in results.decoders]
    if decoder is None and len(names) != 1:
        raise IssueError(f"{path} has several decoders; choose one with --name: {', '.join(names)}")
    name = decoder if decoder is not None else names[0]
    if name not in names:
        raise IssueError(f"{path}: {unknown('decoder', name, names)}")
    spec = load_decoder(argument or _argument(path, name)).model_copy(update={"name": name})
    judged = next(judged for judged in results.decoders if judged.name == name)
    if spec.identity(results.editions) != judged:
        raise IssueError(f"the decoder {spec.argument!r} differs from {name!r} in the results in version, kind or declared capabilities")
    return CertificateEvidence(results, _sha256(path), _suite(path, results, policy, suite), spec)


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a results file, or of the results.json in a folder.

    Raises `ResultsError` if it cannot be read.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        return hashlib.sha256(read_regular(file, max_bytes=RESULTS_BYTES)).hexdigest()
    except ModelError as error:
        raise ResultsError(str(error)) from None


def _argument(path: Path, name: str) -> str:
    """Return how the decoder was named on the command line of the run.

    Raises `IssueError` if no run.json with that decoder lies next to the results.

    Args:
        path: The results: a folder or a file.
        name: The decoder's name.
    """
    folder = path if path.is_dir() else path.parent
    try:
        return next(decoder.argument for decoder in load_run(folder).decoders if decoder.name == name)
    except (ResultsError, StopIteration):
        raise IssueError(f"no run.json of these results says how {name!r} is started; give --decoder") from None


def _suite(path: Path, results: Results, policy: CertificationPolicy, given: Path | None) -> Suite:
    """Load the suite that the results state, with the vectors of the policy's levels."""
    for place in [given] if given is not None else _likely_suites(path):
        try:
            suite = select(place, policy.levels, editions=policy.counted_editions)
        except (SuiteError, SelectionError):
            if place == given:
                raise
            continue
        if suite.manifest_sha256 == results.suite.manifest_sha256:
            return suite
    raise IssueError(f"no suite with the manifest {results.suite.manifest_sha256} of the results was found; give --suite")


def _likely_suites(path: Path) -> list[Path]:
    """Return the suites that the results may be of, the likeliest first.

    They are the one that run.json next to the results names, if any, and the built-in one.
    """
    try:
        said = load_run(path if path.is_dir() else path.parent).suite
    except ResultsError:
        said = ""
    return [*([Path(said)] if said else []), built_in_root()]


@dataclass(frozen=True)
class Issued:
    """The body, the reasons not to certify it, and the certificate if there are none."""

    body: CertificateBody
    reasons: tuple[str, ...]
    certificate: Certificate | None


def issue(
    evidence: CertificateEvidence,
    policy: CertificationPolicy,
    *,
    today: datetime.date,
    key: Ed25519PrivateKey | None = None,
    nonce: str | None = None,
    issuer: str = "",
    withdrawals: Withdrawals | None = None,
    options: RunOptions | None = None,
) -> Issued:
    """Challenge the decoder with fresh streams and judge all evidence.

    Seal a certificate if nothing is against it.

    Args:
        evidence: Results, suite and decoder.
        policy: What must pass.
        today: The day of issue.
        key: To sign with; None leaves the certificate unsigned.
        nonce: Seed of the fresh streams; None draws one.
        issuer: Name of the issuer.
        withdrawals: Vectors and certificates that do not count.
        options: Of the run of the challenge.
    """
    editioned = isinstance(policy, EditionedPolicy)
    spec = evidence.decoder.model_copy(update={"capabilities": evidence.decoder.identity(policy.counted_editions).capabilities})
    seed = nonce or secrets.token_hex(NONCE_BYTES)
    drawn = challenge(spec, evidence.results_sha256, seed, policy.challenge, options, editioned=editioned)
    decoder = CertifiedDecoder(
        name=spec.name, version=spec.version, kind=spec.kind, capabilities=spec.capabilities, files=decoder_files(spec)
    )
    cases = _cases(evidence, editioned=editioned)
    content = {
        "headline": "",
        "issued": today,
        "issuer": issuer,
        "tool": f"{DISTRIBUTION} {version(DISTRIBUTION)}",
        "policy": policy,
        "suite": CertifiedSuite(manifest_sha256=evidence.suite.manifest_sha256, vectors=len(evidence.suite.vectors)),
        "decoder": decoder,
        "results_sha256": evidence.results_sha256,
        "cases": cases,
        "challenge": drawn,
        "withdrawn": _withdrawn(cases, withdrawals),
    }
    unnamed = (EditionedBody if editioned else CertificateBody).model_validate(content)
    body = unnamed.model_copy(update={"headline": headline_of(unnamed, signed=key is not None)})
    against = [*reasons(body, today, signed=key is not None)]
    fresh = [case for case in evidence.results.cases if case.decoder == spec.name and is_fresh(case.vector)]
    against += [f"fresh stream {case.vector} of the run: {case.message}" for case in fresh if OUTCOMES[case.outcome].fails]
    if evidence.results.closing is None:
        against.insert(0, "the results have no closing record: the run did not finish")
    if against:
        return Issued(body, tuple(against), None)
    sealed = seal(body, Purpose.CERTIFICATE, key)
    return Issued(body, (), Certificate(body=sealed.body, seal=sealed.seal))


def _cases(evidence: CertificateEvidence, *, editioned: bool) -> tuple[CertifiedCase, ...]:
    """Return the results that go into the certificate, in the order of the suite.

    Vectors without a result, or with a result of another revision, are left out.
    """
    results = {case.vector: case for case in evidence.results.cases if case.decoder == evidence.decoder.name}
    return tuple(
        certified_case(stored.vector, results[stored.vector.id], editioned=editioned)
        for stored in evidence.suite.vectors
        if stored.vector.id in results and results[stored.vector.id].revision == stored.vector.revision
    )


def _withdrawn(cases: tuple[CertifiedCase, ...], withdrawals: Withdrawals | None) -> tuple[WithdrawnVector, ...]:
    judged = {(case.vector, case.revision) for case in cases}
    return tuple(entry for entry in withdrawals.body.vectors if (entry.vector, entry.revision) in judged) if withdrawals is not None else ()


def write_certificate(certificate: Certificate, folder: Path) -> Path:
    """Write certificate.json and certificate.html into ``folder``, created if needed.

    Return the path of the first.

    Raises `OSError`.
    """
    return write_with_page(canonical_text(certificate), render_certificate(certificate), folder)


def write_with_page(document: str, page: str, folder: Path) -> Path:
    """Write certificate.json and certificate.html into ``folder``, created if needed.

    Return the path of the first.

    Args:
        document: The certificate as JSON.
        page: The certificate as HTML.
        folder: Where to write.

    Raises:
        OSError: The folder or a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {CERTIFICATE_FILE: document, PAGE_FILE: page}
    outputs.write_together({folder / name: text.encode() for name, text in texts.items()})
    return folder / CERTIFICATE_FILE
