"""``trace``: print every syntax element of a stream, with its bins on request."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnc_conformance.cli.options import NOT_WRITTEN, InterpretationOption, LenientOption, input_file, output_file, read_interpretation

if TYPE_CHECKING:
    from nnc_conformance.reference.tracer import TraceLine


def command(
    streams: Annotated[
        list[Path],
        typer.Argument(
            metavar="STREAM",
            parser=input_file,
            help="The stream to trace, or those of a session in order; - for standard input.",
        ),
    ],
    bins: Annotated[
        bool, typer.Option("--bins", help="Also print every bin of the arithmetic decoder, with context, range, offset and state.")
    ] = False,
    unit: Annotated[
        int | None,
        typer.Option("--unit", metavar="N", min=0, help="Only the unit of this number.", show_default="all units"),
    ] = None,
    lenient: LenientOption = False,
    interpretation: InterpretationOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of text.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="F",
            parser=output_file,
            help="Write an HTML page with everything, bins included, and print nothing else.",
            show_default=NOT_WRITTEN,
        ),
    ] = None,
) -> None:
    """Print every syntax element of a stream: unit, byte.bit, element, descriptor, value, clause.

    The HTML page shows bytes and elements side by side, marks the bits of each, and plots the
    arithmetic decoder's state. Of several streams each is traced onto the model after the stream
    before (second edition); --json then names the stream of each line, and one HTML page shows all.

    Example: nnc-conformance trace model.nnr --bins --unit 2

    Example: nnc-conformance trace base.nnr update.nnr --html session.html
    """
    from nnc_conformance.reference import trace
    from nnc_conformance.reference.tracer import of_unit
    from nnc_conformance.storage import outputs
    from nnc_conformance.storage.sessions import named, steps_of

    switches = read_interpretation(interpretation)
    alone = len(streams) == 1
    if html is not None:
        from nnc_conformance.reports.trace import build_session_trace, render_trace

        outputs.refuse_inputs(html, streams)
        steps = ((Path(name).name, stream, base) for name, stream, base in steps_of(streams, switches, lenient=lenient))
        page = build_session_trace(steps, interpretation=switches, lenient=lenient, unit=unit)
        outputs.write_text(html, render_trace(page))
        typer.echo(str(html), err=outputs.is_standard_output(html))
        return

    for name, stream, base in steps_of(streams, switches, lenient=lenient):
        if not alone and not as_json:
            typer.echo(f"{name}:")
        with named(name, alone=alone):
            for line in of_unit(trace(stream, bins=bins, interpretation=switches, lenient=lenient, base=base), unit):
                if as_json:
                    stream_name = {} if alone else {"stream": name}
                    typer.echo(json.dumps(stream_name | asdict(line), default=_plain, ensure_ascii=False))
                else:
                    typer.echo(_text(line))


def _text(line: "TraceLine") -> str:
    """Format a line of the trace."""
    from nnc_conformance.reference.tracer import value_text

    where = f"{line.byte}.{line.bit}"
    name = "/".join((*line.path[1:], line.element))
    text = f"{line.unit:>4} {line.unit_type:<8} {where:>10}  {name:<56} {line.descriptor:<9} {value_text(line.value):<24} {line.clause}"
    if line.provenance == "I":
        text += " [inferred]"
    if line.bin is not None:
        state = f" R={line.bin.ivl_curr_range} V={line.bin.ivl_offset} s={line.bin.state} renorm={line.bin.renormalisation}"
        text += f"  {line.bin.context}{state}"
    return text.rstrip()


def _plain(value: Any) -> Any:
    """Convert a value that JSON cannot hold: bytes to hexadecimal digits, NumPy values to Python
    values.
    """
    return value.hex() if isinstance(value, bytes) else value.tolist()
