"""``trace``: every element of a stream, down to the bins on request."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nnc_conformance.cli.parsing import interpretation_of

LONGEST_VALUE = 48


def command(
    stream: Annotated[Path, typer.Argument(help="The stream to trace.")],
    bins: Annotated[bool, typer.Option("--bins", help="Every bin of the arithmetic coder, with context, range, offset and state.")] = False,
    lenient: Annotated[bool, typer.Option("--lenient", help="Forgive what a decoder may forgive.")] = False,
    interpretation: Annotated[
        list[str] | None, typer.Option("--interpretation", metavar="NAME=CHOICE", help="A disputed point's choice; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="F", help="Write a page to look at instead, bins and all.", show_default=False)
    ] = None,
) -> None:
    """Print every element of STREAM: unit, byte.bit, element, descriptor, value, clause.

    The page shows bytes and elements side by side, marks the bits of each, and draws the arithmetic coder over time.

    Example: nnc-conformance trace model.nnr --bins
    """
    from nnc_conformance.reference import trace

    if html is not None:
        from nnc_conformance.reports.trace import build_trace, render_trace
        from nnc_conformance.storage import outputs

        page = build_trace(stream.name, stream.read_bytes(), interpretation=interpretation_of(interpretation), lenient=lenient)
        outputs.write_text(html, render_trace(page))
        typer.echo(str(html))
        return

    for line in trace(stream.read_bytes(), bins=bins, interpretation=interpretation_of(interpretation), lenient=lenient):
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
    """A value in few characters."""
    if isinstance(value, bytes):
        head = value[:12].hex(" ")
        return head if len(value) <= 12 else f"{head} ... {len(value)} bytes"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _plain(value: Any) -> Any:
    """What JSON has no form for: bytes as hexadecimal digits, NumPy values as Python's."""
    return value.hex() if isinstance(value, bytes) else value.tolist()
