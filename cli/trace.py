"""``trace``: print every syntax element of a stream, with its bins on request."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nnc_conformance.cli.options import NOT_WRITTEN, InterpretationOption, LenientOption, input_file, output_file, read_interpretation

LONGEST_VALUE = 48
"""Characters of a value before it is cut."""


def command(
    stream: Annotated[Path, typer.Argument(metavar="STREAM", parser=input_file, help="The stream to trace; - for standard input.")],
    bins: Annotated[
        bool, typer.Option("--bins", help="Also print every bin of the arithmetic decoder, with context, range, offset and state.")
    ] = False,
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
    arithmetic decoder's state.

    Example: nnc-conformance trace model.nnr --bins
    """
    from nnc_conformance.reference import trace
    from nnc_conformance.storage import outputs
    from nnc_conformance.storage.inputs import read_bytes

    if html is not None:
        from nnc_conformance.reports.trace import build_trace, render_trace

        outputs.refuse_inputs(html, [stream])
        page = build_trace(stream.name, read_bytes(stream), interpretation=read_interpretation(interpretation), lenient=lenient)
        outputs.write_text(html, render_trace(page))
        typer.echo(str(html), err=outputs.is_standard_output(html))
        return

    for line in trace(read_bytes(stream), bins=bins, interpretation=read_interpretation(interpretation), lenient=lenient):
        if as_json:
            typer.echo(json.dumps(asdict(line), default=_plain, ensure_ascii=False))
            continue
        where = f"{line.byte}.{line.bit}"
        name = "/".join((*line.path[1:], line.element))
        text = f"{line.unit:>4} {line.unit_type:<8} {where:>10}  {name:<56} {line.descriptor:<9} {_shown(line.value):<24} {line.clause}"
        if line.provenance == "I":
            text += " [inferred]"
        if line.bin is not None:
            state = f" R={line.bin.ivl_curr_range} V={line.bin.ivl_offset} s={line.bin.state} renorm={line.bin.renormalisation}"
            text += f"  {line.bin.context}{state}"
        typer.echo(text.rstrip())


def _shown(value: Any) -> str:
    """Format a value in at most `LONGEST_VALUE` characters."""
    if isinstance(value, bytes):
        head = value[:12].hex(" ")
        return head if len(value) <= 12 else f"{head} ... {len(value)} bytes"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _plain(value: Any) -> Any:
    """Convert a value that JSON cannot hold: bytes to hexadecimal digits, NumPy values to Python
    values.
    """
    return value.hex() if isinstance(value, bytes) else value.tolist()
