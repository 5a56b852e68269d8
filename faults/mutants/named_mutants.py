"""Mutants told by hand: the named faults."""

from functools import cache

from nnc_conformance.faults.mutants.fault import NamedFault
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind, Operator
from nnc_conformance.faults.mutants.named.catalogue import faults
from nnc_conformance.faults.mutants.patch import lines_that_show
from nnc_conformance.reference.syntax.elements import clause_of


def mutant_of(fault: NamedFault) -> Mutant:
    """A named fault as a mutant; raises `ValueError` where an edit's text does not stand in its function once."""
    lines = tuple((edit.module, *lines_that_show(edit)) for edit in fault.edits)
    before = "; ".join(edit.old.strip() for edit in fault.edits)
    after = "; ".join(edit.new.strip() for edit in fault.edits)
    last, clause = fault.edits[-1], clause_of(fault.elements[0])
    return Mutant(
        fault.name, MutantKind.TEXT, last.module, last.function, Operator.NAMED, lines, before, after, fault.elements, clause, fault
    )


@cache
def named_mutants() -> dict[str, Mutant]:
    """All named faults as mutants, by name."""
    return {name: mutant_of(fault) for name, fault in faults().items()}
