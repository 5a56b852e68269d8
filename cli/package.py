"""``package``: put the vectors of a suite into one verifiable file."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import input_file, output_file

group = typer.Typer(no_args_is_help=True, help="Build, verify and compare packages of vectors.")

PackageArgument = Annotated[Path, typer.Argument(metavar="FILE", parser=input_file, help="The package; - for standard input.")]


@group.command()
def build(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder of the suite.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", parser=output_file, help="The package to write; a signature is written to OUT.sig. - for standard output."
        ),
    ],
    previous: Annotated[
        Path | None,
        typer.Option("--previous", metavar="FILE", help="Previous package; unchanged vectors are copied from it.", show_default="none"),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="Ed25519 private key to sign with.", show_default="unsigned")
    ] = None,
) -> None:
    """Build the package of a suite folder; the same vectors give the same bytes on every machine.

    With --previous the version rises: minor if vectors were added or removed, patch if some
    changed; else it stays.

    Example: nnc-conformance package build vectors/ nnc-vectors.tar --previous nnc-vectors-1.0.0.tar --key key.pem
    """
    from nnc_conformance.storage.outputs import check_outputs, is_regular, is_standard_output
    from nnc_conformance.storage.package import signature_path
    from nnc_conformance.storage.package_build import build as build_package
    from nnc_conformance.storage.signing import load_private_key

    piped = is_standard_output(out)
    alone = not is_regular(out)
    if alone and key is not None:
        raise typer.BadParameter(f"{out} has no place for the signature; name a regular file", param_hint="OUT")
    check_outputs([out] if alone else [out, signature_path(out)], [source, *(path for path in (previous, key) if path is not None)])
    built = build_package(source, out, previous=previous, key=load_private_key(key) if key is not None else None)
    what = built.changes
    changed = f"{len(what.added)} added, {len(what.changed)} changed, {len(what.removed)} retired"
    typer.echo(f"{built.vectors} vectors, {built.reused} of them reused; {changed}", err=piped)
    typer.echo(f"version {built.version}, {'unsigned' if key is None else 'signed'}, SHA-256 {built.sha256} {out}", err=piped)


@group.command()
def verify(
    package: PackageArgument,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="Ed25519 public key that must have signed it.", show_default="any signer")
    ] = None,
) -> None:
    """Verify every byte of a package, and its signature.

    Example: nnc-conformance package verify nnc-vectors.tar --key publisher.pub
    """
    from nnc_conformance.storage.package import verify as verify_package
    from nnc_conformance.storage.signing import load_public_key

    trusted = load_public_key(key) if key is not None else None
    found = verify_package(package, trusted=trusted)
    signer = "unsigned" if found.signed_by is None else f"signed by {found.signed_by}"
    note = "" if found.signed_by is None or trusted is not None else " (key not checked; give --key)"
    typer.echo(f"whole: {found.manifest.name} {found.manifest.version}, {found.vectors} vectors, {signer}{note}, SHA-256 {found.sha256}")


@group.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", parser=input_file, help="The earlier package.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", parser=input_file, help="The later package.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Compare two packages: which vectors were added, removed or changed.

    Exit code: 0 no difference, 1 differences, 2 usage or bad input.

    Example: nnc-conformance package diff nnc-vectors-1.0.0.tar nnc-vectors-1.1.0.tar
    """
    from dataclasses import asdict

    from nnc_conformance.storage.documents import canonical_json
    from nnc_conformance.storage.package import compare

    before, after, what = compare(old, new)
    if as_json:
        document = {"old": before.version, "new": after.version, **asdict(what)}
        typer.echo(canonical_json(document), nl=False)
        return int(bool(what))
    typer.echo(f"{before.version} -> {after.version}")
    for word, names in (("added", what.added), ("removed", what.removed)):
        for name in names:
            typer.echo(f"{word}\t{name}")
    for change in what.changed:
        typer.echo(f"changed\t{change.id}\trevision {change.old_revision} -> {change.new_revision}\t{', '.join(change.files)}")
    return int(bool(what))
