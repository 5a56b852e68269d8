"""``encode``: encode a model as a stream."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import input_file, output_file, read_format
from nnc_conformance.cli.progress import bar
from nnc_conformance.reports.text import one_line

if TYPE_CHECKING:
    from nnc_conformance.reference import EncoderOptions
    from nnc_conformance.reference.reduction.scoring import Samples
    from nnc_conformance.storage.model_files import Model


PIPELINE_BYTES = 1 << 20
"""Bytes of the largest pipeline file that is read."""


class Steps(StrEnum):
    """How the quantization steps of tensors are chosen."""

    KIND = "kind"
    DEVIATION = "deviation"


def command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            parser=input_file,
            help="The model: .safetensors, .npz, .onnx, .pt, .pt2, .keras or an NNEF folder; - for standard input.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            parser=output_file,
            help="The stream to write; with the suffix .onnx, .safetensors or .nnef, a container whose tensors hold the data units. "
            "- for standard output.",
        ),
    ],
    qp: Annotated[
        int, typer.Option("--qp", metavar="QP", help="Quantization parameter of weights; the step is about 2^(QP / 2^DENSITY).")
    ] = -38,
    nonweight_qp: Annotated[
        int, typer.Option("--nonweight-qp", metavar="QP", help="Quantization parameter of biases and other vectors.")
    ] = -75,
    qp_density: Annotated[
        int, typer.Option("--qp-density", metavar="DENSITY", min=0, max=7, help="The step doubles every 2^DENSITY values of QP.")
    ] = 2,
    dq: Annotated[bool, typer.Option("--dq/--no-dq", help="Use dependent quantization.")] = False,
    scan_order: Annotated[
        int,
        typer.Option("--scan-order", metavar="N", min=0, max=4, help="0: row by row; 1 to 4: blocks of 8, 16, 32 or 64 rows and columns."),
    ] = 0,
    codebook: Annotated[
        str, typer.Option("--codebook", metavar="METHOD", help="Codebooks: none, kmeans or integer; each is kept only where it saves bits.")
    ] = "none",
    unary_length: Annotated[
        int, typer.Option("--unary-length", metavar="N", min=1, max=256, help="Greater-than flags before the exp-Golomb part of a value.")
    ] = 10,
    rdo: Annotated[
        float, typer.Option("--rdo", metavar="WEIGHT", min=0.0, help="Weight of rate against distortion; 0 rounds to the nearest value.")
    ] = 1.0,
    steps: Annotated[
        Steps,
        typer.Option(
            "--steps",
            help="kind: QP by kind of tensor. deviation: QP by each tensor's standard deviation and size; --qp is that of the largest.",
        ),
    ] = Steps.KIND,
    pipeline: Annotated[
        Path | None,
        typer.Option(
            "--pipeline",
            metavar="F",
            parser=input_file,
            help="YAML list of parameter reduction tools (clause 8) to apply before encoding.",
            show_default="none",
        ),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, help="Threads to encode with.")] = 1,
    input_format: Annotated[
        str | None, typer.Option("--input-format", metavar="FORMAT", help="Format of IN, such as onnx.", show_default="by its suffix")
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option("--output-format", metavar="FORMAT", help="Format of OUT, such as nnr or onnx.", show_default="by its suffix"),
    ] = None,
) -> None:
    """Encode a model as a stream, or as a container of data units.

    Size and ratio are printed, and on standard error the tensors that are not coded.

    Standard input is a .safetensors or .npz file unless --input-format says otherwise; standard output gets a plain stream (nnr).

    Example: nnc-conformance encode model.onnx model.nnr --dq --qp -32
    """
    from nnc_conformance.reference import EncoderOptions, encode
    from nnc_conformance.reference.quantization.steps import by_deviation
    from nnc_conformance.storage.model_files import (
        CARRIED_SUFFIXES,
        READ_SUFFIXES,
        for_container,
        is_container,
        read_model,
        write_container,
    )
    from nnc_conformance.storage.outputs import is_standard_output, refuse_inputs, write_bytes

    if steps is Steps.DEVIATION and pipeline is not None:
        raise typer.BadParameter("a pipeline sets the steps of tensors with tensor_qp; leave --steps out", param_hint="--steps")
    suffix = read_format(output_format, CARRIED_SUFFIXES, "--output-format")
    refuse_inputs(out, [source] if pipeline is None else [source, pipeline])
    model = read_model(source, suffix=read_format(input_format, READ_SUFFIXES, "--input-format"))
    refuse_inputs(out, model.files)
    container = is_container(out, suffix=suffix)
    if container:
        model = for_container(model)
    lossy = {name: array for name, array in model.parameters.items() if name not in model.exact}
    options = EncoderOptions(
        qp=qp, nonweight_qp=nonweight_qp, qp_density=qp_density, dq=dq, scan_order=scan_order, codebook=codebook,
        unary_length=unary_length, rdo=rdo, exact=model.exact,
        tensor_qp=by_deviation(lossy, qp, qp_density) if steps is Steps.DEVIATION else {},
    )  # fmt: skip
    if pipeline is None:
        with bar("encoding") as progress:
            stream = encode(model.parameters, topology=model.topology, options=options, threads=threads, progress=progress)
    else:
        stream = _reduced(model, pipeline, options, threads, out)
    if container:
        write_container(out, stream, model, suffix=suffix)
    else:
        write_bytes(out, stream)
    for name in model.unchanged:
        typer.echo(f"not coded, travels in the topology: {one_line(name)}", err=True)
    for name in model.plain:
        typer.echo(f"not coded, travels as it is: {one_line(name)}", err=True)
    for name in model.left_out:
        typer.echo(f"left out, since loading the model would run it: {one_line(name)}", err=True)
    size = sum(array.nbytes for array in model.parameters.values())
    ratio = f", {len(stream) / size:.1%} of {size} bytes" if size else ""
    summary = f"{len(model.parameters)} parameters -> {out}: a stream of {len(stream)} bytes{ratio}"
    typer.echo(summary, err=is_standard_output(out))


def _reduced(model: "Model", path: Path, options: "EncoderOptions", threads: int, out: Path) -> bytes:
    """Apply a pipeline and encode the result; print what each tool leaves, and the accuracy on held samples, if any."""
    from nnc_conformance.reference.reduction.document import parse
    from nnc_conformance.reference.reduction.network import Network
    from nnc_conformance.reference.reduction.pipeline import run
    from nnc_conformance.storage.inputs import read_bytes
    from nnc_conformance.storage.outputs import is_standard_output, refuse_inputs

    document = parse(read_bytes(path, max_bytes=PIPELINE_BYTES).decode(errors="replace"))
    refuse_inputs(out, [path.parent / name for name in (document.held, document.training) if name is not None])
    piped = is_standard_output(out)
    held, training = (_samples(model, path, name) for name in (document.held, document.training))
    network = Network(model.parameters, model.topology, model.exact)
    outcome = run(network, document, options, held=held, training=training, threads=threads)
    for step in outcome.steps:
        typer.echo(f"{step.tool}: {step.parameters} parameters, {step.non_zero_ratio:.1%} of the weights not 0", err=piped)
    if outcome.before and outcome.after:
        typer.echo(f"accuracy on held samples: {outcome.before.overall:.4f} before, {outcome.after.overall:.4f} after", err=piped)
    return outcome.stream


def _samples(model: "Model", pipeline: Path, name: str | None) -> "Samples | None":
    """Read the tensor file of samples that a pipeline names relative to its own folder."""
    from nnc_conformance.reference.reduction.scoring import samples_for
    from nnc_conformance.storage.tensors import read_tensors

    return None if name is None else samples_for(model.topology, read_tensors(pipeline.parent / name))
