"""``certify``: issue, verify and withdraw certificates; anyone can check one offline."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import SuiteOption, edition_option, input_file, kept_file, output_folder, read_editions, read_target
from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    import datetime as dates

    from nnc_conformance.reports.certification.withdrawals import Withdrawals

group = typer.Typer(no_args_is_help=True, help="Issue, verify and withdraw certificates of decoders and encoders.")

WithdrawalsOption = Annotated[
    Path | None,
    typer.Option(
        "--withdrawals",
        metavar="LIST",
        help="Signed withdrawal list; withdrawn vectors and certificates do not count.",
        show_default="none",
    ),
]


def _today() -> "dates.date":
    return datetime.now(UTC).date()


def _withdrawals(path: Path | None) -> "Withdrawals | None":
    from nnc_conformance.reports.certification.withdrawals import load_withdrawals

    return load_withdrawals(path) if path is not None else None


@group.command()
def issue(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="A results.json or encoder-results.json, or a folder that holds one of them.")
    ],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="Ed25519 private key to sign with.", show_default="unsigned")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", parser=output_folder, help="Folder for the certificate, as JSON and HTML.")
    ] = Path("nnc-certificate"),
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="TOML", help="Policy file: what must pass, and waivers.", show_default="the built-in policy"),
    ] = None,
    edition: Annotated[list[str] | None, edition_option("2022, or those of the policy file")] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="NAME",
            help="State that the decoder meets this target (docs/targets.md): 3gpp-ims-full or 3gpp-ims-incremental.",
            show_default="none",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of what to certify.", show_default="the only one in the results"),
    ] = None,
    decoder: Annotated[
        str | None, typer.Option("--decoder", metavar="D", help="How the decoder is started.", show_default="as run.json says")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", metavar="E", help="How the encoder is started.", show_default="as encoder-run.json says")
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option("--suite", metavar="SUITE", help="Folder or package of the suite.", show_default="the suite of the results"),
    ] = None,
    nonce: Annotated[
        str | None,
        typer.Option(
            "--nonce",
            metavar="TEXT",
            help="Seed of the fresh streams or cases, chosen by whoever asks for the certificate.",
            show_default="drawn at random",
        ),
    ] = None,
    issuer: Annotated[str, typer.Option("--issuer", metavar="TEXT", help="Name of the issuer.", show_default="empty")] = "",
    withdrawals: WithdrawalsOption = None,
) -> int:
    """Certify a decoder or an encoder by its results and a fresh challenge.

    During this command a decoder decodes fresh streams, and an encoder encodes fresh cases.

    If anything speaks against it, every reason is printed and nothing is written.

    Exit code: 0 certified, 1 refused, 2 usage or bad input.

    Example: nnc-conformance certify issue nnc-results --key issuer.pem --nonce "$(openssl rand -hex 16)"

    Example: nnc-conformance certify issue nnc-results/encoder-results.json --key issuer.pem
    """
    from nnc_conformance.reports.certification.certificate import CERTIFICATE_FILE, PAGE_FILE
    from nnc_conformance.reports.certification.encoder_issue import is_of_encoders
    from nnc_conformance.reports.certification.issue import gather, write_certificate
    from nnc_conformance.reports.certification.issue import issue as issue_certificate
    from nnc_conformance.reports.certification.judgement import UNPROVEN, evidence, unproven
    from nnc_conformance.reports.certification.policy import load_policy, policy_of, target_policy
    from nnc_conformance.reports.encoders import encoder_results_file
    from nnc_conformance.reports.results import file_of
    from nnc_conformance.storage.outputs import check_outputs
    from nnc_conformance.storage.signing import load_private_key

    if encoder is not None and decoder is not None:
        raise typer.BadParameter("a certificate is about a decoder or an encoder; leave one out", param_hint="--encoder")
    read = [file_of(results), encoder_results_file(results), *(path for path in (key, policy, suite, withdrawals) if path is not None)]
    check_outputs([], read, folder=output, names=(CERTIFICATE_FILE, PAGE_FILE))
    if encoder is not None or (decoder is None and is_of_encoders(results)):
        of_decoders = {"--edition": edition, "--target": target, "--suite": suite}
        for option, value in of_decoders.items():
            if value is not None:
                raise typer.BadParameter("encoders are judged by generated cases; leave it out", param_hint=option)
        return _issue_encoder(results, key, output, policy, name, encoder, nonce, issuer, withdrawals)
    editions, asked = read_editions(edition), read_target(target)
    given = [option for option, value in (("--policy", policy), ("--edition", editions), ("--target", asked)) if value is not None]
    if len(given) > 1:
        raise typer.BadParameter("each of --policy, --edition and --target says what must pass; give one", param_hint=given[-1])
    rules = target_policy(asked) if asked is not None else policy_of(editions) if editions is not None else load_policy(policy)
    private = load_private_key(key) if key is not None else None
    listed = _withdrawals(withdrawals)
    gathered = gather(results, rules, decoder=name, argument=decoder, suite=suite)
    issued = issue_certificate(gathered, rules, today=_today(), key=private, nonce=nonce, issuer=issuer, withdrawals=listed)
    if issued.certificate is None:
        return _refused(gathered.decoder.name, issued.reasons)
    written = write_certificate(issued.certificate, output)
    missing = unproven(evidence(issued.body, issued.body.issued))
    return _certified(issued.body.headline, written, [f"{UNPROVEN}: {', '.join(missing)}"] if missing else [])


def _issue_encoder(
    results: Path,
    key: Path | None,
    output: Path,
    policy: Path | None,
    name: str | None,
    encoder: str | None,
    nonce: str | None,
    issuer: str,
    withdrawals: Path | None,
) -> int:
    """Certify an encoder; the arguments are those of `issue`."""
    from nnc_conformance.reports.certification.encoder_issue import gather_encoder, issue_for_encoder, write_encoder_certificate
    from nnc_conformance.reports.certification.encoder_policy import load_encoder_policy
    from nnc_conformance.reports.certification.encoder_verify import scope_notes
    from nnc_conformance.storage.signing import load_private_key

    if withdrawals is not None:
        raise typer.BadParameter("it lists vectors, and encoders are judged by generated cases; leave it out", param_hint="--withdrawals")
    rules = load_encoder_policy(policy)
    private = load_private_key(key) if key is not None else None
    gathered = gather_encoder(results, name=name, argument=encoder)
    issued = issue_for_encoder(gathered, rules, today=_today(), key=private, nonce=nonce, issuer=issuer)
    if issued.certificate is None:
        return _refused(gathered.encoder.name, issued.reasons)
    written = write_encoder_certificate(issued.certificate, output)
    return _certified(issued.body.headline, written, scope_notes(issued.body, issued.body.issued))


def _refused(name: str, reasons: Sequence[str]) -> int:
    """Print every reason against a certificate, and a line with their count.

    Return `ExitCode.FAILED`.
    """
    from nnc_conformance.reports.text import one_line

    for reason in reasons:
        typer.echo(one_line(reason))
    count = len(reasons)
    typer.echo(f"Refused: {one_line(name)}: {count} {'reason' if count == 1 else 'reasons'}")
    return ExitCode.FAILED


def _certified(headline: str, written: Path, notes: Sequence[str]) -> int:
    """Print what a certificate does not show, and where it is; return the exit code."""
    from nnc_conformance.reports.text import one_line

    for note in notes:
        typer.echo(one_line(note))
    typer.echo(f"Certificate: {one_line(headline)} {written}")
    return ExitCode.AS_EXPECTED


@group.command()
def verify(
    certificate: Annotated[
        Path, typer.Argument(metavar="FILE", parser=input_file, help="The certificate, as JSON or HTML page; - for standard input.")
    ],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="Ed25519 public key that must have signed it.", show_default="any signer")
    ] = None,
    withdrawals: WithdrawalsOption = None,
    suite: SuiteOption = None,
    results: Annotated[
        Path | None, typer.Option("--results", metavar="RESULTS", help="Results to compare with.", show_default="not compared")
    ] = None,
    decoder: Annotated[
        str | None, typer.Option("--decoder", metavar="D", help="Decoder whose files to compare with.", show_default="not compared")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", metavar="E", help="Encoder whose files to compare with.", show_default="not compared")
    ] = None,
) -> int:
    """Verify a certificate offline: seal, signature, and the verdict, judged again from its
    evidence.

    That of an encoder holds the streams of its fresh cases, which are decoded and judged again.

    Exit code: 0 the certificate holds, 1 it does not, 2 it was changed or cannot be read.

    Example: nnc-conformance certify verify certificate.json --key issuer.pub --withdrawals withdrawals.json
    """
    from nnc_conformance.encoders.load import load_encoder
    from nnc_conformance.reports.certification.verification import VerificationInputs
    from nnc_conformance.reports.certification.verify import verify as verify_certificate
    from nnc_conformance.reports.text import one_line
    from nnc_conformance.storage.signing import load_public_key
    from nnc_conformance.suites.decoders.load import load_decoder

    inputs = VerificationInputs(
        trusted=load_public_key(key) if key is not None else None,
        withdrawals=_withdrawals(withdrawals),
        suite=suite,
        results=results,
        decoder=load_decoder(decoder) if decoder is not None else None,
        encoder=load_encoder(encoder) if encoder is not None else None,
    )
    found = verify_certificate(certificate, inputs, _today())
    for note in found.notes:
        typer.echo(one_line(note))
    for problem in found.problems:
        typer.echo(one_line(problem))
    typer.echo(f"{'Holds' if found.holds else 'Does not hold'}: {one_line(found.certificate.body.headline)}")
    return ExitCode.AS_EXPECTED if found.holds else ExitCode.FAILED


@group.command()
def withdraw(
    listed: Annotated[Path, typer.Argument(metavar="LIST", parser=kept_file, help="The list to create or extend.")],
    key: Annotated[Path, typer.Option("--key", metavar="PEM", help="Ed25519 private key to sign the list with.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason for the withdrawal.")],
    vector: Annotated[
        list[str] | None, typer.Option("--vector", metavar="ID@REVISION", help="Vector to withdraw. Repeatable.", show_default="none")
    ] = None,
    certificate: Annotated[
        list[Path] | None, typer.Option("--certificate", metavar="FILE", help="Certificate to withdraw. Repeatable.", show_default="none")
    ] = None,
) -> None:
    """Withdraw vectors and certificates: write the next edition of a signed list.

    Example: nnc-conformance certify withdraw withdrawals.json --key issuer.pem --vector core-dims-one@1 --reason "its shape was wrong"
    """
    from nnc_conformance.reports.certification.certificate import WithdrawnVector
    from nnc_conformance.reports.certification.verify import read_certificate
    from nnc_conformance.reports.certification.withdrawals import WithdrawnCertificate, extend_withdrawals
    from nnc_conformance.storage.outputs import check_outputs
    from nnc_conformance.storage.signing import load_private_key

    check_outputs([listed], [key, *(certificate or ())])
    vectors = []
    for text in vector or ():
        vector_id, at, revision = text.rpartition("@")
        if not at or not revision.isdecimal():
            raise typer.BadParameter(f"{text!r} is not ID@REVISION", param_hint="--vector")
        vectors.append(WithdrawnVector(vector=vector_id, revision=int(revision), reason=reason))
    certificates = [WithdrawnCertificate(sha256=read_certificate(path).seal.sha256, reason=reason) for path in certificate or ()]
    body = extend_withdrawals(listed, vectors, certificates, load_private_key(key), _today())
    typer.echo(f"edition {body.serial}: {len(body.vectors)} vectors, {len(body.certificates)} certificates withdrawn {listed}")
