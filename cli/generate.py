"""``generate``: build vectors from their recipes."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import level_option, output_folder, read_levels
from nnc_conformance.reference.threads import usable_cpus


def command(
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", parser=output_folder, help="Folder of the suite; vectors already there keep their revisions."),
    ],
    level: Annotated[list[str] | None, level_option("all but stress and models")] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of all random numbers.", show_default="15938")] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="Vectors to build in parallel; the bytes do not depend on it.")
    ] = usable_cpus(),
) -> None:
    """Build the vectors of a suite from their recipes.

    The bytes are the same on every machine, except for level models, which comes from an optimizing
    encoder.

    Example: nnc-conformance generate --level core my-vectors
    """
    from nnc_conformance.generator.generate import generate
    from nnc_conformance.generator.randomness import DEFAULT_SEED
    from nnc_conformance.generator.sources import REPRODUCIBLE
    from nnc_conformance.storage.outputs import check_outputs
    from nnc_conformance.storage.vector import MANIFEST_FILE

    levels = read_levels(level, REPRODUCIBLE)
    check_outputs([], folder=out, names=[MANIFEST_FILE])
    manifest = generate(levels, DEFAULT_SEED if seed is None else seed, jobs, out=out)
    made = [entry for entry in manifest.vectors if entry.level in levels]
    typer.echo(f"{len(made)} vectors in {out}")
