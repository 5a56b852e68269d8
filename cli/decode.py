"""``decode``: a stream to a tensor file, or to a runnable model."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.parsing import interpretation_of


def command(
    stream: Annotated[Path, typer.Argument(help="The stream to decode.")],
    out: Annotated[Path, typer.Argument(help="What to write: .safetensors, .npz, or .onnx where the stream carries the graph.")],
    lenient: Annotated[bool, typer.Option("--lenient", help="Enforce only what no decoder can forgive; report the rest.")] = False,
    interpretation: Annotated[
        list[str] | None, typer.Option("--interpretation", metavar="NAME=CHOICE", help="A disputed point's choice; may be repeated.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads to decode with.")] = 1,
) -> None:
    """Decode STREAM to OUT.

    Example: nnc-conformance decode model.nnr model.onnx
    """
    from nnc_conformance.reference import decode
    from nnc_conformance.storage.model_files import write_model

    runnable = out.suffix.lower() == ".onnx"
    decoded = decode(
        stream.read_bytes(),
        interpretation=interpretation_of(interpretation),
        lenient=lenient,
        recombine=runnable,
        threads=threads,
    )
    write_model(out, decoded.parameters, decoded.topology)
    for report in decoded.reports:
        typer.echo(f"forgiven: {report}", err=True)
    typer.echo(f"{len(decoded.parameters)} parameters -> {out}")
