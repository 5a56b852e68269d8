"""Ids of mutants of code.

They come from the statement and its change, so that they outlast changes around it.

The names of local variables and the words of messages do not count. An id therefore stays when a
variable is renamed, an error is worded anew or another statement is added, and changes when the
statement itself does.
"""

import ast
import builtins
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Final

from nnc_conformance.faults.mutants.mutable_code import module_of

DIGITS: Final = 6
"""Hex digits of a change's hash in an id: few enough to read, enough to tell a function's mutants
apart.
"""
BLOCK: Final = "\n    ..."
"""A block that stands for any other."""
_MESSAGE: Final = "a message"


def change_digest(module: str, before: str, after: str, elements: Mapping[str, str]) -> str:
    """Return the hash of a statement's change, the same whatever its variables are called.

    Args:
        module: Name of the module below the reference.
        before: The statement's source before the change.
        after: Its source after the change.
        elements: The syntax element that each local variable holds, by name.
    """
    return hashlib.sha256(normalized(module, before, after, elements).encode()).hexdigest()[:DIGITS]


def normalized(module: str, before: str, after: str, elements: Mapping[str, str] | None = None) -> str:
    """Return a change as text without names of local variables and texts of messages.

    So a renaming leaves it the same. A local variable becomes the element that it holds, if
    ``elements`` has it, else a number by first use; so does every name that the module does not
    define.

    Args:
        module: Name of the module below the reference, for its global names.
        before: The statement's source before the change.
        after: Its source after the change.
        elements: The syntax element that each local variable holds, by name.

    Raises:
        SyntaxError: A text is not a statement.
    """
    normalizer = _Normalizer(_global_names(module), elements or {})
    return " => ".join(ast.unparse(normalizer.visit(parsed(text))) for text in (before, after))


def parsed(text: str) -> ast.Module:
    """Parse statements, or the head of a compound one, such as ``if a:``."""
    return ast.parse(text + BLOCK if text.endswith(":") else text)


@cache
def _global_names(module: str) -> frozenset[str]:
    return frozenset(vars(module_of(module)).keys() | vars(builtins).keys())


class _Normalizer(ast.NodeTransformer):
    def __init__(self, known: frozenset[str], elements: Mapping[str, str]) -> None:
        self.known = known
        self.elements = elements
        self.numbered: dict[str, str] = {}

    def _name(self, name: str) -> str:
        if name in self.elements:
            return self.elements[name]
        return name if name in self.known else self.numbered.setdefault(name, f"local_{len(self.numbered) + 1}")

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._name(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._name(node.arg))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant(_MESSAGE)

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(_MESSAGE) if isinstance(node.value, str) and " " in node.value else node
