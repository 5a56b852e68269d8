"""The mutation score: the share of the mutants that are not equivalent which vectors catch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from nnc_conformance.faults.mutants.equivalents import Arguments
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.score.trial_vectors import OF_TELLING_DECODERS, Kill
from nnc_conformance.faults.score.trials import MutantResult

PASS_MARK: Final = 0.99
"""Least share of the mutants that are not equivalent which must be caught."""


@dataclass(frozen=True)
class MutantTally:
    """Numbers of mutants: made, caught and equivalent.

    Those caught only by the category of a refusal or the model after a step are counted apart.
    """

    made: int
    killed: int
    by_category: int
    equivalent: int

    @property
    def survived(self) -> int:
        """Number of mutants neither caught nor equivalent."""
        return self.made - self.killed - self.equivalent

    @property
    def score(self) -> float:
        """Share, 0..1, of caught mutants among those that are not equivalent.

        It is 1 if there are none.
        """
        counted = self.made - self.equivalent
        return self.killed / counted if counted else 1.0


@dataclass(frozen=True)
class Score:
    """A finished run of mutants.

    It has mutants and results by id, the arguments about mutants, and the ids of the trial vectors
    that count.
    """

    mutants: Mapping[str, Mutant]
    results: Mapping[str, MutantResult]
    arguments: Arguments
    scored: Collection[str]

    def certified_fact(self, mutant: Mutant) -> bool:
        """Return whether a vector of a scored level can show the fault."""
        return mutant.certified and mutant.id not in self.arguments.uncertified

    def equivalent(self, mutant: Mutant) -> bool:
        """Return whether a mutant is argued to be equivalent."""
        return mutant.id in self.arguments.equivalent

    def counts(self, mutant: Mutant) -> bool:
        """Return whether a vector that counts for a mutant has caught it."""
        return bool(self.counting(mutant))

    def counting(self, mutant: Mutant) -> tuple[tuple[str, Kill], ...]:
        """Return the kills that count.

        They are by scored levels, or by any if the fault is in disputed or inferred facts.
        """
        kills = self.results[mutant.id].kills
        return tuple(kill for kill in kills if kill[0] in self.scored) if self.certified_fact(mutant) else kills

    def tally(self, mutants: Collection[Mutant]) -> MutantTally:
        """Count some of the mutants.

        The counts are of all, of those caught, of those caught only by what not every decoder
        gives, and of equivalent ones.
        """
        killed = [mutant for mutant in mutants if self.counts(mutant)]
        only = sum(all(kill in OF_TELLING_DECODERS for _, kill in self.counting(mutant)) for mutant in killed)
        equivalent = sum(self.equivalent(mutant) and not self.counts(mutant) for mutant in mutants)
        return MutantTally(len(mutants), len(killed), only, equivalent)

    @property
    def survivors(self) -> list[Mutant]:
        """The mutants that are neither caught nor equivalent."""
        return [mutant for mutant in self.mutants.values() if not self.counts(mutant) and not self.equivalent(mutant)]

    @property
    def disproved(self) -> list[Mutant]:
        """The mutants that are argued to be equivalent but were caught.

        Those caught only for being slow are left out.
        """
        argued = [mutant for mutant in self.mutants.values() if self.equivalent(mutant)]
        return [mutant for mutant in argued if any(kill is not Kill.HANG for _, kill in self.results[mutant.id].kills)]
