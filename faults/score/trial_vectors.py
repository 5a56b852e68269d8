"""The vectors that mutants are tried on, and how each catches a mutant."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from nnc_conformance.faults.mutants.executed_lines import Decodable, ExecutedLines, executed_lines_of, executed_lines_until
from nnc_conformance.faults.mutants.mutated_decoder import Decode, Ending, MutantOutcome
from nnc_conformance.reference.entropy.kernel_tables import Tables
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.options import ProgressCallback, no_progress
from nnc_conformance.reference.syntax.elements import FIRST_EDITION
from nnc_conformance.storage.suite_folder import StoredVector, built_in_root, load_suite
from nnc_conformance.storage.vector import AnyVector, Edition, Level
from nnc_conformance.suites.decoders.decoder_spec import ALL_CAPABILITIES, DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.expected_output import ExpectedOutput, read_expected_steps
from nnc_conformance.suites.judging.judge import judge_session
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import CaseResult, SessionCaseResult

LEVELS: Final = (Level.CORE, Level.NEGATIVE, Level.DISPUTED, Level.INFERRED)
"""Levels whose vectors mutants are tried on by default."""
SCORED_LEVELS: Final = frozenset({Level.CORE, Level.NEGATIVE})
"""Levels whose vectors count for the score."""
SECONDS: Final = 1.0
"""CPU seconds that a mutated decoder has for any vector, in addition to `SECONDS_PER_LINE`."""
SECONDS_PER_LINE: Final = 4e-6
"""CPU seconds for each line that the decoder without a bug executes: about twenty times what it
takes.
"""


class Kill(StrEnum):
    """How a vector catches a mutant."""

    OUTPUT = "output"
    MODEL = "model"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    CRASH = "crash"
    HANG = "hang"
    CATEGORY = "category"


KILLS: Final[dict[Kill, str]] = {
    Kill.OUTPUT: "tensors or topology differ in a bit, a shape, a type or a name",
    Kill.MODEL: "the model after a step differs, and nothing else",
    Kill.REFUSED: "a good stream is refused",
    Kill.ACCEPTED: "a stream that must be refused is decoded, or one that may be refused decodes to other than its stated output",
    Kill.CRASH: "an error that is not a refusal, or the process dies",
    Kill.HANG: "no end within the time limit",
    Kill.CATEGORY: "a bad stream is refused for a reason of another category",
}
"""The kinds of kill. All but ``model`` and ``category`` fail any decoder; these two need a decoder
that gives the model, or reports why it refuses.
"""

OF_TELLING_DECODERS: Final = frozenset({Kill.CATEGORY, Kill.MODEL})
"""The kinds of kill that need a decoder which reports categories, or gives models."""

_ENDINGS: Final = {
    Ending.DECODED: DecoderEnding.DECODED,
    Ending.REFUSED: DecoderEnding.REFUSED,
    Ending.CRASHED: DecoderEnding.CRASH,
    Ending.HUNG: DecoderEnding.TIMEOUT,
}
_KILL_OF: Final = {
    Outcome.CRASH: Kill.CRASH,
    Outcome.TIMEOUT: Kill.HANG,
    Outcome.REFUSED: Kill.REFUSED,
    Outcome.WRONGLY_ACCEPTED: Kill.ACCEPTED,
}

DECODER: Final = DecoderSpec(name="mutant", kind=DecoderKind.IN_TREE, argument="mutant", command=(), capabilities=ALL_CAPABILITIES)
"""A mutant as the judge sees it: a decoder that declares every capability."""


@dataclass(frozen=True)
class TrialVector:
    """A vector with its streams and what each step must decode to.

    ``lenient``: whether the mutant decodes it leniently.
    """

    vector: AnyVector
    streams: tuple[bytes, ...]
    expectations: tuple[ExpectedOutput, ...]
    lenient: bool = False

    @classmethod
    def of(cls, stored: StoredVector, *, lenient: bool = False) -> "TrialVector":
        """Read a stored vector; raise `SuiteError` or `ModelError` if a file is damaged."""
        return cls(stored.vector, tuple(stored.streams()), read_expected_steps(stored), lenient)

    @property
    def id(self) -> str:
        """The vector's id, marked if the mutant is lenient."""
        return f"{self.vector.id} (lenient)" if self.lenient else self.vector.id

    @property
    def level(self) -> Level:
        """The vector's level."""
        return self.vector.level

    @property
    def vector_id(self) -> str:
        """The vector's id."""
        return self.vector.id

    @property
    def identity(self) -> tuple[str | int, ...]:
        """What a later run compares: id, revision and hash of the last stream."""
        return self.id, self.vector.revision, self.vector.steps[-1].stream.sha256

    @property
    def stream(self) -> bytes:
        """The last stream."""
        return self.streams[-1]

    @property
    def content(self) -> Decodable:
        """The stream of a vector of the first edition, else those of the session."""
        return self.stream if self.vector.edition == FIRST_EDITION else self.streams

    def outcomes(self, decode: Decode, seconds: float, tables: Tables | None = None) -> list[MutantOutcome]:
        """Return what a decoder does with each stream, in this number of CPU seconds each."""
        content = self.content
        if isinstance(content, bytes):
            return [decode(content, self.lenient, seconds, tables)]
        return decode.session(content, self.lenient, seconds, tables)

    def kill(self, decode: Decode, seconds: float) -> Kill | None:
        """Return how the vector catches a decoder that has this number of CPU seconds.

        Return None if the decoder passes.
        """
        return kill_of(self, *self.outcomes(decode, seconds))


