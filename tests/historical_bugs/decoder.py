"""The reference decoder with one fault, as a worker: `decoder.py BUG`, or `none`. The fault is in this process only."""

import importlib
import inspect
import os
import re
import sys
import textwrap
from pathlib import Path
from types import FunctionType

os.environ["NUMBA_DISABLE_JIT"] = "1"  # before anything is imported that compiles: a changed kernel must be the one that runs
sys.path.insert(0, str(Path(__file__).parents[1]))

from historical_bugs.faults import BUGS, Edit


def function_of(name: str) -> FunctionType:
    module, _, path = name.partition(":")
    found = importlib.import_module(f"nnc_conformance.reference.{module}")
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    return found.fget if isinstance(found, property) else found


def apply(edit: Edit) -> None:
    name, old, new = edit
    function = function_of(name)
    source = SOURCES.get(name) or inspect.getsource(function)
    if source.count(old) != 1:
        raise ValueError(f"{old!r} does not stand once in {name}")
    SOURCES[name] = source.replace(old, new)
    made: dict[str, FunctionType] = {}
    exec(re.sub(r"^@.*\n", "", textwrap.dedent(SOURCES[name])), function.__globals__, made)
    function.__code__ = made[function.__name__].__code__


SOURCES: dict[str, str] = {}
"""The source of each function changed so far."""


def main(bug: str) -> None:
    from nnc_conformance.reference.decoder import decode
    from nnc_conformance.suites.decoders.serve import Output, serve

    for edit in BUGS[bug].edits if bug != "none" else ():
        apply(edit)

    def decoded(stream: bytes) -> Output:
        found = decode(stream, kernel="plain")
        return Output(found.parameters, found.topology.data if found.topology is not None else None)

    serve(decoded)


if __name__ == "__main__":
    main(sys.argv[1])
