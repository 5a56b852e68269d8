"""``inspect``: show the units of a stream as a table."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nnc_conformance.cli.options import InterpretationOption, LenientOption, input_file, read_interpretation


def command(
    stream: Annotated[Path, typer.Argument(metavar="STREAM", parser=input_file, help="The stream to show; - for standard input.")],
    lenient: LenientOption = False,
    interpretation: InterpretationOption = None,
    values: Annotated[bool, typer.Option("--values", help="Decode the tensors too: show every qp, ranges and shares of zeros.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of text.")] = False,
) -> None:
    """Show the units of a stream: position, size, type and content.

    Example: nnc-conformance inspect model.nnr
    """
    from nnc_conformance.reference.inspection import unit_rows
    from nnc_conformance.storage.inputs import read_bytes

    rows: list[dict[str, Any]] = []
    try:
        switches = read_interpretation(interpretation)
        for row in unit_rows(read_bytes(stream), interpretation=switches, lenient=lenient, values=values):
            rows.append(row)
    finally:
        if as_json:
            typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        else:
            _table(rows)


def _table(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table on a terminal, as plain lines elsewhere."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo(
                f"{row['number']:>4}  byte {row['offset']:>9}  {row['size']:>9} bytes  {'  ' * row['depth']}{row['type']}  {row['says']}"
            )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("unit", "byte", "size", "type", "says")
    for row in rows:
        table.add_row(str(row["number"]), str(row["offset"]), str(row["size"]), "  " * row["depth"] + row["type"], row["says"])
    Console().print(table)
