"""The operators of mutation.

An operator replaces a node of a function's syntax tree by one that might be there by mistake.
"""

import ast
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any, Final

from nnc_conformance.faults.mutants.mutable_code import REFERENCE, MutableCode, ends_default, live_blocks
from nnc_conformance.faults.mutants.mutant import Operator
from nnc_conformance.reference.syntax.rules import RULES, Policy

Step = tuple[str, int | None]
Path = tuple[Step, ...]
"""The way from a function to a node of its syntax tree: a field, and a place in it if it is a list.
"""


@dataclass(frozen=True)
class TreeEdit:
    """A change of a function's syntax tree.

    It has its operator, its path, and the new node for each path that changes.
    """

    operator: Operator
    path: Path
    places: tuple[tuple[Path, ast.AST], ...]


@dataclass(frozen=True)
class NodeContext:
    """Where a node stands.

    It has its code and statement, the name of the innermost call around it, and whether it is part
    of a context index.
    """

    code: MutableCode
    statement: ast.stmt
    call: str = ""
    is_context: bool = False


Found = Iterator[tuple[Operator, ast.AST]]
"""Each operator that applies to a node, with the node that takes its place."""

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_SHIFTS: Final[dict[type[ast.operator], type[ast.operator]]] = {ast.LShift: ast.RShift, ast.RShift: ast.LShift}
_NAMES: Final[dict[str, tuple[Operator, tuple[str, ...]]]] = {
    "rint": (Operator.ROUNDING, ("floor", "trunc")),
    "float32": (Operator.ROUNDING, ("float64", "float16")),
    "float64": (Operator.ROUNDING, ("float32",)),
    "min": (Operator.ARITHMETIC, ("max",)),
    "max": (Operator.ARITHMETIC, ("min",)),
    "all": (Operator.CONDITION, ("any",)),
}
_DESCRIPTORS: Final = {"u": "i", "i": "u", "ue": "ie", "ie": "ue"}
_CONVERSIONS: Final = ("astype", "reshape", "removesuffix", "partition", "decode")
_FORGIVING: Final = ("_check_end", "_check_entry_points")
"""Functions that check rules of policy ``may`` only."""
_READS: Final = frozenset({"u", "i", "ue", "ie", "flt", "st", "bs", "reserved", "byte_alignment", "flags"})
_TERMS: Final = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.BitOr, ast.BitAnd, ast.LShift, ast.RShift)


def edits(function: ast.FunctionDef, code: MutableCode = REFERENCE) -> Iterator[TreeEdit]:
    """Yield every edit of a function of this code, in the order of its source."""
    yield from _block(code, function.body, (), "body")


def edited(function: ast.FunctionDef, edit: TreeEdit) -> ast.FunctionDef:
    """Return a copy of the function with an edit made.

    The copy shares the nodes that have no edit in them with the function.
    """
    changed = copy(function)
    for path, node in edit.places:
        parent: Any = changed
        for step in path[:-1]:
            parent = _put(parent, step, copy(_child(parent, step)))
        _put(parent, path[-1], node)
    return ast.fix_missing_locations(changed)


def _child(parent: Any, step: Step) -> Any:
    """Return the child of a node that one step of a path leads to."""
    field, index = step
    return getattr(parent, field) if index is None else getattr(parent, field)[index]


def _put(parent: Any, step: Step, child: ast.AST) -> ast.AST:
    """Set the child of a node at a field, and return the child.

    A child in a list is set in a copy of the list, which nodes may share.
    """
    field, index = step
    if index is None:
        setattr(parent, field, child)
    else:
        children = list(getattr(parent, field))
        children[index] = child
        setattr(parent, field, children)
    return child


def node_at(root: ast.AST, path: Path) -> ast.AST:
    """Return the node that a path of fields and indexes leads to from ``root``."""
    node: Any = root
    for step in path:
        node = _child(node, step)
    assert isinstance(node, ast.AST)
    return node


