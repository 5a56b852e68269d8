"""Texts in a torch.export program that become Python code.

They do when the program is loaded or called.

Guards are conditions on inputs, executed as they stand. Specifications describe the nesting of
inputs in JSON; the names in them become parameters of a function, and enumerations are imported.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, Final

_MOST_CHARACTERS: Final = 10_000
"""Characters of a guard."""
_NAME: Final = re.compile(r"[\w.]*")
"""A name of a value or an argument; empty for one that has none."""
_PARAMETER: Final = re.compile(r"\w+")
"""A name of an argument that becomes a parameter."""
_KEY: Final = re.compile(r"[^'\"\\\x00-\x1f]*")
"""A text in a guard: the message about the guard quotes it."""
_GUARDED: Final = frozenset({"L", "Eq", "Ge", "Gt", "Le", "Lt", "Max", "Min", "Mod", "Ne", "Not", "PythonMod", "FloorDiv", "IntTrueDiv"})
"""Names that a guard may hold: the inputs, and functions of sizes."""
_METHODS: Final = frozenset({"dtype", "requires_grad", "shape", "size", "storage_offset", "stride"})
"""Attributes of an input that a guard may ask for."""
_GUARD_NODES: Final = (
    ast.Expression,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Call,
    ast.Subscript,
    ast.Load,
    ast.boolop,
    ast.unaryop,
    ast.cmpop,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.FloorDiv,
    ast.Mod,
    ast.Pow,
    ast.Tuple,
)
"""Parts of a guard; the size of powers is judged by `program_safety`, and shifts are missing."""
_FACTORIES: Final = frozenset({"bool", "dict", "float", "int", "list", "set", "str", "tuple"})
"""Builtins that may make the missing values of a defaultdict."""
_ENUMERATION: Final = "__enum__"
"""Key of an object that torch takes for a member of an enumeration, and imports."""


def is_name(text: Any) -> bool:
    """Return whether a value of a graph has a name without code, or none."""
    return text is None or (isinstance(text, str) and _NAME.fullmatch(text) is not None)


def is_parameter(text: Any) -> bool:
    """Return whether a text can become the parameter of a function and nothing else."""
    return isinstance(text, str) and _PARAMETER.fullmatch(text) is not None


def is_guard(text: Any) -> bool:
    """Return whether a guard does nothing but compare sizes and types of inputs.

    A guard is a condition of a torch.export program, which torch evaluates as Python.
    """
    if not isinstance(text, str) or len(text) > _MOST_CHARACTERS:
        return False
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(map(_is_of_guard, nodes))


def _is_of_guard(node: ast.AST) -> bool:
    """Return whether a node of an expression can occur in a guard of a program.

    Only names, methods, keys and small numbers are allowed that PyTorch writes there.
    """
    match node:
        case ast.Constant(value=str() as text):
            return _KEY.fullmatch(text) is not None
        case ast.Constant(value=value):
            return value is None or (isinstance(value, int | float) and abs(value) < 1 << 64)
        case ast.Name(id=name):
            return name in _GUARDED
        case ast.Attribute(attr=name):
            return name in _METHODS
        case ast.Call(func=function, keywords=keywords):
            return isinstance(function, ast.Name | ast.Attribute) and not keywords
    return isinstance(node, _GUARD_NODES)


def is_specification(text: Any) -> bool:
    """Return whether loading a specification of inputs or outputs runs no code.

    It imports nothing, and its names are parameters.

    Args:
        text: The specification of a torch.export program: a pytree as JSON; "" for none.
    """
    if text == "":
        return True
    try:
        _, root = json.loads(text)
        specifications = list(_nested(root))
        contexts = [_context(each) for each in specifications]
        keywords = _keywords(root)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return False
    return all(map(_is_plain, contexts)) and all(map(is_parameter, keywords))


def _nested(specification: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a specification and, in no certain order, those of its children."""
    waiting = [specification]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(each["children_spec"])


def _context(specification: dict[str, Any]) -> Any:
    """Return the context of a specification, which is itself JSON in most types."""
    context = specification["context"]
    return json.loads(context) if isinstance(context, str) else context


def _keywords(root: dict[str, Any]) -> list[Any]:
    """Return the names of keyword arguments: a pair of positional and keyword arguments has them in
    its second.
    """
    children = root["children_spec"]
    if len(children) != 2 or children[1]["type"] in (None, "builtins.tuple", "builtins.list"):
        return []
    return list(_context(children[1]) or ())


def _is_plain(context: Any) -> bool:
    """Return whether loading a pytree node's context imports nothing.

    It names no enumeration, and no default factory (of a defaultdict) but a builtin type.

    Args:
        context: The context as JSON values, of any depth.
    """
    waiting = [context]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            factory = value.get("default_factory_module", "builtins"), value.get("default_factory_name", "list")
            if _ENUMERATION in value or factory[0] != "builtins" or factory[1] not in _FACTORIES:
                return False
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return True
