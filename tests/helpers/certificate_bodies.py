"""Bodies of certificates made by hand."""

import datetime

from nnc_conformance.encoders.encoder_spec import EncoderKind
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reports.certification.certificate import (
    CertificateBody,
    CertifiedCase,
    CertifiedDecoder,
    CertifiedFile,
    CertifiedSuite,
    Challenge,
    WithdrawnVector,
    headline,
)
from nnc_conformance.reports.certification.encoder_certificate import (
    CertifiedEncoder,
    CertifiedEncoderCase,
    EncoderCertificateBody,
    EncoderChallenge,
    FreshEncoderCase,
    encoder_headline,
)
from nnc_conformance.reports.certification.encoder_policy import EncoderPolicy, EncoderWaiver
from nnc_conformance.reports.certification.policy import CertificationPolicy, Waiver
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import Outcome

DAY = datetime.date(2026, 11, 24)


def case_of(vector: str, outcome: Outcome = Outcome.PASS, level: Level = Level.CORE, flags: tuple[str, ...] = ("float",)) -> CertifiedCase:
    """Return a case that rests on a verified fact.

    If it passes, its hashes are those of a pass.
    """
    return CertifiedCase(
        vector=vector,
        revision=1,
        level=level,
        provenance=Provenance.VERIFIED,
        flags=flags,
        negative=None,
        stream_sha256="1" * 64,
        expected_sha256="2" * 64,
        expected_topology_sha256=None,
        outcome=outcome,
        output_sha256="2" * 64 if outcome is Outcome.PASS else None,
        topology_sha256=None,
    )


def body_of() -> CertificateBody:
    """Passed, waived, unclaimed and withdrawn vectors."""
    waiver = Waiver(vector="core-3", reason="known, and mended in the next version", expires=DAY)
    policy = CertificationPolicy(name="by hand", levels=(Level.CORE,), challenge=2, waivers=(waiver,))
    decoder = CertifiedDecoder(
        name="alpha",
        version="1.0",
        kind="command",
        capabilities=("float",),
        files=(CertifiedFile(name="alpha", size=1000, sha256="a" * 64),),
    )
    cases = [case_of(f"core-{number}") for number in range(3)] + [case_of("core-3", Outcome.FAIL), case_of("core-4", Outcome.FAIL)]
    cases.append(case_of("core-5", Outcome.UNSUPPORTED, flags=("block",)))
    fresh = tuple(case_of(f"stress-{number}", level=Level.STRESS) for number in range(2))
    return CertificateBody(
        headline=headline(policy, decoder, signed=False),
        issued=DAY,
        issuer="a laboratory",
        tool="by hand",
        policy=policy,
        suite=CertifiedSuite(manifest_sha256="b" * 64, vectors=len(cases)),
        decoder=decoder,
        results_sha256="c" * 64,
        cases=tuple(cases),
        challenge=Challenge(grammar="by-hand/1", nonce="n", cases=fresh),
        withdrawn=(WithdrawnVector(vector="core-4", revision=1, reason="its shape was wrong"),),
    )


def encoder_case_of(case: str, outcome: Outcome = Outcome.PASS, *, may_refuse: str = "", refused: bool = False) -> CertifiedEncoderCase:
    """Return a case of one step; it has a stream if the encoder gave one."""
    encoded = outcome in (Outcome.PASS, Outcome.CHOICE, Outcome.FAIL) and not refused
    return CertifiedEncoderCase(
        case=case,
        group=case.partition("-")[0],
        options={"qp": "-28", "dq": "on"},
        steps=1,
        may_refuse=may_refuse,
        case_sha256="1" * 64,
        outcome=outcome,
        refused=refused,
        capabilities=("dq", "float") if encoded else (),
        stream_sha256=("2" * 64,) if encoded else (),
    )


def encoder_body_of() -> EncoderCertificateBody:
    """Return cases of every weight but failed."""
    waiver = EncoderWaiver(case="shape-3", reason="known, and mended in the next version", expires=DAY)
    policy = EncoderPolicy(name="by hand", challenge=1, lacking=("type-*",), waivers=(waiver,))
    encoder = CertifiedEncoder(
        name="alpha",
        version="1.0",
        kind=EncoderKind.COMMAND,
        options={"qp": ("-7", "-4"), "dq": ("off", "on")},
        updates=False,
        max_error_steps=4.0,
        files=(CertifiedFile(name="alpha", size=1000, sha256="a" * 64),),
    )
    cases = (
        *(encoder_case_of(f"shape-{number}") for number in range(3)),
        encoder_case_of("shape-3", Outcome.FAIL),
        encoder_case_of("value-nan", may_refuse="values that are not finite may be refused", refused=True),
        encoder_case_of("type-float16", Outcome.UNSUPPORTED),
        encoder_case_of("skip-dq", Outcome.CHOICE),
    )
    fresh = FreshEncoderCase.model_validate({**dict(encoder_case_of("fresh-000")), "streams": ("AAAA",)})
    return EncoderCertificateBody(
        headline=encoder_headline(policy, encoder, signed=False),
        issued=DAY,
        issuer="a laboratory",
        tool="by hand",
        policy=policy,
        generator="by-hand/1",
        encoder=encoder,
        results_sha256="c" * 64,
        cases=cases,
        challenge=EncoderChallenge(grammar="by-hand/1", nonce="n", cases=(fresh,)),
    )
