"""Mutants of code: every edit of every mutable function of the decoder.

Each comes with the code object that it gives.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from functools import cache
from types import CodeType, FunctionType
from typing import Any, Final

from nnc_conformance.faults.mutants.ids import BLOCK, change_digest
from nnc_conformance.faults.mutants.mutable_code import FUNCTIONS_2024, MODULES, functions_of, module_of
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind
from nnc_conformance.faults.mutants.mutant_elements import elements_of, is_of_second_edition, read_variables
from nnc_conformance.faults.mutants.operators import TreeEdit, edited, edits, node_at
from nnc_conformance.reference.syntax.elements import ELEMENTS, FIRST_EDITION, SECOND_EDITION, clause_of

_WRAPPERS: Final = ("fget", "func", "py_func", "__wrapped__", "__func__")


@cache
def edits_by_id() -> dict[str, tuple[Mutant, ast.FunctionDef, TreeEdit]]:
    """Return every mutant of code by id, as `edits_of_module` does for one module."""
    return {mutant_id: made for module in MODULES for mutant_id, made in edits_of_module(module).items()}


@cache
def edits_of_module(module: str) -> dict[str, tuple[Mutant, ast.FunctionDef, TreeEdit]]:
    """Return the mutants of a module's code by id.

    The values are the mutant, the syntax tree of the function as it is, and the edit.

    Args:
        module: Name of the module below the reference.
    """
    made = {}
    for name, tree in functions_of(module):
        for mutant, edit in of_function(module, name, tree):
            made[mutant.id] = (mutant, tree, edit)
    return made


def of_function(module: str, name: str, tree: ast.FunctionDef) -> Iterator[tuple[Mutant, TreeEdit]]:
    """Yield every mutant of a function, with its edit.

    If several edits give the same code, only the first is kept.

    Args:
        module: Name of the module below the reference.
        name: Qualified name of the function.
        tree: Its syntax tree.
    """
    seen = {ast.dump(tree)}
    alike: Counter[str] = Counter()
    for edit in edits(tree):
        changed = edited(tree, edit)
        text = ast.dump(changed)
        if text in seen:
            continue
        seen.add(text)
        mutant = _described(module, name, (tree, changed), edit)
        alike[mutant.id] += 1
        yield mutant if alike[mutant.id] == 1 else replace(mutant, id=f"{mutant.id}-{alike[mutant.id]}"), edit


def _described(module: str, name: str, trees: tuple[ast.FunctionDef, ast.FunctionDef], edit: TreeEdit) -> Mutant:
    """Describe the mutant that an edit of a function makes: id, lines, elements and edition.

    Args:
        module: Name of the module below the reference.
        name: Qualified name of the function.
        trees: Syntax trees of the function, before and after the edit.
        edit: The edit.
    """
    tree, _ = trees
    before, was, becomes = statement_change(trees, edit)
    header = without_blocks(before)
    elements = elements_of(module, name, tree, header)
    second = name in FUNCTIONS_2024.get(module, ()) or is_of_second_edition(module, header)
    second |= any(ELEMENTS[element].edition == SECOND_EDITION for element in elements)
    lines = ((module, before.lineno, last_line(before)),)
    mutant_id = f"{module}.{name}:{edit.operator}-{change_digest(module, was, becomes, read_variables(tree))}"
    edition = SECOND_EDITION if second else FIRST_EDITION
    kind = MutantKind.CODE
    return Mutant(mutant_id, kind, module, name, edit.operator, lines, was, becomes, elements, clause_of(elements[0]), edition=edition)


def statement_change(trees: tuple[ast.FunctionDef, ast.FunctionDef], edit: TreeEdit) -> tuple[ast.stmt, str, str]:
    """Return the statement that an edit changes, and as text its head before and after.

    ``trees``: the function before and after.
    """
    tree, changed = trees
    path = _statement_path(tree, edit)
    before, after = node_at(tree, path), node_at(changed, path)
    assert isinstance(before, ast.stmt) and isinstance(after, ast.stmt)
    was, becomes = (ast.unparse(without_blocks(node)).removesuffix(BLOCK) for node in (before, after))
    if len(edit.places) > 1:
        was, becomes = f"{was}; {becomes}", f"{becomes}; {was}"
    return before, was, becomes


def _statement_path(tree: ast.FunctionDef, edit: TreeEdit) -> tuple[tuple[str, int | None], ...]:
    """Return the path, from the function's tree, of the innermost statement around an edit."""
    path = edit.path
    while not isinstance(node_at(tree, path), ast.stmt):
        path = path[:-1]
    return path


def without_blocks(statement: ast.stmt) -> ast.stmt:
    """Return a copy of a statement without its blocks; a ``try`` becomes ``pass``.

    A statement without blocks is returned itself.
    """
    if not hasattr(statement, "body"):
        return statement
    header = copy(statement)
    for block in ("body", "orelse", "finalbody", "handlers"):
        if hasattr(header, block):
            setattr(header, block, [ast.Expr(ast.Constant(...))] if block == "body" else [])
    return header if not isinstance(header, ast.Try) else ast.Pass()


def last_line(statement: ast.stmt) -> int:
    """Return the number of a statement's last line before its first block.

    It is the last line of all if the statement has no block.
    """
    body = getattr(statement, "body", None)
    if not body:
        return statement.end_lineno or statement.lineno
    heads = [node for field, node in ast.iter_fields(statement) if field in ("test", "iter", "items") and node is not None]
    nodes = [node for head in heads for node in (head if isinstance(head, list) else [head])]
    ends = [part.end_lineno for node in nodes for part in ast.walk(node) if isinstance(part, ast.expr) and part.end_lineno is not None]
    return max([statement.lineno, *ends])


def mutated_code(mutant: Mutant) -> CodeType:
    """Compile a reference function with the bug of a mutant of code.

    Return its code object; the function itself stays as it is.
    """
    _, tree, edit = edits_of_module(mutant.module)[mutant.id]
    function = edited(tree, edit)
    function.decorator_list = []
    holder, _, name = mutant.function.rpartition(".")
    whole = ast.parse(f"class {holder}: ...") if holder else ast.Module([], [])
    inner = whole.body[0] if whole.body else whole
    assert isinstance(inner, ast.ClassDef | ast.Module)
    inner.body = [function]
    ast.fix_missing_locations(whole)
    code = compile(whole, str(module_of(mutant.module).__file__), "exec", dont_inherit=True)
    for step in (holder, name) if holder else (name,):
        code = next(part for part in code.co_consts if isinstance(part, CodeType) and part.co_name == step)
    return code


def live_function(module: str, function: str) -> FunctionType:
    """Return a function by its module below the reference and its qualified name.

    It is uncompiled and without wrappers.
    """
    found: Any = module_of(module)
    for step in function.split("."):
        found = vars(found)[step]
    while not isinstance(found, FunctionType):
        found = next(getattr(found, name) for name in _WRAPPERS if hasattr(found, name))
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    assert isinstance(found, FunctionType)
    return found
