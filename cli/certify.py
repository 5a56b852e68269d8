"""``certify``: issue, verify and withdraw certificates; anyone can check one offline."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import SuiteOption, edition_option, input_file, kept_file, output_folder, read_editions, read_target
from nnc_conformance.suites.results.outcomes import ExitCode

if TYPE_CHECKING:
    import datetime as dates

    from nnc_conformance.reports.certification.withdrawals import Withdrawals

group = typer.Typer(no_args_is_help=True, help="Issue, verify and withdraw certificates of decoders.")

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
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results.json, or a folder that holds one.")],
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
        typer.Option("--name", metavar="NAME", help="Name of the decoder to certify.", show_default="the only one in the results"),
    ] = None,
    decoder: Annotated[
        str | None, typer.Option("--decoder", metavar="D", help="How the decoder is started.", show_default="as run.json says")
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
            help="Seed of the fresh streams, chosen by whoever asks for the certificate.",
            show_default="drawn at random",
        ),
    ] = None,
    issuer: Annotated[str, typer.Option("--issuer", metavar="TEXT", help="Name of the issuer.", show_default="empty")] = "",
    withdrawals: WithdrawalsOption = None,
) -> int:
    """Certify a decoder by its results and by fresh streams that it decodes during this command.

    If anything speaks against it, every reason is printed and nothing is written.

    Exit code: 0 certified, 1 refused, 2 usage or bad input.

    Example: nnc-conformance certify issue nnc-results --key issuer.pem --nonce "$(openssl rand -hex 16)"
    """
    from nnc_conformance.reports.certification.certificate import CERTIFICATE_FILE, PAGE_FILE
    from nnc_conformance.reports.certification.issue import gather, write_certificate
    from nnc_conformance.reports.certification.issue import issue as issue_certificate
    from nnc_conformance.reports.certification.judgement import UNPROVEN, evidence, unproven
    from nnc_conformance.reports.certification.policy import load_policy, policy_of, target_policy
    from nnc_conformance.reports.results import file_of
    from nnc_conformance.reports.text import one_line
    from nnc_conformance.storage.outputs import check_outputs
    from nnc_conformance.storage.signing import load_private_key

    read = [file_of(results), *(path for path in (key, policy, suite, withdrawals) if path is not None)]
    check_outputs([], read, folder=output, names=(CERTIFICATE_FILE, PAGE_FILE))
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
        for reason in issued.reasons:
            typer.echo(one_line(reason))
        count = len(issued.reasons)
        typer.echo(f"Refused: {one_line(gathered.decoder.name)}: {count} {'reason' if count == 1 else 'reasons'}")
        return ExitCode.FAILED
    written = write_certificate(issued.certificate, output)
    if missing := unproven(evidence(issued.body, issued.body.issued)):
        typer.echo(f"{UNPROVEN}: {', '.join(missing)}")
    typer.echo(f"Certificate: {one_line(issued.body.headline)} {written}")
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
) -> int:
    """Verify a certificate offline: seal, signature, and the verdict, judged again from its
    evidence.

    Exit code: 0 the certificate holds, 1 it does not, 2 it was changed or cannot be read.

    Example: nnc-conformance certify verify certificate.json --key issuer.pub --withdrawals withdrawals.json
    """
    from nnc_conformance.reports.certification.verify import VerificationInputs
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