def _block(code: MutableCode, statements: list[ast.stmt], path: Path, field: str) -> Iterator[TreeEdit]:
    for number, statement in enumerate(statements):
        here = (*path, (field, number))
        if code.affects_output(statement):
            yield from _statement(code, statement, here)
            following = statements[number + 1] if number + 1 < len(statements) else None
            if following is not None and _reads(statement) and _reads(following) and _differ(code, statement, following):
                after = (*path, (field, number + 1))
                yield TreeEdit(Operator.ORDER, here, ((here, deepcopy(following)), (after, deepcopy(statement))))
        for block in sorted(live_blocks(statement)):
            if block == "handlers":
                for place, handler in enumerate(getattr(statement, block)):
                    yield from _block(code, handler.body, (*here, (block, place)), "body")
            else:
                yield from _block(code, getattr(statement, block), here, block)
        if ends_default(statement):
            return


def _reads(statement: ast.stmt) -> bool:
    """Return whether a simple statement reads an element."""
    if not isinstance(statement, ast.Assign | ast.Expr):
        return False
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Attribute) and call.func.attr in _READS for call in calls)


def _differ(code: MutableCode, statement: ast.stmt, following: ast.stmt) -> bool:
    """Return whether a decoder can differ if two successive statements are swapped.

    It cannot if the second one does not affect the output, or if both are reads that discard their
    values and have the same descriptor.
    """
    if not code.affects_output(following):
        return False
    calls = [node.value for node in (statement, following) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return len(calls) < 2 or len({(ast.dump(call.func), *map(ast.dump, call.args[1:])) for call in calls}) > 1


def _statement(code: MutableCode, statement: ast.stmt, path: Path) -> Iterator[TreeEdit]:
    """Yield each mutation of a statement and its expressions, but not of its body.

    Args:
        code: What may be mutated in the function.
        statement: The statement.
        path: The way to it in the function's syntax tree.
    """
    around = NodeContext(code, statement)
    for operator, node in _whole(statement):
        yield TreeEdit(operator, path, ((path, node),))
    if isinstance(statement, ast.Raise):
        return
    for field, value in ast.iter_fields(statement):
        if field in ("body", "orelse", "handlers", "finalbody", "annotation", "targets", "target", "optional_vars"):
            continue
        yield from _expressions(value, path, field, around)


def _whole(statement: ast.stmt) -> Found:
    """Yield the operators that replace a whole statement, each with the node to put there."""
    match statement:
        case ast.Expr(ast.Call(func) as call):
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            if _may_be_broken(call) or name in _FORGIVING:
                return
            checks = name in ("require", "_report", "fail", "_check") or name.startswith("check_")
            yield Operator.RULE if checks else Operator.DROPPED_STATEMENT, ast.Pass()
        case ast.Raise():
            yield Operator.RULE, ast.Pass()
        case ast.AugAssign():
            yield Operator.DROPPED_STATEMENT, ast.Pass()
            other = _ARITHMETIC.get(type(statement.op))
            if other is not None:
                yield Operator.ARITHMETIC, ast.AugAssign(statement.target, other(), statement.value)
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield Operator.DROPPED_STATEMENT, ast.Pass()
        case ast.If():
            if not statement.orelse and isinstance(statement.body[-1], ast.Return | ast.Raise):
                yield Operator.DROPPED_STATEMENT, ast.Pass()
        case _:
            return


def _may_be_broken(call: ast.Call) -> bool:
    """Return whether a call checks a rule of policy ``may``.

    A decoder without the check is lenient and has no bug.
    """
    named = (argument.value for argument in call.args[:2] if isinstance(argument, ast.Constant))
    return any(name in RULES and RULES[name].policy is Policy.MAY for name in named)


def _expressions(value: Any, path: Path, field: str, around: NodeContext) -> Iterator[TreeEdit]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, ast.AST):
                yield from _node(item, (*path, (field, number)), around)
    elif isinstance(value, ast.AST):
        yield from _node(value, (*path, (field, None)), around)


