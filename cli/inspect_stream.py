"""``inspect``: show the units of a stream as a table."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nnc_conformance.cli.options import InterpretationOption, LenientOption, input_file, read_interpretation
from nnc_conformance.cli.printing import console, folded


def command(
    streams: Annotated[
        list[Path],
        typer.Argument(
            metavar="STREAM", parser=input_file, help="The stream to show, or those of a session in order; - for standard input."
        ),
    ],
    lenient: LenientOption = False,
    interpretation: InterpretationOption = None,
    values: Annotated[bool, typer.Option("--values", help="Decode the tensors too: show every qp, ranges and shares of zeros.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of text.")] = False,
) -> None:
    """Show the units of a stream: position, size, type and content; lines have at most 80 columns.

    Of several streams each is read onto the model after the stream before (second edition); --json
    then prints a list of objects with the name of each stream and its units.

    Example: nnc-conformance inspect model.nnr

    Example: nnc-conformance inspect base.nnr update.nnr --values
    """
    from nnc_conformance.reference.inspection import unit_rows
    from nnc_conformance.storage.sessions import named, steps_of

    shown: list[tuple[str, list[dict[str, Any]]]] = []
    alone = len(streams) == 1
    try:
        switches = read_interpretation(interpretation)
        for name, stream, base in steps_of(streams, switches, lenient=lenient):
            rows: list[dict[str, Any]] = []
            shown.append((name, rows))
            with named(name, alone=alone):
                for row in unit_rows(stream, interpretation=switches, lenient=lenient, values=values, base=base):
                    rows.append(row)
    finally:
        _print(shown, alone=alone, as_json=as_json)


def _print(shown: list[tuple[str, list[dict[str, Any]]]], *, alone: bool, as_json: bool) -> None:
    """Print the rows of each stream; a lone stream without its name."""
    if as_json:
        single = [row for _, rows in shown for row in rows]
        content = single if alone else [{"stream": name, "units": rows} for name, rows in shown]
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    for name, rows in shown:
        if not alone:
            typer.echo(f"{name}:")
        _table(rows)


def _table(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table on a terminal, as plain lines elsewhere."""
    from nnc_conformance.reference.inspection import row_text

    if not sys.stdout.isatty():
        for row in rows:
            place = f"{row['number']:>4}  byte {row['offset']:>9}  {row['size']:>9} bytes"
            typer.echo(folded(f"{place}  {'  ' * row['depth']}{row['type']}  {row_text(row)}", indent=6))
        return
    from rich.table import Table

    table = Table("unit", "byte", "size", "type", "content")
    for row in rows:
        table.add_row(str(row["number"]), str(row["offset"]), str(row["size"]), "  " * row["depth"] + row["type"], row_text(row))
    console().print(table)
