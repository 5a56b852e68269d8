"""All named faults, and each as a mutant."""

from collections import Counter
from functools import cache
from itertools import chain
from typing import Final

from nnc_conformance.faults.mutants.fault import NamedFault
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind, Operator
from nnc_conformance.faults.mutants.named import (
    blocks,
    codebooks,
    coding,
    data_units,
    implementers,
    misreadings,
    parameter_sets,
    probabilities,
    published,
    scans,
    session_contexts,
    session_models,
    session_syntax,
    states,
    trellis,
    units,
    values,
)
from nnc_conformance.faults.mutants.patch import lines_that_show
from nnc_conformance.reference.syntax.elements import clause_of

_OF_VECTORS: Final = (units, parameter_sets, data_units, values, blocks, codebooks, coding, probabilities, scans, states, trellis)
"""Modules of the faults that vectors state, by the subjects of the vectors."""
_OF_SESSIONS: Final = (session_syntax, session_contexts, session_models)
"""Modules of the faults that only streams of the second edition show."""


@cache
def faults() -> dict[str, NamedFault]:
    """Return the named faults by name.

    Raise `ValueError` if two have the same name or the same edits.
    """
    found = list(chain.from_iterable(module.FAULTS for module in (published, misreadings, implementers, *_OF_VECTORS, *_OF_SESSIONS)))
    names, edits = Counter(fault.name for fault in found), Counter(fault.edits for fault in found)
    if twice := [fault.name for fault in found if names[fault.name] > 1 or edits[fault.edits] > 1]:
        raise ValueError(f"faults with the name or the edits of another: {', '.join(twice)}")
    return {fault.name: fault for fault in found}


def mutant_of(fault: NamedFault) -> Mutant:
    """Return a named fault as a mutant.

    Raise `ValueError` if the text of an edit does not stand in its function exactly once.
    """
    lines = tuple((edit.module, *lines_that_show(edit)) for edit in fault.edits)
    before = "; ".join(edit.old.strip() for edit in fault.edits)
    after = "; ".join(edit.new.strip() for edit in fault.edits)
    last, clause = fault.edits[-1], clause_of(fault.elements[0])
    kind, operator = MutantKind.TEXT, Operator.NAMED
    return Mutant(
        fault.name, kind, last.module, last.function, operator, lines, before, after, fault.elements, clause, fault, fault.edition
    )


@cache
def named_mutants() -> dict[str, Mutant]:
    """Return all named faults as mutants, by name."""
    return {name: mutant_of(fault) for name, fault in faults().items()}