def _node(node: ast.AST, path: Path, around: NodeContext) -> Iterator[TreeEdit]:
    """Yield each mutation of an expression and of those inside it.

    Args:
        node: The expression.
        path: The way to it in the function's syntax tree.
        around: The statement and call in which it stands.
    """
    if isinstance(node, ast.JoinedStr | ast.Lambda):
        return
    for replace in REPLACEMENTS:
        for operator, other in replace(node, around):
            yield TreeEdit(operator, path, ((path, other),))
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        mutated = around.code.arguments.get(name)
        inside = NodeContext(around.code, around.statement, name, name == "code_bin")
        if isinstance(node.func, ast.Attribute):
            yield from _node(node.func, (*path, ("func", None)), inside)
        for number, argument in enumerate(node.args):
            if mutated is None or number in mutated:
                yield from _node(argument, (*path, ("args", number)), inside)
        for number, keyword in enumerate(node.keywords):
            if mutated is None and keyword.arg not in ("overrun_rule", "strict"):
                yield from _node(keyword.value, (*path, ("keywords", number), ("value", None)), inside)
        return
    for field, value in ast.iter_fields(node):
        if field not in ("ctx", "op", "ops", "target", "slice") or (field == "slice" and isinstance(value, ast.AST)):
            yield from _expressions(value, path, field, around)


def _comparison(node: ast.AST, around: NodeContext) -> Found:
    if isinstance(node, ast.Compare):
        for number, op in enumerate(node.ops):
            for other in _COMPARISONS[type(op)]:
                ops = [*node.ops[:number], other(), *node.ops[number + 1 :]]
                yield Operator.COMPARISON, ast.Compare(node.left, ops, node.comparators)


def _condition(node: ast.AST, around: NodeContext) -> Found:
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield Operator.CONDITION, ast.BoolOp(other, node.values)
        for number in range(len(node.values)):
            rest = [*node.values[:number], *node.values[number + 1 :]]
            yield Operator.CONDITION, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield Operator.CONDITION, node.operand
    elif isinstance(node, ast.IfExp):
        yield Operator.CONDITION, ast.IfExp(node.test, node.orelse, node.body)
        yield Operator.DEFAULT, node.body
    elif node is getattr(around.statement, "test", None) and isinstance(node, ast.Name | ast.Attribute | ast.Call):
        yield Operator.CONDITION, ast.UnaryOp(ast.Not(), node)


def _arithmetic(node: ast.AST, around: NodeContext) -> Found:
    if isinstance(node, ast.BinOp):
        if _is_text(node):
            return
        if type(node.op) in _ARITHMETIC:
            other = ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
            yield Operator.CONTEXT if around.is_context else Operator.ARITHMETIC, other
        if type(node.op) in _SHIFTS:
            back = _SHIFTS[type(node.op)]()
            yield Operator.SHIFT, ast.BinOp(node.left, back, node.right)
            yield Operator.SHIFT, ast.BinOp(node.left, node.op, ast.BinOp(node.right, ast.Add(), ast.Constant(1)))
            yield Operator.SHIFT, ast.BinOp(ast.BinOp(node.left, node.op, node.right), back, ast.Constant(1))
        if isinstance(node.op, _TERMS):
            operator = Operator.CONTEXT if around.is_context else Operator.DROPPED_TERM
            yield operator, node.left
            if isinstance(node.op, ast.Add | ast.Mult | ast.BitOr | ast.BitAnd):
                yield operator, node.right


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(part, ast.Constant) and not isinstance(part.value, int) for part in ast.walk(node))


def _sign(node: ast.AST, around: NodeContext) -> Found:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Operator.SIGN, node.operand
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "abs":
        yield Operator.SIGN, node.args[0]


