"""``diff``: compare two runs case by case."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import input_file

if TYPE_CHECKING:
    from nnc_conformance.reports.changes import Since
    from nnc_conformance.reports.results import Loaded


def command(
    old: Annotated[
        Path,
        typer.Argument(metavar="OLD", parser=input_file, help="The earlier results.json, or its folder; - for standard input."),
    ],
    new: Annotated[
        Path,
        typer.Argument(metavar="NEW", parser=input_file, help="The later results.json, or its folder; - for standard input."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Compare two runs: which cases are broken, unstable, fixed, changed, new or gone.

    A vector that was revised, renamed or retired between the runs is named as such. If both runs
    have one decoder, it counts as the same decoder even if its name differs.

    Exit code: 0 nothing broken, 1 something broken, 2 usage or bad input, 3 the later run is
    incomplete, so more may be broken.

    Example: nnc-conformance diff nightly/ nnc-results/ --json
    """
    from nnc_conformance.cli.printing import print_table
    from nnc_conformance.reports.changes import ChangeKind, since
    from nnc_conformance.reports.results import load
    from nnc_conformance.suites.results.outcomes import ExitCode
    from nnc_conformance.suites.results.result import ResultsError

    earlier, later = load(old), load(new)
    for given in (earlier, later):
        if given.results is None:
            raise ResultsError(f"{given.source}: {given.problems[0]}")
    assert earlier.results is not None and later.results is not None
    names = [decoder.name for decoder in later.results.decoders]
    found = since(earlier.source, earlier.results, later.results.cases, names, retired=_retired(later))
    problems = [*_incomplete(earlier), *_incomplete(later)]
    if as_json:
        typer.echo(_as_json(found, problems))
    else:
        rows = [
            [change.kind, change.vector, change.decoder, change.old or "-", change.new or "-", *filter(None, [change.note])]
            for change in found.changes
        ]
        print_table(["change", "vector", "decoder", "was", "is", "its vector"], rows)
        counts = ", ".join(f"{count} {kind}" for kind, count in found.counts.items())
        typer.echo(f"{counts or 'nothing changed'}; {found.unchanged} as before")
        for problem in problems:
            typer.echo(f"incomplete: {problem}", err=True)
    if ChangeKind.BROKEN in found.counts:
        return ExitCode.FAILED
    return ExitCode.INCOMPLETE if _incomplete(later) else ExitCode.AS_EXPECTED


def _retired(given: "Loaded") -> tuple[str, ...]:
    """Return the ids of vectors that the suite of a run has retired.

    Empty if the suite cannot be found, or is not the one of the results by its manifest hash.
    """
    from nnc_conformance.reference.errors import NNCError
    from nnc_conformance.storage.package import unpacked_suite
    from nnc_conformance.storage.suite_folder import built_in_root, load_suite

    root = Path(given.run.suite) if given.run is not None and given.run.suite else built_in_root()
    try:
        suite = unpacked_suite(root, lambda _: False) if root.is_file() else load_suite(root, levels=(), verify=False)
    except (NNCError, OSError):
        return ()
    same = given.results is not None and suite.manifest_sha256 == given.results.suite.manifest_sha256
    return suite.manifest.retired if same else ()


def _incomplete(given: "Loaded") -> list[str]:
    """Say why a run is incomplete; return an empty list if it is complete."""
    why = given.results.incomplete_because() if given.results is not None else ""
    return [f"{given.source}: {why}"] if why else []


def _as_json(found: "Since", problems: list[str]) -> str:
    """Return the changes between two runs as JSON text.

    Args:
        found: The changes.
        problems: What is missing in either of the results.
    """
    from nnc_conformance.storage.documents import canonical_json

    changes = [
        {"kind": change.kind, "vector": change.vector, "decoder": change.decoder, "old": change.old, "new": change.new}
        | ({"note": change.note} if change.note else {})
        for change in found.changes
    ]
    return canonical_json({"counts": found.counts, "changes": changes, "unchanged": found.unchanged, "incomplete": problems}).rstrip()
