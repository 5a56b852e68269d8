"""Printing: rich on a terminal, plain lines anywhere else; whatever comes from a file or a decoder is made visible first."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnc_conformance.reports.text import one_line

if TYPE_CHECKING:
    from rich.console import Console


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def console() -> "Console":
    """The rich console on standard output; markup, emoji codes and highlighting are off, since the text is not ours."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under headings: a table on a terminal, tab-separated lines without headings elsewhere."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not on_terminal():
        for row in cells:
            print("\t".join(row))
        return
    from rich import box
    from rich.table import Table

    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        table.add_row(*row)
    console().print(table)
