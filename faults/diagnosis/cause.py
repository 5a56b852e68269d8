"""What may be the cause of a failure: a seeded bug of the catalogue of mutants, or a named fault, which is one of them."""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.faults.mutants.catalogue import all_mutants
from nnc_conformance.faults.mutants.mutant import MEANINGS, Mutant, MutantKind

VAGUE: Final = (("decoder", "nnr_unit_type"), ("driver", "nnr_unit_type"), ("payload", "cabac_codeword"), ("syntax.", "nnr_unit_size"))
"""Modules (by how they begin) with the element that the catalogue of mutants gives code in them that is about none in particular."""


@dataclass(frozen=True)
class Cause:
    """A possible cause: the mutant that a decoder with it is. ``farfetched``: of causes that do the same the least is the likeliest."""

    mutant: Mutant
    farfetched: int = 0

    @property
    def id(self) -> str:
        """The mutant's."""
        return self.mutant.id

    @property
    def named(self) -> bool:
        """Whether it is told by hand."""
        return self.mutant.fault is not None

    @property
    def sentence(self) -> str:
        """What a decoder with it does."""
        if self.mutant.fault is not None:
            return self.mutant.fault.sentence
        return f"{MEANINGS[self.mutant.operator]}: {self.mutant.before}  =>  {self.mutant.after}"

    @property
    def element(self) -> str:
        """The syntax element that it concerns most."""
        return self.mutant.element

    @property
    def clause(self) -> str:
        """Where the standard says otherwise."""
        return self.mutant.clause

    @property
    def function(self) -> str:
        """The function, constant or table that it is in, with its module."""
        return f"{self.mutant.module}.{self.mutant.function}"

    @property
    def place(self) -> tuple[object, ...]:
        """What causes of one statement have in common: its lines; of tables and constants the name; a named fault stands alone."""
        return (self.id,) if self.named else (self.function, *self.mutant.lines)

    @property
    def vague(self) -> bool:
        """Whether its code is about no element in particular: what the failing streams have in common says more."""
        return not self.named and any(self.mutant.module.startswith(begin) and self.element == name for begin, name in VAGUE)

    @property
    def turn(self) -> MutantKind | None:
        """With which others it can take turns in one process: code, which is put in force and taken back, or tables; None for alone."""
        return {MutantKind.TEXT: MutantKind.CODE, MutantKind.CONSTANT: None}.get(self.mutant.kind, self.mutant.kind)

    @property
    def from_start(self) -> Mutant | None:
        """What the process that it is tried in starts with: code is put in force there, later."""
        return None if self.turn is MutantKind.CODE else self.mutant


def all_causes() -> dict[str, Cause]:
    """Every cause by id."""
    return {mutant.id: Cause(mutant) for mutant in all_mutants().values()}
