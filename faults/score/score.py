"""The mutation score: how many of the mutants that are not equivalent are caught, and by what."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from nnc_conformance.faults.mutants.equivalents import Arguments
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.score.cases import Kill
from nnc_conformance.faults.score.trials import MutantResult

PASS_MARK: Final = 0.99
"""The share of the mutants that are not equivalent, at least, that has to be caught."""


@dataclass(frozen=True)
class MutantTally:
    """Mutants made, caught (``by_category``: only by the category of a refusal), equivalent and surviving."""

    made: int
    killed: int
    by_category: int
    equivalent: int

    @property
    def survived(self) -> int:
        """Neither caught nor equivalent."""
        return self.made - self.killed - self.equivalent

    @property
    def score(self) -> float:
        """The share of those not equivalent that is caught; 1 of none."""
        counted = self.made - self.equivalent
        return self.killed / counted if counted else 1.0


@dataclass(frozen=True)
class Score:
    """A finished run: the mutants and verdicts by id, what is argued of mutants, and the ids of the cases of certified levels."""

    mutants: Mapping[str, Mutant]
    verdicts: Mapping[str, MutantResult]
    arguments: Arguments
    certified: Collection[str]

    def certified_fact(self, mutant: Mutant) -> bool:
        """Whether a vector of a certified level can show the fault."""
        return mutant.certified and mutant.id not in self.arguments.uncertified

    def equivalent(self, mutant: Mutant) -> bool:
        """Whether a mutant is argued to be equivalent."""
        return mutant.id in self.arguments.equivalent

    def counts(self, mutant: Mutant) -> bool:
        """Whether a mutant has been caught by a vector that counts for it: a certified one, or any where its fault is in others' facts."""
        return bool(self.counting(mutant))

    def counting(self, mutant: Mutant) -> tuple[tuple[str, Kill], ...]:
        """The kills that count for a mutant."""
        kills = self.verdicts[mutant.id].kills
        return tuple(kill for kill in kills if kill[0] in self.certified) if self.certified_fact(mutant) else kills

    def tally(self, mutants: Collection[Mutant]) -> MutantTally:
        """The tally of some of the mutants."""
        killed = [mutant for mutant in mutants if self.counts(mutant)]
        only = sum(all(kill is Kill.CATEGORY for _, kill in self.counting(mutant)) for mutant in killed)
        equivalent = sum(self.equivalent(mutant) and not self.counts(mutant) for mutant in mutants)
        return MutantTally(len(mutants), len(killed), only, equivalent)

    @property
    def survivors(self) -> list[Mutant]:
        """The mutants that are neither caught nor equivalent."""
        return [mutant for mutant in self.mutants.values() if not self.counts(mutant) and not self.equivalent(mutant)]

    @property
    def disproved(self) -> list[Mutant]:
        """The mutants that are said to be equivalent and were caught."""
        return [mutant for mutant in self.mutants.values() if self.equivalent(mutant) and self.verdicts[mutant.id].kills]

    def kills_by_case(self) -> Counter[str]:
        """How many mutants each case caught."""
        return Counter(case for verdict in self.verdicts.values() for case, _ in verdict.kills)
