"""``decode``: decode a stream to a tensor file or a runnable model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.cli.options import (
    InterpretationOption,
    LenientOption,
    input_file,
    kept_file,
    output_file,
    read_format,
    read_interpretation,
)
from nnc_conformance.cli.progress import bar
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reports.text import one_line

if TYPE_CHECKING:
    from nnc_conformance.reference import Decoded
    from nnc_conformance.reference.interpretation import Interpretation


def command(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="STREAM... OUT",
            help="Streams of one session in order, each a stream or a container of data units (.onnx, .safetensors or an NNEF folder), "
            "then the file to write: .safetensors, .npz or .pt; .onnx, .nnef, .nnef.tgz, .pt2 or .keras if the stream has such a graph. "
            "- for standard input and output.",
        ),
    ],
    difference: Annotated[bool, typer.Option("--difference", help="Write what the last stream codes, not the model after it.")] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="FILE",
            parser=kept_file,
            help="Begin with the model in this .nncstate file, if it exists, and keep the model after the last stream there.",
            show_default="none is kept",
        ),
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin a new session, whatever --state holds.")] = False,
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
    """Decode a stream or session to a tensor file or a runnable model.

    Of several streams each updates the model after the stream before (second edition). Standard input is a plain stream unless
    --input-format says otherwise; standard output gets .safetensors unless --output-format says otherwise.

    Example: nnc-conformance decode model.nnr model.onnx

    Example: nnc-conformance decode base.nnr update.nnr model.safetensors
    """
    if len(paths) < 2:
        raise typer.BadParameter("name at least one STREAM, and OUT last", param_hint="STREAM... OUT")
    if restart and state is None:
        raise typer.BadParameter("it needs --state FILE", param_hint="--restart")
    from nnc_conformance.storage.model_files import CARRIED_SUFFIXES, WRITTEN_SUFFIXES, check_written, refuse_unknown_format
    from nnc_conformance.storage.sessions import refuse_streams_and_states

    streams, out = [input_file(text) for text in paths[:-1]], output_file(paths[-1])
    options = _Options(
        out,
        read_interpretation(interpretation),
        lenient,
        threads,
        read_format(input_format, CARRIED_SUFFIXES, "--input-format"),
        read_format(output_format, WRITTEN_SUFFIXES, "--output-format"),
    )
    check_written(out, suffix=options.output_suffix, inputs=streams, others=[] if state is None else [state])
    refuse_streams_and_states(out)
    refuse_unknown_format(out, suffix=options.output_suffix)
    if len(streams) == 1 and state is None:
        _decode_one(streams[0], options)
    else:
        _decode_session(streams, options, state, difference=difference, restart=restart)


@dataclass(frozen=True)
class _Options:
    """How to decode, and where to."""

    out: Path
    interpretation: "Interpretation"
    lenient: bool
    threads: int
    input_suffix: str | None
    output_suffix: str | None

    @property
    def runnable(self) -> bool:
        """Whether OUT has a graph format, for which blocks are recombined into whole tensors."""
        from nnc_conformance.storage.model_files import GRAPH_FORMATS, TENSOR_SUFFIXES, suffix_of

        return (self.output_suffix or suffix_of(self.out, TENSOR_SUFFIXES[0])) in GRAPH_FORMATS


def _decode_one(stream: Path, options: _Options) -> None:
    """Decode a single stream, and write its tensors or the model."""
    from nnc_conformance.reference import decode
    from nnc_conformance.storage.carriage_files import with_types
    from nnc_conformance.storage.model_files import read_stream, write_model

    carried = read_stream(stream, suffix=options.input_suffix)
    with bar("decoding") as progress:
        decoded = decode(
            carried.stream,
            interpretation=options.interpretation,
            lenient=options.lenient,
            recombine=options.runnable,
            threads=options.threads,
            progress=progress,
        )
    _refuse_to_run(decoded, options)
    parameters = with_types(carried, decoded.topology).finished(decoded.parameters)
    left_out = write_model(options.out, parameters, decoded.topology, quantization=decoded.quantization_data, suffix=options.output_suffix)
    for report in decoded.reports:
        typer.echo(f"forgiven: {one_line(str(report))}", err=True)
    _say_left_out(left_out)
    _say_written(len(parameters), decoded.differences, options.out)


def _refuse_to_run(decoded: "Decoded", options: _Options) -> None:
    """Raise `ModelError` if differences are to be written as a model to run."""
    if options.runnable and decoded.differences:
        detail = f"the stream codes {decoded.differences[0]!r} as a difference, which cannot be run"
        raise ModelError(f"{options.out}: {detail}; decode it after the streams before it, or write .safetensors or .npz")


def _say_written(count: int, differences: Sequence[str], out: Path) -> None:
    """Say how many parameters were written, and how many of them are differences."""
    from nnc_conformance.storage.outputs import is_standard_output

    what = f"{count} parameters" + (f", {len(differences)} of them differences to a base model" if differences else "")
    typer.echo(f"{what} -> {out}", err=is_standard_output(out))


def _say_left_out(names: Sequence[str]) -> None:
    for name in names:
        typer.echo(f"left out, since loading the model would run it: {one_line(name)}", err=True)


def _decode_session(streams: Sequence[Path], options: _Options, state: Path | None, *, difference: bool, restart: bool) -> None:
    """Decode streams in order and write OUT, then the state.

    Args:
        streams: The streams.
        options: Output, formats and choices.
        state: The file that holds the model to begin with, and keeps that after the last stream.
        difference: Whether to write what the last stream codes, not the model after it.
        restart: Whether to begin anew, whatever the file holds.
    """
    from nnc_conformance.storage.carriage_files import with_types
    from nnc_conformance.storage.model_files import read_stream, write_model
    from nnc_conformance.storage.sessions import Session

    session = Session.begin(state, options.interpretation, lenient=options.lenient, restart=restart)
    with bar("decoding") as progress:
        for number, path in enumerate(streams):
            carried = read_stream(path, suffix=options.input_suffix)
            decoded = session.apply(carried.stream, str(path), threads=options.threads)
            for report in decoded.reports:
                typer.echo(f"{path}: forgiven: {one_line(str(report))}", err=True)
            progress(number + 1, len(streams))
    if difference:
        _refuse_to_run(decoded, options)
    parameters = decoded.parameters if difference else session.final_parameters(recombine=options.runnable)
    kinds = with_types(carried, session.model.topology)
    finished = (kinds.of_last(decoded) if difference else kinds).finished(parameters)
    with session.kept():
        left_out = write_model(
            options.out,
            finished,
            session.model.topology,
            quantization=session.model.quantization_data,
            suffix=options.output_suffix,
        )
    _say_left_out(left_out)
    _say_written(len(finished), decoded.differences if difference else (), options.out)
