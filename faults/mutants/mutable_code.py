"""The code of the reference that is mutated.

It is the decoder's functions, and in them what the output depends on.

Some tables here name variables and conditions of these functions. A test names the rows that no
longer fit.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.rules import RULES, Provenance

PACKAGE: Final = "nnc_conformance.reference"
"""The package whose code is mutated."""

FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "syntax.descriptors": (
        "BitReader.bits", "BitReader.signed", "BitReader.golomb", "BitReader.signed_golomb", "BitReader.string", "BitReader.rest",
    ),
    "syntax.reader": (
        "Reader._enter", "Reader._store", "Reader._code", "Reader._read", "Reader.unit_bounds", "Reader.joined",
        "Reader.bytes_left",
    ),
    "syntax.walker": ("Walker.structure", "Walker.reserved", "Walker.byte_alignment"),
    "syntax.bitstream": ("read_units",),
    "syntax.context": ("StreamContext.quantization",),
    "syntax.structures.unit": (
        "nnr_unit", "nnr_unit_header", "check_order", "check_counter", "nnr_unit_payload", "typed_payload", "nnr_aggregate_unit_payload",
    ),
    "syntax.structures.aggregate": ("nnr_aggregate_unit_header",),
    "syntax.structures.parameter_sets": (
        "nnr_start_unit_header", "nnr_layer_parameter_set_unit_header", "nnr_model_parameter_set", "nnr_layer_parameter_set",
        "performance_maps", "map_entries", "sparsification_performance_map", "pruning_performance_map", "unification_performance_map",
        "decomposition_performance_map",
    ),
    "syntax.structures.topology": (
        "nnr_topology_unit_header", "nnr_quantization_unit_header", "nnr_topology_unit_payload", "nnr_quantization_unit_payload",
        "payload_rules", "topology_elements_ids_list", "referenced", "nnr_pruning_topology_container", "pruned_element",
        "bit_mask",
    ),
    "syntax.structures.data_unit": (
        "DataUnitHeader.matrices", "block_rows", "nnr_compressed_data_unit_header", "check_dimensions", "check_decomposition",
        "check_block", "codebook", "topology_tensor_dimension_mapping", "check_mapping", "entry_point_list",
        "nnr_compressed_data_unit_payload",
    ),
    "entropy.plain": (
        "fail", "shift_bit", "take_upper_part", "renormalise", "initialise", "code_bin", "code_bypass", "code_terminate", "uae_v", "iae_v",
        "shift_parameter_ids", "significance_context", "code_sign", "greater_context", "quant_param", "doubled",
        "quant_block_row", "enter_block_row", "quant_tensor",
    ),
    "entropy.contexts": ("context_layout", "reset_contexts", "update_state"),
    "entropy.coding": ("TensorCoding.count", "TensorCoding.area", "TensorCoding.block_rows", "TensorCoding.layout"),
    "entropy.codeword": ("_check", "_decode", "_check_room"),
    "quantization.reconstruction": ("step_size", "codebook_values", "products", "exact_products", "convert", "to_integers"),
    "payload": (
        "coded_parts", "coding_of", "expected_entry_points", "DataUnitDecoder.tensors", "DataUnitDecoder._parts",
        "DataUnitDecoder._values", "DataUnitDecoder._codeword", "DataUnitDecoder._check_end", "mapped",
    ),
    "driver": ("OpenedData.open_quantization", "OpenedData._inflated", "Driver._take", "Driver._admit"),
    "decoder": ("Collector.tensors",),
    "topology.content": ("inflate",),
}  # fmt: skip
"""The functions that a decode executes, by module.

