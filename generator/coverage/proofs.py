"""Proofs that a goal cannot be met.

Each runs again whenever it is asked, on the tables, the structures' source or the decoder itself. A
proof takes a goal and returns whether the goal is out of reach.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from itertools import product
from math import prod
from types import SimpleNamespace
from typing import Final

import numpy as np

from nnc_conformance.generator.coverage.goals import GoalKind, Key
from nnc_conformance.reference import interpretation
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.coding import INT32_MIN, CodewordError, TensorCoding
from nnc_conformance.reference.entropy.plain import FORCED_RANGE, INITIAL_RANGE
from nnc_conformance.reference.entropy.tables import CONTEXT_PARAMETER_SETS, LPS_RANGE_TABLE, STATE_STEP_TABLE
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.syntax.branches import STRUCTURES, Branch, branch_of
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_BLOCK, DataUnitHeader

Proof = Callable[[Key], bool]
"""Proves that no good stream meets the goal of a key: returns whether it holds."""

LEAST_UNARY: Final = 1


@cache
def renormalisations() -> dict[str, frozenset[int]]:
    """Return the numbers of bits that each path can renormalise by.

    They come from every range with every entry of its row.
    """
    met: dict[str, set[int]] = {"MPS": set(), "LPS": set()}
    for ivl_curr_range, column in product(range(256, INITIAL_RANGE + 1), range(32)):
        lps_range = LPS_RANGE_TABLE[column + (ivl_curr_range & 0xE0)]
        for path, after in (("LPS", lps_range), ("MPS", ivl_curr_range - lps_range)):
            met[path].add(max(9 - after.bit_length(), 0))
    return {path: frozenset(counts) for path, counts in met.items()}


def never_renormalised(key: Key) -> bool:
    """Return whether no range and table entry renormalise by the goal's number of bits.

    If the goal names a path, only this path is tried.
    """
    count, path = int(key.case.partition(" ")[0]), key.subject.rpartition(", ")[2]
    possible = renormalisations()
    return count not in possible.get(path, possible["MPS"] | possible["LPS"])


@cache
def reachable_sums(parameter_set: int) -> frozenset[int]:
    """Return each s = 16 * S0 + S1 that a set's context can reach.

    Any bins may lead to it.

    All pairs of states are walked.
    """
    shift0, shift1, s, s0 = CONTEXT_PARAMETER_SETS[parameter_set]
    steps = np.array(STATE_STEP_TABLE)
    seen = np.zeros((512, 8192), np.bool_)
    front = np.array([[s0, s - 16 * s0]])
    while len(front):
        seen[front[:, 0] + 256, front[:, 1] + 4096] = True
        after = [
            np.stack([
                front[:, 0] + t * (steps[16 + ((t * front[:, 0]) >> 3)] >> (shift0 + 4)),
                front[:, 1] + t * (steps[16 + ((t * front[:, 1]) >> 7)] >> shift1),
            ], axis=1)
            for t in (1, -1)
        ]  # fmt: skip
        front = np.unique(np.concatenate(after), axis=0)
        front = front[~seen[front[:, 0] + 256, front[:, 1] + 4096]]
    states = np.argwhere(seen) - (256, 4096)
    return frozenset((16 * states[:, 0] + states[:, 1]).tolist())


def prefix_too_long(key: Key) -> bool:
    """Return whether the goal's prefix is one bin too long for int32.

    The least magnitude with its number of bins of 1 does not fit; with one bin fewer it fits.
    """
    ones = next(int(word) for word in reversed(key.case.replace(")", "").replace("(", " ").split()) if word.isdigit())
    return _magnitude(ones) > -INT32_MIN >= _magnitude(ones - 1)


def last_prefix_context(_: Key) -> bool:
    """Return whether a bin 1 in the last prefix context is impossible.

    It would be the 31st bin of 1, whose magnitude does not fit int32.
    """
    return _magnitude(31) > -INT32_MIN


def remainder_too_long(key: Key) -> bool:
    """Return whether an index with this abs_remainder never fits int32.

    The subject of ``key`` gives the number of bits of abs_remainder. That is also the number of
    prefix bins before it. The smallest magnitude with that prefix is tested.
    """
    return _magnitude(int(key.subject.partition("(")[2].rstrip(")"))) > -INT32_MIN


def _magnitude(prefix_ones: int) -> int:
    """Return the least magnitude with some prefix bins of 1: unary length 1, remainder 0."""
    return 1 + LEAST_UNARY + (1 << prefix_ones) - 1


def row_without_bits(_: Key) -> bool:
    """Return whether each block row reads at least one bit.

    From the range that it begins with, every bin of every state leaves less than 256.
    """
    row = [LPS_RANGE_TABLE[column + (FORCED_RANGE & 0xE0)] for column in range(32)]
    return all(max(lps_range, FORCED_RANGE - lps_range) < 256 for lps_range in row)


def codeword_too_short(_: Key) -> bool:
    """Return whether no payload of 0 or 1 bytes decodes, tried with the smallest tensor."""
    coding = TensorCoding(1, 1, 0, False, LEAST_UNARY, 0)
    return all(_codeword_fails(payload, coding) for payload in (b"", *(bytes([byte]) for byte in range(256))))


def _codeword_fails(payload: bytes, coding: TensorCoding) -> bool:
    """Return whether decoding a payload as one tensor raises `CodewordError`."""
    try:
        decode_codeword(payload, [coding])
    except CodewordError:
        return True
    return False


def refused_with(stream: bytes) -> str:
    """Return the rule by which a strict decoder refuses a stream; empty if it decodes."""
    try:
        decode(stream)
    except StreamError as error:
        return error.rule
    return ""


def size_too_small(key: Key) -> bool:
    """Return whether a unit of the goal's size is always refused as too small.

    It is smaller than its own header. Every value of the byte after the size field is tried.
    """
    size, wide = int(key.case), "u(31)" in key.subject
    field = (1 << 31 | size).to_bytes(4) if wide else size.to_bytes(2)
    return all(refused_with(field + bytes([byte]) * 8) == "unit-size-min" for byte in range(256))


def size_of_one(_: Key) -> bool:
    """Return whether a unit of one byte is always refused; so no unit follows it."""
    return size_too_small(Key(GoalKind.VALUE, "nnr_unit_size u(15)", "1"))


def unit_type_refused(_: Key) -> bool:
    """Return whether each unit type without a name is refused when it is read."""
    return all(refused_with(bytes([0, 4, unit_type << 2, 0])) == "unit-type" for unit_type in range(7, 64))


def settled_by_default(key: Key) -> bool:
    """Return whether the default interpretation never takes the goal's side of a branch.

    The branch must depend on the interpretation only.
    """
    branch = branch_of(key.subject)
    return str(_by_default(_value_of(branch.test, branch))).lower() != key.case


def _by_default(test: str) -> bool:
    """Return whether a test of the interpretation holds for the default choices."""
    default = SimpleNamespace(interpretation=interpretation.Interpretation())
    return bool(eval(test, {**vars(interpretation), "w": default}))


def _function(branch: Branch) -> ast.FunctionDef:
    """Return the syntax tree of the structure that a branch is in."""
    tree = ast.parse(inspect.getsource(import_module(f"{STRUCTURES}.{branch.module}")))
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == branch.function)


def _value_of(name: str, branch: Branch) -> str:
    """Return the expression that a structure assigns to a variable, as source.

    If it does not do so exactly once, return the variable.
    """
    assigned = [node for node in ast.walk(_function(branch)) if isinstance(node, ast.Assign)]
    values = [ast.unparse(node.value) for node in assigned if ast.unparse(node.targets[0]) == name]
    return values[0] if len(values) == 1 else name


def _times(branch: Branch) -> str:
    """Return how many times a loop over ``range(n)`` runs: n, as source."""
    loop = ast.parse(branch.test, mode="eval").body
    assert isinstance(loop, ast.Call)
    return ast.unparse(loop.args[0])


def _required(function: ast.FunctionDef) -> Iterator[tuple[int, str]]:
    """Yield the conditions that a structure requires of a stream, with their lines."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "w.require":
            yield node.lineno, ast.unparse(node.args[1])