class Trial(Protocol):
    """A vector, or a session, that mutants are tried on."""

    @property
    def id(self) -> str:
        """Its id, marked if the mutant is lenient."""

    @property
    def vector_id(self) -> str:
        """Id of the vector."""

    @property
    def level(self) -> Level:
        """Its level."""

    @property
    def lenient(self) -> bool:
        """Whether the mutant decodes leniently."""

    @property
    def identity(self) -> tuple[str | int, ...]:
        """What a later run compares."""

    @property
    def content(self) -> Decodable:
        """The stream, or the streams of a session."""

    def kill(self, decode: Decode, seconds: float) -> Kill | None:
        """Return how it catches a decoder that has this number of CPU seconds.

        Return None if the decoder passes.
        """


@dataclass(frozen=True, eq=False)
class TracedTrial:
    """A trial with the lines that the decoder without a bug executes for it."""

    trial: Trial
    executed: ExecutedLines

    @property
    def seconds(self) -> float:
        """CPU seconds that a mutated decoder has for each stream of the trial."""
        return SECONDS + SECONDS_PER_LINE * self.executed.count

    @cached_property
    def lines(self) -> frozenset[tuple[str, int]]:
        """The executed lines, each with its module."""
        return frozenset((module, line) for module, lines in self.executed.lines.items() for line in lines)


@dataclass(frozen=True, eq=False)
class TracedVector(TracedTrial):
    """A trial vector with the lines that the decoder without a bug executes for it."""

    trial: TrialVector


def load_trial_vectors(
    levels: Collection[Level] = LEVELS, root: Path | None = None, edition: Edition = FIRST_EDITION
) -> tuple[TrialVector, ...]:
    """Load the vectors of an edition in a suite folder.

    Each negative one twice, for a strict and for a lenient decoder.

    Args:
        levels: The levels to load.
        root: The suite folder; the built-in suite if None.
        edition: The edition.

    Raises:
        SuiteError: The suite is incomplete.
    """
    suite = load_suite(built_in_root() if root is None else root, levels=set(levels), verify=False)
    wanted = [stored for stored in suite.vectors if stored.vector.edition == edition]
    pairs = ((stored, lenient) for stored in wanted for lenient in ((False, True) if stored.vector.negative else (False,)))
    return tuple(TrialVector.of(stored, lenient=lenient) for stored, lenient in pairs)


def traced(trials: Sequence[TrialVector], jobs: int = 1) -> list[TracedVector]:
    """Trace the decoder without a bug on each vector, ``jobs`` in parallel; keep the order."""
    return [TracedVector(trial, lines) for trial, lines in zip(trials, _executed(trials, jobs), strict=True)]


def traced_until(
    deadline: float, trials: Sequence[TrialVector], jobs: int = 1, progress: ProgressCallback = no_progress
) -> dict[int, TracedVector]:
    """Trace the decoder without a bug on vectors until a deadline.

    Return what was traced, by the number of the vector.

    Args:
        deadline: The time to stop, as `time.monotonic` counts.
        trials: The vectors, those that matter most first.
        jobs: Vectors to trace in parallel.
        progress: The progress callback, over the vectors.
    """
    found = executed_lines_until(deadline, _contents(trials), jobs, progress)
    return {number: TracedVector(trials[number], lines) for number, lines in found.items()}


def traced_trials(trials: Sequence[Trial], jobs: int = 1) -> list[TracedTrial]:
    """Trace the decoder without a bug on each trial, ``jobs`` in parallel; keep the order."""
    return [TracedTrial(trial, lines) for trial, lines in zip(trials, _executed(trials, jobs), strict=True)]


def _executed(trials: Sequence[Trial], jobs: int) -> list[ExecutedLines]:
    return executed_lines_of(_contents(trials), jobs)


def _contents(trials: Sequence[Trial]) -> list[tuple[Decodable, bool]]:
    return [(trial.content, trial.lenient) for trial in trials]


def execution_of(outcome: MutantOutcome) -> Execution:
    """Convert a mutant's outcome to the execution of a decoder, which the suite judges."""
    return Execution(
        _ENDINGS[outcome.ending],
        tensors=outcome.parameters,
        topology=outcome.topology or None,
        category=outcome.category,
        unit=outcome.unit,
        byte=outcome.byte,
        model=outcome.model,
    )


def judged(trial: TrialVector, *outcomes: MutantOutcome) -> CaseResult | None:
    """Judge a decoder with this outcome of each step, as a run does.

    Return None if its arrays fit in no tensor file.
    """
    try:
        return judge_session(trial.vector, DECODER, trial.expectations, (tuple(map(execution_of, outcomes)),))
    except (ModelError, ValueError, TypeError):
        return None


def kill_of(trial: TrialVector, *outcomes: MutantOutcome) -> Kill | None:
    """Return how the vector catches a decoder with this outcome of each step.

    Return None if the decoder passes.
    """
    result = judged(trial, *outcomes)
    if result is None:
        return Kill.OUTPUT
    if OUTCOMES[result.outcome].fails:
        return _KILL_OF.get(result.outcome, Kill.ACCEPTED if trial.vector.negative else Kill.OUTPUT)
    negative, last = trial.vector.negative, outcomes[-1]
    if negative is not None and last.ending is Ending.REFUSED and last.category is not negative.category:
        return Kill.CATEGORY
    steps = result.steps if isinstance(result, SessionCaseResult) else ()
    return Kill.MODEL if any(step.model is not None and not step.model.right for step in steps) else None
