"""``decode``: decode a stream to a tensor file or a runnable model."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import InterpretationOption, LenientOption, read_interpretation
from nnc_conformance.cli.progress import bar


def command(
    stream: Annotated[
        Path, typer.Argument(metavar="STREAM", help="The stream, or a container of data units: .onnx, .safetensors or an NNEF folder.")
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The file to write: .safetensors, .npz or .pt; .onnx, .nnef, .pt2 or .keras if the stream carries such a graph.",
        ),
    ],
    lenient: LenientOption = False,
    interpretation: InterpretationOption = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, help="Threads to decode with.")] = 1,
) -> None:
    """Decode a stream to a tensor file or a runnable model.

    Example: nnc-conformance decode model.nnr model.onnx
    """
    from nnc_conformance.reference import decode
    from nnc_conformance.storage.model_files import GRAPH_FORMATS, read_stream, write_model

    carried = read_stream(stream)
    runnable = out.suffix.lower() in GRAPH_FORMATS
    with bar("decoding") as progress:
        decoded = decode(
            carried.stream,
            interpretation=read_interpretation(interpretation),
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