def required_before(key: Key) -> bool:
    """Return whether the structure requires the tested condition before it tests it.

    The false side can then be taken only after a refusal.
    """
    branch = branch_of(key.subject)
    function = _function(branch)
    tests = [node.lineno for node in ast.walk(function) if isinstance(node, ast.IfExp | ast.If) and branch.test in ast.unparse(node.test)]
    return key.case == "false" and any(line < min(tests) and text == branch.test for line, text in _required(function))


def times_required(key: Key) -> bool:
    """Return whether the goal is a loop without a run, which a rule forbids.

    The rule must hold under the default choices.
    """
    branch = branch_of(key.subject)
    required = (text.split(" or ") for _, text in _required(_function(branch)))
    above_0 = [choices for test, *choices in required if test == f"{_times(branch)} > 0"]
    return key.case == "0 times" and any(not any(_by_default(_value_of(choice, branch)) for choice in choices) for choices in above_0)


def at_least_two(label: str) -> Proof:
    """Make a proof that a loop runs at least twice.

    The proof returns whether the number of runs is an unsigned element plus 2.

    Args:
        label: The label of the loop's branch.
    """

    def proof(_: Key) -> bool:
        branch = branch_of(label)
        return _unsigned_plus_two(ast.parse(_value_of(_times(branch), branch), mode="eval").body)

    return proof


def _unsigned_plus_two(value: ast.expr) -> bool:
    return (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Add)
        and ast.unparse(value.left).startswith(("w.u(", "w.ue("))
        and ast.unparse(value.right) == "2"
    )


def appended_before(key: Key) -> bool:
    """Return whether the goal is a loop without a run over a filled list.

    The structure's source must append to the list before each loop over it.
    """
    branch = branch_of(key.subject)
    statements = _function(branch).body
    appended = [place for place, node in enumerate(statements) if ast.unparse(node).startswith(f"{branch.test}.append")]
    loops = [place for place, node in enumerate(statements) if f"in {branch.test}" in ast.unparse(node)]
    return key.case == "0 times" and bool(appended) and all(appended[0] < place for place in loops)


def header_has_more(_: Key) -> bool:
    """Return whether every unit codes at least two header elements, whatever its type.

    The source of the structure is searched.
    """
    unconditional = [
        node
        for node in _function(branch_of("unit-header.partial-data")).body
        if isinstance(node, ast.Assign | ast.Expr) and "w.u(" in ast.unparse(node)
    ]
    return len(unconditional) >= 2


def always_a_matrix(_: Key) -> bool:
    """Return whether every data unit header has one or two matrices, each with rows.

    All payload types and parameter types are tried, with small dimensions, rank and rows of G.
    """
    sizes = range(1, 4)
    headers = [
        DataUnitHeader(kind, ("w",), (rows, columns), False, None, None, None, 10, types, rank, g_rows, 0, (), None, None)
        for kind, types in product(range(NNR_PT_BLOCK + 1), range(16))
        for rows, columns, rank, g_rows in product(sizes, repeat=4)
        if prod((rows, columns)) % g_rows == 0
    ]
    return all(len(header.matrices) in (1, 2) and all(matrix[0] for matrix in header.matrices) for header in headers)