def _number(node: ast.AST, around: NodeContext) -> Found:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        for change in (1, -1):
            if node.value + change >= 0 or around.call == "":
                yield _class_of_number(around), ast.Constant(node.value + change)
    elif isinstance(node, ast.Constant) and node.value in ("<f4",):
        yield Operator.ROUNDING, ast.Constant(">f4")
    elif isinstance(node, ast.Constant) and type(node.value) is bool and around.call != "u":
        yield Operator.DEFAULT, ast.Constant(not node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) < 3:
        for op in (ast.Add(), ast.Sub()):
            bound = ast.BinOp(node.args[-1], op, ast.Constant(1))
            yield Operator.OFF_BY_ONE, ast.Call(node.func, [*node.args[:-1], bound], [])


def _class_of_number(around: NodeContext) -> Operator:
    """Return the operator that a change of a number here belongs to."""
    if around.is_context:
        return Operator.CONTEXT
    if around.call in _DESCRIPTORS:
        return Operator.DESCRIPTOR
    statement = around.statement
    simple = isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Constant | ast.Tuple | ast.IfExp)
    return Operator.DEFAULT if simple else Operator.OFF_BY_ONE


def _named(node: ast.AST, around: NodeContext) -> Found:
    """Yield the mutations of a name, descriptor or conversion: another one, or none."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if name in _NAMES:
        operator, others = _NAMES[name]
        for other in others:
            named = ast.Attribute(node.value, other, ast.Load()) if isinstance(node, ast.Attribute) else ast.Name(other, ast.Load())
            yield operator, named
    elif isinstance(node, ast.Attribute) and name in _DESCRIPTORS and _is_walker(node.value) and not _is_same_read(node, around):
        yield Operator.DESCRIPTOR, ast.Attribute(node.value, _DESCRIPTORS[name], ast.Load())
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CONVERSIONS:
        yield Operator.DROPPED_TERM, node.func.value


def _is_walker(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "w"


def _is_same_read(node: ast.Attribute, around: NodeContext) -> bool:
    """Return whether u(n) and i(n) have the same effect.

    They do for a single bit, and for a value that is discarded.
    """
    if node.attr not in ("u", "i"):
        return False
    calls = [part for part in ast.walk(around.statement) if isinstance(part, ast.Call) and part.func is node]
    single = any(len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and call.args[1].value == 1 for call in calls)
    return single or (isinstance(around.statement, ast.Expr) and around.statement.value in calls)


def _order(node: ast.AST, around: NodeContext) -> Found:
    if isinstance(node, ast.Tuple) and len(node.elts) > 1 and isinstance(node.ctx, ast.Load) and not _is_set(node, around):
        for number in range(len(node.elts) - 1):
            elements = list(node.elts)
            elements[number], elements[number + 1] = elements[number + 1], elements[number]
            yield Operator.ORDER, ast.Tuple(elements, ast.Load())
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        simple = all(isinstance(argument, ast.Name | ast.Attribute | ast.Subscript) for argument in node.args[-2:])
        if simple and name not in around.code.arguments and name not in ("isinstance", "zip"):
            yield Operator.ORDER, ast.Call(node.func, [*node.args[:-2], node.args[-1], node.args[-2]], node.keywords)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reversed":
        yield Operator.ORDER, node.args[0]
    elif isinstance(node, ast.Slice) and node.step is not None:
        yield Operator.ORDER, ast.Slice(node.lower, node.upper, None)


def _is_set(node: ast.Tuple, around: NodeContext) -> bool:
    """Return whether the order of a tuple has no effect, because it is only searched."""
    compared = (part for part in ast.walk(around.statement) if isinstance(part, ast.Compare))
    return any(node in compare.comparators and isinstance(compare.ops[0], ast.In | ast.NotIn) for compare in compared)


REPLACEMENTS: Final[tuple[Callable[[ast.AST, NodeContext], Found], ...]] = (
    _comparison, _condition, _arithmetic, _sign, _number, _named, _order,
)  # fmt: skip
"""Functions that yield replacements of a node, each with its operator."""
