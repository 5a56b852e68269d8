"""Mutants of numbers: the coder's tables, given to the decoder as arguments, and the constants of the standard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from sys import modules
from typing import Any, Final

from nnc_conformance.generator.mutants.mutant import Kind, Mutant, Operator
from nnc_conformance.generator.mutants.places import PACKAGE, module_of
from nnc_conformance.reference.entropy import tables as published
from nnc_conformance.reference.entropy.kernel_tables import make_tables
from nnc_conformance.reference.quantization.reconstruction import DATA_FORMATS
from nnc_conformance.reference.syntax.elements import clause_of

RANGE_COLUMNS: Final = (0, 1, 3, 7, 13, 19, 24, 28, 31)
"""The columns of the table of ranges in which each row has a mutant: from even odds to the surest bin."""


@dataclass(frozen=True)
class Value:
    """Another value: of a table of the coder (by the argument of `make_tables`), or of a module's constant."""

    mutant: Mutant
    value: Any


@cache
def values_by_id() -> dict[str, Value]:
    """Every mutant of a table or constant, by id."""
    return {made.mutant.id: made for make in (_tables, _constants, _formats) for made in make()}


def value_mutant(kind: Kind, operator: Operator, place: tuple[str, str, str], texts: tuple[str, str], element: str, value: Any) -> Value:
    """A mutant at a module, a name in it and a suffix of the operator, with the texts before and after."""
    module, name, suffix = place
    mutant_id = f"{module}.{name}:{operator}-{suffix}"
    return Value(Mutant(mutant_id, kind, module, name, operator, (), *texts, (element,), clause_of(element)), value)


# The tables


def _tables() -> Iterator[Value]:
    yield from _range_table()
    for number, step in enumerate(published.STATE_STEP_TABLE):
        steps = list(published.STATE_STEP_TABLE)
        steps[number] = step + 16
        if made := table_mutant(
            "state_step", "STATE_STEP_TABLE", f"{number}-plus", f"[{number}] = {step}", f"{step + 16}", "sig_flag", steps
        ):
            yield made
    for number, entries in enumerate(published.CONTEXT_PARAMETER_SETS):
        for column, (entry, change) in enumerate(zip(entries, (1, 1, 16, 1), strict=True)):
            sets = [list(row) for row in published.CONTEXT_PARAMETER_SETS]
            sets[number][column] = entry + change
            where = (f"{number}-{column}", f"[{number}][{column}] = {entry}", f"{entry + change}")
            if made := table_mutant("parameter_sets", "CONTEXT_PARAMETER_SETS", *where, "shift_parameter_ids", sets):
                yield made
        after = (number + 1) % len(published.CONTEXT_PARAMETER_SETS)
        order = list(published.CONTEXT_PARAMETER_SETS)
        order[number], order[after] = order[after], order[number]
        where = (f"{number}-swapped", f"sets {number} and {after}", "change places")
        if made := table_mutant("parameter_sets", "CONTEXT_PARAMETER_SETS", *where, "shift_parameter_ids", order):
            yield made
    for state, following in enumerate(published.STATE_TRANS_TAB):
        rows = [list(row) for row in published.STATE_TRANS_TAB]
        rows[state].reverse()
        where = (f"{state}-swapped", f"[{state}] = {following}", f"{tuple(rows[state])}")
        if made := table_mutant("state_trans", "STATE_TRANS_TAB", *where, "dq_flag", rows):
            yield made
        for parity in range(2):
            rows = [list(row) for row in published.STATE_TRANS_TAB]
            rows[state][parity] = (following[parity] + 1) % len(rows)
            where = (f"{state}-{parity}", f"[{state}][{parity}] = {following[parity]}", f"{rows[state][parity]}")
            if made := table_mutant("state_trans", "STATE_TRANS_TAB", *where, "dq_flag", rows):
                yield made


def _range_table() -> Iterator[Value]:
    table = published.LPS_RANGE_TABLE
    for row in range(8):
        for column in RANGE_COLUMNS:
            place = 32 * row + column
            entries = list(table)
            entries[place] += 1
            where = (f"{place}-plus", f"[{place}] = {table[place]}", f"{entries[place]}")
            if made := table_mutant("lps_range", "LPS_RANGE_TABLE", *where, "sig_flag", entries):
                yield made
        entries = list(table)
        below = 32 * ((row + 1) % 8)
        entries[32 * row : 32 * row + 32] = table[below : below + 32]
        where = (f"row-{row}", f"row {row}", f"as row {(row + 1) % 8}")
        if made := table_mutant("lps_range", "LPS_RANGE_TABLE", *where, "sig_flag", entries):
            yield made


def table_mutant(argument: str, name: str, suffix: str, before: str, after: str, element: str, entries: Sequence[Any]) -> Value | None:
    """The mutant; None where the coder could not run on such a table."""
    try:
        make_tables(**{argument: entries})
    except ValueError:
        return None
    return value_mutant(
        Kind.TABLE, Operator.TABLE, ("entropy.tables", name, suffix), (f"{name}{before}", after), element, {argument: entries}
    )


