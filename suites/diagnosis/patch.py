"""A named fault put in force: text of functions of the reference replaced, in a process of its own."""

import inspect
import re
import textwrap
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Final

from nnc_conformance.generator.mutants.places import module_of

_WRAPPERS: Final = ("fget", "func", "py_func", "__wrapped__", "__func__")


@dataclass(frozen=True)
class Edit:
    """A function (its module below the reference, its qualified name), text that stands in it once, and what stands there instead."""

    module: str
    function: str
    old: str
    new: str


def function_of(module: str, name: str) -> FunctionType:
    """The function that the decoder calls when nothing is compiled."""
    found: Any = module_of(module)
    for step in name.split("."):
        found = inspect.getattr_static(found, step)
    while True:
        inner = next((getattr(found, wrapper) for wrapper in _WRAPPERS if hasattr(found, wrapper)), None)
        if inner is None:
            break
        found = inner
    assert isinstance(found, FunctionType)
    return found


def lines_of(edit: Edit) -> tuple[int, int]:
    """First and last line of the module's source that the edit changes; raises `ValueError` where its text does not stand there once."""
    lines, first = inspect.getsourcelines(function_of(edit.module, edit.function))
    source = "".join(lines)
    if source.count(edit.old) != 1:
        raise ValueError(f"{edit.old!r} does not stand once in {edit.module}.{edit.function}")
    before = source.partition(edit.old)[0].count("\n")
    text = edit.old.strip("\n")
    start = first + before + (len(edit.old) - len(edit.old.lstrip("\n")))
    return start, start + text.count("\n")


def apply(edits: tuple[Edit, ...]) -> None:
    """Makes the edits; for a process of its own, in which there is no other decoder from then on."""
    sources: dict[tuple[str, str], str] = {}
    for edit in edits:
        key = (edit.module, edit.function)
        function = function_of(*key)
        source = sources.get(key) or inspect.getsource(function)
        if source.count(edit.old) != 1:
            raise ValueError(f"{edit.old!r} does not stand once in {edit.module}.{edit.function}")
        sources[key] = source.replace(edit.old, edit.new)
    for (module, name), source in sources.items():
        function = function_of(module, name)
        plain = re.sub(r"\A(@.*\n)+", "", textwrap.dedent(source))
        whole = compile(plain, function.__code__.co_filename, "exec", dont_inherit=True)
        function.__code__ = next(part for part in whole.co_consts if isinstance(part, CodeType) and part.co_name == function.__name__)