Left out is code that no output depends on: code that describes a place for a message, that records
or traces, that only an encoder executes, that reports a broken rule (the check itself is mutated
where it is made), and that decodes numbers of performance maps and bits of masks (their presence
and number are mutated where they are read). Left out too is code that takes dimensions from a
topology: only disputed vectors need it, and a decoder that fails there refuses them, which one of
their choices allows.
"""

FUNCTIONS_2024: Final[dict[str, tuple[str, ...]]] = {
    "syntax.structures.parameter_sets": ("model_and_updates",),
    "syntax.structures.data_unit": (
        "update_signalling", "check_tca_of_raw_float", "first_tensor_dimension_shift",
    ),
    "entropy.plain": (
        "hist_dep_sig_prob_enabled_flag", "row_skip_enabled_flag", "row_skip_list", "base_index", "code_possible_bin",
        "state_after_skipped",
    ),
    "entropy.contexts": ("set_is_signalled",),
    "entropy.coding": ("TensorCoding.limits", "TensorCoding.has_row_skip_flag", "TensorCoding.has_hdsp_flag"),
    "entropy.codeword": ("_with_tool_flags",),
    "payload": ("coding_of_update", "DataUnitDecoder._coded_part"),
    "driver": ("Driver._histories", "Driver._keep"),
    "updates.applying": (
        "clamped", "check_parent", "check_depth", "tca_base", "_why_no_parent", "tensor_history", "ModelBuilder.take",
        "ModelBuilder.model", "ModelBuilder._difference", "ModelBuilder._take_values", "ModelBuilder._sum", "ModelBuilder._history",
        "ModelBuilder._index_history",
    ),
}  # fmt: skip
"""The functions that only streams of the second edition, or sessions, depend on, by module."""

MODULES: Final = tuple(dict.fromkeys((*FUNCTIONS, *FUNCTIONS_2024)))
"""The modules of all these functions."""

MUTATED_ARGUMENTS: Final[dict[str, frozenset[int]]] = {
    "require": frozenset({1, 2}),
    "code_bin": frozenset({1}),
    "code_possible_bin": frozenset({2}),
    "uae_v": frozenset({2}),
    "iae_v": frozenset({2}),
    "quant_param": frozenset({2, 3}),
    "code_bypass": frozenset(),
    "fail": frozenset(),
    "record": frozenset(),
    "error": frozenset(),
    "_error": frozenset(),
    "_report": frozenset(),
    "Place": frozenset(),
    "StreamError": frozenset(),
    "PayloadError": frozenset(),
    "CodewordError": frozenset(),
    "OutOfBitsError": frozenset(),
    "LongGolombError": frozenset(),
    "NoZeroByteError": frozenset(),
    "out_of_range": frozenset(),
    "ModelError": frozenset(),
    "Unit": frozenset({1, 4, 5, 6, 8, 9}),
}
"""Calls of which only these positional arguments are mutated; the others say where and what, or
serve an encoder.
"""

VARIABLES_WITHOUT_OUTPUT: Final = frozenset(
    {
        "ELEMENT", "INDEX", "FAILED_ELEMENT", "FAILED_BIT", "EVENTS", "trace", "before", "observer", "detail", "path", "pieces", "element",
        "unit", "unit_type", "r", "w", "self", "inner", "start", "spent", "most", "elements", "in_time", "within", "fault", "wanted",
        "given", "units", "context", "index", "reports", "coder", "registers", "plain",
    }
)  # fmt: skip
"""Variables for messages, traces and places: a statement that assigns only to these is not mutated.
"""


def module_of(name: str) -> ModuleType:
    """Import a module by its name below the reference."""
    return import_module(f"{PACKAGE}.{name}")


@cache
def source_of(module: str) -> str:
    """Return the source of a module below the reference."""
    return Path(str(module_of(module).__file__)).read_text(encoding="utf-8")


def functions_of(module: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the mutated functions of a module with their qualified names.

    They are in the order of the source.
    """
    wanted = {*FUNCTIONS.get(module, ()), *FUNCTIONS_2024.get(module, ())}
    for statement in ast.parse(source_of(module)).body:
        if isinstance(statement, ast.FunctionDef) and statement.name in wanted:
            yield statement.name, statement
        elif isinstance(statement, ast.ClassDef):
            for inner in statement.body:
                if isinstance(inner, ast.FunctionDef) and f"{statement.name}.{inner.name}" in wanted:
                    yield f"{statement.name}.{inner.name}", inner