# The constants

_NUMBERS: Final = """
entropy.contexts NEIGHBOURS sig_flag
entropy.contexts MAX_PREFIX abs_level_greater_x2
entropy.contexts MAX_UNARY_LENGTH cabac_unary_length_minus1
entropy.contexts SET_BITS shift_parameter_ids
entropy.plain INITIAL_RANGE IvlOffset
entropy.plain FORCED_RANGE IvlCurrRange
entropy.plain WINDOW_BITS IvlOffset
entropy.plain INT32_MAX abs_remainder
entropy.plain INT32_MIN abs_remainder
syntax.descriptors MAXIMUM_GOLOMB_BITS tensor_dimensions
syntax.structures.data_unit NNR_PT_INT nnr_compressed_data_unit_payload_type
syntax.structures.data_unit NNR_PT_FLOAT nnr_compressed_data_unit_payload_type
syntax.structures.data_unit NNR_PT_RAW_FLOAT nnr_compressed_data_unit_payload_type
syntax.structures.data_unit NNR_PT_BLOCK nnr_compressed_data_unit_payload_type
syntax.structures.data_unit DC compressed_parameter_types
syntax.structures.data_unit LS compressed_parameter_types
syntax.structures.data_unit BN compressed_parameter_types
syntax.structures.data_unit BI compressed_parameter_types
syntax.structures.data_unit HIGHEST_DATA_FORMAT nnr_decompressed_data_format
syntax.structures.data_unit HIGHEST_SCAN_ORDER scan_order
syntax.structures.data_unit DEFAULT_UNARY_LENGTH cabac_unary_length_flag
syntax.structures.data_unit INT32_MIN codebook_delta_left
syntax.structures.data_unit INT32_MAX codebook_delta_right
syntax.structures.parameter_sets NNR_QSU mps_quantization_method_flags
syntax.structures.parameter_sets NNR_QCB mps_quantization_method_flags
syntax.structures.parameter_sets FIRST_EDITION_PROFILE general_profile_idc
syntax.structures.topology NNR_TPL_PRUN topology_storage_format
syntax.structures.topology NNR_TPL_REFLIST topology_storage_format
syntax.structures.topology RAW topology_compression_format
syntax.structures.topology DEFLATE topology_compression_format
syntax.structures.topology NNR_TPL_BMSK nnr_rep_type
syntax.structures.topology NNR_TPL_DICT nnr_rep_type
syntax.structures.unit NNR_STR nnr_unit_type
syntax.structures.unit NNR_MPS nnr_unit_type
syntax.structures.unit NNR_LPS nnr_unit_type
syntax.structures.unit NNR_TPL nnr_unit_type
syntax.structures.unit NNR_QNT nnr_unit_type
syntax.structures.unit NNR_NDU nnr_unit_type
syntax.structures.unit NNR_AGG nnr_unit_type
syntax.structures.aggregate NNR_AGG_GEN nnr_aggregate_unit_type
"""


def _constants() -> Iterator[Value]:
    for line in _NUMBERS.strip().splitlines():
        module, name, element = line.split()
        value = vars(module_of(module))[name]
        for suffix, other in (("plus", value + 1), ("minus", value - 1)):
            texts = (f"{name} = {value}", f"{name} = {other}")
            yield value_mutant(Kind.CONSTANT, Operator.CONSTANT, (module, name, suffix), texts, element, other)


def _formats() -> Iterator[Value]:
    """Each decompressed data format under the number of the one after it, and integers of one bit more or less."""
    place, element = ("quantization.reconstruction", "DATA_FORMATS"), "nnr_decompressed_data_format"
    for number, row in enumerate(DATA_FORMATS):
        after = (number + 1) % len(DATA_FORMATS)
        rows = list(DATA_FORMATS)
        rows[number], rows[after] = rows[after], rows[number]
        texts = (f"{row[0]} is {number}, {rows[number][0]} is {after}", "the other way round")
        yield value_mutant(Kind.CONSTANT, Operator.TABLE, (*place, f"{number}-swapped"), texts, element, tuple(rows))
        for bits in (row[2] - 1, row[2] + 1) if row[2] else ():
            rows = list(DATA_FORMATS)
            rows[number] = (row[0], row[1], bits)
            texts = (f"{row[0]} has {row[2]} bits", f"{bits} bits")
            yield value_mutant(Kind.CONSTANT, Operator.TABLE, (*place, f"{number}-bits-{bits}"), texts, element, tuple(rows))


def set_constant(mutant: Mutant) -> None:
    """Gives a constant its other value wherever the reference has it by name; for a process of its own."""
    old = vars(module_of(mutant.module))[mutant.function]
    value = values_by_id()[mutant.id].value
    for name, module in list(modules.items()):
        if name.startswith(PACKAGE) and vars(module).get(mutant.function, _ABSENT) is old:
            setattr(module, mutant.function, value)


_ABSENT: Final = object()
