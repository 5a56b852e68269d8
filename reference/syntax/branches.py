"""The places where the structures decide: every ``if``, conditional and loop.

An instrumented copy of their source reports the sides taken.

The structures stay plain functions. A comment names each branch, on the line of its statement or on
the line above::

    if codebook_present:  # branch: ndu.codebook
    if prune and rep_type == NNR_TPL_BMSK:  # branch: pruning.by-mask (asked, mask)

A statement with several branches names them in the order of its source, separated by commas; in
brackets stand the operands of an ``and`` or ``or``, or the parts of a loop, which are labelled
``pruning.by-mask: asked``. Coverage goals use these labels alone, so that the code may be written
anew as long as its branches keep them.
"""

import ast
import inspect
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any, Final

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.syntax import bitstream
from nnc_conformance.reference.syntax.elements import FIRST_EDITION, SECOND_EDITION

STRUCTURES: Final = "nnc_conformance.reference.syntax.structures"
"""The package of the structures."""
MODULES: Final = ("unit", "parameter_sets", "topology", "data_unit", "aggregate")
"""The modules in it whose decisions are listed, in the order of reports."""
DECISION_SIDES: Final = ("false", "true")
"""The sides of an ``if`` or a conditional; the truth value is the index."""
LOOP_SIDES: Final = ("0 times", "once", "several times")
"""The sides of a loop: how often it runs."""
INFERRED_MARK: Final = "[I]"
"""Marks structures of provenance I in their docstrings."""

_COMMENT: Final = re.compile(r"#\s*branch:\s*(.*)")
_ITEM: Final = re.compile(r"\s*([\w.-]+)\s*(?:\(([^()]*)\))?\s*(?:,|$)")

Report = Callable[["Branch", str], None]
"""Callback for a branch met: the branch, and the side taken."""


class LabelError(NNCError):
    """A branch of a structure has no label, or two have the same."""


@dataclass(frozen=True)
class Branch:
    """A decision, an operand of one, or a loop of a structure.

    Args:
        label: Unique among all branches.
        module: The structure's module below `STRUCTURES`.
        function: The structure.
        test: Source of the condition, or of what the loop runs over, as `ast.unparse` gives it.
        sides: The ways it can go.
        inferred: Whether the structure is of provenance I.
    """

    label: str
    module: str
    function: str
    test: str
    sides: tuple[str, ...]
    inferred: bool

    @property
    def edition(self) -> int:
        """The edition, 2022 or 2024, whose streams can take both sides of the branch.

        Labels of branches of the second edition begin with ``2024.``.
        """
        return SECOND_EDITION if self.label.startswith(f"{SECOND_EDITION}.") else FIRST_EDITION


def labels_of(comment: str) -> list[str] | None:
    """Return the labels that a comment gives, in order; None if it cannot be read."""
    found: list[str] = []
    at = 0
    while at < len(comment):
        item = _ITEM.match(comment, at)
        if item is None:
            return None
        found.append(item[1])
        found += [f"{item[1]}: {part.strip()}" for part in (item[2] or "").split(",") if part.strip()]
        at = item.end()
    return found


class LabelledSource:
    """The structures of a module, with the labels of their branches by line.

    ``problems`` collects what is wrong with these.
    """

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.problems: list[str] = []
        self.functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
        self._comments: dict[int, str] = {}
        self._alone: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            match = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
            if match is not None:
                self._comments[token.start[0]] = match[1].strip()
                if not token.line[: token.start[1]].strip():
                    self._alone.add(token.start[0])

    def take(self, statement: ast.stmt) -> list[str]:
        """Take the branch labels in a statement's comments; those in its blocks are left.

        Each comment is taken once. One that cannot be read is noted as a problem.
        """
        body = getattr(statement, "body", None)
        last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
        lines = [line for line in range(statement.lineno, last + 1) if line not in self._alone]
        lines += [statement.lineno - 1] if statement.lineno - 1 in self._alone else []
        found = []
        for comment in (self._comments.pop(line) for line in lines if line in self._comments):
            labels = labels_of(comment)
            if labels is None:
                self.problems.append(f"{self.place(statement)}: cannot read the label {comment!r}")
            found += labels or []
        return found

    def place(self, node: ast.AST) -> str:
        """Return the file and line of a node, for a message."""
        return f"structures/{self.name}.py:{getattr(node, 'lineno', 0)}"

    def unused(self) -> Iterator[str]:
        """List the labels that belong to no statement."""
        return (f"structures/{self.name}.py:{line}: the label {text!r} is at no branch" for line, text in self._comments.items())


