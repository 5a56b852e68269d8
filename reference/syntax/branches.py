"""Where the structures decide: every ``if``, conditional and loop in their source, and an instrumented copy that tells the sides taken.

The structures stay plain functions. The copy is made from their syntax trees: each test and each iterable is wrapped in a call that
reports which way it went, and gives it on unchanged. Nothing here names a structure or a branch.
"""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any, Final

from nnc_conformance.reference.syntax import bitstream

STRUCTURES: Final = "nnc_conformance.reference.syntax.structures"
MODULES: Final = ("unit", "parameter_sets", "topology", "data_unit", "aggregate")
DECISION_SIDES: Final = ("false", "true")
LOOP_SIDES: Final = ("0 times", "once", "several times")
INFERRED_MARK: Final = "[I]"

Report = Callable[["Branch", str], None]


@dataclass(frozen=True)
class Branch:
    """A decision, an operand of one, or a loop: the structure's module and function, its text, and its sides."""

    module: str
    function: str
    text: str
    sides: tuple[str, ...]
    inferred: bool

    @property
    def id(self) -> str:
        """Unique among all branches, readable, and the same until the structure itself changes."""
        return f"{self.module}.{self.function}: {self.text}"


class _Instrument(ast.NodeTransformer):
    """Wraps the tests and iterables of one function; notes a `Branch` for each."""

    def __init__(self, branches: list[Branch], module: str, function: ast.FunctionDef) -> None:
        self.branches = branches
        self.place = module, function.name
        self.inferred = INFERRED_MARK in (ast.get_docstring(function) or "")

    def _number(self, text: str, sides: tuple[str, ...]) -> ast.Constant:
        taken = sum(b.text.partition(" #")[0] == text and (b.module, b.function) == self.place for b in self.branches)
        self.branches.append(Branch(*self.place, f"{text} #{taken + 1}" if taken else text, sides, self.inferred))
        return ast.Constant(len(self.branches) - 1)

    def _decision(self, test: ast.expr, word: str) -> ast.expr:
        number = self._number(f"{word} {ast.unparse(test)}", DECISION_SIDES)
        inner = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else test
        if isinstance(inner, ast.BoolOp):
            inner.values = [self._decision(value, f"operand of {word}:") for value in inner.values]
        else:
            test = self.visit(test)
        return ast.Call(ast.Name("_decision_", ast.Load()), [number, test], [])

    def _loop(self, node: ast.For | ast.comprehension) -> None:
        number = self._number(f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}", LOOP_SIDES)
        node.iter = ast.Call(ast.Name("_loop_", ast.Load()), [number, self.visit(node.iter)], [])

    def visit_If(self, node: ast.If) -> ast.If:
        node.test = self._decision(node.test, "if")
        node.body = [self.visit(statement) for statement in node.body]
        node.orelse = [self.visit(statement) for statement in node.orelse]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        node.test = self._decision(node.test, "choose by")
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        self._loop(node)
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self._loop(node)
        node.ifs = [self._decision(test, "where") for test in node.ifs]
        return node


def _module(name: str) -> ModuleType:
    return import_module(f"{STRUCTURES}.{name}")


def _functions(name: str) -> list[ast.FunctionDef]:
    tree = ast.parse(inspect.getsource(_module(name)))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


@cache
def _instrumented() -> tuple[tuple[Branch, ...], dict[str, Any]]:
    """All branches, and the compiled functions of each module."""
    branches: list[Branch] = []
    compiled = {}
    for name in MODULES:
        functions: list[ast.stmt] = [_Instrument(branches, name, function).visit(function) for function in _functions(name)]
        tree = ast.fix_missing_locations(ast.Module(functions, []))
        compiled[name] = compile(tree, f"<instrumented {name}>", "exec")
    return tuple(branches), compiled


def all_branches() -> tuple[Branch, ...]:
    """Every branch of the structures, in the order of their source."""
    return _instrumented()[0]


def read_units_telling(report: Report) -> Callable[..., Iterator[Any]]:
    """`bitstream.read_units` over an instrumented copy of the structures that tells ``report`` each branch met and the side it took.

    A loop is told when it has ended by itself.
    """
    branches, compiled = _instrumented()

    def decision(number: int, value: Any) -> Any:
        report(branches[number], DECISION_SIDES[bool(value)])
        return value

    def loop(number: int, items: Iterable[Any]) -> Iterator[Any]:
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
    """The elements that structures code with an index: the arrays."""
    found = set()
    for name in MODULES:
        for function in _functions(name):
            for node in ast.walk(function):
                if _is_coding(node) and len(node.args) > (1 if node.func.attr in ("flt", "st") else 2):  # type: ignore[attr-defined]
                    found.add(node.args[0].value)  # type: ignore[attr-defined]
    return frozenset(found)


def _is_coding(node: ast.AST) -> bool:
    """Whether a node is a call such as ``w.ue("tensor_dimensions", 7, j)``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("u", "i", "ue", "ie", "flt", "st")
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
    )
