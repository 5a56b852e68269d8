"""``encode``: encode a model as a stream."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnc_conformance.cli.options import NOT_WRITTEN, input_file, kept_file, output_file, read_format
from nnc_conformance.cli.progress import bar

if TYPE_CHECKING:
    from nnc_conformance.reference import EncoderOptions
    from nnc_conformance.reference.reduction.scoring import Samples
    from nnc_conformance.reference.topology.classes import Role
    from nnc_conformance.storage.model_files import Model


PIPELINE_BYTES = 1 << 20
"""Bytes of the largest pipeline file that is read."""


class Edition(StrEnum):
    """An edition of the standard."""

    FIRST = "2022"
    SECOND = "2024"


class Use(StrEnum):
    """Whether a tool of the second edition is used; `ToolChoice` without loading the encoder."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


def _tool(name: str, what: str) -> Any:
    """Make the option of a coding tool: ``--NAME`` with auto, on or off.

    Args:
        name: The option's name without dashes.
        what: What the tool does, for the help.
    """
    return typer.Option(
        f"--{name}",
        metavar="auto|on|off",
        help=f"{what} (2024): where it saves bytes, with --base or --edition 2024; always; or never.",
    )


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
            help="The model: .safetensors, .npz, .npy, .onnx, .pt, .pt2, .keras, an NNEF folder or .nnef.tgz, or the .json index "
            "of a split checkpoint; - for standard input.",
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
        int | None,
        typer.Option(
            "--qp",
            metavar="QP",
            help="Quantization parameter of weights; the step is about 2^(QP / 2^DENSITY).",
            show_default="-38 at density 2; finer for tensors of small values",
        ),
    ] = None,
    nonweight_qp: Annotated[
        int | None,
        typer.Option(
            "--nonweight-qp",
            metavar="QP",
            help="Quantization parameter of biases and other vectors.",
            show_default="-75 at density 2; finer for vectors with small values",
        ),
    ] = None,
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
        float,
        typer.Option(
            "--rdo",
            metavar="WEIGHT",
            min=0.0,
            help="Weight of rate against distortion: 0 for the least error, 1 for fewer bytes at hardly more error, "
            "5 with a smaller step for the fewest bytes at the same error; above about 20 most weights become 0.",
        ),
    ] = 1.0,
    effort: Annotated[
        str,
        typer.Option(
            "--effort",
            metavar="fast|default|best",
            help="fast: rates play no part, and streams are larger. best: also try finer steps with more weight on rate, "
            "for fewer bytes at no more error; takes several times as long.",
        ),
    ] = "default",
    steps: Annotated[
        Steps,
        typer.Option(
            "--steps",
            help="kind: QP by kind of tensor. deviation: QP of weights by their standard deviation and size; --qp is that of the largest.",
        ),
    ] = Steps.KIND,
    exact: Annotated[
        list[str] | None,
        typer.Option(
            "--exact", metavar="PATTERN", help="Code tensors whose names match this glob without loss. Repeatable.", show_default="none"
        ),
    ] = None,
    portable: Annotated[
        bool,
        typer.Option(
            "--portable",
            help="Refuse tensors that no data unit can hold; otherwise they travel in a topology that only decode of this package reads.",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            parser=output_file,
            help="Write a JSON report on what became of each tensor, and why.",
            show_default=NOT_WRITTEN,
        ),
    ] = None,
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
    base: Annotated[
        list[Path] | None,
        typer.Option(
            "--base",
            metavar="FILE",
            parser=input_file,
            help="Encode an update of this model: a .nncstate file, a stream, or both and further streams in order. Repeatable.",
            show_default="a whole model is encoded",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="FILE",
            parser=kept_file,
            help="Keep the model as a decoder has it afterwards in this .nncstate file.",
            show_default="none is kept",
        ),
    ] = None,
    edition: Annotated[
        Edition | None,
        typer.Option(
            "--edition", help="Edition of the standard to write.", show_default="2024 with --base or a tool that is on, else 2022"
        ),
    ] = None,
    row_skip: Annotated[Use, _tool("row-skip", "Skip rows of zeros")] = Use.AUTO,
    tca: Annotated[Use, _tool("tca", "Temporal context adaptation")] = Use.AUTO,
    hdsp: Annotated[Use, _tool("hdsp", "History dependent significance")] = Use.AUTO,
    pre: Annotated[Use, _tool("pre", "Predictive residual encoding")] = Use.AUTO,
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

    Size and ratio are printed, and which tensors are not quantized, with the reason.

    Standard input is a .safetensors or .npz file unless --input-format says otherwise; standard
    output gets a plain stream (nnr).

    Example: nnc-conformance encode model.onnx model.nnr --dq --qp -32

    Example: nnc-conformance encode model.onnx model.nnr --exact '*.embed*' --report report.json

    Example: nnc-conformance encode --base model.nnr trained.onnx update.nnr
    """
    from nnc_conformance.reference import EncoderOptions, decode, encode
    from nnc_conformance.reference.quantization.choosing import choose, options_for, recounted
    from nnc_conformance.reference.quantization.steps import by_deviation
    from nnc_conformance.reference.topology.classes import Role
    from nnc_conformance.reports.encoding import lines
    from nnc_conformance.reports.encoding import report as report_of
    from nnc_conformance.storage.model_files import (
        CARRIED_SUFFIXES,
        READ_SUFFIXES,
        check_written,
        for_container,
        is_container,
        read_model,
        write_container,
    )
    from nnc_conformance.storage.outputs import is_standard_output, refuse_inputs, staged, write_bytes
    from nnc_conformance.storage.sessions import Session, quantization_of_update, topology_of_update

    tools = {"row_skip": row_skip, "tca": tca, "hdsp": hdsp, "pre": pre}
    bases = base or []
    _check_edition(edition, tools, bases)
    if bases and pipeline is not None:
        raise typer.BadParameter("a pipeline makes whole models; leave --base out", param_hint="--pipeline")
    if steps is Steps.DEVIATION and pipeline is not None:
        raise typer.BadParameter("a pipeline sets the steps of tensors with tensor_qp; leave --steps out", param_hint="--steps")
    suffix = read_format(output_format, CARRIED_SUFFIXES, "--output-format")
    others = [path for path in (report, state) if path is not None]
    read = [source, *([] if pipeline is None else [pipeline])]
    check_written(out, suffix=suffix, inputs=read, others=others)
    outputs = [out] if report is None else [out, report]
    for output in outputs:
        refuse_inputs(output, bases)
    model = read_model(source, suffix=read_format(input_format, READ_SUFFIXES, "--input-format"))
    for output in outputs:
        refuse_inputs(output, model.files)
    container = is_container(out, suffix=suffix)
    if container and bases:
        raise typer.BadParameter("an update is written as a plain stream, such as update.nnr", param_hint="OUT")
    session = None if state is None and not bases else Session.of_encoder(bases, state, threads=threads)
    if container:
        model = for_container(model)
    kept = _asked(exact or [], model)
    reasons = {**model.exact, **kept}
    weight_qp, vector_qp = options_for(qp, nonweight_qp, qp_density)
    lossy = {name: array for name, array in model.parameters.items() if name not in reasons}
    asked = [each for each, value in ((Role.WEIGHT, qp), (Role.VECTOR, nonweight_qp)) if value is not None]
    choice = choose(
        model.parameters,
        EncoderOptions(
            qp=weight_qp, nonweight_qp=vector_qp, qp_density=qp_density, dq=dq, scan_order=scan_order, codebook=codebook,
            unary_length=unary_length, rdo=rdo, effort=effort,
            edition=None if edition is None else 2022 if edition is Edition.FIRST else 2024,
            row_skip=row_skip.value, tca=tca.value, hdsp=hdsp.value, pre=pre.value,
            tensor_qp=by_deviation(lossy, weight_qp, qp_density) if steps is Steps.DEVIATION else {},
        ),
        exact=reasons,
        variances=model.variances,
        asked=asked,
        rounded=model.rounded.difference(kept),
    )  # fmt: skip
    model = model.settled(choice, container=container, portable=portable)
    if pipeline is not None:
        stream = _reduced(model, pipeline, replace(choice.options, tensor_qp={}), asked, threads, out)
    else:
        with bar("encoding") as progress:
            stream = encode(
                model.parameters,
                base=session.model if session is not None and bases else None,
                topology=model.topology if session is None else topology_of_update(model, session.model, str(source)),
                quantization_data=model.quantization if session is None else quantization_of_update(model, session.model, str(source)),
                options=choice.options,
                interpretation=None if session is None else session.interpretation,
                threads=threads,
                progress=progress,
            )
        if not bases and (rdo > 1 or any(row.lost for row in choice.tensors)):
            choice = recounted(choice, model.parameters, decode(stream).parameters)
    stream = stream if session is None else session.distinct(stream)
    if session is not None and state is not None:
        session.apply(stream, str(out), threads=threads)
    with ExitStack() as stack:
        put_report = None
        if report is not None:
            put_report = stack.enter_context(staged(report, report_of(choice, model, len(stream)).encode()))
        if session is not None:
            stack.enter_context(session.kept())
        if container:
            write_container(out, stream, model, suffix=suffix)
        else:
            write_bytes(out, stream)
        if put_report is not None:
            put_report()
    piped = is_standard_output(out) or (report is not None and is_standard_output(report))
    for line in lines(choice, model):
        typer.echo(line, err=piped)
    size = sum(array.nbytes for array in model.parameters.values())
    ratio = f", {len(stream) / size:.1%} of {size} bytes" if size else ""
    typer.echo(f"{len(model.parameters)} parameters -> {out}: a stream of {len(stream)} bytes{ratio}", err=piped)


def _check_edition(edition: Edition | None, tools: Mapping[str, Use], bases: Sequence[Path]) -> None:
    """Raise `typer.BadParameter` if edition 2022 is asked for with a tool or base of 2024.

    Args:
        edition: The edition asked for.
        tools: The choice for each tool of the second edition, by name.
        bases: The files of the base model.
    """
    if edition is not Edition.FIRST:
        return
    for name, use in tools.items():
        if use is Use.ON:
            raise typer.BadParameter("edition 2022 does not have this tool; use --edition 2024", param_hint=f"--{name.replace('_', '-')}")
    if bases:
        raise typer.BadParameter("edition 2022 has no updates; use --edition 2024", param_hint="--base")


def _asked(patterns: Sequence[str], model: "Model") -> dict[str, str]:
    """Return reasons for the tensors that patterns of --exact match.

    Raise `typer.BadParameter` if one matches none.
    """
    from fnmatch import fnmatchcase

    reasons: dict[str, str] = {}
    for pattern in patterns:
        matched = [name for name in model.parameters if fnmatchcase(name, pattern)]
        if not matched and not any(fnmatchcase(name, pattern) for name in (*model.plain, *model.unchanged)):
            raise typer.BadParameter(f"no tensor matches {pattern!r}; inspect shows the names of a stream's tensors", param_hint="--exact")
        reasons |= dict.fromkeys(matched, f"--exact {pattern}")
    return reasons


def _reduced(model: "Model", path: Path, options: "EncoderOptions", asked: "Sequence[Role]", threads: int, out: Path) -> bytes:
    """Run a pipeline of reduction tools on a model and return the encoded stream.

    Print the parameters and the share of weights not 0 that each tool leaves, and the accuracy on
    held samples, if any. Raises `ModelError` or `EncodeError` for a pipeline that does not work,
    and `OutputError` if the output would overwrite a file of samples.

    Args:
        model: The model.
        path: The pipeline, a YAML file; it names files of samples relative to its folder.
        options: The encoder's options that the pipeline does not decide.
        asked: Roles for which the user asked for a qp.
        threads: Threads to encode with.
        out: The output of the command, which is not written here; if it is standard output, the
            lines
        go to standard error.
    """
    from nnc_conformance.reference.reduction.document import parse
    from nnc_conformance.reference.reduction.network import Network
    from nnc_conformance.reference.reduction.pipeline import run
    from nnc_conformance.reference.topology.classes import Role
    from nnc_conformance.storage.inputs import read_bytes
    from nnc_conformance.storage.outputs import is_standard_output, refuse_inputs

    document = parse(read_bytes(path, max_bytes=PIPELINE_BYTES).decode(errors="replace"))
    refuse_inputs(out, [path.parent / name for name in (document.held, document.training) if name is not None])
    piped = is_standard_output(out)
    held, training = (_samples(model, path, name) for name in (document.held, document.training))
    network = Network(model.parameters, model.topology, frozenset(model.exact))
    outcome = run(
        network, document, options, held=held, training=training, asked={Role.WEIGHT, *asked}, variances=model.variances, threads=threads
    )
    for step in outcome.steps:
        typer.echo(f"{step.tool}: {step.parameters} parameters, {step.non_zero_ratio:.1%} of the weights not 0", err=piped)
    if outcome.before and outcome.after:
        typer.echo(f"accuracy on held samples: {outcome.before.overall:.4f} before, {outcome.after.overall:.4f} after", err=piped)
    return outcome.stream


def _samples(model: "Model", pipeline: Path, name: str | None) -> "Samples | None":
    """Read the file of samples that a pipeline names; return None if it names none.

    Args:
        model: The model, whose graph inputs the samples are for.
        pipeline: The pipeline's file.
        name: The file's path, relative to the pipeline's folder; None for none.
    """
    from nnc_conformance.reference.reduction.scoring import samples_for
    from nnc_conformance.storage.tensors import read_tensors

    return None if name is None else samples_for(model.topology, read_tensors(pipeline.parent / name))
