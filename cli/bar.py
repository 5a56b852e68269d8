"""A bar on a terminal for what takes long by itself, such as a large model; elsewhere nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nnc_conformance.cli.output import console, on_terminal


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function that is told what is done, of how much."""
    if not on_terminal():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what, markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as shown:
        task = shown.add_task("")
        yield lambda done, total: shown.update(task, completed=done, total=total)
