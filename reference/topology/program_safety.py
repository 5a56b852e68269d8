"""Keeps what torch.export.load would run out of the programs that are passed on.

An archive of torch.export may hold pickles, compiled libraries, expressions that are evaluated, and
names of functions that are looked up. Only what a plain program needs goes through.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.program_texts import is_guard, is_name, is_parameter, is_specification

SAMPLE_INPUTS: Final = "data/sample_inputs/model.pt"
"""Path of the pickled sample inputs; torch takes an empty file for none."""
_CONSTANTS_TABLE: Final = "data/constants/model_constants_config.json"
"""Path of the table of constants."""
_TABLES: Final = ("data/weights/model_weights_config.json", _CONSTANTS_TABLE)
_PLAIN: Final = re.compile(
    r"archive_format|archive_version|byteorder|\.format_version|\.storage_alignment|\.data/(serialization_id|version)"
    r"|models/model\.json|data/weights/(model_weights_config\.json|weight_[0-9]+)"
    r"|data/constants/(model_constants_config\.json|tensor_[0-9]+)|extra/.*"
)
"""Paths of the files that hold no code."""
_FUNCTIONS: Final = frozenset(
    """
    Abs Add And BitwiseFn_bitwise_and BitwiseFn_bitwise_or BitwiseFn_bitwise_xor CeilDiv CeilToInt CleanDiv Eq Equality ExprCondPair Float
    FloatPow FloatTrueDiv FloorDiv FloorToInt Ge GreaterThan Gt Identity IntTrueDiv Integer IsNonOverlappingAndDenseIndicator LShift Le
    LessThan Lt Max Min Mod ModularIndexing Mul Ne Not OpaqueUnaryFn_acos OpaqueUnaryFn_asin OpaqueUnaryFn_atan OpaqueUnaryFn_cos
    OpaqueUnaryFn_cosh OpaqueUnaryFn_exp OpaqueUnaryFn_log OpaqueUnaryFn_log2 OpaqueUnaryFn_sin OpaqueUnaryFn_sinh OpaqueUnaryFn_sqrt
    OpaqueUnaryFn_tan OpaqueUnaryFn_tanh Or Piecewise Pow PowByNatural PythonMod RShift Rational RoundDecimal RoundToInt StrictGreaterThan
    StrictLessThan Symbol ToFloat TruncToFloat TruncToInt Tuple Unequality Where ceiling floor
    """.split()  # noqa: SIM905
)
"""Functions of sizes: those of torch.utils._sympy.functions, and those of SymPy."""
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*)(?P<call>\s*\()?|(?P<number>[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?)"
    r"|(?P<text>'(?:[A-Za-z_]\w*|[-+.0-9e]+)')|(?P<open>\()|(?P<close>\))|!=|[-+*/%,<>=&|~])\s*",
    re.ASCII,
)
"""A name, perhaps called, a number, the text of a name or number, a parenthesis, or an operator."""
_MOST_CHARACTERS: Final = 10_000
"""Characters of an expression."""
_POWERS: Final = frozenset({"FloatPow", "LShift", "Pow", "PowByNatural"})
"""Functions whose second argument is an exponent."""
_MOST_EXPONENT: Final = 64
_MOST_NESTED: Final = 2
"""Powers of powers: more make numbers of millions of digits."""
_MOST_POWERS: Final = 100
"""Powers of one expression."""
_OPERATOR: Final = re.compile(
    r"torch\.ops\.(?!__|load_library\b|import_module\b|loaded_libraries\b)\w+\.\w+(\.\w+)*|torch\._?sym_\w+|math\.(trunc|ceil|floor|sqrt)|#\w+:[\w.]+"
    r"|_operator\.(add|and_|eq|floordiv|ge|getitem|gt|le|lshift|lt|mod|mul|ne|neg|or_|pos|pow|rshift|sub|truediv)",
    re.ASCII,
)
"""Names of functions that a graph may call: operators registered with torch, and arithmetic."""


def without_code(files: Mapping[str, bytes], root: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files of a program that hold no code.

    Also return the names of those that were left out.

    Sample inputs become an empty file.

    Raises:
        ModelError: If weights or constants are pickled, or the graph names anything but operators
            and arithmetic.
    """
    for table in _TABLES:
        for key, row in _rows(files, root + table):
            if row.get("use_pickle") is not False or not _PLAIN.fullmatch(f"{table.rpartition('/')[0]}/{row.get('path_name')}"):
                raise ModelError(f"{key!r} of the program is pickled, and torch.export.load would run it; use plain tensors in its place")
    _check_graph(files[root + "models/model.json"])
    kept = {name: data for name, data in files.items() if _PLAIN.fullmatch(name.removeprefix(root))}
    sample_inputs = root + SAMPLE_INPUTS
    left_out = tuple(name for name in files if name not in kept and not (name == sample_inputs and not files[name]))
    kept[sample_inputs] = b""
    return kept, left_out


