"""``decode``: a stream to a tensor file, or to a runnable model."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.bar import bar
from nnc_conformance.cli.parsing import interpretation_of


def command(
    stream: Annotated[Path, typer.Argument(help="The stream, or a container of data units: .onnx, .safetensors, or an NNEF folder.")],
    out: Annotated[
        Path,
        typer.Argument(
            help="What to write: .safetensors, .npz or .pt; .onnx, .nnef, .pt2 or .keras where the stream carries such a graph."
        ),
    ],
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
    from nnc_conformance.storage.model_files import GRAPH_FORMATS, read_stream, write_model

    carried = read_stream(stream)
    runnable = out.suffix.lower() in GRAPH_FORMATS
    with bar("decoding") as progress:
        decoded = decode(
            carried.stream,
            interpretation=interpretation_of(interpretation),
            lenient=lenient,
            recombine=runnable,
            threads=threads,
            progress=progress,
        )
    parameters = carried.finished(decoded.parameters)
    write_model(out, parameters, decoded.topology)
    for report in decoded.reports:
        typer.echo(f"forgiven: {report}", err=True)
    typer.echo(f"{len(parameters)} parameters -> {out}")
