"""What a mutant of code changes: functions, each with its other code."""

from types import CodeType, FunctionType

from nnc_conformance.faults.mutants.code import live_function, mutated_code
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind
from nnc_conformance.faults.mutants.patch import patched_code


def changed_functions(mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
    """The functions that a mutant changes, each with its code as it is then; none for a mutant of a table or constant."""
    if mutant.fault is not None:
        return patched_code(mutant.fault.edits)
    if mutant.kind is MutantKind.CODE:
        return [(live_function(mutant.module, mutant.function), mutated_code(mutant.id))]
    return []
