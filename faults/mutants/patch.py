"""Puts mutants of code in force.

Functions of the reference get other code, in a process of its own.
"""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FunctionType
from typing import Final

from nnc_conformance.faults.mutants.code import live_function, mutated_code
from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind

_COMMENT: Final = re.compile(r"  # .*$", re.MULTILINE)


def text_of(module: str, function: str) -> str:
    """Return the source of a function without comments at the ends of lines.

    So quotes need not repeat these.
    """
    return _COMMENT.sub("", "".join(_lines(module, function)[0]))


@cache
def _lines(module: str, function: str) -> tuple[tuple[str, ...], int]:
    """Return the lines of a function, and the number of the first; finding them takes milliseconds."""
    lines, first = inspect.getsourcelines(live_function(module, function))
    return tuple(lines), first


def once(edit: Edit, source: str) -> str:
    """Return a function's source.

    Raise `ValueError` if the edit's text does not stand in it exactly once.
    """
    if source.count(edit.old) != 1:
        raise ValueError(f"{edit.old!r} does not stand once in {edit.module}.{edit.function}")
    return source


def stale_quotes(faults: Iterable[NamedFault]) -> list[str]:
    """List every edit whose quoted text is not exactly once in its function.

    An item has fault, module, function and text.
    """
    found = []
    for fault in faults:
        for edit in fault.edits:
            try:
                count = text_of(edit.module, edit.function).count(edit.old)
            except (ImportError, KeyError, StopIteration):
                found.append(f"{fault.name}: there is no function {edit.function} in {edit.module}")
                continue
            if count != 1:
                found.append(f"{fault.name}: {edit.module}.{edit.function} has this text {count} times, not once: {edit.old!r}")
    return found


def lines_of(edit: Edit) -> tuple[int, int]:
    """Return the first and last line of the module that the edit changes.

    Raise `ValueError` if its text does not stand there once.
    """
    _, first = _lines(edit.module, edit.function)
    source = once(edit, text_of(edit.module, edit.function))
    before = source.partition(edit.old)[0].count("\n")
    text = edit.old.strip("\n")
    start = first + before + (len(edit.old) - len(edit.old.lstrip("\n")))
    return start, start + text.count("\n")


def lines_that_show(edit: Edit) -> tuple[int, int]:
    """Return a range of lines.

    A decode that executes none of them does not show the edit.

    They are the changed lines, or the whole function if the edit adds lines, which may run where
    none of the replaced ones does.
    """
    if edit.new.count("\n") <= edit.old.count("\n"):
        return lines_of(edit)
    lines, first = _lines(edit.module, edit.function)
    once(edit, text_of(edit.module, edit.function))
    return first, first + len(lines) - 1


def patched_code(edits: tuple[Edit, ...]) -> list[tuple[FunctionType, CodeType]]:
    """Return the functions that the edits change, each with its changed code."""
    sources: dict[tuple[str, str], str] = {}
    for edit in edits:
        key = (edit.module, edit.function)
        source = once(edit, sources.get(key) or text_of(*key))
        sources[key] = source.replace(edit.old, edit.new)
    changed = []
    for key, source in sources.items():
        function = live_function(*key)
        plain = re.sub(r"\A(@.*\n)+", "", textwrap.dedent(source))
        whole = compile(plain, function.__code__.co_filename, "exec", dont_inherit=True)
        code = next(part for part in whole.co_consts if isinstance(part, CodeType) and part.co_name == function.__name__)
        changed.append((function, code))
    return changed


def changed_functions(mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
    """Return the functions that a mutant changes, each with its changed code.

    The list is empty for a mutant of a table or constant.
    """
    if mutant.fault is not None:
        return patched_code(mutant.fault.edits)
    if mutant.kind is MutantKind.CODE:
        return [(live_function(mutant.module, mutant.function), mutated_code(mutant))]
    return []


@contextmanager
def in_force(changed: list[tuple[FunctionType, CodeType]]) -> Iterator[None]:
    """Give functions other code within the context.

    Use it in a process of its own, in which nothing of the decoder is compiled.
    """
    before = [(function, function.__code__) for function, _ in changed]
    try:
        for function, code in changed:
            function.__code__ = code
        yield
    finally:
        for function, code in before:
            function.__code__ = code
