"""The command line that fuzzers of the targets share, and what becomes of the files that it names."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def command_line(description: str | None, *, targets: Iterable[str], executions: int, of: str) -> argparse.ArgumentParser:
    """The options of a fuzzer: ``executions`` is the default, and ``of`` names what is counted."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=executions, help=f"of {of} (default %(default)s)")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--target", action="append", choices=targets, help="repeatable; default all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the record goes")
    parser.add_argument("--findings", type=Path, metavar="DIR", help="where inputs that broke a promise go")
    return parser


def write_record(path: Path | None, rows: list[dict[str, Any]]) -> None:
    """Writes the record where the command line names a file for it."""
    if path is not None:
        path.write_text(json.dumps(rows, indent=1) + "\n")


def keep(folder: Path | None, name: str, data: bytes) -> None:
    """Keeps an input that broke a promise, spaces of its name as hyphens, where the command line
    names a folder for it.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name.replace(" ", "-")).write_bytes(data)
