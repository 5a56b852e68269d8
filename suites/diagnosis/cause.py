"""What may be the cause of a failure: a seeded bug of the catalogue of mutants, or a named fault."""

from dataclasses import dataclass, field
from typing import Final

from nnc_conformance.generator.mutants.catalogue import all_mutants
from nnc_conformance.generator.mutants.mutant import MEANINGS, Kind, Mutant
from nnc_conformance.generator.mutants.reach import Reach
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.suites.diagnosis.causes import FAULTS
from nnc_conformance.suites.diagnosis.patch import Edit, lines_of

VAGUE: Final = (("decoder", "nnr_unit_type"), ("payload", "cabac_codeword"), ("syntax.", "nnr_unit_size"))
"""Modules (by how they begin) with the element that the catalogue of mutants gives code in them that is about none in particular."""

Lines = tuple[str, int, int]
"""A module below the reference, with the first and last of some lines of its source."""


@dataclass(frozen=True)
class Cause:
    """A possible cause.

    ``id``: the mutant's, or the named fault's; ``sentence``: what a decoder with it does; ``element`` and ``clause``: where the standard
    says otherwise; ``operator``: the class of the bug, ``named`` for a named fault; ``lines``: those of the reference that it changes,
    empty where every decode meets it. ``edits`` put a named fault in force, ``mutant`` is any other.
    """

    id: str
    sentence: str
    element: str
    clause: str
    operator: str
    function: str
    lines: tuple[Lines, ...]
    mutant: Mutant | None = None
    edits: tuple[Edit, ...] = field(default=())

    @property
    def place(self) -> tuple[object, ...]:
        """What causes of one statement have in common: its lines; of tables and constants the name; a named fault stands alone."""
        if self.mutant is None:
            return (self.id,)
        return (self.mutant.module, self.mutant.function, *(self.mutant.lines or ()))

    @property
    def vague(self) -> bool:
        """Whether its code is about no element in particular: what the failing streams have in common says more."""
        return self.mutant is not None and any(self.mutant.module.startswith(begin) and self.element == name for begin, name in VAGUE)

    @property
    def in_turn(self) -> bool:
        """Whether it is code, which can be put in force and taken back."""
        return self.mutant is None or self.mutant.kind is Kind.CODE

    def may_show(self, reach: Reach) -> bool:
        """Whether a decode that meets ``reach`` meets one of its lines."""
        if not self.lines:
            return True
        return any(not reach.lines.get(module, frozenset()).isdisjoint(range(first, last + 1)) for module, first, last in self.lines)


def cause_of_mutant(mutant: Mutant) -> Cause:
    """A mutant as a cause."""
    where = f"{mutant.module}.{mutant.function}"
    sentence = f"{MEANINGS[mutant.operator]}: {mutant.before}  =>  {mutant.after}"
    lines = () if mutant.lines is None else ((mutant.module, *mutant.lines),)
    return Cause(mutant.id, sentence, mutant.element, mutant.clause, mutant.operator.value, where, lines, mutant=mutant)


def named_cause(name: str, sentence: str, element: str, edits: tuple[Edit, ...]) -> Cause:
    """A named fault as a cause; raises `ValueError` where an edit's text does not stand in its function once."""
    lines = tuple((edit.module, *lines_of(edit)) for edit in edits)
    where = f"{edits[-1].module}.{edits[-1].function}"
    return Cause(name, sentence, element, clause_of(element), "named", where, lines, edits=edits)


def named_causes() -> dict[str, Cause]:
    """The named faults as causes, by name."""
    return {fault.name: named_cause(fault.name, fault.sentence, fault.element, fault.edits) for fault in FAULTS}


def all_causes() -> dict[str, Cause]:
    """Every cause by id: the named faults, then all mutants."""
    return named_causes() | {mutant.id: cause_of_mutant(mutant) for mutant in all_mutants().values()}