def _rows(files: Mapping[str, bytes], table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, row) of a table of the program; none if the table is missing.

    Raises `ModelError` for a table that is not of that form.

    Args:
        files: The contents of the archive, by path.
        table: Path of the table, a JSON file.
    """
    if table not in files:
        return
    try:
        rows = json.loads(files[table])["config"].items()
        if not all(isinstance(row, dict) for _, row in rows):
            raise TypeError("a row is not an object")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"the program's {table.rpartition('/')[2]} cannot be read: {error}") from None
    yield from rows


def _check_graph(data: bytes) -> None:
    """Raise `ModelError` for a graph with text that could run foreign code."""
    try:
        waiting = [json.loads(data)]
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the program's graph cannot be read: {error}") from None
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            for key, check in _CHECKS.items():
                if key in value and (key != "target" or "inputs" in value):
                    check(value[key])


def _check_expression(text: Any) -> None:
    if not (isinstance(text, str) and is_arithmetic(text)):
        raise ModelError(f"the program has the expression {str(text)[:80]!r}, which torch.export.load would run; decode to .safetensors")


def _check_operator(text: Any) -> None:
    if not (isinstance(text, str) and _OPERATOR.fullmatch(text)):
        raise ModelError(f"the program calls {str(text)[:80]!r}, which is not an operator; decode to .safetensors")


def _check_name(text: Any) -> None:
    if not is_name(text):
        raise ModelError(f"the program has a value named {str(text)[:80]!r}, which loading it could run; decode to .safetensors")


def _check_parameters(texts: Any) -> None:
    if texts is not None and not (isinstance(texts, list) and all(map(is_parameter, texts))):
        raise ModelError(f"the program has the arguments {str(texts)[:80]!r}, which calling it could run; decode to .safetensors")


def _check_guards(texts: Any) -> None:
    if not (isinstance(texts, list) and all(is_guard(text) and _is_small(text) for text in texts)):
        raise ModelError(f"the program has the guards {str(texts)[:80]!r}, which calling it could run; decode to .safetensors")


def _check_specification(text: Any) -> None:
    if not is_specification(text):
        raise ModelError(f"the program nests its inputs as {str(text)[:80]!r}, which loading it could run; decode to .safetensors")


_CHECKS: Final[Mapping[str, Callable[[Any], None]]] = {
    "expr_str": _check_expression,
    "target": _check_operator,
    "as_operator": _check_operator,
    "name": _check_name,
    "as_name": _check_name,
    "forward_arg_names": _check_parameters,
    "guards_code": _check_guards,
    "in_spec": _check_specification,
    "out_spec": _check_specification,
}
"""Checks of the texts that become code, by their keys in the graph; a ``target`` only that of a
node.
"""


def is_arithmetic(text: str) -> bool:
    """Return whether evaluating an expression of sizes can run no other code.

    It may call functions of sizes only, and no power or shift in it can be huge.
    """
    place, before = 0, ""
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or len(text) > _MOST_CHARACTERS:
            return False
        name = match["name"]
        if name is not None and ("__" in name or (match["call"] and name not in _FUNCTIONS)):
            return False
        kind = match.lastgroup or ""
        if kind == "open" and before in ("close", "number", "text"):  # a call of what is in parentheses
            return False
        place, before = match.end(), kind
    return bool(text) and _is_small(text)


def _is_small(text: str) -> bool:
    """Return whether no power or shift of an expression can make a huge number.

    Torch computes them at once. False also for text that is not a Python expression, and for too
    many or too deeply nested powers.
    """
    try:
        growing = [node for node in ast.walk(ast.parse(text.strip(), mode="eval")) if _exponent(node) is not None]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if len(growing) > _MOST_POWERS or not all(_is_small_exponent(_exponent(node)) for node in growing):
        return False
    return all(sum(_exponent(inner) is not None for inner in ast.walk(node)) <= _MOST_NESTED for node in growing)


def _exponent(node: ast.AST) -> ast.AST | None:
    """Return the exponent of a power or a shift; None for any other node.

    A power whose exponent cannot be found is returned itself, which counts as a large exponent.
    """
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift):
        return node.right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _POWERS:
        return node.args[1] if len(node.args) == 2 else node
    return None


def _is_small_exponent(node: ast.AST | None) -> bool:
    """Return whether an exponent is a size's name, or a number up to `_MOST_EXPONENT`.

    A sign and a call such as ``Integer(2)`` are looked through; anything else gives False.
    """
    match node:
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _is_small_exponent(operand)
        case ast.Call(func=ast.Name(id="Integer" | "Float" | "Rational"), args=arguments) if arguments:
            return all(map(_is_small_exponent, arguments))
        case ast.Name() | ast.Call(func=ast.Name(id="Symbol")):
            return True
        case ast.Constant(value=int() | float() | str() as value):
            try:
                return abs(float(value)) <= _MOST_EXPONENT
            except (ValueError, OverflowError):
                return False
    return False
