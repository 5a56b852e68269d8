"""``package``: vectors as one file that can be checked to its last byte."""

from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(no_args_is_help=True, help="Build, verify and compare packages of vectors.")

PackageArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A package.")]


@group.command()
def build(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A suite's folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The package to write; its signature goes beside it, as OUT.sig.")],
    previous: Annotated[
        Path | None, typer.Option("--previous", metavar="FILE", help="The package before: unchanged vectors are taken from it.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="PEM", help="An ed25519 private key to sign with.")] = None,
) -> None:
    """Build the package of a suite folder; the same vectors give the same bytes anywhere.

    With --previous the version follows: minor when vectors come or go, patch when some change, none when nothing does.

    Example: nnc-conformance package build vectors/ nnc-vectors.tar --previous nnc-vectors-1.0.0.tar --key key.pem
    """
    from nnc_conformance.storage.package_build import build as build_package
    from nnc_conformance.storage.signing import load_private_key

    built = build_package(source, out, previous=previous, key=load_private_key(key) if key is not None else None)
    what = built.changes
    typer.echo(f"{built.vectors} vectors, {built.reused} of them reused; {len(what.added)} added, {len(what.changed)} changed, ", nl=False)
    typer.echo(f"{len(what.removed)} retired")
    typer.echo(f"version {built.version}, {'unsigned' if key is None else 'signed'}, SHA-256 {built.sha256} {out}")


@group.command()
def verify(
    package: PackageArgument,
    key: Annotated[Path | None, typer.Option("--key", metavar="PEM", help="The ed25519 public key that must have signed it.")] = None,
) -> None:
    """Verify a package to its last byte, and its signature.

    Example: nnc-conformance package verify nnc-vectors.tar --key publisher.pub
    """
    from nnc_conformance.storage.package import verify as verify_package
    from nnc_conformance.storage.signing import load_public_key

    trusted = load_public_key(key) if key is not None else None
    found = verify_package(package, trusted=trusted)
    signer = "unsigned" if found.signed_by is None else f"signed by {found.signed_by}"
    note = "" if found.signed_by is None or trusted is not None else " (a key that was not checked: give --key)"
    typer.echo(f"whole: {found.manifest.name} {found.manifest.version}, {found.vectors} vectors, {signer}{note}, SHA-256 {found.sha256}")


@group.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="A", help="A package.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="A later one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Tell what became of the vectors from package A to B. Exit code: 0 nothing, 1 something.

    Example: nnc-conformance package diff nnc-vectors-1.0.0.tar nnc-vectors-1.1.0.tar
    """
    from dataclasses import asdict

    from nnc_conformance.storage.documents import canonical_json
    from nnc_conformance.storage.package import compare

    before, after, what = compare(old, new)
    if as_json:
        told = {"old": before.version, "new": after.version, **asdict(what)}
        typer.echo(canonical_json(told), nl=False)
        return int(bool(what))
    typer.echo(f"{before.version} -> {after.version}")
    for word, names in (("added", what.added), ("removed", what.removed)):
        for name in names:
            typer.echo(f"{word}\t{name}")
    for change in what.changed:
        typer.echo(f"changed\t{change.id}\trevision {change.old_revision} -> {change.new_revision}\t{', '.join(change.files)}")
    return int(bool(what))
