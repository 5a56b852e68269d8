"""Mutants tried on cases, several at once: each in a forked child of its own."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Final

from nnc_conformance.faults.mutants.equivalents import arguments
from nnc_conformance.faults.mutants.executed_lines import MOST_UNCOMPILED_LINES, ExecutedLines, executed_lines_of
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind
from nnc_conformance.faults.mutants.mutated_decoder import Decode, Ending, MutatedChild
from nnc_conformance.faults.score.cases import SCORED_LEVELS, Kill, TrialVector, kill_of

SECONDS: Final = 1.0
"""CPU time that a mutant has for any case, beside what the decoder without a bug needs a few times over."""
SECONDS_PER_LINE: Final = 2e-6
"""Of that, for each line that the decoder without a bug runs: about ten times what it takes."""


@dataclass(frozen=True)
class MutantResult:
    """What became of a mutant: the cases that caught it with the kind, in the order tried, and how many were tried."""

    mutant: str
    kills: tuple[tuple[str, Kill], ...]
    tried: int


@dataclass(frozen=True)
class TracedVector:
    """A case with what the decoder without a bug meets in it."""

    case: TrialVector
    reach: ExecutedLines

    @property
    def seconds(self) -> float:
        """CPU time that a mutant has for it."""
        return SECONDS + SECONDS_PER_LINE * self.reach.cost


def traced(cases: Sequence[TrialVector], jobs: int) -> list[TracedVector]:
    """Each case with its reach, ``jobs`` of them measured at once; those of the certified levels first, the cheapest first of each."""
    met = executed_lines_of([(case.stream, case.lenient) for case in cases], jobs)
    found = [TracedVector(case, reach) for case, reach in zip(cases, met, strict=True)]
    return sorted(found, key=lambda item: (item.case.vector.level not in SCORED_LEVELS, item.reach.cost, item.case.id))


def vectors_for(mutant: Mutant, cases: Sequence[TracedVector], *, matrix: bool) -> list[TracedVector]:
    """The cases that can catch a mutant: they run its lines, and are not too costly for a decoder that is not compiled.

    Without ``matrix`` only those that count: of a certified level, unless the fault is in disputed or inferred facts.
    """
    compiled, every = mutant.kind is MutantKind.TABLE, matrix or not mutant.certified or mutant.id in arguments().uncertified
    found = [item for item in cases if item.reach.meets(mutant) and (compiled or item.reach.cost <= MOST_UNCOMPILED_LINES)]
    return [item for item in found if every or item.case.vector.level in SCORED_LEVELS]


def decides(kill: Kill | None) -> bool:
    """Whether a kill ends the search for one: not that by a category, which not every decoder tells."""
    return kill is not None and kill is not Kill.CATEGORY


@dataclass
class _Trial:
    """A mutant at work."""

    mutant: Mutant
    todo: list[TracedVector]
    matrix: bool
    kills: list[tuple[str, Kill]] = field(default_factory=list)
    tried: int = 0
    child: MutatedChild | None = None

    def start(self) -> None:
        """Starts a child on the cases that are left."""
        left, matrix = self.todo[self.tried :], self.matrix

        def work(decode: Decode) -> Iterator[Kill | None]:
            for item in left:
                kill = kill_of(item.case, decode(item.case.stream, item.case.lenient, item.seconds))
                yield kill
                if decides(kill) and not matrix:
                    return

        self.child = MutatedChild(self.mutant, work, seconds=max(item.seconds for item in left))

    def step(self) -> bool:
        """Takes what the child has to say; False when the mutant is done."""
        assert self.child is not None
        try:
            kill: Kill | None = self.child.receive(0.0)
        except TimeoutError:
            return True
        except EOFError:
            if self.tried == len(self.todo) or (not self.matrix and self.kills and decides(self.kills[-1][1])):
                return False
            kill = Kill.HANG if self.child.ended.ending is Ending.HUNG else Kill.CRASH
            self._note(kill)
            self.child.close()
            if not self.matrix or self.tried == len(self.todo):
                return False
            self.start()
            return True
        self._note(kill)
        return True

    def _note(self, kill: Kill | None) -> None:
        if kill is not None:
            self.kills.append((self.todo[self.tried].case.id, kill))
        self.tried += 1

    @property
    def verdict(self) -> MutantResult:
        return MutantResult(self.mutant.id, tuple(self.kills), self.tried)


def try_all(
    mutants: Sequence[Mutant], cases: Sequence[TracedVector], *, jobs: int, matrix: bool, done: Callable[[MutantResult], None]
) -> None:
    """Tries each mutant on its cases, ``jobs`` at once, and tells ``done`` as each is finished.

    Stops at a mutant's first kill that decides unless ``matrix``.
    """
    waiting = deque(_Trial(mutant, vectors_for(mutant, cases, matrix=matrix), matrix) for mutant in mutants)
    running: list[_Trial] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                trial = waiting.popleft()
                if trial.todo:
                    trial.start()
                    running.append(trial)
                else:
                    done(trial.verdict)
            children = [trial.child for trial in running if trial.child is not None]
            wait([child.connection for child in children], timeout=0.5)
            for trial in list(running):
                if not trial.step():
                    assert trial.child is not None
                    trial.child.close()
                    running.remove(trial)
                    done(trial.verdict)
    finally:
        for trial in running:
            if trial.child is not None:
                trial.child.close()
