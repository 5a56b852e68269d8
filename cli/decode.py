"""``decode``: decode a stream to a tensor file or a runnable model."""

from pathlib import Path
from typing import Annotated

import typer

from nnc_conformance.cli.options import InterpretationOption, LenientOption, input_file, output_file, read_format, read_interpretation
from nnc_conformance.cli.progress import bar


def command(
    stream: Annotated[
        Path,
        typer.Argument(
            metavar="STREAM",
            parser=input_file,
            help="The stream, or a container of data units: .onnx, .safetensors or an NNEF folder. - for standard input.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            parser=output_file,
            help="The file to write: .safetensors, .npz or .pt; .onnx, .nnef, .pt2 or .keras if the stream carries such a graph. "
            "- for standard output.",
        ),
    ],
    lenient: LenientOption = False,
    interpretation: InterpretationOption = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, help="Threads to decode with.")] = 1,
    input_format: Annotated[
        str | None, typer.Option("--input-format", metavar="FORMAT", help="Format of STREAM, such as onnx.", show_default="by its suffix")
    ] = None,
    output_format: Annotated[
        str | None, typer.Option("--output-format", metavar="FORMAT", help="Format of OUT, such as npz.", show_default="by its suffix")
    ] = None,
) -> None:
    """Decode a stream to a tensor file or a runnable model.

    Standard input is a plain stream unless --input-format says otherwise; standard output gets .safetensors unless --output-format
    says otherwise.

    Example: nnc-conformance decode model.nnr model.onnx
    """
    from nnc_conformance.reference import decode
    from nnc_conformance.storage.model_files import CARRIED_SUFFIXES, GRAPH_FORMATS, READ_SUFFIXES, read_stream, write_model
    from nnc_conformance.storage.outputs import is_standard_output, refuse_inputs

    suffix = read_format(output_format, READ_SUFFIXES, "--output-format")
    refuse_inputs(out, [stream])
    carried = read_stream(stream, suffix=read_format(input_format, CARRIED_SUFFIXES, "--input-format"))
    runnable = (suffix or out.suffix.lower()) in GRAPH_FORMATS
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
    write_model(out, parameters, decoded.topology, suffix=suffix)
    for report in decoded.reports:
        typer.echo(f"forgiven: {report}", err=True)
    typer.echo(f"{len(parameters)} parameters -> {out}", err=is_standard_output(out))
