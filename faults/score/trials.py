"""Trials: mutants tried on vectors, several in parallel.

Each runs in a forked child process of its own.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from nnc_conformance.faults.mutants.equivalents import arguments
from nnc_conformance.faults.mutants.executed_lines import MOST_UNCOMPILED_LINES
from nnc_conformance.faults.mutants.mutant import Mutant, MutantKind
from nnc_conformance.faults.mutants.mutated_decoder import Decode, Ending, MutatedChild
from nnc_conformance.faults.score.trial_vectors import OF_TELLING_DECODERS, SCORED_LEVELS, Kill, TracedTrial
from nnc_conformance.storage.documents import Frozen


class MutantResult(Frozen):
    """Result of a mutant.

    It has the vectors that caught it and how, in the order tried, and the number of vectors tried.
    """

    mutant: str
    kills: tuple[tuple[str, Kill], ...]
    tried: int


def in_trial_order(vectors: Sequence[TracedTrial]) -> list[TracedTrial]:
    """Sort vectors for trials: those of `SCORED_LEVELS` first, and of each the cheapest first."""
    return sorted(vectors, key=lambda one: (one.trial.level not in SCORED_LEVELS, one.executed.count, one.trial.id))


def vectors_for(mutant: Mutant, vectors: Sequence[TracedTrial], *, matrix: bool) -> list[TracedTrial]:
    """Select the vectors that can catch a mutant.

    They execute its lines, and are not too costly for an uncompiled decoder.

    Without ``matrix`` select only those that count: of `SCORED_LEVELS`, unless the fault is in
    disputed or inferred facts.
    """
    compiled, every = mutant.kind is MutantKind.TABLE, matrix or not mutant.certified or mutant.id in arguments().uncertified
    found = [one for one in vectors if one.executed.include(mutant) and (compiled or one.executed.count <= MOST_UNCOMPILED_LINES)]
    return [one for one in found if every or one.trial.level in SCORED_LEVELS]


def decides(kill: Kill | None) -> bool:
    """Return whether a kill ends the search.

    A kill by category or by the model does not, since not every decoder gives these.
    """
    return kill is not None and kill not in OF_TELLING_DECODERS


@dataclass
class _Trial:
    """A mutant at work."""

    mutant: Mutant
    vectors: list[TracedTrial]
    matrix: bool
    kills: list[tuple[str, Kill]] = field(default_factory=list)
    tried: int = 0
    child: MutatedChild | None = None

    def start(self) -> None:
        """Start a child process that tries the mutant on the vectors that are left.

        It ends after a vector that decides, unless the whole matrix is wanted. Sets ``self.child``.
        """
        left, matrix = self.vectors[self.tried :], self.matrix

        def work(decode: Decode) -> Iterator[Kill | None]:
            for vector in left:
                kill = vector.trial.kill(decode, vector.seconds)
                yield kill
                if decides(kill) and not matrix:
                    return

        self.child = MutatedChild(self.mutant, work, seconds=max(vector.seconds for vector in left))

    def step(self) -> bool:
        """Take the child's next result, if there is one.

        Return False when the mutant is done.
        """
        assert self.child is not None
        try:
            kill: Kill | None = self.child.receive(0.0)
        except TimeoutError:
            return True
        except EOFError:
            if self.tried == len(self.vectors) or (not self.matrix and self.kills and decides(self.kills[-1][1])):
                return False
            kill = Kill.HANG if self.child.ended.ending is Ending.HUNG else Kill.CRASH
            self._note(kill)
            self.child.close()
            if not self.matrix or self.tried == len(self.vectors):
                return False
            self.start()
            return True
        self._note(kill)
        return True

    def _note(self, kill: Kill | None) -> None:
        if kill is not None:
            self.kills.append((self.vectors[self.tried].trial.id, kill))
        self.tried += 1

    @property
    def result(self) -> MutantResult:
        return MutantResult(mutant=self.mutant.id, kills=tuple(self.kills), tried=self.tried)


def try_all(
    mutants: Sequence[Mutant], vectors: Sequence[TracedTrial], *, jobs: int, matrix: bool, done: Callable[[MutantResult], None]
) -> None:
    """Try each mutant on its vectors.

    Args:
        mutants: The mutants.
        vectors: The vectors, in the order to try them.
        jobs: Mutants to try in parallel.
        matrix: Whether to try all vectors, and not stop at the first kill that decides.
        done: Called with each result.
    """
    waiting = deque(_Trial(mutant, vectors_for(mutant, vectors, matrix=matrix), matrix) for mutant in mutants)
    running: list[_Trial] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                trial = waiting.popleft()
                if trial.vectors:
                    trial.start()
                    running.append(trial)
                else:
                    done(trial.result)
            children = [trial.child for trial in running if trial.child is not None]
            wait([child.connection for child in children], timeout=0.5)
            for trial in list(running):
                if not trial.step():
                    assert trial.child is not None
                    trial.child.close()
                    running.remove(trial)
                    done(trial.result)
    finally:
        for trial in running:
            if trial.child is not None:
                trial.child.close()
