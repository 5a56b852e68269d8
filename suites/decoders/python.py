"""A Python function as a worker: ``python -m nnc_conformance.suites.decoders.python MODULE:FUNCTION [FOLDER]``.

The function takes the stream's bytes and returns a dict of parameter name to ndarray. It refuses by raising `ValueError` (or an
`NNCError`), and says by `NotImplementedError` that it does not support the stream; any other exception is a crash.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from nnc_conformance.suites.decoders.serve import Output, serve


def load(target: str) -> Callable[[bytes], Any]:
    """Returns the function that MODULE:FUNCTION names; raises `ImportError` or `AttributeError`."""
    module, _, function = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in function.split("."):
        found = getattr(found, name)
    return found  # type: ignore[no-any-return]


def main(target: str, folders: list[str]) -> None:
    """Serves the function; modules are looked for in ``folders`` first."""
    sys.path[:0] = folders
    function = load(target)
    serve(lambda stream: Output(function(stream)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