@cache
def _default_choices() -> frozenset[str]:
    return frozenset(f"{type(field.default).__name__}.{field.default.name}" for field in fields(Interpretation))


def live_blocks(statement: ast.stmt) -> frozenset[str]:
    """Return which blocks of a statement a decoder with the default choices can execute.

    Blocks are named by field of the AST node: body, orelse, finalbody, handlers. Left out are those
    that run only in an encoder or under another choice of a disputed point.
    """
    blocks = {field for field in ("body", "orelse", "finalbody", "handlers") if hasattr(statement, field)}
    if isinstance(statement, ast.If):
        test = ast.unparse(statement.test)
        if "interpretation" in test:
            blocks -= {"orelse" if any(choice in test for choice in _default_choices()) else "body"}
        if test in ("r[MODE] == DECODE", "mode == DECODE", "decoding"):
            blocks -= {"orelse"}
        if test == "r[MODE] == ESTIMATE" or "events" in test:
            blocks -= {"body"}
    return frozenset(blocks)


def ends_default(statement: ast.stmt) -> bool:
    """Return whether no later statement is executed under the default choices.

    This is so if the default branch of this statement returns.
    """
    return isinstance(statement, ast.If) and "interpretation" in ast.unparse(statement.test) and isinstance(statement.body[-1], ast.Return)


SIZE_FOR_MESSAGES: Final = "size = w.position - start >> 3"
"""A statement whose value is only reported."""
TESTS_WITHOUT_OUTPUT: Final = ("interpretation", "r[MODE]", "mode == DECODE", "decoding", "events", "spent", "machine.eof")
"""Parts of conditions that are not mutated: on the direction of coding, on disputed points, on
limits and traces.
"""


def _is_misuse(node: ast.AST) -> bool:
    """Return whether a statement only refuses wrong use by a program."""
    return isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise) and "ValueError" in ast.unparse(node.body[-1])


def affects_output(node: ast.AST) -> bool:
    """Return whether a statement, its blocks apart, can change what a decoder gives.

    Messages, checks of arguments and limits cannot.
    """
    if isinstance(node, ast.If | ast.While | ast.For):
        text = ast.unparse(node.test if isinstance(node, ast.If | ast.While) else node.iter)
        return not any(word in text for word in TESTS_WITHOUT_OUTPUT) and not _is_misuse(node)
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        names = {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
        names |= {part.attr for part in ast.walk(target) if isinstance(part, ast.Attribute)}
        if names <= VARIABLES_WITHOUT_OUTPUT:
            return False
        text = ast.unparse(node)
        is_call = isinstance(node.value, ast.Call)
        return "flatnonzero" not in text and text != SIZE_FOR_MESSAGES and (is_call or "interpretation" not in text)
    if isinstance(node, ast.Raise):
        return "ValueError" not in ast.unparse(node)
    if isinstance(node, ast.Expr):
        text = ast.unparse(node)
        return not any(text.startswith(start) for start in CALLS_WITHOUT_OUTPUT) and not any(rule in text for rule in _OWN_RULES)
    return not isinstance(node, ast.Assert | ast.Import | ast.ImportFrom | ast.FunctionDef)


CALLS_WITHOUT_OUTPUT: Final = ("trace.", "record(", "super()", "coder.events", "places.append", "reader.values.clear")
"""Beginnings of statements that are not mutated: they record, or clean up."""
_OWN_RULES: Final = tuple(repr(rule.id) for rule in RULES.values() if rule.provenance is Provenance.OWN)
"""Rules for limits of our own, which are not in the standard."""


@dataclass(frozen=True)
class MutableCode:
    """Code that operators mutate.

    Args:
        affects_output: Whether the head of a statement can affect what a decode gives; others are
            not mutated.
        arguments: Calls of which only these positional arguments are mutated.
    """

    affects_output: Callable[[ast.AST], bool]
    arguments: Mapping[str, frozenset[int]]


REFERENCE: Final = MutableCode(affects_output, MUTATED_ARGUMENTS)
"""The code of the reference decoder."""