class _Instrument(ast.NodeTransformer):
    """Wraps the tests and iterables of one function; notes a `Branch` for each."""

    def __init__(self, branches: list[Branch], source: LabelledSource, function: ast.FunctionDef) -> None:
        self.branches = branches
        self.source = source
        self.function = function.name
        self.inferred = INFERRED_MARK in (ast.get_docstring(function) or "")
        self.statement: ast.stmt = function
        self.labels: list[str] = []

    def visit(self, node: ast.AST) -> Any:
        """Rewrite a node; for a statement also take the branch labels in its comment.

        A label that no branch of the statement uses is noted as a problem.
        """
        if not isinstance(node, ast.stmt):
            return super().visit(node)
        outer = self.statement, self.labels
        self.statement, self.labels = node, self.source.take(node)
        visited = super().visit(node)
        if self.labels:
            self.source.problems.append(f"{self.source.place(node)}: more labels than branches: {', '.join(self.labels)}")
        self.statement, self.labels = outer
        return visited

    def _number(self, test: ast.expr, sides: tuple[str, ...]) -> ast.Constant:
        """Append a branch to `branches` and return its number as an expression.

        A branch without a label is noted as a problem.

        Args:
            test: The condition or loop of the branch.
            sides: The ways it can go.
        """
        text = ast.unparse(test)
        if not self.labels:
            self.source.problems.append(f"{self.source.place(self.statement)}: {self.function}: no label for the branch on {text!r}")
        label = self.labels.pop(0) if self.labels else ""
        self.branches.append(Branch(label, self.source.name, self.function, text, sides, self.inferred))
        return ast.Constant(len(self.branches) - 1)

    def _decision(self, test: ast.expr) -> ast.expr:
        """Wrap a condition in a call of ``_decision_``, which reports its value.

        The parts of an ``and`` or ``or`` are branches of their own.
        """
        number = self._number(test, DECISION_SIDES)
        inner = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else test
        if isinstance(inner, ast.BoolOp):
            inner.values = [self._decision(value) for value in inner.values]
        else:
            test = self.visit(test)
        return ast.Call(ast.Name("_decision_", ast.Load()), [number, test], [])

    def _loop(self, node: ast.For | ast.comprehension) -> None:
        number = self._number(node.iter, LOOP_SIDES)
        node.iter = ast.Call(ast.Name("_loop_", ast.Load()), [number, self.visit(node.iter)], [])

    def visit_If(self, node: ast.If) -> ast.If:
        """Rewrite an ``if``, in place, so that its condition is reported."""
        node.test = self._decision(node.test)
        node.body = [self.visit(statement) for statement in node.body]
        node.orelse = [self.visit(statement) for statement in node.orelse]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        node.test = self._decision(node.test)
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        self._loop(node)
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self._loop(node)
        node.ifs = [self._decision(test) for test in node.ifs]
        return node


def _module(name: str) -> ModuleType:
    return import_module(f"{STRUCTURES}.{name}")


def _functions(name: str) -> list[ast.FunctionDef]:
    return LabelledSource(name, inspect.getsource(_module(name))).functions


def instrument(sources: Iterable[LabelledSource]) -> tuple[tuple[Branch, ...], dict[str, Any]]:
    """Return all branches of some modules, and their compiled instrumented functions by module.

    Raises `LabelError` that names every branch without a label, every label without a branch, and
    every label given twice.
    """
    branches: list[Branch] = []
    problems: list[str] = []
    compiled = {}
    for source in sources:
        functions: list[ast.stmt] = [_Instrument(branches, source, function).visit(function) for function in source.functions]
        problems += [*source.problems, *source.unused()]
        tree = ast.fix_missing_locations(ast.Module(functions, []))
        compiled[source.name] = compile(tree, f"<instrumented {source.name}>", "exec")
    for label, times in Counter(branch.label for branch in branches if branch.label).items():
        if times > 1:
            places = ", ".join(f"{branch.module}.{branch.function}" for branch in branches if branch.label == label)
            problems.append(f"the label {label!r} stands {times} times: in {places}")
    if problems:
        raise LabelError("; ".join(problems))
    return tuple(branches), compiled


@cache
def _instrumented() -> tuple[tuple[Branch, ...], dict[str, Any]]:
    return instrument(LabelledSource(name, inspect.getsource(_module(name))) for name in MODULES)


def all_branches() -> tuple[Branch, ...]:
    """Return every branch of the structures, in the order of their source.

    Raise `LabelError` if one has no label of its own.
    """
    return _instrumented()[0]


@cache
def branch_of(label: str) -> Branch:
    """Return the branch with a label; raise `KeyError` if there is none."""
    return {branch.label: branch for branch in all_branches()}[label]


def read_units_telling(report: Report) -> Callable[..., Iterator[Any]]:
    """Return a function like `bitstream.read_units` that reports each branch it takes.

    It runs an instrumented copy of the structures.

    Args:
        report: Called with each branch met and the side taken; for a loop after it has ended by
            itself.
    """
    branches, compiled = _instrumented()

    def decision(number: int, value: Any) -> Any:
        report(branches[number], DECISION_SIDES[bool(value)])
        return value

    def loop(number: int, items: Iterable[Any]) -> Iterator[Any]:
        """Yield the items, then report whether there were none, one or more."""
        count = 0
        for item in items:
            count += 1
            yield item
        report(branches[number], LOOP_SIDES[min(count, 2)])

    originals: dict[Any, tuple[str, str]] = {}
    namespaces: dict[str, dict[str, Any]] = {}
    for name in MODULES:
        module = _module(name)
        namespaces[name] = {**vars(module), "_decision_": decision, "_loop_": loop}
        originals |= {vars(module)[function.name]: (name, function.name) for function in _functions_by_name(name)}
        exec(compiled[name], namespaces[name])
    reader = dict(vars(bitstream))
    for namespace in (*namespaces.values(), reader):
        for name, value in namespace.items():
            if callable(value) and value in originals:
                home, function = originals[value]
                namespace[name] = namespaces[home][function]
    read_units = FunctionType(bitstream.read_units.__code__, reader)
    read_units.__kwdefaults__ = bitstream.read_units.__kwdefaults__
    return read_units


@cache
def _functions_by_name(name: str) -> tuple[ast.FunctionDef, ...]:
    return tuple(_functions(name))


@cache
def indexed_elements() -> frozenset[str]:
    """Return the elements that structures code with an index: the arrays."""
    found = set()
    for name in MODULES:
        for function in _functions(name):
            for node in ast.walk(function):
                if _is_coding(node) and len(node.args) > (1 if node.func.attr in ("flt", "st") else 2):  # type: ignore[attr-defined]
                    found.add(node.args[0].value)  # type: ignore[attr-defined]
    return frozenset(found)


def _is_coding(node: ast.AST) -> bool:
    """Return whether a node is a call such as ``w.ue("tensor_dimensions", 7, j)``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("u", "i", "ue", "ie", "flt", "st")
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
    )
