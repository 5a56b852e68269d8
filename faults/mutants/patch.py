"""Faults told by hand put in force: text of functions of the reference replaced, in a process of its own."""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType

from nnc_conformance.faults.mutants.code import live_function
from nnc_conformance.faults.mutants.fault import Edit, NamedFault


def once(edit: Edit, source: str) -> str:
    """A function's source, in which the edit's text stands once; raises `ValueError` where it does not."""
    if source.count(edit.old) != 1:
        raise ValueError(f"{edit.old!r} does not stand once in {edit.module}.{edit.function}")
    return source


def stale_quotes(faults: Iterable[NamedFault]) -> list[str]:
    """List every edit whose quoted text does not stand exactly once in its function: fault, module, function and text."""
    found = []
    for fault in faults:
        for edit in fault.edits:
            try:
                count = inspect.getsource(live_function(edit.module, edit.function)).count(edit.old)
            except (ImportError, KeyError, StopIteration):
                found.append(f"{fault.name}: there is no function {edit.function} in {edit.module}")
                continue
            if count != 1:
                found.append(f"{fault.name}: {edit.module}.{edit.function} has this text {count} times, not once: {edit.old!r}")
    return found


def lines_of(edit: Edit) -> tuple[int, int]:
    """First and last line of the module's source that the edit changes; raises `ValueError` where its text does not stand there once."""
    lines, first = inspect.getsourcelines(live_function(edit.module, edit.function))
    source = once(edit, "".join(lines))
    before = source.partition(edit.old)[0].count("\n")
    text = edit.old.strip("\n")
    start = first + before + (len(edit.old) - len(edit.old.lstrip("\n")))
    return start, start + text.count("\n")


def lines_that_show(edit: Edit) -> tuple[int, int]:
    """First and last of the lines one of which runs where the edit matters: those that it changes, or, where it adds some, the function's.

    What it adds, a branch say, may run where none of the lines does that it replaces.
    """
    if edit.new.count("\n") <= edit.old.count("\n"):
        return lines_of(edit)
    lines, first = inspect.getsourcelines(live_function(edit.module, edit.function))
    once(edit, "".join(lines))
    return first, first + len(lines) - 1


def patched_code(edits: tuple[Edit, ...]) -> list[tuple[FunctionType, CodeType]]:
    """The functions that the edits change, each with its code as it is then."""
    sources: dict[tuple[str, str], str] = {}
    for edit in edits:
        key = (edit.module, edit.function)
        source = once(edit, sources.get(key) or inspect.getsource(live_function(*key)))
        sources[key] = source.replace(edit.old, edit.new)
    changed = []
    for key, source in sources.items():
        function = live_function(*key)
        plain = re.sub(r"\A(@.*\n)+", "", textwrap.dedent(source))
        whole = compile(plain, function.__code__.co_filename, "exec", dont_inherit=True)
        code = next(part for part in whole.co_consts if isinstance(part, CodeType) and part.co_name == function.__name__)
        changed.append((function, code))
    return changed


@contextmanager
def in_force(changed: list[tuple[FunctionType, CodeType]]) -> Iterator[None]:
    """The functions have other code for a time; for a process of its own, in which nothing of the decoder is compiled."""
    before = [(function, function.__code__) for function, _ in changed]
    try:
        for function, code in changed:
            function.__code__ = code
        yield
    finally:
        for function, code in before:
            function.__code__ = code
