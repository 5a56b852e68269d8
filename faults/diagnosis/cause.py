"""Causes: candidate explanations of a failure, each a mutant or a named fault."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nnc_conformance.faults.mutants.catalogue import all_mutants
from nnc_conformance.faults.mutants.code import edits_of_module
from nnc_conformance.faults.mutants.mutable_code import MODULES
from nnc_conformance.faults.mutants.mutant import MEANINGS, Mutant, MutantKind
from nnc_conformance.faults.mutants.named.catalogue import named_mutants
from nnc_conformance.faults.mutants.values import values_by_id
from nnc_conformance.reference.syntax.elements import FIRST_EDITION

VAGUE: Final = (("decoder", "nnr_unit_type"), ("driver", "nnr_unit_type"), ("payload", "cabac_codeword"), ("syntax.", "nnr_unit_size"))
"""Modules, by how their names begin, with the element that mutants of them have if no other fits.
"""


@dataclass(frozen=True)
class Cause:
    """A candidate explanation of a failure: the decoder under test has the bug of ``mutant``.

    ``farfetched`` breaks ties: of causes with the same effects the one with the least value is the
    likeliest.
    """

    mutant: Mutant
    farfetched: int = 0

    @property
    def id(self) -> str:
        """The id of the mutant."""
        return self.mutant.id

    @property
    def named(self) -> bool:
        """Whether the mutant is a named fault."""
        return self.mutant.fault is not None

    @property
    def sentence(self) -> str:
        """Behaviour of a decoder with the bug."""
        if self.mutant.fault is not None:
            return self.mutant.fault.sentence
        return f"{MEANINGS[self.mutant.operator]}: {self.mutant.before}  =>  {self.mutant.after}"

    @property
    def element(self) -> str:
        """The syntax element that the bug concerns most."""
        return self.mutant.element

    @property
    def clause(self) -> str:
        """Clause and structure of this element."""
        return self.mutant.clause

    @property
    def function(self) -> str:
        """The function, constant or table with the bug, after its module."""
        return f"{self.mutant.module}.{self.mutant.function}"

    @property
    def place(self) -> tuple[object, ...]:
        """Key that causes in the same statement, constant or table share.

        That of a named fault is its own.
        """
        return (self.id,) if self.named else (self.function, *self.mutant.lines)

    @property
    def vague(self) -> bool:
        """Whether the code concerns no element in particular.

        Then the elements that failing streams have in common say more.
        """
        return not self.named and any(self.mutant.module.startswith(begin) and self.element == name for begin, name in VAGUE)

    @property
    def turn(self) -> MutantKind | None:
        """Kind of the causes that can share one process with this one, in turn.

        None if it needs a process of its own.
        """
        return {MutantKind.TEXT: MutantKind.CODE, MutantKind.CONSTANT: None}.get(self.mutant.kind, self.mutant.kind)

    @property
    def from_start(self) -> Mutant | None:
        """The mutant that the process starts with.

        None for code, which is put in force there later.
        """
        return None if self.turn is MutantKind.CODE else self.mutant


def all_causes(edition: int = FIRST_EDITION) -> dict[str, Cause]:
    """Return every cause by id.

    For the second edition, include those that only its streams show.
    """
    return {mutant.id: Cause(mutant) for mutant in all_mutants().values() if mutant.edition <= edition}


def common_causes(edition: int = FIRST_EDITION) -> list[Cause]:
    """Return the faults stated by hand, those of `all_causes` for an edition."""
    return [Cause(mutant) for mutant in named_mutants().values() if mutant.edition <= edition]


def other_causes(edition: int = FIRST_EDITION) -> Iterator[Cause]:
    """Yield the causes of `all_causes` that are not stated by hand, one by one.

    Making all takes seconds. Those of numbers come first, then those of code, module by module.
    """
    for made in values_by_id().values():
        if made.mutant.edition <= edition:
            yield Cause(made.mutant)
    for module in MODULES:
        for mutant, _, _ in edits_of_module(module).values():
            if mutant.edition <= edition:
                yield Cause(mutant)
