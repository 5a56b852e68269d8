"""``trace``: print every syntax element of a stream, with its bins on request."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nnc_conformance.cli.options import NOT_WRITTEN, InterpretationOption, LenientOption, input_file, output_file, read_interpretation
from nnc_conformance.cli.printing import folded

if TYPE_CHECKING:
    from nnc_conformance.reference.tracer import TraceLine

MOST_BINS: Final = 1 << 20
"""Bins of a stream that are printed; 72 bytes each are kept."""
_INDENT: Final = 12
"""Columns before an element."""


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
    """Print every syntax element of a stream: byte.bit, element, descriptor and value.

    A heading names unit, clause and structure. Bins have their context, and the coder's range R,
    offset V and state s before them. Lines have at most 80 columns.

    The HTML page shows bytes and elements side by side, marks the bits of each, and plots the
    arithmetic decoder's state. Of several streams each is traced onto the model after the stream
    before (second edition); --json then names the stream of each line, and one HTML page shows all.

    Example: nnc-conformance trace model.nnr --bins --unit 2

    Example: nnc-conformance trace base.nnr update.nnr --html session.html
    """
    from nnc_conformance.reference import trace
    from nnc_conformance.storage import outputs
    from nnc_conformance.storage.sessions import named, steps_of

    switches = read_interpretation(interpretation)
    alone = len(streams) == 1
    if html is not None:
        from nnc_conformance.reports.trace import build_session_trace, render_trace

        outputs.check_outputs([html], streams)
        steps = ((Path(name).name, stream, base) for name, stream, base in steps_of(streams, switches, lenient=lenient))
        page = build_session_trace(steps, interpretation=switches, lenient=lenient, unit=unit)
        outputs.write_text(html, render_trace(page))
        typer.echo(str(html), err=outputs.is_standard_output(html))
        return

    for name, stream, base in steps_of(streams, switches, lenient=lenient):
        if not alone and not as_json:
            typer.echo(f"{name}:")
        with named(name, alone=alone):
            left_out: dict[int, int] = {}
            lines = trace(
                stream,
                bins=bins,
                interpretation=switches,
                lenient=lenient,
                base=base,
                unit=unit,
                most_bins=MOST_BINS,
                left_out=left_out,
            )
            stream_name = {} if alone else {"stream": name}
            jsons = (json.dumps(stream_name | asdict(line), default=_plain, ensure_ascii=False) for line in lines)
            for text in jsons if as_json else _texts(lines):
                typer.echo(text)
            for number, count in left_out.items():
                typer.echo(f"unit {number}: {count:,} bins left out after {MOST_BINS:,} of the stream; --unit chooses a unit", err=True)


def _texts(lines: Iterable["TraceLine"]) -> Iterator[str]:
    """Yield lines of the trace as text: a heading for each structure, its elements below."""
    heading = ""
    for line in lines:
        own = f"unit {line.unit} {line.unit_type}: {line.clause}"
        if not heading.startswith(own):
            heading = own
            yield folded(heading, indent=_INDENT)
        yield folded(f"{f'{line.byte}.{line.bit}':>{_INDENT - 2}}  {_element_text(line)}", indent=_INDENT)


def _element_text(line: "TraceLine") -> str:
    """Format element, value and descriptor.

    A bin also gets its context and the coder's state before it.
    """
    from nnc_conformance.reference.tracer import value_text

    inferred = " [inferred]" if line.provenance == "I" else ""
    if line.bin is None:
        name = "/".join((*line.path[2:], line.element))
        return f"{name:<42} {line.descriptor:<9} {value_text(line.value)}{inferred}"
    state = f"s={line.bin.state}" if line.bin.context else line.bin.kind
    interval = f"R={line.bin.ivl_curr_range} V={line.bin.ivl_offset}"
    return f"{line.bin.context or line.element:<34} {line.value} {interval} {state} renorm={line.bin.renormalisation}{inferred}"


def _plain(value: Any) -> Any:
    """Convert a value that JSON cannot hold: bytes to hexadecimal digits, NumPy values to Python
    values.
    """
    return value.hex() if isinstance(value, bytes) else value.tolist()
