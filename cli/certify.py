"""``certify``: certificates that say what a decoder has shown, and that anyone can check offline."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    import datetime as dates

    from nnc_conformance.reports.certification.withdrawals import Withdrawals

group = typer.Typer(no_args_is_help=True, help="Issue, verify and withdraw certificates.")

SuiteOption = Annotated[
    Path | None, typer.Option("--suite", metavar="SUITE", help="The suite's folder or package, where it is not the built-in one.")
]
WithdrawalsOption = Annotated[
    Path | None, typer.Option("--withdrawals", metavar="LIST", help="A signed withdrawal list: what it withdraws does not count.")
]


def _today() -> "dates.date":
    return datetime.now(UTC).date()


def _withdrawals(path: Path | None) -> "Withdrawals | None":
    from nnc_conformance.reports.certification.withdrawals import load_withdrawals

    return load_withdrawals(path) if path is not None else None


@group.command()
def issue(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results.json, or a folder that holds one.")],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="An ed25519 private key; without one the certificate is unsigned.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where it goes, as JSON and HTML.")] = Path("nnc-certificate"),
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="TOML", help="Other rules than the built-in ones, and waivers.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Which decoder, where the results have several.")] = None,
    decoder: Annotated[str | None, typer.Option("--decoder", metavar="D", help="How it is started, where run.json does not say.")] = None,
    suite: SuiteOption = None,
    nonce: Annotated[
        str | None,
        typer.Option("--nonce", metavar="TEXT", help="What the fresh streams are drawn from, given by whoever wants the certificate."),
    ] = None,
    issuer: Annotated[str, typer.Option("--issuer", metavar="TEXT", help="Who issues it.")] = "",
    withdrawals: WithdrawalsOption = None,
) -> int:
    """Certify a decoder by its results, and by fresh streams that it decodes here and now.

    Where anything speaks against it, every reason is printed and nothing is written. Exit code: 0 certified, 1 refused.

    Example: nnc-conformance certify issue nnc-results --key issuer.pem --nonce "$(openssl rand -hex 16)"
    """
    from nnc_conformance.reports.certification.issue import gather, write_certificate
    from nnc_conformance.reports.certification.issue import issue as issue_certificate
    from nnc_conformance.reports.certification.policy import load_policy
    from nnc_conformance.reports.text import one_line
    from nnc_conformance.storage.signing import load_private_key

    rules = load_policy(policy)
    private = load_private_key(key) if key is not None else None
    listed = _withdrawals(withdrawals)
    evidence = gather(results, rules, decoder=name, argument=decoder, suite=suite)
    issued = issue_certificate(evidence, rules, today=_today(), key=private, nonce=nonce, issuer=issuer, withdrawals=listed)
    if issued.certificate is None:
        for reason in issued.reasons:
            typer.echo(one_line(reason))
        count = len(issued.reasons)
        typer.echo(f"Refused: {one_line(evidence.decoder.name)}: {count} {'reason' if count == 1 else 'reasons'}")
        return ExitCode.FAILED
    written = write_certificate(issued.certificate, output)
    typer.echo(f"Certificate: {one_line(issued.body.headline)} {written}")
    return ExitCode.AS_EXPECTED


@group.command()
def verify(
    certificate: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate, as JSON or as its page.")],
    key: Annotated[Path | None, typer.Option("--key", metavar="PEM", help="The ed25519 public key that must have signed it.")] = None,
    withdrawals: WithdrawalsOption = None,
    suite: SuiteOption = None,
    results: Annotated[Path | None, typer.Option("--results", metavar="RESULTS", help="The results that it should rest on.")] = None,
    decoder: Annotated[
        str | None, typer.Option("--decoder", metavar="D", help="The decoder that it should certify: its files are compared.")
    ] = None,
) -> int:
    """Verify a certificate offline: its seal, its signature, and the verdict, judged again from what it holds.

    Exit code: 0 it holds, 1 it does not, 2 it is not what was issued.

    Example: nnc-conformance certify verify certificate.json --key issuer.pub --withdrawals withdrawals.json
    """
    from nnc_conformance.reports.certification.verify import Beside
    from nnc_conformance.reports.certification.verify import verify as verify_certificate
    from nnc_conformance.reports.text import one_line
    from nnc_conformance.storage.signing import load_public_key
    from nnc_conformance.suites.decoders.load import load_decoder

    beside = Beside(
        trusted=load_public_key(key) if key is not None else None,
        withdrawals=_withdrawals(withdrawals),
        suite=suite,
        results=results,
        decoder=load_decoder(decoder) if decoder is not None else None,
    )
    found = verify_certificate(certificate, beside, _today())
    for note in found.notes:
        typer.echo(one_line(note))
    for problem in found.problems:
        typer.echo(one_line(problem))
    typer.echo(f"{'Holds' if found.holds else 'Does not hold'}: {one_line(found.certificate.body.headline)}")
    return ExitCode.AS_EXPECTED if found.holds else ExitCode.FAILED


@group.command()
def withdraw(
    listed: Annotated[Path, typer.Argument(metavar="LIST", help="The list to start, or to add to.")],
    key: Annotated[Path, typer.Option("--key", metavar="PEM", help="The ed25519 private key to sign it with.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")],
    vector: Annotated[
        list[str] | None, typer.Option("--vector", metavar="ID@REVISION", help="A vector that was found wrong. Repeatable.")
    ] = None,
    certificate: Annotated[
        list[Path] | None, typer.Option("--certificate", metavar="FILE", help="A certificate that shall hold no more. Repeatable.")
    ] = None,
) -> None:
    """Withdraw vectors and certificates: write the next edition of a signed list.

    Example: nnc-conformance certify withdraw withdrawals.json --key issuer.pem --vector core-dims-one@1 --reason "its shape was wrong"
    """
    from nnc_conformance.reports.certification.certificate import WithdrawnVector
    from nnc_conformance.reports.certification.verify import read_certificate
    from nnc_conformance.reports.certification.withdrawals import WithdrawnCertificate, extend_withdrawals
    from nnc_conformance.storage.signing import load_private_key

    vectors = []
    for text in vector or ():
        vector_id, at, revision = text.rpartition("@")
        if not at or not revision.isdecimal():
            raise typer.BadParameter(f"{text!r} is not ID@REVISION", param_hint="--vector")
        vectors.append(WithdrawnVector(vector=vector_id, revision=int(revision), reason=reason))
    certificates = [WithdrawnCertificate(sha256=read_certificate(path).seal.sha256, reason=reason) for path in certificate or ()]
    body = extend_withdrawals(listed, vectors, certificates, load_private_key(key), _today())
    typer.echo(f"edition {body.serial}: {len(body.vectors)} vectors, {len(body.certificates)} certificates withdrawn {listed}")
