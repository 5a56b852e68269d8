"""Mutants of numbers.

These are the coder's tables, which the decoder takes as arguments, and the constants of the
standard.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from sys import modules
from typing import Any, Final, NamedTuple

import numpy as np

from nnc_conformance.faults.mutants.mutable_code import PACKAGE, module_of
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind, Operator
from nnc_conformance.reference.entropy import tables as published
from nnc_conformance.reference.entropy.kernel_tables import make_tables
from nnc_conformance.reference.quantization.reconstruction import DATA_FORMATS
from nnc_conformance.reference.syntax.elements import clause_of

RANGE_COLUMNS: Final = (0, 1, 3, 7, 13, 19, 24, 28, 31)
"""Columns of the table of ranges that have a mutant in each row, from even odds to the surest bin.
"""


class _Table(NamedTuple):
    """Name of a table's argument of `make_tables`, and the element that its entries concern."""

    argument: str
    element: str


TABLES: Final = {
    "LPS_RANGE_TABLE": _Table("lps_range", "sig_flag"),
    "STATE_STEP_TABLE": _Table("state_step", "sig_flag"),
    "CONTEXT_PARAMETER_SETS": _Table("parameter_sets", "shift_parameter_ids"),
    "STATE_TRANS_TAB": _Table("state_trans", "dq_flag"),
}


@dataclass(frozen=True)
class Value:
    """A mutant with its value: that of a module's constant, or arguments of `make_tables`."""

    mutant: Mutant
    value: Any


@cache
def values_by_id() -> dict[str, Value]:
    """Return every mutant of a table or constant, by id."""
    return {made.mutant.id: made for make in (_tables, _constants, _formats) for made in make()}


def _value(kind: MutantKind, operator: Operator, place: tuple[str, str, str], texts: tuple[str, str], element: str, value: Any) -> Value:
    module, name, suffix = place
    mutant_id = f"{module}.{name}:{operator}-{suffix}"
    return Value(Mutant(mutant_id, kind, module, name, operator, (), *texts, (element,), clause_of(element)), value)


# The tables


def _tables() -> Iterator[Value]:
    return (made for made in (*_ranges(), *_steps(), *_sets(), *_transitions()) if made is not None)


def _ranges() -> Iterator[Value | None]:
    """Yield mutants of the table of LPS ranges.

    In one an entry is greater by 1, in another a row is replaced by the next one.
    """
    table = published.LPS_RANGE_TABLE
    for row in range(8):
        for place in (32 * row + column for column in RANGE_COLUMNS):
            yield entry_mutant("LPS_RANGE_TABLE", place, table[place] + 1, f"{place}-plus")
        entries = list(table)
        below = 32 * ((row + 1) % 8)
        entries[32 * row : 32 * row + 32] = table[below : below + 32]
        yield _table("LPS_RANGE_TABLE", f"row-{row}", (f"row {row}", f"as row {(row + 1) % 8}"), entries)


def _steps() -> Iterator[Value | None]:
    for number, step in enumerate(published.STATE_STEP_TABLE):
        yield entry_mutant("STATE_STEP_TABLE", number, step + 16, f"{number}-plus")


def _sets() -> Iterator[Value | None]:
    """Yield mutants of the context parameter sets.

    In one an entry is changed, in another a set has changed places with the next one.
    """
    name, sets = "CONTEXT_PARAMETER_SETS", published.CONTEXT_PARAMETER_SETS
    for number, entries in enumerate(sets):
        for column, (entry, change) in enumerate(zip(entries, (1, 1, 16, 1), strict=True)):
            yield entry_mutant(name, len(entries) * number + column, entry + change, f"{number}-{column}")
        after = (number + 1) % len(sets)
        order = list(sets)
        order[number], order[after] = order[after], order[number]
        yield _table(name, f"{number}-swapped", (f"sets {number} and {after}", "change places"), order)


def _transitions() -> Iterator[Value | None]:
    """Yield mutants of the state transition table.

    In one the two successors of a state are swapped, in another one of them is the next state.
    """
    name, table = "STATE_TRANS_TAB", published.STATE_TRANS_TAB
    for state, following in enumerate(table):
        rows = list(table)
        rows[state] = following[::-1]
        yield _table(name, f"{state}-swapped", (f"[{state}] = {following}", f"{rows[state]}"), rows)
        for parity in range(2):
            yield entry_mutant(name, 2 * state + parity, (following[parity] + 1) % len(table), f"{state}-{parity}")


def entry_mutant(name: str, place: int, value: int, suffix: str) -> Value | None:
    """Return the mutant of a table with one entry replaced.

    It is None if the coder could not run on it.

    Args:
        name: The table, such as ``LPS_RANGE_TABLE``.
        place: Place of the entry, row-major.
        value: The entry's other value.
        suffix: The end of the mutant's id.
    """
    usual: Any = np.array(vars(published)[name], np.int64)
    changed = usual.copy()
    changed.flat[place] = value
    where = "".join(f"[{at}]" for at in np.unravel_index(place, usual.shape))
    return _table(name, suffix, (f"{where} = {usual.flat[place]}", str(value)), changed.tolist())


def _table(name: str, suffix: str, texts: tuple[str, str], entries: Sequence[Any]) -> Value | None:
    """Return the mutant of a table with other entries.

    It is None if the coder could not run on them.

    Args:
        name: The table.
        suffix: The end of the mutant's id.
        texts: What changes, and to what, in words.
        entries: All entries of the table.
    """
    argument, element = TABLES[name]
    try:
        make_tables(**{argument: entries})
    except ValueError:
        return None
    before, after = texts
    return _value(
        MutantKind.TABLE, Operator.TABLE, ("entropy.tables", name, suffix), (f"{name}{before}", after), element, {argument: entries}
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
            yield _value(MutantKind.CONSTANT, Operator.CONSTANT, (module, name, suffix), texts, element, other)


def _formats() -> Iterator[Value]:
    """Yield mutants that swap two decompressed data formats, or change an integer's bits.

    The integers of a format have one bit more or less.
    """
    place, element = ("quantization.reconstruction", "DATA_FORMATS"), "nnr_decompressed_data_format"
    for number, row in enumerate(DATA_FORMATS):
        after = (number + 1) % len(DATA_FORMATS)
        rows = list(DATA_FORMATS)
        rows[number], rows[after] = rows[after], rows[number]
        texts = (f"{row[0]} is {number}, {rows[number][0]} is {after}", "swapped")
        yield _value(MutantKind.CONSTANT, Operator.TABLE, (*place, f"{number}-swapped"), texts, element, tuple(rows))
        for bits in (row[2] - 1, row[2] + 1) if row[2] else ():
            rows = list(DATA_FORMATS)
            rows[number] = (row[0], row[1], bits)
            texts = (f"{row[0]} has {row[2]} bits", f"{bits} bits")
            yield _value(MutantKind.CONSTANT, Operator.TABLE, (*place, f"{number}-bits-{bits}"), texts, element, tuple(rows))


def set_constant(mutant: Mutant) -> None:
    """Give a constant its other value in every module of the reference that has it.

    Call it in a process of its own only.
    """
    old = vars(module_of(mutant.module))[mutant.function]
    value = values_by_id()[mutant.id].value
    for name, module in list(modules.items()):
        if name.startswith(PACKAGE) and vars(module).get(mutant.function, _ABSENT) is old:
            setattr(module, mutant.function, value)


_ABSENT: Final = object()
