"""``generate``: make the vectors from their recipes."""

import os
from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.selection import LevelOption, read_levels


def command(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The suite's folder; vectors already there keep their revisions.")],
    level: LevelOption = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of all random numbers.", show_default=False)] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Vectors at once; the bytes are the same.")] = os.cpu_count() or 1,
) -> None:
    """Make the vectors of a suite (all levels but stress and models unless --level is given).

    Bytes are the same on every machine, but for models, which an optimising encoder makes.

    Example: nnc-conformance generate --level core my-vectors
    """
    from nnc_conformance.generator.generate import generate
    from nnc_conformance.generator.randomness import DEFAULT_SEED
    from nnc_conformance.generator.sources import REPRODUCIBLE

    levels = read_levels(level, REPRODUCIBLE)
    manifest = generate(levels, DEFAULT_SEED if seed is None else seed, jobs, out=out)
    made = [entry for entry in manifest.vectors if entry.level in levels]
    typer.echo(f"{len(made)} vectors in {out}")
