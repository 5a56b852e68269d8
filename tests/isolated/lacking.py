"""Loading of the plain decoder with edits, as a package of its own."""

import importlib
import itertools
import sys
import tempfile
import textwrap
from pathlib import Path
from types import ModuleType

PLAIN = Path(__file__).parents[1] / "plain_decoder"
NUMBERS = itertools.count()

SourceEdit = tuple[str, str, str]
"""A module of the plain decoder, the beginning of a line that it holds once, and the lines to put
in its place.
"""


def edited(source: str, begin: str, new: str) -> str:
    """Replace the one line that begins with ``begin``, keeping its indentation."""
    lines = source.split("\n")
    found = [number for number, line in enumerate(lines) if line.strip().startswith(begin)]
    assert len(found) == 1, f"{len(found)} lines begin with {begin}"
    indentation = lines[found[0]][: -len(lines[found[0]].lstrip())]
    lines[found[0]] = textwrap.indent(new, indentation)
    return "\n".join(lines)


def load(edits: tuple[SourceEdit, ...]) -> ModuleType:
    """Import an edited copy of the plain decoder."""
    name = f"edited_plain_decoder_{next(NUMBERS)}"
    sources = {path.stem: path.read_text() for path in PLAIN.glob("*.py")}
    for module, begin, new in edits:
        sources[module] = edited(sources[module], begin, new)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / name
        package.mkdir()
        for module, text in sources.items():
            (package / f"{module}.py").write_text(text.replace("plain_decoder", name))
        sys.path.insert(0, folder)
        try:
            importlib.invalidate_caches()
            return importlib.import_module(name)
        finally:
            sys.path.remove(folder)
